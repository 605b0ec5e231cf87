"""Memory that runs out and numbers that overflow are told or overcome; the next picture is as if nothing had been."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from typing_extensions import Self

from pipelines.errors import GenerationError, OutOfMemory
from pipelines.events import ImageFinished
from pipelines.loading import LoadedModel
from pipelines.manager import PipelineManager
from pipelines.request import ImageToImageRequest, TextToImageRequest

START = Image.effect_noise((64, 64), 90).convert("RGB")
PLACES = ("encode", "step", "decode")


@pytest.fixture(scope="module")
def manager(tiny_model_dir: Path) -> Iterator[PipelineManager]:
    manager = PipelineManager([tiny_model_dir])
    yield manager
    manager.close()


@pytest.fixture(scope="module")
def model(manager: PipelineManager) -> LoadedModel:
    return manager._open().load(manager.models()[1])


def make(manager: PipelineManager, **values: Any) -> np.ndarray:
    asked = {"prompt": "a boat", "seed": 5, "num_inference_steps": 6, "strength": 0.9, "model": "tiny"} | values
    request = ImageToImageRequest(image=asked.pop("image", START), **asked)
    (picture,) = (event.image for event in manager.generate(request) if isinstance(event, ImageFinished))
    return np.asarray(picture)


class Fault:
    """Something that goes wrong in one network, at its n-th call, so and so many times."""

    def __init__(
        self, model: LoadedModel, place: str, act: Callable[[Any], Any], *, at: int = 0, times: int = 1
    ) -> None:
        vae = model.components["vae"]
        self._network = {"encode": vae.encoder, "step": model.components["unet"], "decode": vae.decoder}[place]
        self._act, self._at, self._times, self.calls, self.happened = act, at, times, 0, 0

    def __call__(self, module: Any, args: Any, output: Any) -> Any:
        self.calls += 1
        if self.calls <= self._at or self.happened >= self._times:
            return output
        self.happened += 1
        return self._act(output)

    def __enter__(self) -> Self:
        self._hook = self._network.register_forward_hook(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._hook.remove()


def no_memory(output: Any) -> Any:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")


def not_a_number(output: Any) -> Any:
    return tuple(part * float("nan") for part in output) if isinstance(output, tuple) else output * float("nan")


@pytest.mark.parametrize("place", PLACES)
def test_memory_that_runs_out_once_costs_only_time(manager: PipelineManager, model: LoadedModel, place: str) -> None:
    reference = make(manager)
    manager._open()._cache.clear()
    with Fault(model, place, no_memory) as fault:
        retried = make(manager)
    assert fault.happened == 1
    assert np.abs(retried.astype(int) - reference).max() <= 1
    assert (make(manager) == reference).all()


@pytest.mark.parametrize("place", PLACES)
def test_memory_that_never_suffices_is_a_sentence_with_a_size(
    manager: PipelineManager, model: LoadedModel, place: str
) -> None:
    reference = make(manager)
    manager._open()._cache.clear()
    with (
        Fault(model, place, no_memory, times=99),
        pytest.raises(OutOfMemory, match=r"128 × 96.*width 88 and height 64"),
    ):
        make(manager, width=128, height=96)
    assert not model.components["vae"].use_tiling
    assert (make(manager) == reference).all()


@pytest.mark.parametrize("place", PLACES)
def test_not_a_number_is_an_error_never_a_black_picture(
    manager: PipelineManager, model: LoadedModel, place: str
) -> None:
    reference = make(manager)
    manager._open()._cache.clear()
    with Fault(model, place, not_a_number, times=99), pytest.raises(GenerationError, match="not-a-number"):
        make(manager)
    assert (make(manager) == reference).all()


def test_a_batch_that_does_not_fit_is_taken_apart(manager: PipelineManager, model: LoadedModel) -> None:
    seeds = [make(manager, seed=seed) for seed in (5, 6)]
    sizes: list[int] = []

    def refuse_pairs(module: Any, args: Any, kwargs: Any) -> None:
        sizes.append(args[0].shape[0])
        if args[0].shape[0] > 2:
            no_memory(None)

    hook = model.components["unet"].register_forward_pre_hook(refuse_pairs, with_kwargs=True)
    try:
        request = ImageToImageRequest(
            prompt="a boat",
            image=START,
            seed=5,
            num_inference_steps=6,
            strength=0.9,
            model="tiny",
            num_images_per_prompt=2,
        )
        events = [event for event in manager.generate(request) if isinstance(event, ImageFinished)]
    finally:
        hook.remove()
    assert 4 in sizes
    for event in events:
        assert (np.asarray(event.image) == seeds[event.index]).all(), "taken apart, each is as if alone"


def test_a_batch_is_halved_once_and_the_steps_after_it_know(manager: PipelineManager, model: LoadedModel) -> None:
    asked = {"num_images_per_prompt": 4, "seed": 5, "prompt": "a boat", "num_inference_steps": 4, "model": "tiny"}
    sizes: list[int] = []

    def refuse_eight(module: Any, args: Any, kwargs: Any) -> None:
        sizes.append(args[0].shape[0])
        if args[0].shape[0] > 4:
            no_memory(None)

    for _ in range(2):  # whoever comes after everybody has gone finds all memory there again, and tries
        hook = model.components["unet"].register_forward_pre_hook(refuse_eight, with_kwargs=True)
        try:
            events = list(manager.generate(TextToImageRequest(**asked)))
        finally:
            hook.remove()
        assert sizes == [8] + [4, 4] * 4
        assert sum(isinstance(event, ImageFinished) for event in events) == 4
        sizes.clear()


def test_half_precision_that_overflows_is_decoded_again_in_full() -> None:
    from pipelines.standins import finite

    class Vae(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.tensor([300.0]))

        def decode(self, latents: torch.Tensor, return_dict: bool = True) -> tuple[torch.Tensor]:
            return (latents * self.weight * self.weight,)

    vae = Vae().half().requires_grad_(False)
    (decoded,) = finite(vae, vae.decode, torch.ones(1, 3, 2, 2, dtype=torch.float16), return_dict=False)
    assert torch.isfinite(decoded).all()
    assert decoded[0, 0, 0, 0] == 90_000
    assert vae.weight.dtype == torch.float16


def outcome_of(manager: PipelineManager) -> np.ndarray | str:
    try:
        return make(manager)
    except GenerationError as error:
        return str(error)


@pytest.mark.parametrize("count", [24, pytest.param(300, marks=pytest.mark.slow)])
def test_a_storm_of_faults(manager: PipelineManager, model: LoadedModel, count: int) -> None:
    reference = make(manager)
    chance = random.Random(count)
    for _ in range(count):
        place = chance.choice(PLACES)
        act = chance.choice([no_memory, not_a_number])
        manager._open()._cache.clear()
        with Fault(
            model, place, act, at=chance.randrange(5) if place == "step" else 0, times=chance.choice([1, 99])
        ) as fault:
            outcome = outcome_of(manager)
            if isinstance(outcome, np.ndarray):
                assert np.abs(outcome.astype(int) - reference).max() <= 1
            else:
                assert outcome.endswith(".")
        assert fault.happened
        assert (make(manager) == reference).all()
