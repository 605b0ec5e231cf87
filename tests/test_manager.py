"""The manager gives what a bare diffusers pipeline gives, bit for bit, and stops within a step."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from pipelines.control import Control
from pipelines.ddim_cfgpp import show_unconditional
from pipelines.errors import InvalidRequest, ModelError
from pipelines.events import (
    GenerationEvent,
    GenerationFinished,
    GenerationStarted,
    ImageFinished,
    ImageSkipped,
    StepCompleted,
)
from pipelines.framing import frame_for
from pipelines.manager import PipelineManager
from pipelines.picture import pipeline_arguments
from pipelines.request import GenerationRequest, ImageToImageRequest, InpaintRequest, TextToImageRequest
from pipelines.samplers import find_sampler, sampler_choices
from pipelines.schedulers import build_scheduler

STARTS = Image.effect_noise((64, 64), 90).convert("RGB")
SAMPLERS = [name for _, name in sampler_choices()]
TASKS = ("text_to_image", "image_to_image", "inpaint")


@pytest.fixture(scope="module")
def manager(tiny_model_dir: Path) -> Iterator[PipelineManager]:
    manager = PipelineManager([tiny_model_dir])
    yield manager
    manager.close()


def tiny_id(manager: PipelineManager) -> str:
    return manager.models()[1].id


def half_mask() -> Image.Image:
    mask = Image.new("L", STARTS.size)
    mask.paste(255, (32, 0, 64, 64))
    return mask


def request_for(task: str, manager: PipelineManager, **values: Any) -> GenerationRequest:
    values = {"prompt": "a boat", "seed": 5, "num_inference_steps": 5, "model": tiny_id(manager)} | values
    if task == "text_to_image":
        return TextToImageRequest(width=64, height=64, **values)
    if task == "image_to_image":
        return ImageToImageRequest(image=STARTS, strength=0.7, **values)
    return InpaintRequest(image=STARTS, mask_image=half_mask(), mask_blur=0, strength=0.9, **values)


def pictures(events: list[GenerationEvent]) -> list[np.ndarray]:
    finished = sorted((event for event in events if isinstance(event, ImageFinished)), key=lambda event: event.index)
    return [np.asarray(event.image).astype(int) for event in finished]


def bare_picture(manager: PipelineManager, request: GenerationRequest) -> Image.Image:
    """The same request through diffusers alone."""
    info = next(info for info in manager.models() if info.id == request.model)
    model = manager._open().load(info)
    scheduler = build_scheduler(request.scheduler, model.scheduler_config, seed=request.seed)
    pipeline = model.pipeline(request.task, scheduler=scheduler)
    hook = show_unconditional(scheduler, pipeline.unet)  # on the shared network, so it is taken off again
    result: Image.Image = pipeline(
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        generator=torch.Generator("cpu").manual_seed(request.seed),
        **pipeline_arguments(request, frame_for(request, info.native_size)),
    ).images[0]
    if hook is not None:
        hook.remove()
    return result


def test_events_come_in_order_and_count_right(manager: PipelineManager) -> None:
    events = list(manager.generate(request_for("text_to_image", manager)))
    assert isinstance(events[0], GenerationStarted) and events[0].seeds == (5,) and events[0].total_steps == 5
    steps = [event for event in events if isinstance(event, StepCompleted)]
    assert [event.step for event in steps] == [1, 2, 3, 4, 5]
    assert {event.total_steps for event in steps} == {5}
    assert len({event.preview for event in steps}) >= 4
    assert isinstance(events[-2], ImageFinished) and events[-2].image.size == (64, 64)
    assert isinstance(events[-1], GenerationFinished) and events[-1].seconds > 0


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_and_task_equals_bare_diffusers_bit_for_bit(
    manager: PipelineManager, task: str, name: str
) -> None:
    request = request_for(task, manager, scheduler=name, negative_prompt="rain")
    events = list(manager.generate(request))
    bare = np.asarray(bare_picture(manager, request)).astype(int)
    changed = np.asarray(half_mask()) > 0 if task == "inpaint" else np.ones((64, 64), bool)
    assert (pictures(events)[0][changed] == bare[changed]).all()
    assert (pictures(list(manager.generate(request)))[0] == pictures(events)[0]).all()
    steps = [event for event in events if isinstance(event, StepCompleted)]
    counts = {events[0].total_steps, steps[-1].step, steps[-1].total_steps, len(steps)}  # type: ignore[union-attr]
    assert len(counts) == 1 or (find_sampler(name).sampler.ends_early and len(steps) < events[0].total_steps)  # type: ignore[union-attr]
    assert all(event.preview for event in steps)


def test_without_guidance_it_equals_bare_diffusers_too(manager: PipelineManager) -> None:
    request = request_for("text_to_image", manager, guidance_scale=1.0)
    assert (pictures(list(manager.generate(request)))[0] == np.asarray(bare_picture(manager, request))).all()


def test_a_new_process_makes_the_same_bits(manager: PipelineManager, tiny_model_dir: Path, tmp_path: Path) -> None:
    code = f"""
from pipelines.manager import PipelineManager
from pipelines.request import TextToImageRequest
manager = PipelineManager([{str(tiny_model_dir)!r}])
found = manager.models()[1].id
request = TextToImageRequest(prompt="a boat", seed=5, num_inference_steps=5, model=found, width=64, height=64)
for event in manager.generate(request):
    if hasattr(event, "image"):
        event.image.save({str(tmp_path / "again.png")!r})
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    here = pictures(list(manager.generate(request_for("text_to_image", manager))))[0]
    assert (np.asarray(Image.open(tmp_path / "again.png")) == here).all()


def test_picture_three_of_a_batch_is_the_same_alone(manager: PipelineManager) -> None:
    batch = pictures(list(manager.generate(request_for("text_to_image", manager, num_images_per_prompt=4))))
    alone = pictures(list(manager.generate(request_for("text_to_image", manager, seed=8))))[0]
    difference = np.abs(batch[3] - alone)
    assert difference.max() <= 1 and (difference > 0).mean() <= 1e-3
    assert np.abs(batch[0] - batch[3]).max() > 1, "pictures of a batch differ from each other"


def test_a_batch_larger_than_the_engine_is_whole_and_repeats(manager: PipelineManager) -> None:
    request = request_for("text_to_image", manager, num_images_per_prompt=10, num_inference_steps=2)
    first, second = (pictures(list(manager.generate(request))) for _ in range(2))
    assert len(first) == 10
    assert all((one == two).all() for one, two in zip(first, second, strict=True))


def test_seed_zero_is_ordinary_and_minus_one_is_drawn(manager: PipelineManager) -> None:
    zero = [pictures(list(manager.generate(request_for("text_to_image", manager, seed=0))))[0] for _ in range(2)]
    assert (zero[0] == zero[1]).all()
    drawn = [next(manager.generate(request_for("text_to_image", manager, seed=-1))) for _ in range(2)]
    seeds = [event.seeds[0] for event in drawn if isinstance(event, GenerationStarted)]
    assert seeds[0] != seeds[1] and min(seeds) >= 0


@pytest.mark.parametrize("size", [(64, 64), (104, 72), (72, 200)])
def test_the_result_has_exactly_the_size_asked(manager: PipelineManager, size: tuple[int, int]) -> None:
    width, height = size
    request = request_for("image_to_image", manager, width=width, height=height)
    assert pictures(list(manager.generate(request)))[0].shape == (height, width, 3)


@pytest.mark.parametrize("blur", [0, 5])
def test_inpainting_keeps_everything_outside_the_mask(manager: PipelineManager, blur: int) -> None:
    odd = Image.effect_noise((101, 90), 80).convert("RGB")
    mask = Image.new("L", odd.size)
    mask.paste(255, (40, 30, 80, 70))
    request = InpaintRequest(
        prompt="x",
        image=odd,
        mask_image=mask,
        mask_blur=blur,
        num_inference_steps=3,
        seed=1,
        model=tiny_id(manager),
    )
    result = pictures(list(manager.generate(request)))[0]
    outside = np.asarray(mask) == 0
    assert result.shape == (90, 101, 3)
    assert (result[outside] == np.asarray(odd)[outside]).all()
    assert np.abs(result[45:55, 55:65] - np.asarray(odd).astype(int)[45:55, 55:65]).mean() > 5


def test_a_prompt_longer_than_the_encoder_is_not_cut(manager: PipelineManager) -> None:
    beginning = "one two three four five " * 6
    first, second = (
        pictures(list(manager.generate(request_for("text_to_image", manager, prompt=beginning + end))))[0]
        for end in ("a cat", "a dog")
    )
    assert (first != second).any()


def test_stopping_at_a_random_step_is_quick_and_leaves_the_next_picture_right(
    manager: PipelineManager,
) -> None:
    request = request_for("text_to_image", manager, num_inference_steps=60, num_images_per_prompt=2)
    reference = pictures(list(manager.generate(request_for("text_to_image", manager))))[0]
    chance = random.Random(0)
    for _ in range(30):
        running = manager.generate(request)
        for _ in range(chance.randrange(0, 12)):
            next(running)
        running.close()
    assert (pictures(list(manager.generate(request_for("text_to_image", manager))))[0] == reference).all()
    for thread in threading.enumerate():
        if thread.name.startswith(("reverie-picture", "reverie-run")):
            thread.join(timeout=10)
            assert not thread.is_alive(), f"{thread.name} goes on after its picture was stopped"


def test_a_stopped_picture_takes_at_most_one_more_step(manager: PipelineManager) -> None:
    calls = []
    model = manager._open().load(next(info for info in manager.models() if info.id == tiny_id(manager)))
    counting = model.components["unet"].register_forward_pre_hook(lambda *_: calls.append(1))
    try:
        running = manager.generate(request_for("text_to_image", manager, num_inference_steps=100))
        while not isinstance(next(running), StepCompleted):
            pass
        running.close()
        at_stop = len(calls)
        manager._open()._engine.open_lanes("fence", 1)[0].run(lambda: None)  # the engine has ended what it was in
        list(manager.generate(request_for("text_to_image", manager, num_inference_steps=1)))
        assert len(calls) - at_stop <= 1 + 1
    finally:
        counting.remove()


def test_an_unknown_model_is_refused_with_a_sentence(manager: PipelineManager) -> None:
    with pytest.raises(ModelError, match="'nope'"):
        next(manager.generate(TextToImageRequest(prompt="x", model="nope")))


def test_a_task_the_model_lacks_is_refused(tiny_model_dir: Path) -> None:
    manager = PipelineManager([tiny_model_dir])
    info = manager.models()[1]
    object.__setattr__(info, "tasks", ("inpaint",))
    manager._catalogue.find = lambda model: info  # type: ignore[method-assign]
    with pytest.raises(InvalidRequest, match="text_to_image"):
        next(manager.generate(TextToImageRequest(prompt="x", model=info.id)))


def test_damaged_weights_are_a_sentence_and_the_next_picture_works(
    manager: PipelineManager, tmp_path: Path, tiny_model_dir: Path
) -> None:
    import shutil

    source = next(path.parent for path in tiny_model_dir.rglob("model_index.json"))
    shutil.copytree(source, tmp_path / "models" / "broken")
    for weights in (tmp_path / "models" / "broken").rglob("*.safetensors"):
        weights.write_bytes(weights.read_bytes()[:100])
    broken = PipelineManager([tmp_path / "models"])
    with pytest.raises(ModelError, match="broken"):
        list(broken.generate(TextToImageRequest(prompt="x", model="broken")))
    broken.close()
    assert pictures(list(manager.generate(request_for("text_to_image", manager))))


def test_latents_that_are_not_a_number_are_an_error_not_a_black_picture(manager: PipelineManager) -> None:
    model = manager._open().load(next(info for info in manager.models() if info.id == tiny_id(manager)))
    poison = model.components["unet"].register_forward_hook(lambda module, args, output: (output[0] * float("nan"),))
    try:
        with pytest.raises(Exception, match="not-a-number at step 1"):
            list(manager.generate(request_for("text_to_image", manager)))
    finally:
        poison.remove()
    assert pictures(list(manager.generate(request_for("text_to_image", manager))))


def test_requests_of_all_tasks_run_together_and_keep_their_pictures(manager: PipelineManager) -> None:
    requests = [
        request_for("text_to_image", manager, scheduler="Euler"),
        request_for("text_to_image", manager, scheduler="DDIM", num_inference_steps=9, guidance_scale=3.0, seed=1),
        request_for("image_to_image", manager, scheduler="DPM++ 2M", seed=2),
        request_for("inpaint", manager, scheduler="Heun", seed=3, negative_prompt="rain"),
    ]
    alone = [pictures(list(manager.generate(request)))[0] for request in requests]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda request: pictures(list(manager.generate(request)))[0], requests))
        exact = list(
            pool.map(
                lambda request: pictures(list(manager.generate(request.model_copy(update={"deterministic": True}))))[0],
                requests,
            )
        )
    for one, other, same in zip(alone, together, exact, strict=True):
        assert np.abs(one - other).max() <= 1 and (one != other).mean() <= 1e-3
        assert (one == same).all(), "a deterministic request is bit-identical in company"


def test_a_skipped_picture_is_left_out_and_the_others_are_the_same(manager: PipelineManager) -> None:
    request = request_for("text_to_image", manager, num_images_per_prompt=3, deterministic=True)
    whole = pictures(list(manager.generate(request)))
    control = Control()
    control.skip(1)
    events = list(manager.generate(request, control=control))
    assert [event.index for event in events if isinstance(event, ImageSkipped)] == [1]
    rest = {event.index: np.asarray(event.image) for event in events if isinstance(event, ImageFinished)}
    assert set(rest) == {0, 2} and (rest[0] == whole[0]).all() and (rest[2] == whole[2]).all()


def test_a_paused_picture_stands_still_and_goes_on_to_the_same_bits(manager: PipelineManager) -> None:
    request = request_for("text_to_image", manager, num_inference_steps=12)
    whole = pictures(list(manager.generate(request)))[0]
    control, events = Control(), []
    running = manager.generate(request, control=control)
    while not isinstance(event := next(running), StepCompleted):
        events.append(event)
    control.pause()
    other = list(manager.generate(request_for("text_to_image", manager, seed=77)))  # others go on meanwhile
    assert pictures(other)
    manager._open()._engine.open_lanes("fence", 1)[0].run(lambda: None)
    control.resume()
    events += list(running)
    assert (pictures(events)[0] == whole).all()


def test_changing_the_seed_reruns_only_what_depends_on_it(manager: PipelineManager) -> None:
    model = manager._open().load(next(info for info in manager.models() if info.id == tiny_id(manager)))
    calls = {"text": 0, "encode": 0}

    def counted(name: str) -> Callable[..., None]:
        return lambda *_: calls.update({name: calls[name] + 1})

    counting = model.components["text_encoder"].register_forward_pre_hook(counted("text"))
    encoding = model.components["vae"].encoder.register_forward_pre_hook(counted("encode"))
    try:
        first = pictures(list(manager.generate(request_for("image_to_image", manager, prompt="quite new", seed=1))))[0]
        after_first = dict(calls)
        pictures(list(manager.generate(request_for("image_to_image", manager, prompt="quite new", seed=2))))
        again = pictures(list(manager.generate(request_for("image_to_image", manager, prompt="quite new", seed=1))))[0]
        assert after_first["text"] > 0 and calls == after_first
        assert (first == again).all(), "what comes from the cache is bit-identical"
    finally:
        counting.remove()
        encoding.remove()
