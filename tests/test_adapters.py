"""LoRAs on shared networks: pictures equal plain diffusers', nobody else's change, and nothing of them stays behind."""

from __future__ import annotations

import gc
import os
import pickle
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from pipelines.errors import InvalidRequest, ModelError, ReverieError
from pipelines.events import GenerationStarted, ImageFinished
from pipelines.manager import PipelineManager
from pipelines.request import TextToImageRequest
from pipelines.schedulers import build_scheduler
from tests.tiny_adapters import save_diffusers_lora, save_kohya_lora
from tests.tiny_families import save_family
from tests.tiny_model import make_tiny_pipeline

CLASSES = {
    "sd": "StableDiffusionPipeline",
    "sdxl": "StableDiffusionXLPipeline",
    "sd3": "StableDiffusion3Pipeline",
    "flux": "FluxPipeline",
}
FORMATS = [
    *[(family, form) for family in ("sd", "sdxl") for form in ("diffusers", "kohya")],
    ("sd3", "diffusers"),
    ("flux", "diffusers"),
]

pytestmark = pytest.mark.filterwarnings("ignore:Already found a .peft_config.")
"""What peft says to plain diffusers with two LoRAs."""

Pixels = np.ndarray[Any, Any]


@dataclass
class Place:
    """Models and LoRAs in a folder, and a manager that finds them."""

    root: Path
    manager: PipelineManager

    def request(self, family: str = "sd", **values: Any) -> TextToImageRequest:
        fixed: dict[str, Any] = {"prompt": "a red boat", "seed": 5, "num_inference_steps": 4, "width": 64, "height": 64}
        return TextToImageRequest(**fixed | {"guidance_scale": 4.0, "model": family, "deterministic": True} | values)

    def paint(self, family: str = "sd", **values: Any) -> Pixels:
        events = self.manager.generate(self.request(family, **values))
        (image,) = [np.asarray(event.image) for event in events if isinstance(event, ImageFinished)]
        return image

    def notices(self, family: str = "sd", **values: Any) -> tuple[str, ...]:
        events = list(self.manager.generate(self.request(family, **values)))
        return next(event.notices for event in events if isinstance(event, GenerationStarted))

    def network(self, family: str = "sd") -> Any:
        components = self.loaded(family).components
        return components.get("unet") or components["transformer"]

    def loaded(self, family: str = "sd") -> Any:
        with self.manager._open().kept.lend(self.manager._catalogue.find(family)) as model:
            return model

    def bare(self, family: str, uses: dict[str, float], *, seed: int = 5) -> Pixels:
        pipeline = load(family, self.root)
        pipeline.scheduler = build_scheduler("Euler", self.loaded(family).scheduler_config, seed=seed)
        for name in uses:
            file = f"{name}.safetensors"
            pipeline.load_lora_weights(self.root / "Lora", weight_name=file, adapter_name=name, local_files_only=True)
        if uses:
            pipeline.set_adapters(list(uses), list(uses.values()))
        negative = {} if family == "flux" else {"negative_prompt": ""}
        image = pipeline(
            "a red boat",
            num_inference_steps=4,
            guidance_scale=4.0,
            width=64,
            height=64,
            generator=torch.Generator().manual_seed(seed),
            **negative,
        ).images[0]
        return np.asarray(image)


def load(family: str, root: Path) -> Any:
    absent = {"text_encoder_3": None, "tokenizer_3": None} if family == "sd3" else {}
    pipeline = getattr(diffusers, CLASSES[family]).from_pretrained(root / family, **absent)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    root = tmp_path_factory.mktemp("adapters")
    make_tiny_pipeline().save_pretrained(root / "sd", safe_serialization=True)
    for family in ("sdxl", "sd3", "flux"):
        save_family(family, root / family)
    folder = root / "Lora"
    folder.mkdir()
    for seed, (family, form) in enumerate(FORMATS):
        save = save_kohya_lora if form == "kohya" else save_diffusers_lora
        save(load(family, root), folder / f"{family}_{form}.safetensors", seed)
    manager = PipelineManager([root])
    yield Place(root, manager)
    manager.close()


@pytest.mark.parametrize(("family", "form"), FORMATS)
def test_a_picture_equals_plain_diffusers(place: Place, family: str, form: str) -> None:
    name = f"{family}_{form}"
    plain, bare = place.paint(family), place.bare(family, {})
    assert np.array_equal(plain, bare)
    worn = place.paint(family, loras=[f"{name}:0.8"])
    assert np.array_equal(worn, place.bare(family, {name: 0.8}))
    assert not np.array_equal(worn, plain)
    assert np.array_equal(place.paint(family, prompt=f"a red boat<lora:{name}:0.8>"), worn)
    assert np.array_equal(place.paint(family), plain)
    place.manager.put_away_extras()
    assert not any(hasattr(layer, "base_layer") for layer in place.network(family).modules())
    assert np.array_equal(place.paint(family), plain)


def test_two_together_equal_plain_diffusers_and_the_same_twice_adds_up(place: Place) -> None:
    both = place.paint(loras=["sd_diffusers:0.5"], prompt="a red boat<lora:sd_kohya:-0.75>")
    assert np.array_equal(both, place.bare("sd", {"sd_diffusers": 0.5, "sd_kohya": -0.75}))
    twice = place.paint(loras=["sd_kohya:0.25"], prompt="a red boat<lora:sd_kohya:0.5>")
    assert np.array_equal(twice, place.bare("sd", {"sd_kohya": 0.75}))


def test_a_weight_of_zero_is_no_lora(place: Place) -> None:
    assert np.array_equal(place.paint(loras=["sd_kohya:0"]), place.paint())


def test_text_encoders_have_a_weight_of_their_own(place: Place) -> None:
    whole = place.paint(prompt="a red boat<lora:sd_kohya:1>")
    denoiser_alone = place.paint(prompt="a red boat<lora:sd_kohya:0:1>")
    assert not np.array_equal(whole, denoiser_alone)
    pipeline = load("sd", place.root)
    pipeline.scheduler = build_scheduler("Euler", place.loaded().scheduler_config, seed=5)
    pipeline.load_lora_weights(place.root / "Lora", weight_name="sd_kohya.safetensors", adapter_name="x")
    pipeline.set_adapters(["x"], [{"unet": 1.0, "text_encoder": 0.0}])
    noise = torch.Generator().manual_seed(5)
    image = pipeline("a red boat", num_inference_steps=4, guidance_scale=4.0, generator=noise).images[0]
    assert np.array_equal(denoiser_alone, np.asarray(image))


def test_people_at_once_each_get_what_they_get_alone(place: Place) -> None:
    asked = [{}, {"loras": ["sd_kohya:0.8"]}, {"loras": ["sd_diffusers:1"]}, {"loras": ["sd_kohya:0.3"]}] * 2
    asked = [{**one, "seed": seed, "num_inference_steps": 8} for seed, one in enumerate(asked)]
    alone = [place.paint(**one) for one in asked]
    barrier = threading.Barrier(len(asked))

    def at_once(one: dict[str, Any]) -> Pixels:
        barrier.wait(30)
        return place.paint(**one)

    with ThreadPoolExecutor(len(asked)) as pool:
        together = list(pool.map(at_once, asked))
    assert all(np.array_equal(left, right) for left, right in zip(alone, together, strict=True))


def test_steps_are_shared_only_with_those_who_wear_the_same(place: Place) -> None:
    """Without ``deterministic`` calls may be joined; a picture differs from the one alone by rounding only."""
    asked = [{"loras": ["sd_kohya:0.8"]}, {}, {"loras": ["sd_kohya:0.8"]}, {}]
    asked = [{**one, "seed": seed, "num_inference_steps": 12} for seed, one in enumerate(asked)]
    alone = [place.paint(**one) for one in asked]
    barrier = threading.Barrier(len(asked))
    seen: list[tuple[int, bool]] = []
    network = place.network()

    def watch(module: torch.nn.Module, args: tuple[Any, ...], _kwargs: dict[str, Any]) -> None:
        layers = [layer for layer in module.modules() if hasattr(layer, "base_layer")]
        seen.append((len(args[0]), any(not layer.disable_adapters for layer in layers)))

    hook = network.register_forward_pre_hook(watch, with_kwargs=True)
    try:
        with ThreadPoolExecutor(len(asked)) as pool:

            def at_once(one: dict[str, Any]) -> Pixels:
                barrier.wait(30)
                return place.paint(**one, deterministic=False)

            together = list(pool.map(at_once, asked))
    finally:
        hook.remove()
    for left, right in zip(alone, together, strict=True):
        assert np.abs(left.astype(int) - right.astype(int)).max() <= 1
    assert max(size for size, _ in seen) == 4  # two people, two samples each under guidance; never all four people
    assert {worn for _, worn in seen} == {True, False}


@pytest.mark.parametrize("rounds", [10, pytest.param(50, marks=pytest.mark.slow)])
def test_on_and_off_leaves_nothing_behind(place: Place, rounds: int) -> None:
    plain, worn = place.paint(), place.paint(loras=["sd_kohya:0.8"])

    def once() -> None:
        assert np.array_equal(place.paint(loras=["sd_kohya:0.8"]), worn)
        place.manager.put_away_extras()
        assert place.loaded().adapters.loaded == 0
        assert np.array_equal(place.paint(), plain)

    for _ in range(5):
        once()
    before = resident()
    for _ in range(rounds):
        once()
    assert resident() <= before * 1.02


def test_only_so_many_stay_loaded(place: Place) -> None:
    plain = place.paint()
    weights = load_file(place.root / "Lora" / "sd_kohya.safetensors")
    made = [place.root / "Lora" / f"many{number}.safetensors" for number in range(10)]
    for number, path in enumerate(made):
        save_file({name: value * (1 + number / 10) for name, value in weights.items()}, path)
    try:
        place.manager._catalogue.refresh()
        pictures = [place.paint(loras=[path.stem]) for path in made]
        assert place.loaded().adapters.loaded == 8
        assert np.array_equal(place.paint(loras=[made[0].stem]), pictures[0])  # one that had to go
        assert np.array_equal(place.paint(), plain)
    finally:
        for path in made:
            path.unlink()
        place.manager._catalogue.refresh()
        place.manager.put_away_extras()


def refused(place: Place, path: Path, family: str = "sd") -> str:
    """What is said of a file; other pictures are what they were."""
    plain = place.paint(family)
    place.manager._catalogue.refresh()
    with pytest.raises(ReverieError) as caught:
        place.paint(family, loras=[path.stem])
    assert np.array_equal(place.paint(family), plain)
    sentence = str(caught.value)
    assert path.stem in sentence and sentence.endswith(".") and "\n" not in sentence and len(sentence) < 400
    return sentence


@pytest.fixture
def bad(place: Place) -> Iterator[Path]:
    path = place.root / "Lora" / "bad.safetensors"
    yield path
    path.unlink(missing_ok=True)
    place.manager._catalogue.refresh()


def test_a_lora_of_weights_that_are_no_numbers_is_refused(place: Place, bad: Path) -> None:
    weights = load_file(place.root / "Lora" / "sd_kohya.safetensors")
    name = next(name for name in weights if "lora_up" in name)
    save_file({**weights, name: torch.full_like(weights[name], float("nan"))}, bad)
    assert "not numbers" in refused(place, bad)


def test_a_damaged_lora_is_refused(place: Place, bad: Path) -> None:
    good = (place.root / "Lora" / "sd_kohya.safetensors").read_bytes()
    for data in (good[: len(good) // 2], good[:4], b"", b"\xff" * 64):
        bad.write_bytes(data)
        refused(place, bad)


def test_a_pickle_is_refused_and_not_opened(place: Place) -> None:
    path = place.root / "Lora" / "pickled.pt"
    path.write_bytes(pickle.dumps({"lora": 1}))
    try:
        place.manager._catalogue.refresh()
        with pytest.raises(ReverieError, match="pickled"):
            place.paint(loras=["pickled"])
    finally:
        path.unlink()
        place.manager._catalogue.refresh()


@pytest.mark.parametrize("beside", [False, True])
def test_a_lora_of_another_family_is_refused(place: Place, bad: Path, *, beside: bool) -> None:
    """Whether nothing is loaded beside it, or a good one is."""
    place.manager.put_away_extras()
    if beside:
        place.paint(loras=["sd_kohya"])
        place.paint("sdxl", loras=["sdxl_kohya"])
    for name, family in (("sdxl_kohya", "sd"), ("sd_kohya", "sdxl"), ("flux_diffusers", "sd"), ("sd_diffusers", "sd3")):
        weights = load_file(place.root / "Lora" / f"{name}.safetensors")
        save_file(weights, bad)
        refused(place, bad, family)
    assert place.loaded().adapters.loaded == beside


def test_a_name_that_is_not_there_is_told_the_nearest(place: Place) -> None:
    with pytest.raises((ModelError, InvalidRequest), match=r"'sd_kohia'.*sd_kohya"):
        place.paint(loras=["sd_kohia"])
    with pytest.raises((ModelError, InvalidRequest), match=r"'sd_kohia'.*sd_kohya"):
        place.paint(prompt="a <lora:sd_kohia:1>")


def resident() -> int:
    """Bytes of this process that lie in memory."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
