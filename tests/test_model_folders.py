"""What lies where: the layouts of A1111 and ComfyUI, plain folders, links, and how little it costs to look again."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from pipelines.errors import ModelError
from pipelines.hashes import WeightsHashes
from pipelines.models import Catalogue
from tests.hollow_files import DEV, QWEN, REFINER, SD1, SD2, SDXL, VAE, hollow
from tests.test_models import write_model

LORA = {"unet.x.attn2.to_k.lora_A.weight": (8, 768), "unet.x.attn2.to_k.lora_B.weight": (320, 8)}
WORD = {"emb_params": (2, 768)}
UNKNOWN = (
    "of a kind that Reverie does not know, so it is not used; if it is a model of a known family, take it in "
    "diffusers' layout"
)


def ids(found: list[object]) -> list[str]:
    return [one.id for one in found]  # type: ignore[attr-defined]


@pytest.fixture
def a1111(tmp_path: Path) -> Path:
    root = tmp_path / "webui"
    hollow(root / "models/Stable-diffusion/dream.safetensors", SD1)
    hollow(root / "models/Stable-diffusion/people/Anna.safetensors", SDXL)
    hollow(root / "models/Stable-diffusion/dream.vae.safetensors", VAE)
    hollow(root / "models/Lora/styles/ink.safetensors", LORA)
    hollow(root / "models/VAE/soft.safetensors", VAE)
    hollow(root / "embeddings/mood.safetensors", WORD)
    (root / "models/ESRGAN").mkdir()
    (root / "models/ESRGAN/x4.pth").write_bytes(b"pickle")
    hollow(root / "venv/lib/strange.safetensors", SD1)
    hollow(root / "outputs/strange.safetensors", SD1)
    return root


def test_an_installation_of_a1111(a1111: Path) -> None:
    catalogue = Catalogue([a1111])
    assert ids(catalogue.models()) == ["starter", "dream", "people/Anna"]
    assert ids(catalogue.loras()) == ["styles/ink"] and ids(catalogue.embeddings()) == ["mood"]
    assert ids(catalogue.vaes()) == ["dream.vae", "soft"] and ids(catalogue.refused()) == ["x4.pth"]
    assert "is a pickle" in catalogue.refused()[0].problem
    inner = Catalogue([a1111 / "models"])
    assert ids(inner.models()) == ["starter", "dream", "people/Anna"] and inner.embeddings() == []


def test_an_installation_of_comfyui(tmp_path: Path) -> None:
    models = tmp_path / "ComfyUI/models"
    hollow(models / "checkpoints/xl/big.safetensors", SDXL)
    hollow(models / "loras/ink.safetensors", LORA)
    hollow(models / "vae/soft.safetensors", VAE)
    hollow(
        models / "vae_approx/taesd_decoder.safetensors", {"1.weight": (64, 4, 3, 3), "3.conv.0.weight": (64, 64, 3, 3)}
    )
    hollow(models / "embeddings/mood.safetensors", WORD)
    hollow(models / "upscale_models/x4.safetensors", {"model.1.sub.0.RDB1.conv1.0.weight": (32, 64, 3, 3)})
    hollow(models / "diffusion_models/flux1-dev.safetensors", DEV)
    hollow(models / "unet/qwen.safetensors", QWEN)
    write_model(models / "diffusers/folder")
    for root in (models, models.parent):
        catalogue = Catalogue([root])
        assert ids(catalogue.models()) == ["starter", "folder", "xl/big"]
        assert [ids(one) for one in (catalogue.loras(), catalogue.vaes(), catalogue.embeddings())] == [
            ["ink"],
            ["soft"],
            ["mood"],
        ]
        assert ids(catalogue.upscalers()) == ["x4"]
        assert ids(catalogue.refused()) == ["flux1-dev", "qwen"]
        with pytest.raises(
            ModelError, match=r"^flux1-dev\.safetensors is a Flux\.1 model and cannot be used: it has no"
        ):
            catalogue.find("flux1-dev")


def test_what_a_file_says_of_a_model(tmp_path: Path) -> None:
    hollow(tmp_path / "deep/er/and/deeper/dream.safetensors", SD2)
    hollow(tmp_path / "fill.safetensors", {**SD1, "model.diffusion_model.input_blocks.0.0.weight": (320, 9, 3, 3)})
    hollow(tmp_path / "xl-Lightning-4step.safetensors", SDXL)
    hollow(tmp_path / "v2-1_768-ema-pruned.safetensors", SD2)
    hollow(tmp_path / "refine.safetensors", REFINER)
    catalogue = Catalogue([tmp_path])
    dream = catalogue.find("deep/er/and/deeper/dream")
    assert (dream.kind, dream.family, dream.native_size) == ("file", "stable-diffusion-2", 512)
    assert dream.file == dream.place == tmp_path / "deep/er/and/deeper/dream.safetensors"
    assert dream.size_bytes == dream.file.stat().st_size and dream.hash is None and not dream.problem
    assert catalogue.find("fill").tasks == ("inpaint",) and catalogue.find("fill").variant == "inpaint"
    assert catalogue.find("v2-1_768-ema-pruned").variant == "v_prediction"
    assert catalogue.find("v2-1_768-ema-pruned").native_size == 768
    assert catalogue.find("refine").variant == "refiner"
    fast = catalogue.find("xl-Lightning-4step")
    assert fast.variant == "lightning" and fast.defaults["num_inference_steps"] < 10
    assert catalogue.family(fast).id == "stable-diffusion-xl"


def test_what_lies_in_the_wrong_folder_is_told_where_it_belongs(tmp_path: Path) -> None:
    hollow(tmp_path / "checkpoints/ink.safetensors", LORA)
    hollow(tmp_path / "loras/dream.safetensors", SD1)
    hollow(tmp_path / "vae/mood.safetensors", WORD)
    hollow(tmp_path / "checkpoints/odd.safetensors", {"x": (1,)})
    catalogue = Catalogue([tmp_path])
    assert ids(catalogue.models()) == ["starter"] and catalogue.loras() == catalogue.vaes() == []
    assert {one.id: (one.problem, one.tasks) for one in catalogue.refused()} == {
        "ink": ("ink.safetensors is not a model but a LoRA; it belongs into Lora or loras.", ()),
        "dream": ("dream.safetensors is not a LoRA but a model; it belongs into Stable-diffusion or checkpoints.", ()),
        "mood": ("mood.safetensors is not a VAE but a textual inversion; it belongs into embeddings.", ()),
        "odd": (f"odd.safetensors is {UNKNOWN}.", ()),
    }
    with pytest.raises(ModelError, match="not a model but a LoRA"):
        catalogue.family(catalogue.refused()[1])


def test_in_a_plain_folder_everything_is_what_its_header_says(tmp_path: Path) -> None:
    for name, shapes in {"a": SD1, "b": LORA, "c": WORD, "d": VAE}.items():
        hollow(tmp_path / f"mine/{name}.safetensors", shapes)
    hollow(tmp_path / ".hidden/e.safetensors", SD1)
    hollow(tmp_path / "mine/.f.safetensors", SD1)
    catalogue = Catalogue([tmp_path])
    assert ids(catalogue.models()) == ["starter", "mine/a"] and catalogue.refused() == []
    assert ids([*catalogue.loras(), *catalogue.embeddings(), *catalogue.vaes()]) == ["mine/b", "mine/c", "mine/d"]


def test_two_of_one_name_can_both_be_asked_for(tmp_path: Path) -> None:
    for root in ("one", "two"):
        hollow(tmp_path / root / "dream.safetensors", SD1)
    write_model(tmp_path / "two" / "starter")
    catalogue = Catalogue([tmp_path / "one", tmp_path / "two"])
    assert ids(catalogue.models()) == ["starter", "dream", "dream (2)", "starter (2)"]
    assert catalogue.find("dream (2)").file == tmp_path / "two/dream.safetensors"


def test_nothing_outside_is_reached(tmp_path: Path) -> None:
    outside = hollow(tmp_path / "outside/secret.safetensors", SD1)
    root = tmp_path / "models"
    hollow(root / "inside/dream.safetensors", SD1)
    (root / "file.safetensors").symlink_to(outside)
    (root / "folder").symlink_to(outside.parent)
    (root / "round").symlink_to(root)
    (root / "gone.safetensors").symlink_to(tmp_path / "nowhere")
    (root / "alias.safetensors").symlink_to(root / "inside/dream.safetensors")
    catalogue = Catalogue([root])
    assert ids(catalogue.models()) == ["starter", "alias", "inside/dream"]
    for info in catalogue.refused():
        assert "is a link that leads out of the models folder" in info.problem
    assert ids(catalogue.refused()) == ["file", "folder", "gone"]
    for name in ("../outside/secret", "folder/secret", str(outside), "inside/../../outside/secret"):
        with pytest.raises(ModelError):
            catalogue.find(name)


def test_what_changes_is_seen(tmp_path: Path) -> None:
    catalogue = Catalogue([tmp_path])
    assert ids(catalogue.models()) == ["starter"]
    path = hollow(tmp_path / "new/dream.safetensors", SD1)
    assert ids(catalogue.models()) == ["starter", "new/dream"]
    whole = path.read_bytes()
    path.write_bytes(whole[:1000])  # in place: no folder changes
    os.utime(path, ns=(1, 1))
    with pytest.raises(ModelError, match="missing at its end"):
        catalogue.find("new/dream")
    assert ids(catalogue.models()) == ["starter"] and len(catalogue.refused()) == 1
    path.write_bytes(whole)  # as when a download goes on
    assert ids(catalogue.models()) == ["starter", "new/dream"] and catalogue.refused() == []
    (tmp_path / "new/dream.json").write_text('{"prediction_type": "v_prediction"}')
    catalogue.refresh()
    assert catalogue.find("new/dream").variant == "v_prediction"
    shutil.rmtree(tmp_path / "new")
    assert ids(catalogue.models()) == ["starter"]


def test_hashes_appear_once_they_are_known(tmp_path: Path) -> None:
    path = hollow(tmp_path / "dream.safetensors", {**SD1, "model.diffusion_model.out.2.weight": (1000, 1000)})
    hollow(tmp_path / "ink.safetensors", LORA)
    hashes = WeightsHashes(tmp_path / "kept.json")
    catalogue = Catalogue([tmp_path], hashes=hashes)
    assert catalogue.models()[1].hash is None and hashes.known(path) is None
    assert catalogue.find("dream").hash is None
    whole = hashes.of(path)  # waits for the one that runs behind
    assert whole is not None and catalogue.find("dream").hash == whole[:10]
    assert Catalogue([tmp_path], hashes=WeightsHashes(tmp_path / "kept.json")).find("dream").hash == whole[:10]
    assert catalogue.loras()[0].hash is None
    ink = hashes.of(catalogue.loras()[0].path)
    assert ink is not None and catalogue.loras()[0].hash == ink[:10]


def test_two_thousand_files_are_listed_quickly_and_again_at_once(tmp_path: Path) -> None:
    for number in range(2000):
        hollow(tmp_path / f"loras/{number % 20}/{number}.safetensors", LORA)
    catalogue = Catalogue([tmp_path])
    begin = time.thread_time()
    assert len(catalogue.loras()) == 2000
    first = time.thread_time() - begin
    begin = time.thread_time()
    for _ in range(100):
        catalogue.models()
    again = (time.thread_time() - begin) / 100
    assert first < 4 and again < 0.01, f"{first:.2f} s, then {again * 1000:.2f} ms"
