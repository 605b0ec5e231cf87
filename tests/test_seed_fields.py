"""Requests' seeds as whole pictures: noise sources, variation seeds, resized seeds, and each picture of a batch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipelines.events import GenerationStarted
from pipelines.manager import PipelineManager
from pipelines.noise import Lean, PictureNoise, Stream, noise_for, slerp
from pipelines.philox import PhiloxNormals
from pipelines.request import LARGEST_SEED, TextToImageRequest
from pipelines.seeds import PictureSeeds, portion_of, seeds_of, with_variation_seed
from pipelines.starting_latents import encode
from tests.sampling import START, TASKS, ask, assert_refused, bare, differs, finished, loaded, paint
from webui.job import Job
from webui.library.owner_hash import OwnerKey
from webui.library.recipe import write_recipe

SHAPE = (1, 4, 8, 8)

CUDA_SEED_0 = (-0.92466259, -0.42534415, -2.6438457, 0.14518388)
"""What an NVIDIA GPU draws after ``manual_seed(0)``, as published with A1111's NV stream."""


@pytest.fixture(scope="module")
def manager(tiny_model_dir: Path) -> Iterator[PipelineManager]:
    manager = PipelineManager([tiny_model_dir])
    yield manager
    manager.close()


def arrays(manager: PipelineManager, request: Any) -> list[np.ndarray[Any, Any]]:
    return [np.asarray(event.image).astype(int) for event in finished(manager, request)]


# --- where noise comes from --------------------------------------------------------------------------------------


def test_nv_with_seed_0_begins_with_the_published_numbers(manager: PipelineManager) -> None:
    """The first sample that the network is shown, unscaled; and the picture is diffusers' of that very noise."""
    request, seen = ask(manager, seed=0, noise_source="nv", guidance_scale=1), []
    network = loaded(manager, request).components["unet"]
    hook = network.register_forward_pre_hook(lambda _network, given: seen.append(given[0].clone()))
    made = paint(manager, request)
    hook.remove()
    first = seen[0].flatten()
    published = torch.tensor(CUDA_SEED_0)
    torch.testing.assert_close(first[:4] * (published[0] / first[0]), published, atol=1e-5, rtol=1e-5)
    latents = torch.from_numpy(PhiloxNormals(0).draw(256)).reshape(SHAPE)
    assert not differs(made, bare(manager, request, latents=latents))


@pytest.mark.parametrize("scheduler", ["Euler a", "DPM++ 3M SDE"])
def test_a_samplers_noise_is_the_nv_streams_too(manager: PipelineManager, scheduler: str) -> None:
    request, noise = ask(manager, noise_source="nv", scheduler=scheduler), PictureNoise(5, "nv")
    with noise.answering():
        expected = bare(manager, request, generator=noise.generator)
    assert not differs(paint(manager, request), expected)
    assert differs(expected, paint(manager, ask(manager, scheduler=scheduler)))


def test_image_to_image_begins_with_the_first_numbers_of_the_nv_stream(manager: PipelineManager) -> None:
    """As in A1111: what samples the encoded picture draws elsewhere."""
    request = ask(manager, "image_to_image", noise_source="nv")
    pipeline = loaded(manager, request).pipeline(request.task, scheduler=None)
    encoded = encode(pipeline, START, torch.Generator().manual_seed(5))
    noise = PictureNoise(5, "nv")
    with noise.answering():
        expected = bare(manager, request, generator=noise.generator, image=encoded)
    assert not differs(paint(manager, request), expected)


def test_the_devices_own_noise_on_a_cpu_is_the_cpus(manager: PipelineManager) -> None:
    assert not differs(paint(manager, ask(manager, noise_source="device")), paint(manager, ask(manager)))


# --- variation ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["cpu", "nv"])
@pytest.mark.parametrize("task", TASKS)
def test_variation_goes_from_the_seeds_picture_to_the_other_seeds(
    manager: PipelineManager, task: str, source: str
) -> None:
    def made(**values: Any) -> np.ndarray[Any, Any]:
        return paint(manager, ask(manager, task, noise_source=source, **values))

    first, last = made(), made(seed=77)
    steps = [made(variation_seed=77, variation_strength=share) for share in (0.0, 0.05, 0.5, 1.0)]
    assert not differs(steps[0], first)
    if (source, task) == ("nv", "text_to_image") or source == "cpu":
        assert not differs(steps[3], last)
    distances = [float(np.abs(one - first).mean()) for one in steps]
    assert distances == sorted(distances) and distances[1] < distances[3] / 2


def test_between_the_noise_is_their_slerp(manager: PipelineManager) -> None:
    request = ask(manager, variation_seed=77, variation_strength=0.3)
    between = slerp(0.3, noise_for(5, SHAPE), noise_for(77, SHAPE))
    assert not differs(paint(manager, request), bare(manager, request, latents=between))


def test_pictures_of_a_batch_vary_by_their_variation_seed_and_are_the_same_alone(manager: PipelineManager) -> None:
    request = ask(
        manager, variation_seed=LARGEST_SEED, variation_strength=0.4, num_images_per_prompt=3, scheduler="Euler a"
    ).model_copy(update={"deterministic": True})
    events = list(manager.generate(request))
    assert isinstance(events[0], GenerationStarted) and events[0].seeds == (5, 5, 5)
    together = finished(manager, request)
    assert [(one.seed, one.variation_seed) for one in together] == [(5, LARGEST_SEED), (5, 0), (5, 1)]
    for one in together:
        again = {"seed": one.seed, "variation_seed": one.variation_seed, "num_images_per_prompt": 1}
        assert not differs(np.asarray(one.image), arrays(manager, request.model_copy(update=again))[0])
    assert differs(np.asarray(together[0].image), np.asarray(together[1].image))


@pytest.mark.parametrize("source", ["cpu", "nv"])
def test_without_variation_the_seeds_go_on(manager: PipelineManager, source: str) -> None:
    request = ask(manager, noise_source=source, num_images_per_prompt=3, deterministic=True, scheduler="Euler a")
    together = finished(manager, request)
    assert [(one.seed, one.variation_seed) for one in together] == [(5, None), (6, None), (7, None)]
    alone = request.model_copy(update={"seed": 7, "num_images_per_prompt": 1})
    assert not differs(np.asarray(together[2].image), arrays(manager, alone)[0])


def test_a_random_variation_seed_is_drawn_and_recorded(manager: PipelineManager) -> None:
    request = ask(manager, variation_strength=0.5, num_images_per_prompt=2, deterministic=True)
    made = finished(manager, request)
    assert made[0].variation_seed is not None and made[0].variation_seed != finished(manager, request)[0].variation_seed
    recipe = write_recipe(request, made[1])
    again = TextToImageRequest(**recipe.repeating_fields())
    assert again.variation_seed == made[1].variation_seed == (made[0].variation_seed + 1) % (LARGEST_SEED + 1)
    assert not differs(np.asarray(made[1].image).astype(int), paint(manager, again))


def test_a_job_keeps_its_variation_seed_whatever_portion_is_made(manager: PipelineManager) -> None:
    job = Job(OwnerKey("a" * 32), ask(manager, seed=-1, variation_strength=0.5, num_images_per_prompt=4))
    drawn = job.request.variation_seed
    assert drawn is not None and len(set(job.seeds)) == 1
    later = portion_of(job.request, job.seeds[2], range(2, 4))
    assert seeds_of(later) == tuple(
        PictureSeeds(job.seeds[0], (drawn + index) % (LARGEST_SEED + 1)) for index in (2, 3)
    )
    assert with_variation_seed(job.request) is job.request
    plain = ask(manager, num_images_per_prompt=4, variation_seed=9)
    assert portion_of(plain, 7, range(2, 4)) == plain.model_copy(update={"seed": 7, "num_images_per_prompt": 2})


# --- the size a seed was for, and A1111's delta ------------------------------------------------------------------


@pytest.mark.parametrize("source", ["cpu", "nv"])
def test_a_resized_seed_is_the_noise_of_its_size_in_the_middle(manager: PipelineManager, source: Any) -> None:
    sides = {"width": 96, "height": 64, "seed_resize_width": 64, "seed_resize_height": 64}
    request = ask(manager, noise_source=source, **sides)
    noise = noise_for(5, (1, 4, 8, 12), source=source, resize_from=(64, 64))
    assert torch.equal(noise[..., 2:10], noise_for(5, SHAPE, source=source))
    made = paint(manager, request)
    assert not differs(made, bare(manager, request, latents=noise))
    assert differs(made, paint(manager, request.model_copy(update={"seed_resize_width": None})))


@pytest.mark.parametrize("task", TASKS)
def test_a_seed_resized_to_its_own_size_is_itself(manager: PipelineManager, task: str) -> None:
    request = ask(manager, task, seed_resize_width=64, seed_resize_height=64, scheduler="Euler a")
    assert not differs(paint(manager, request), paint(manager, ask(manager, task, scheduler="Euler a")))


def test_the_delta_is_added_for_the_noise_on_the_way_alone(manager: PipelineManager) -> None:
    request = ask(manager, scheduler="Euler a", eta_noise_seed_delta=31337)
    later = torch.Generator().manual_seed(5 + 31337)
    assert not differs(paint(manager, request), bare(manager, request, generator=later, latents=noise_for(5, SHAPE)))
    assert differs(paint(manager, request), paint(manager, ask(manager, scheduler="Euler a")))
    assert not differs(paint(manager, ask(manager, eta_noise_seed_delta=31337)), paint(manager, ask(manager)))


def test_each_draw_leans_towards_the_same_draw_of_the_other_seed() -> None:
    noise, other, own = PictureNoise(1, lean=Lean(2, 1.0)), Stream(2), Stream(1)
    for _ in range(3):
        assert torch.equal(noise.draw(SHAPE), other.draw(SHAPE))
        own.draw(SHAPE)
    noise.begin_steps()
    assert torch.equal(noise.draw(SHAPE), own.draw(SHAPE)), "what the sampler adds is the seed's own"


# --- what is refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"noise_source": "gpu"}, "^noise_source is 'gpu'; it must be one of cpu, nv, device"),
        ({"variation_strength": 1.01}, r"^variation_strength is 1\.01; it must be a number from 0 to 1"),
        ({"variation_strength": float("nan")}, "^variation_strength is nan"),
        ({"variation_seed": 2**32}, "^variation_seed is 4294967296; it must be a whole number from -1"),
        ({"variation_seed": True}, "^variation_seed is 'True'"),
        ({"seed_resize_width": 100, "seed_resize_height": 64}, "^seed_resize_width is 100; it must be"),
        ({"seed_resize_height": 64}, "^seed_resize_height is given without seed_resize_width"),
        ({"eta_noise_seed_delta": -1}, "^eta_noise_seed_delta is -1; it must be a whole number"),
    ],
)
@pytest.mark.parametrize("task", TASKS)
def test_what_cannot_be_is_one_sentence(
    manager: PipelineManager, task: str, values: dict[str, Any], sentence: str
) -> None:
    assert_refused(manager, task, values, sentence)
