"""LoRAs on a denoiser kept in eight bits, and on networks that come layer by layer: what they should paint."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from pipelines.manager import PipelineManager
from pipelines.plans import Wishes
from tests.test_adapters import Place, load
from tests.tiny_adapters import save_diffusers_lora, save_kohya_lora
from tests.tiny_families import save_family
from tests.tiny_model import make_tiny_pipeline

FAMILIES = ("sd", "flux")
TWO = ["a:0.8", "b:-0.5"]
WAYS = {
    "group": Wishes(offload="group"),
    "fp8": Wishes(fp8=True),
    "both": Wishes(offload="group", fp8=True),
}


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def root(family: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp(f"stored-{family}")
    if family == "sd":
        make_tiny_pipeline().save_pretrained(root / family, safe_serialization=True)
    else:
        save_family(family, root / family)
    (root / "Lora").mkdir()
    save_diffusers_lora(load(family, root), root / "Lora" / "a.safetensors", 1)
    save = save_kohya_lora if family == "sd" else save_diffusers_lora
    save(load(family, root), root / "Lora" / "b.safetensors", 2)
    return root


def opened(root: Path, way: str) -> Iterator[Place]:
    with closing(PipelineManager([root], device="cpu", wishes=WAYS[way], hub=None)) as manager:
        yield Place(root, manager)


@pytest.fixture(params=["group", "fp8", "both"])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def place(root: Path, way: str) -> Iterator[Place]:
    yield from opened(root, way)


def expected(root: Path, rounded: set[str], family: str, uses: dict[str, float]) -> np.ndarray[Any, Any]:
    """What plain diffusers paints, with the same weights rounded to eight bits beforehand."""
    with closing(PipelineManager([root], device="cpu", hub=None)) as plain:
        place = Place(root, plain)
        real = load

        def load_rounded(name: str, folder: Path) -> Any:
            pipeline = real(name, folder)
            network = getattr(pipeline, "unet", None) or pipeline.transformer
            with torch.no_grad():
                for label, weight in network.named_parameters():
                    if label in rounded:
                        weight.copy_(weight.to(torch.float8_e4m3fn).to(weight.dtype))
            return pipeline

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("tests.test_adapters.load", load_rounded)
            return place.bare(family, uses)


def farthest(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> int:
    return int(np.abs(one.astype(int) - other.astype(int)).max())


def assert_whole(network: torch.nn.Module, file: Path, part: str) -> None:
    """The weights of the first LoRA are those of its file, not those rounded to eight bits."""
    saved = load_file(file)
    held = {name: weight for name, weight in network.named_parameters() if ".lora0." in name}
    assert held
    for name, weight in held.items():
        assert torch.equal(weight, saved[f"{part}.{name.replace('.lora0', '')}"]), name


@pytest.mark.filterwarnings("ignore:Already found a .peft_config.")
def test_loras_do_what_they_should_and_leave_nothing(place: Place, family: str, way: str, root: Path) -> None:
    before = place.paint(family)
    network = place.network(family)
    stored = {label for label, weight in network.named_parameters() if weight.dtype == torch.float8_e4m3fn}
    assert bool(stored) == (way != "group")
    apart = 0 if way == "group" else 1  # a weight that is unpacked for its call lies elsewhere: the last bit may differ
    assert farthest(before, expected(root, stored, family, {})) <= apart
    worn = place.paint(family, loras=TWO)
    assert farthest(worn, expected(root, stored, family, {"a": 0.8, "b": -0.5})) <= apart
    assert farthest(worn, before) > 20
    assert_whole(network, root / "Lora" / "a.safetensors", "unet" if family == "sd" else "transformer")
    assert np.array_equal(place.paint(family), before)
    assert np.array_equal(place.paint(family, loras=TWO), worn)
    place.manager.put_away_extras()
    assert np.array_equal(place.paint(family), before)
    assert {name for name, weight in network.named_parameters() if weight.dtype == torch.float8_e4m3fn} == stored
    assert not any(hasattr(layer, "base_layer") for layer in network.modules())
