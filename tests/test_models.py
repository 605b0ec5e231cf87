"""The catalogue finds what lies on disk without loading it, and says plainly what it does not find."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.errors import ModelError
from pipelines.families import load_families
from pipelines.models import Catalogue
from pipelines.preset import PRESETS


def write_model(folder: Path, pipeline: str = "StableDiffusionPipeline", *, channels: int = 4) -> None:
    for name in ("unet", "vae"):
        (folder / name).mkdir(parents=True)
    (folder / "model_index.json").write_text(json.dumps({"_class_name": pipeline}))
    (folder / "unet" / "config.json").write_text(json.dumps({"sample_size": 96, "in_channels": channels}))
    (folder / "vae" / "config.json").write_text(json.dumps({"block_out_channels": [8, 8, 8, 8]}))


def test_the_starter_is_always_there_and_first(tmp_path: Path) -> None:
    (starter,) = Catalogue().models()
    assert starter.id == "starter" and starter.native_size == 128
    assert set(starter.tasks) == {"text_to_image", "image_to_image", "inpaint"}
    assert {"num_inference_steps", "guidance_scale", "scheduler"} <= set(starter.defaults)


def test_models_are_found_up_to_two_folders_deep(tmp_path: Path) -> None:
    write_model(tmp_path / "dreams")
    write_model(tmp_path / "xl" / "big", "StableDiffusionXLPipeline")
    write_model(tmp_path / "odd", "SomethingElsePipeline")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "model_index.json").write_text("{not json")
    found = {info.id: info for info in Catalogue([tmp_path]).models()}
    assert set(found) == {"starter", "dreams", "xl/big"}
    assert found["dreams"].native_size == 768 and found["xl/big"].family == "stable-diffusion-xl"


def test_a_folder_that_is_itself_a_model_is_found(tmp_path: Path) -> None:
    write_model(tmp_path / "dreams")
    assert [info.id for info in Catalogue([tmp_path / "dreams"]).models()] == ["starter", "dreams"]


def test_nine_channels_can_only_inpaint(tmp_path: Path) -> None:
    write_model(tmp_path / "fill", channels=9)
    assert Catalogue([tmp_path]).find("fill").tasks == ("inpaint",)


def test_links_that_lead_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    write_model(tmp_path / "outside" / "secret")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "link").symlink_to(tmp_path / "outside" / "secret")
    assert [info.id for info in Catalogue([tmp_path / "models"]).models()] == ["starter"]


def test_an_unknown_model_is_one_sentence_with_the_nearest(tmp_path: Path) -> None:
    write_model(tmp_path / "dreamlike")
    with pytest.raises(ModelError, match=r"'dreamlik'.*'dreamlike'"):
        Catalogue([tmp_path]).find("dreamlik")


def test_a_folder_that_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nowhere"):
        Catalogue([tmp_path / "nowhere"])


def test_listing_models_imports_no_torch() -> None:
    code = (
        "import sys; from pipelines.manager import PipelineManager; PipelineManager().models();"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_broken_family_preset_is_told_and_the_others_are_used(tmp_path: Path) -> None:
    for preset in (PRESETS / "families").glob("*.json"):
        shutil.copy(preset, tmp_path)
    (tmp_path / "stable-diffusion.json").write_text("{broken")
    (tmp_path / "odd.json").write_text('{"id": "odd"}')
    families, problems = load_families(tmp_path)
    assert "starter" in families
    assert "stable-diffusion" not in families
    assert len(problems) == 2
    assert "stable-diffusion.json" in " ".join(map(str, problems))
