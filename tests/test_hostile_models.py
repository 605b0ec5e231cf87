"""Models that would run a program when they are opened: thirty forms, a canary, and one sentence for each."""

from __future__ import annotations

import io
import json
import pickle
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from pipelines.errors import ReverieError
from pipelines.manager import PipelineManager
from pipelines.request import TextToImageRequest
from tests.hollow_files import SD1, hollow
from tests.studio import ROOT

PLAIN = "plain"
"""The same model as the hostile folders are made of, untouched."""


class Canary:
    """Unpickled, it writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_no_form_of_code_in_a_model_is_run(tmp_path: Path, tiny_model_dir: Path) -> None:
    canary, models = tmp_path / "canary", tmp_path / "models"
    forms = write_all(models, canary, tiny_model_dir)
    assert len(forms) >= 25
    program = f"open({str(canary)!r}, 'w').close()\n"
    done = subprocess.run([sys.executable, "-c", program], check=True)
    assert done.returncode == 0 and canary.exists(), "the program that must not run would be noticed"
    canary.unlink()
    pickle.loads(pickle.dumps(Canary(canary)))
    assert canary.exists(), "so would the pickle"
    canary.unlink()

    with closing(PipelineManager([models], device="cpu", hub=None)) as manager:
        usable = {info.id for info in manager.models()}
        reasons = {info.id: info.problem for info in manager.catalogue.refused()}
        assert usable == {"starter", PLAIN}
        for form in forms:
            assert form in reasons, f"{form} is not said to be unusable"
            with pytest.raises(ReverieError) as caught:
                list(manager.generate(TextToImageRequest(prompt="a boat", model=form, num_inference_steps=1)))
            assert str(caught.value) == reasons[form]
        for reason in reasons.values():
            assert reason.endswith(".") and "\n" not in reason and len(reason) < 400
        assert not canary.exists(), "something that came with a model was run"
        list(manager.generate(TextToImageRequest(prompt="a boat", model=PLAIN, num_inference_steps=1)))
    assert not canary.exists()


def test_the_way_to_convert_that_is_told_is_a_safe_one(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.+?)```", text, re.DOTALL)
    (tmp_path / "convert.py").write_text(block)
    weights = {"a.weight": torch.ones(2, 2), "b": torch.zeros(3)}
    torch.save({"state_dict": weights, "global_step": 7}, tmp_path / "good.ckpt")
    (tmp_path / "evil.ckpt").write_bytes(in_torch(tmp_path / "canary", zipped=True))

    def convert(name: str) -> int:
        command = [sys.executable, str(tmp_path / "convert.py"), str(tmp_path / name)]
        return subprocess.run(command, check=False, capture_output=True).returncode

    assert convert("good.ckpt") == 0
    assert set(load_file(tmp_path / "good.safetensors")) == set(weights)
    assert convert("evil.ckpt") != 0
    assert not (tmp_path / "canary").exists() and not (tmp_path / "evil.safetensors").exists()


def write_all(models: Path, canary: Path, source: Path) -> list[str]:
    """Writes every form below a folder, and gives their ids."""
    models.mkdir()
    shutil.copytree(source, models / PLAIN)
    data = pickle.dumps(Canary(canary))
    files = {
        "raw.ckpt": data,
        "protocol0.ckpt": pickle.dumps(Canary(canary), protocol=0),
        "protocol5.pt": pickle.dumps(Canary(canary), protocol=5),
        "named.pth": data,
        "weights.bin": data,
        "any.pkl": data,
        "torch.ckpt": in_torch(canary, zipped=True),
        "legacy.pt": in_torch(canary, zipped=False),
        "zip.ckpt": in_zip(data),
        "tar.ckpt": in_tar(data),
        "UPPER.CKPT": data,
        "two.safetensors.ckpt": data,
        "pickle.safetensors": data,
        "torch.safetensors": in_torch(canary, zipped=True),
        "long.safetensors": len(data).to_bytes(8, "little") + data,
        "Lora/style.pt": data,
        "embeddings/word.pt": data,
        "embeddings/word.bin": data,
        "VAE/soft.ckpt": data,
    }
    for name, content in files.items():
        (models / name).parent.mkdir(exist_ok=True)
        (models / name).write_bytes(content)
    hollow(models / "program.safetensors", {"x": (1,)}, {"code": f"open({str(canary)!r}, 'w')"})
    ids = [name.split("/")[-1] for name in files]
    ids = [name.removesuffix(".safetensors") for name in ids] + ["program"]

    program = f"open({str(canary)!r}, 'w').close()\n"
    folders: dict[str, Callable[[Path], None]] = {
        "custom-pipeline": lambda folder: (folder / "pipeline.py").write_text(program) and None,
        "custom-class": lambda folder: index(folder, _class_name=["pipeline", "Evil"]),
        "custom-part": lambda folder: (folder / "unet" / "unet.py").write_text(program) and None,
        "compiled-part": lambda folder: (folder / "vae" / "vae.so").write_bytes(b"\x7fELF") and None,
        "system": lambda folder: index(folder, _class_name="os.system"),
        "library": lambda folder: index(folder, unet=["os", "system"]),
        "own-library": lambda folder: index(folder, unet=["evil", "Net"]),
        "nested-library": lambda folder: index(folder, unet=[["os"], "system"]),
        "auto-map": lambda folder: add(folder / "text_encoder" / "config.json", auto_map={"AutoModel": "evil.Net"}),
        "token-map": lambda folder: add(folder / "tokenizer" / "tokenizer_config.json", auto_map={"X": "evil.T"}),
        "unet-bin": lambda folder: only_pickle(folder / "unet", "diffusion_pytorch_model.bin", data),
        "text-bin": lambda folder: only_pickle(folder / "text_encoder", "pytorch_model.bin", data),
        "vae-ckpt": lambda folder: only_pickle(folder / "vae", "model.ckpt", data),
        "index-pickle": lambda folder: (folder / "model_index.json").write_bytes(data) and None,
        "index-bomb": lambda folder: (folder / "model_index.json").write_text("[" * 200_000) and None,
        "shards-outside": lambda folder: shards(folder, "../../../secret.safetensors"),
        "shards-absolute": lambda folder: shards(folder, "/etc/secret.safetensors"),
        "link-outside": lambda folder: link(folder, canary.parent / "secret.safetensors"),
    }
    for name, spoil in folders.items():
        shutil.copytree(source, models / name)
        spoil(models / name)
    return [*ids, *folders]


def in_torch(canary: Path, *, zipped: bool) -> bytes:
    made = io.BytesIO()
    torch.save({"state_dict": Canary(canary)}, made, _use_new_zipfile_serialization=zipped)
    return made.getvalue()


def in_zip(data: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("archive/data.pkl", data)
    return made.getvalue()


def in_tar(data: bytes) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        entry = tarfile.TarInfo("pickle")
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
    return made.getvalue()


def add(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def index(folder: Path, **values: Any) -> None:
    add(folder / "model_index.json", **values)


def only_pickle(part: Path, name: str, data: bytes) -> None:
    for weights in part.glob("*.safetensors"):
        weights.unlink()
    (part / name).write_bytes(data)


def shards(folder: Path, name: str) -> None:
    listed = {"metadata": {}, "weight_map": {"x": name}}
    (folder / "unet" / "diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(listed))


def link(folder: Path, secret: Path) -> None:
    hollow(secret, SD1)
    (weights,) = (folder / "unet").glob("*.safetensors")
    weights.unlink()
    weights.symlink_to(secret)
