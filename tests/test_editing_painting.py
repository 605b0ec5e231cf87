"""Edits as the manager paints them: steps, latents, softness, and pixels that stay bit for bit."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from pipelines.errors import InvalidRequest, ReverieError
from pipelines.events import GenerationStarted, ImageFinished, StepCompleted
from pipelines.framing import frame_for
from pipelines.loopback import Loopback
from pipelines.manager import PipelineManager
from pipelines.models import STARTER_ID
from pipelines.outpainting import grow_canvas, outpaint
from pipelines.picture import pipeline_arguments
from pipelines.request import GenerationRequest, ImageToImageRequest, InpaintRequest
from pipelines.schedulers import build_scheduler
from pipelines.soft_inpainting import held, soften_steps
from pipelines.starting_latents import encode, refuse_other_latents, start_from
from tests.sampling import generator_for
from tests.tiny_families import make_sd

START = Image.effect_noise((64, 64), 90).convert("RGB")
SAMPLERS = ("Euler", "Euler a", "DPM++ 2M", "Heun", "PLMS", "DPM++ SDE", "UniPC", "DDIM", "Restart")


@pytest.fixture(scope="module")
def manager(tiny_model_dir: Path) -> Iterator[PipelineManager]:
    manager = PipelineManager([tiny_model_dir])
    yield manager
    manager.close()


def half(box: tuple[int, int, int, int] = (32, 0, 64, 64)) -> Image.Image:
    mask = Image.new("L", START.size)
    mask.paste(255, box)
    return mask


def image(manager: PipelineManager, **values: Any) -> ImageToImageRequest:
    given = {"prompt": "a boat", "seed": 5, "num_inference_steps": 5, "image": START, "strength": 0.7}
    return ImageToImageRequest(**(given | {"model": manager.models()[1].id} | values))


def inpaint(manager: PipelineManager, **values: Any) -> InpaintRequest:
    given = {"prompt": "a boat", "seed": 5, "num_inference_steps": 5, "image": START, "strength": 0.7}
    given |= {"mask_image": half(), "mask_blur": 0, "model": manager.models()[1].id}
    return InpaintRequest(**(given | values))


def paint(manager: PipelineManager, request: GenerationRequest) -> np.ndarray:
    finished = [event for event in manager.generate(request) if isinstance(event, ImageFinished)]
    return np.asarray(finished[0].image)


def pipeline_for(manager: PipelineManager, request: GenerationRequest) -> Any:
    info = next(info for info in manager.models() if info.id == request.model)
    model = manager._open().load(info)
    return model.pipeline(request.task, scheduler=build_scheduler(request.scheduler, model.scheduler_config, seed=5))


@pytest.mark.parametrize("scheduler", ["Euler", "DPM++ 2M Karras", "DDIM"])
def test_exact_steps_run_as_many_as_asked_and_the_others_a_share(manager: PipelineManager, scheduler: str) -> None:
    for exact, steps in ((False, 3), (True, 10)):
        request = image(manager, num_inference_steps=10, strength=0.35, exact_steps=exact, scheduler=scheduler)
        events = list(manager.generate(request))
        assert sum(isinstance(event, StepCompleted) for event in events) == steps
        assert [event.total_steps for event in events if isinstance(event, GenerationStarted)] == [steps]


def test_a_latent_upscale_begins_from_stretched_latents(manager: PipelineManager) -> None:
    request = image(manager, image=START.crop((0, 0, 64, 32)), width=128, height=128, resize_mode="latent")
    frame, pipeline = frame_for(request, 64), pipeline_for(manager, request)
    made = start_from(request, frame, pipeline, generator_for(5))["image"]
    own = encode(pipeline, request.image, generator_for(5))
    assert own.shape == (1, 4, 4, 8) and made.shape == (1, 4, 16, 16)
    assert torch.equal(made, torch.nn.functional.interpolate(own, (16, 16), mode="bilinear"))
    pictures = [paint(manager, request.model_copy(update={"resize_mode": mode})) for mode in ("latent", "resize")]
    assert [one.shape for one in pictures] == [(128, 128, 3)] * 2 and (pictures[0] != pictures[1]).any()


def test_each_masked_content_is_what_it_is_called(manager: PipelineManager) -> None:
    pipeline = pipeline_for(manager, inpaint(manager))

    def latents(content: str) -> torch.Tensor:
        request = inpaint(manager, masked_content=content)
        frame = frame_for(request, 64)
        made = start_from(request, frame, pipeline, generator_for(5))
        return made["image"] if made else encode(pipeline, frame.working_image, generator_for(5))

    original, filled, noise, nothing = map(latents, ("original", "fill", "latent_noise", "latent_nothing"))
    for one in (noise, nothing):
        assert torch.equal(one[..., :4], original[..., :4]), "what is kept is the picture's"
    assert (nothing[..., 4:] == 0).all() and not torch.equal(filled[..., 4:], original[..., 4:])
    assert abs(float(noise[..., 4:].mean())) < 0.4 and 0.7 < float(noise[..., 4:].std()) < 1.3

    contents = ("original", "fill", "latent_noise", "latent_nothing")
    pictures = [paint(manager, inpaint(manager, masked_content=content)) for content in contents]
    assert len({picture.tobytes() for picture in pictures}) == 4
    for picture in pictures:
        assert (picture[:, :32] == np.asarray(START)[:, :32]).all()
    full = [paint(manager, inpaint(manager, masked_content=one, strength=1.0)) for one in ("original", "latent_noise")]
    assert (full[0] == full[1]).all(), "from noise alone it does not matter"


def test_what_is_not_asked_for_is_not_given_to_the_pipeline(manager: PipelineManager) -> None:
    for request in (image(manager), inpaint(manager), inpaint(manager, masked_content="fill", padding_mask_crop=4)):
        frame, pipeline = frame_for(request, 64), pipeline_for(manager, request)
        generator = generator_for(5)
        before = generator.get_state()
        assert (
            start_from(request, frame, pipeline, generator) == soften_steps(request, frame, pipeline, generator) == {}
        )
        assert torch.equal(before, generator.get_state())
        assert pipeline_arguments(request, frame, pipeline)["num_inference_steps"] == 5


def test_latents_are_held_for_the_share_of_the_steps_that_their_mask_says() -> None:
    share = torch.tensor([0.0, 0.25, 0.5, 1.0])
    free = [[not bool(one) for one in held(share, done, 4)] for done in range(5)]
    assert free == [
        [False, False, False, True],
        [False, False, False, True],
        [False, False, True, True],
        [False, True, True, True],
        [True, True, True, True],
    ]


@pytest.mark.parametrize("strength", [1.0, 0.8])
@pytest.mark.parametrize("scheduler", SAMPLERS)
def test_soft_inpainting_holds_the_noised_original(manager: PipelineManager, scheduler: str, strength: float) -> None:
    """What the network is shown after each step, where the mask says so, is the picture with noise of that step."""
    slope = Image.linear_gradient("L").resize((64, 64))
    request = inpaint(
        manager, mask_image=slope, soft_inpainting=True, num_inference_steps=8, strength=strength, scheduler=scheduler
    )
    pipeline, frame = pipeline_for(manager, request), frame_for(request, 64)
    original = encode(pipeline, START, generator_for(5))
    generator = generator_for(5)
    arguments = soften_steps(request, frame, pipeline, generator)
    callback, distances = arguments.pop("callback_on_step_end"), []

    def watched(pipe: Any, index: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        given = tensors["latents"].clone()
        result = callback(pipe, index, timestep, tensors)
        changed = (result["latents"] != given).any(1)[0].any(1)
        distances.append(int(changed.sum()))
        return result

    result = pipeline(
        **pipeline_arguments(request, frame, pipeline),
        **arguments,
        callback_on_step_end=watched,
        prompt="a boat",
        generator=generator,
        output_type="latent",
    ).images
    assert torch.isfinite(result).all() and original.shape == result.shape
    assert distances[-1] == 0 and distances[0] >= 5 and sorted(distances, reverse=True) == distances


def test_soft_inpainting_changes_more_where_the_mask_is_whiter(manager: PipelineManager) -> None:
    slope = Image.linear_gradient("L").rotate(90).resize((64, 64))
    softly = [
        paint(manager, inpaint(manager, mask_image=slope, soft_inpainting=True, num_inference_steps=12, seed=seed))
        for seed in range(4)
    ]
    spread = np.stack(softly).astype(float).std(0).mean((0, 2))
    quarters = spread.reshape(4, 16).mean(1)
    black = np.asarray(slope) == 0
    assert all((one[black] == np.asarray(START)[black]).all() for one in softly)
    assert quarters[3] > quarters[0] and np.corrcoef(np.arange(64), spread)[0, 1] > 0.3


def test_flow_models_refuse_what_needs_other_latents() -> None:
    with pytest.raises(InvalidRequest, match=r"^soft_inpainting is true, which needs a Stable Diffusion 1, 2 or XL "):
        refuse_other_latents(object(), "soft_inpainting", True)


def test_an_outpainted_picture_keeps_its_middle(manager: PipelineManager) -> None:
    request = outpaint(
        START, left=24, top=8, seam=8, prompt="a boat", model=manager.models()[1].id, num_inference_steps=3
    )
    result = paint(manager, request)
    assert result.shape == (72, 88, 3) and (result[16:, 32:] == np.asarray(START)[8:, 8:]).all()


def test_loopback_gives_each_picture_to_the_next_turn(manager: PipelineManager) -> None:
    loop = Loopback(image(manager, seed=-1), 3, 0.9)
    asked: list[ImageToImageRequest] = []

    def generate(request: ImageToImageRequest) -> Any:
        asked.append(request)
        return manager.generate(request)

    made = [(turn, event) for turn, event in loop.play(generate) if isinstance(event, ImageFinished)]
    assert [turn for turn, _ in made] == [0, 1, 2] and len(asked) == 3
    for (_, before), request in zip(made, asked[1:], strict=False):
        assert request.image.tobytes() == before.image.tobytes()
    assert [event.seed for _, event in made] == [(made[0][1].seed + turn) % 2**32 for turn in range(3)]


@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
def test_each_side_grows_and_only_it_is_painted(manager: PipelineManager, side: str) -> None:
    """By the starter: the old picture stays bit for bit but for the seam, and the new room is no copy of its edge."""
    old = Image.effect_noise((96, 96), 60).convert("RGB")
    request = outpaint(old, **{side: 32}, seam=8, prompt="a red circle", num_inference_steps=4, seed=3)
    result = paint(manager, request)
    across, down = (32, 0) if side in ("left", "right") else (0, 32)
    assert result.shape == (96 + down, 96 + across, 3)
    grown = np.asarray(request.image)
    kept = np.zeros(result.shape[:2], dtype=bool)
    left, top = 40 * (side == "left"), 40 * (side == "top")
    kept[top : 128 - 40 if side == "bottom" else None, left : 128 - 40 if side == "right" else None] = True
    assert int(kept.sum()) == 96 * 88
    assert (result[kept] == grown[kept]).all()
    new = np.asarray(grow_canvas(old, **{side: 32}, seam=0).mask_image) == 255
    assert int(new.sum()) == 96 * 32
    assert np.abs(result[new].astype(int) - grown[new]).mean() > 5, "something was painted"
    assert result[new].astype(float).std() > 5


def test_a_nine_channel_model_is_known_for_what_it_is_and_sees_the_mask(tmp_path: Path) -> None:
    make_sd(channels=9, seed_class="StableDiffusionInpaintPipeline").save_pretrained(
        tmp_path / "nine", safe_serialization=True
    )
    manager = PipelineManager([tmp_path])
    try:
        info = manager.models()[1]
        assert info.tasks == ("inpaint",)
        seen: list[torch.Tensor] = []
        loaded = manager._open().load(info).components["unet"]
        hook = loaded.register_forward_pre_hook(lambda _unet, args: seen.append(args[0].detach().clone()))
        whole = {"strength": 1.0, "mask_blur": 6}
        kinds: tuple[dict[str, Any], ...] = (
            {},
            {"masked_content": "latent_noise"},
            {"soft_inpainting": True},
            whole,
        )
        for values in kinds:
            result = paint(manager, inpaint(manager, num_inference_steps=3, **values))
            assert (result[:, :32] == np.asarray(START)[:, :32]).all(), values
            assert (result[:, 40:] != np.asarray(START)[:, 40:]).mean() > 0.5, values
        hook.remove()
        assert seen and all(one.shape[1] == 9 for one in seen)
        mask = seen[0][:, 4]
        assert (mask[..., :4] == 0).all() and (mask[..., 4:] == 1).all(), "the fifth channel is the mask"
        with pytest.raises(ReverieError, match=r"nine.*cannot do image_to_image"):
            list(manager.generate(image(manager)))
    finally:
        manager.close()


@pytest.mark.parametrize("edits", [5, pytest.param(50, marks=pytest.mark.slow)])
def test_pixels_that_no_mask_ever_covered_stay_bit_for_bit(manager: PipelineManager, edits: int) -> None:
    """Chained inpaints with every mode, by the starter, on one picture; masks are blobs in its left two thirds."""
    random = np.random.default_rng(edits)
    first = picture = Image.fromarray(random.integers(0, 256, (90, 101, 3), dtype=np.uint8), "RGB")
    covered = np.zeros((90, 101), dtype=bool)
    choose = partial(random.choice, shuffle=False)
    for edit in range(edits):
        mask = Image.new("L", picture.size)
        x, y, radius = int(random.integers(0, 60)), int(random.integers(0, 90)), int(random.integers(2, 12))
        ImageDraw.Draw(mask).ellipse(
            (x - radius, y - radius, x + radius, y + radius), fill=int(random.integers(60, 256))
        )
        inverted = bool(random.integers(0, 2))
        request = inpaint(
            manager,
            model=STARTER_ID,
            image=picture,
            mask_image=Image.eval(mask, lambda level: 255 - level) if inverted else mask,
            invert_mask=inverted,
            mask_blur=int(random.integers(0, 20)),
            masked_content=str(choose(["original", "fill", "latent_noise", "latent_nothing"])),
            padding_mask_crop=choose([None, 0, 16]),
            soft_inpainting=bool(random.integers(0, 2)),
            color_correction=bool(random.integers(0, 2)),
            strength=float(choose([0.6, 1.0])),
            num_inference_steps=2,
            seed=edit,
        )
        covered |= np.asarray(mask) > 0
        picture = Image.fromarray(paint(manager, request), "RGB")
        same = np.asarray(picture)[~covered] == np.asarray(first)[~covered]
        assert same.all(), f"edit {edit} touched {int((~same).sum())} values outside every mask"
    assert picture.size == first.size and 0.01 < covered.mean() < 0.7
    assert (np.asarray(picture)[covered] != np.asarray(first)[covered]).mean() > 0.5
