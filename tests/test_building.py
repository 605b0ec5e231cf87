"""Networks are built in their precision as their libraries would, and torch's default dtype is never another."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from pipelines.building import load_pretrained
from pipelines.errors import ModelError
from pipelines.families import load_families
from pipelines.loading import load_model
from pipelines.models import Catalogue
from pipelines.plans import Plan
from tests.original_layouts import save_original
from tests.tiny_families import MAKERS, make_family, save_family

CPU = torch.device("cpu")
FAMILIES, _ = load_families()
HALVES = ("bfloat16", "float16")


def tensors_of(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Its weights, its buffers, and what else its modules hold."""
    found = {}
    for path, module in network.named_modules():
        for name, value in {**vars(module), **module._parameters, **module._buffers}.items():
            for index, each in enumerate(value if isinstance(value, (list, tuple)) else [value]):
                if isinstance(each, torch.Tensor):
                    found[f"{path}.{name}.{index}"] = each
    return found


@contextmanager
def no_other_default() -> Iterator[list[torch.dtype]]:
    """Another thread asks for torch's default dtype all the while, and each change of it is written down, too.

    The thread alone could miss one: it is given the processor by chance.
    """
    met: set[torch.dtype] = set()
    over, asked, real = threading.Event(), threading.Event(), torch.set_default_dtype

    def poll() -> None:
        while not over.is_set():
            met.add(torch.get_default_dtype())
            asked.set()
            over.wait(0.0001)

    def written_down(dtype: torch.dtype) -> None:
        met.add(dtype)
        real(dtype)

    thread = threading.Thread(target=poll)
    thread.start()
    assert asked.wait(10)
    seen: list[torch.dtype] = []
    torch.set_default_dtype = written_down
    try:
        yield seen
    finally:
        torch.set_default_dtype = real
        over.set()
        thread.join()
        seen += met


def test_who_sets_the_default_is_noticed() -> None:
    with no_other_default() as met:
        torch.set_default_dtype(torch.float16)
        torch.set_default_dtype(torch.float32)
    assert set(met) == {torch.float16, torch.float32}


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("name", ["sd1", "sdxl", "sd3-t5", "flux", "qwen", "z-image"])
def test_a_folder_is_built_as_its_libraries_do_without_their_default(name: str, half: str, tmp_path: Path) -> None:
    folder, dtype = save_family(name, tmp_path / name), getattr(torch, half)
    for part, network in make_family(name).components.items():
        if isinstance(network, torch.nn.Module):
            kind: Any = type(network)
            with no_other_default() as met:
                ours = load_pretrained(kind, folder / part, dtype, label=part)
            assert met == [torch.float32]
            mine, theirs = tensors_of(ours), tensors_of(kind.from_pretrained(folder / part, dtype=dtype))
            assert type(ours) is kind
            assert mine.keys() == theirs.keys()
            for tensor in mine:
                assert mine[tensor].dtype == theirs[tensor].dtype, f"{part} {tensor}"
                assert torch.equal(mine[tensor], theirs[tensor]), f"{part} {tensor}"


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("form", ["folder", "file"])
@pytest.mark.parametrize(("name", "family"), [("sd1", "stable-diffusion"), ("sd3-t5", "stable-diffusion-3")])
def test_a_model_is_loaded_under_torchs_own_default(
    name: str, family: str, form: str, half: str, tmp_path: Path
) -> None:
    pipeline = make_family(name)
    if form == "folder":
        pipeline.save_pretrained(tmp_path / name, safe_serialization=True)
    else:
        save_original(family, pipeline, tmp_path / f"{name}.safetensors")
    catalogue = Catalogue([tmp_path])
    with no_other_default() as met:
        info = catalogue.find(name)
        model = load_model(info, FAMILIES[info.family], CPU, plan=Plan(dtypes={"": half}))
    assert met == [torch.float32]
    checked = 0
    for part, network in pipeline.components.items():
        if isinstance(network, torch.nn.Module):
            held = dict(model.components[part].named_parameters())
            for weight, saved in network.named_parameters():
                kept = "wo" in weight.split(".") and half == "float16"  # T5's, which its class keeps in float32
                dtype = torch.float32 if kept else getattr(torch, half)
                assert torch.equal(held[weight], saved.to(dtype)), f"{part} {weight}"
                assert held[weight].dtype == dtype, f"{part} {weight}"
                checked += 1
    assert checked > 100


@pytest.mark.parametrize(
    ("name", "part", "label"), [("sd1", "unet", "denoiser"), ("sd3-t5", "text_encoder_3", "third")]
)
def test_missing_weights_are_named_and_not_made_up(name: str, part: str, label: str, tmp_path: Path) -> None:
    (file,) = (save_family(name, tmp_path / name) / part).glob("*.safetensors")
    tensors = load_file(file)
    gone = sorted(tensors)[:3]
    save_file({key: value for key, value in tensors.items() if key not in gone}, file, {"format": "pt"})
    catalogue = Catalogue([tmp_path])
    info = catalogue.find(name)
    with pytest.raises(ModelError) as caught:
        load_model(info, catalogue.family(info), CPU)
    said = str(caught.value)
    assert f"lacks 3 of its weights, first {', '.join(gone)}" in said and label in said
    assert said.startswith(f"model {name!r} in {name} cannot be loaded (") and said.endswith("copy its files again.")


def test_every_family_is_whole(tmp_path: Path) -> None:
    """None of them lacks a weight that its class makes by itself, which would be refused for nothing."""
    for name in MAKERS:
        save_family(name, tmp_path / name)
        catalogue = Catalogue([tmp_path])
        info = catalogue.find(name)
        load_model(info, catalogue.family(info), CPU)


@pytest.mark.parametrize("half", ["float32", *HALVES])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_not_numbers_are_refused_by_name(value: float, half: str, tmp_path: Path) -> None:
    (file,) = (save_family("sd1", tmp_path / "sd1") / "vae").glob("*.safetensors")
    tensors = load_file(file)
    tensors["decoder.conv_out.weight"].view(-1)[-1] = value
    save_file(tensors, file, {"format": "pt"})
    catalogue = Catalogue([tmp_path])
    info = catalogue.find("sd1")
    with pytest.raises(ModelError, match=r"VAE has weights that are not numbers, first in decoder\.conv_out\.weight"):
        load_model(info, catalogue.family(info), CPU, plan=Plan(dtypes={"": half}))
