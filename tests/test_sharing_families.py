"""Requests share the steps of every family's network, and keep the pictures that bare diffusers makes."""

from __future__ import annotations

import io
import shutil
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from pipelines.control import Control
from pipelines.events import GenerationEvent, ImageFinished, StepCompleted
from pipelines.manager import PipelineManager
from pipelines.previews import LatentProjection, watch_clean_guess
from pipelines.request import GenerationRequest, ImageToImageRequest, InpaintRequest, TextToImageRequest
from tests.bare_diffusers import START, TASKS, bare_picture, bare_pipeline, mask
from tests.tiny_families import save_family

FAMILIES = ("sdxl", "sd3", "sd3-t5", "flux", "qwen", "z-image")


@dataclass
class Place:
    """One family's model, with a manager that finds it."""

    family: str
    folder: Path
    manager: PipelineManager

    def network(self) -> torch.nn.Module:
        components = self.manager._open().load(self.manager._catalogue.find(self.family)).components
        return components["unet" if "unet" in components else "transformer"]

    def request(self, task: str = "text_to_image", **values: Any) -> GenerationRequest:
        values = {"prompt": "a red boat", "seed": 5, "num_inference_steps": 5, "model": self.family} | values
        if task == "text_to_image":
            return TextToImageRequest(**{"width": 64, "height": 64} | values)
        if task == "image_to_image":
            return ImageToImageRequest(image=START, strength=0.7, **values)
        return InpaintRequest(image=START, mask_image=mask(), mask_blur=0, strength=0.9, **values)

    def several(self) -> list[GenerationRequest]:
        """Three requests as unlike as one network call can hold."""
        if self.family == "qwen":  # its network takes prompts of one length
            return [self.request(seed=seed, num_inference_steps=6) for seed in (1, 2, 3)]
        return [
            self.request(prompt="a blue circle", seed=1, num_inference_steps=6, guidance_scale=4.5),
            self.request("image_to_image", prompt="a boat on the background", seed=2, num_inference_steps=8),
            self.request("inpaint", negative_prompt="red", seed=3, num_inference_steps=6, guidance_scale=2.0),
        ]


@pytest.fixture(scope="module", params=FAMILIES)
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    root = tmp_path_factory.mktemp("families")
    folder = save_family(request.param, root / request.param)
    manager = PipelineManager([root])
    yield Place(request.param, folder, manager)
    manager.close()


def bare(place: Place, request: GenerationRequest) -> np.ndarray[Any, Any]:
    return bare_picture(place.family, bare_pipeline(place.family, place.folder, request.task), request)


def picture(events: Sequence[GenerationEvent]) -> np.ndarray[Any, Any]:
    (finished,) = (event.image for event in events if isinstance(event, ImageFinished))
    return np.asarray(finished).astype(int)


def alone(manager: PipelineManager, request: GenerationRequest) -> np.ndarray[Any, Any]:
    return picture(list(manager.generate(request)))


def together(manager: PipelineManager, requests: Sequence[GenerationRequest]) -> list[np.ndarray[Any, Any]]:
    """Runs requests side by side, all from the same first step on."""
    controls = [Control() for _ in requests]
    for control in controls:
        control.pause()

    def run(request: GenerationRequest, control: Control) -> np.ndarray[Any, Any]:
        return picture(list(manager.generate(request, control=control)))

    engine = manager._open()._engine
    with ThreadPoolExecutor(len(requests)) as pool:
        running = [pool.submit(run, *pair) for pair in zip(requests, controls, strict=True)]
        while [lane.call is not None for lane in list(engine._lanes)] != [True] * len(requests):
            assert not any(one.done() for one in running), "a request failed before its first step"
            threading.Event().wait(0.002)
        signal = engine.open_lanes("signal", 1)[0]
        signal.run(lambda: [control.resume() for control in controls])  # on the engine's thread: it sees all go at once
        signal.close()
        return [one.result() for one in running]


@contextmanager
def batches_of(network: torch.nn.Module) -> Iterator[list[int]]:
    """Notes how many samples each call of a network brings."""
    sizes: list[int] = []

    def note(_module: torch.nn.Module, args: Any, kwargs: Any) -> None:
        sample = args[0] if args else kwargs.get("hidden_states", kwargs.get("sample"))
        sizes.append(len(sample))

    hook = network.register_forward_pre_hook(note, with_kwargs=True)
    try:
        yield sizes
    finally:
        hook.remove()


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("guidance_scale", [4.0, 1.0])
def test_alone_it_is_bare_diffusers_bit_for_bit(place: Place, task: str, guidance_scale: float) -> None:
    request = place.request(task, guidance_scale=guidance_scale, negative_prompt="the background")
    events = list(place.manager.generate(request))
    changed = np.asarray(mask()) > 0 if task == "inpaint" else np.ones((64, 64), bool)
    assert (picture(events)[changed] == bare(place, request)[changed]).all()
    steps = [event for event in events if isinstance(event, StepCompleted)]
    assert events[0].total_steps == steps[-1].step == len(steps)  # type: ignore[union-attr]
    assert all(event.preview for event in steps)


def test_prompt_seed_and_guidance_each_make_another_picture(place: Place) -> None:
    requests = [
        place.request(),
        place.request(prompt="the blue background"),
        place.request(seed=6),
        place.request(guidance_scale=9.0),
    ]
    made = [alone(place.manager, request).tobytes() for request in requests]
    assert len(set(made)) == len(made), "a network that ignores one of them could not show a mix-up"


def test_in_company_calls_are_shared_and_pictures_are_kept(place: Place) -> None:
    requests = place.several()
    # Flux has no second pass for guidance, Qwen-Image makes it by itself
    network, samples = place.network(), 1 if place.family in ("flux", "qwen") else 2
    with batches_of(network) as calls:
        single = [alone(place.manager, request) for request in requests]
    assert set(calls) == {samples}
    with batches_of(network) as shared:
        company = together(place.manager, requests)
    meeting = 2 if place.family == "z-image" else 3  # its text-to-image asks for results in another form
    assert max(shared[:2]) == meeting * samples, "they meet at their first step"
    assert sum(shared) == sum(calls)
    assert sum(size > samples for size in shared) >= 3 and len(shared) < len(calls)
    for one, other in zip(single, company, strict=True):
        difference = np.abs(one - other)
        assert difference.max() <= 1 and (difference > 0).mean() <= 1e-3


def test_deterministic_requests_are_the_same_bits_in_company(place: Place) -> None:
    requests = [request.model_copy(update={"deterministic": True}) for request in place.several()]
    with batches_of(place.network()) as calls:
        single = [alone(place.manager, request) for request in requests]
        company = together(place.manager, requests)
    assert len(set(calls)) == 1
    assert all((one == other).all() for one, other in zip(single, company, strict=True))


def test_wide_and_tall_pictures_keep_to_themselves(place: Place) -> None:
    requests = [place.request(width=128, height=64), place.request(width=64, height=128)]
    with batches_of(place.network()) as calls:
        single = [alone(place.manager, request) for request in requests]
        company = together(place.manager, requests)
    assert len(set(calls)) == 1, "Flux's tokens are as many; only their places differ"
    assert all((one == other).all() for one, other in zip(single, company, strict=True))


def test_a_side_that_is_no_multiple_of_the_patch_is_painted_larger_and_cut(place: Place) -> None:
    request = place.request(width=72, height=104)
    assert alone(place.manager, request).shape == (104, 72, 3)
    request = ImageToImageRequest(
        prompt="x", image=START, width=88, height=72, seed=1, num_inference_steps=2, model=place.family
    )
    assert alone(place.manager, request).shape == (72, 88, 3)


@pytest.mark.parametrize("family", ["sdxl", "flux"])
def test_two_models_never_share(family: str, tmp_path: Path) -> None:
    save_family(family, tmp_path / "one")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    manager = PipelineManager([tmp_path])
    try:
        places = [Place(name, tmp_path / name, manager) for name in ("one", "two")]
        requests = [place.request(seed=seed) for seed, place in enumerate(places)]
        single = [alone(manager, request) for request in requests]
        with batches_of(places[0].network()) as first, batches_of(places[1].network()) as second:
            company = together(manager, requests)
        assert len(first) == len(second) == 5 and len({*first, *second}) == 1
        assert all((one == other).all() for one, other in zip(single, company, strict=True))
    finally:
        manager.close()


@pytest.mark.parametrize("size", [(64, 64), (128, 64)])
def test_the_preview_is_the_projection_of_the_guess(place: Place, size: tuple[int, int]) -> None:
    request = place.request(width=size[0], height=size[1])
    previews = [event.preview for event in place.manager.generate(request) if isinstance(event, StepCompleted)]
    pipeline = bare_pipeline(place.family, place.folder, "text_to_image")
    seen: list[torch.Tensor] = []
    watch_clean_guess(pipeline.scheduler, seen.append)
    bare_picture(place.family, pipeline, request)
    if place.family in ("flux", "qwen"):
        seen = [pipeline._unpack_latents(guess, size[1], size[0], 8) for guess in seen]
    seen = [guess[:, :, 0] if guess.ndim == 5 else guess for guess in seen]
    info = place.manager._catalogue.find(place.family)
    assert info.preview is not None
    projection = LatentProjection.from_data(info.preview)
    assert previews == [projection.to_jpeg(guess) for guess in seen]
    assert previews[0] is not None
    assert Image.open(io.BytesIO(previews[0])).size == (size[0] // 8, size[1] // 8)
