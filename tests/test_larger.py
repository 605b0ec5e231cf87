"""Larger pictures: hires fix is both passes made by hand, tiles leave no seam, and what cannot be is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionImg2ImgPipeline, StableDiffusionPipeline
from PIL import Image
from torch.nn import functional as F

from pipelines.control import Control
from pipelines.errors import InvalidRequest, ModelError
from pipelines.events import GenerationEvent, GenerationStarted, ImageFinished, StepCompleted
from pipelines.manager import PipelineManager
from pipelines.request import ImageToImageRequest, InpaintRequest, TextToImageRequest
from pipelines.schedulers import build_scheduler
from pipelines.tiled_painting import tile_request
from pipelines.upscaling.enlarging import count_tiles, enlarge
from pipelines.upscaling.esrgan_file import load_upscaler
from pipelines.upscaling.tiles import plan_tiles
from tests.tiny_upscalers import SMALL, random_network, save_real_esrgan

FIRST: dict[str, Any] = {"prompt": "a boat", "seed": 5, "num_inference_steps": 3, "width": 64, "height": 72}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("larger")
    save_real_esrgan(random_network(SMALL), folder / "ESRGAN" / "sharp_x4.safetensors")
    return folder


@pytest.fixture(scope="module")
def manager(models: Path, tiny_model_dir: Path) -> Iterator[PipelineManager]:
    manager = PipelineManager([tiny_model_dir, models])
    yield manager
    manager.close()


@pytest.fixture(scope="module")
def tiny(manager: PipelineManager) -> str:
    return manager.models()[1].id


def picture(events: Iterator[GenerationEvent]) -> Image.Image:
    return next(event.image for event in events if isinstance(event, ImageFinished))


@pytest.mark.parametrize("upscaler", ["Lanczos", "Nearest", "sharp_x4"])
def test_hires_fix_is_both_passes_made_by_hand(manager: PipelineManager, tiny: str, upscaler: str) -> None:
    request = TextToImageRequest(
        **FIRST,
        model=tiny,
        guidance_scale=3.0,
        hires_scale=1.6,
        hires_steps=4,
        hires_strength=0.5,
        hires_scheduler="DPM++ 2M Karras",
        hires_upscaler=upscaler,
    )
    events = list(manager.generate(request))
    made = picture(iter(events))
    assert made.size == (96, 112)  # 1.6 times, down to multiples of 8
    started = next(event for event in events if isinstance(event, GenerationStarted))
    steps = [event.step for event in events if isinstance(event, StepCompleted)]
    assert steps == list(range(1, 8))
    assert started.total_steps == 7

    first = picture(manager.generate(TextToImageRequest(**FIRST, model=tiny, guidance_scale=3.0)))
    if upscaler == "sharp_x4":
        network = load_upscaler(manager.catalogue.find_upscaler(upscaler).path, torch.float32, torch.device("cpu"))
        larger = enlarge(first, network, lambda work: work()).resize(made.size, Image.Resampling.LANCZOS)
    else:
        kind = Image.Resampling.LANCZOS if upscaler == "Lanczos" else Image.Resampling.NEAREST
        larger = first.resize(made.size, kind)
    second = ImageToImageRequest(
        prompt="a boat",
        seed=5,
        model=tiny,
        guidance_scale=3.0,
        image=larger,
        strength=0.5,
        num_inference_steps=4,
        exact_steps=True,
        scheduler="DPM++ 2M Karras",
    )
    assert picture(manager.generate(second)).tobytes() == made.tobytes()
    assert made.tobytes() != larger.tobytes()


@pytest.mark.parametrize(
    ("upscaler", "mode", "antialias"),
    [
        ("Latent", "bilinear", False),
        ("Latent (bicubic antialiased)", "bicubic", True),
        ("latent (nearest-exact)", "nearest-exact", False),
    ],
)  # fmt: skip
def test_latents_are_enlarged_as_a_bare_pipeline_would(
    manager: PipelineManager, tiny: str, tiny_model_dir: Path, upscaler: str, mode: str, antialias: bool
) -> None:
    request = TextToImageRequest(
        **FIRST, model=tiny, guidance_scale=3.0, hires_scale=2.0, hires_strength=0.6, hires_upscaler=upscaler
    )
    made = picture(manager.generate(request))
    bare = StableDiffusionPipeline.from_pretrained(tiny_model_dir)
    bare.set_progress_bar_config(disable=True)
    original = dict(bare.scheduler.config)
    bare.scheduler = build_scheduler("Euler", original, seed=5)
    told: dict[str, Any] = {"prompt": "a boat", "guidance_scale": 3.0, "output_type": "latent"}
    size = {"width": 64, "height": 72, "num_inference_steps": 3}
    latents = bare(**told, **size, generator=torch.Generator().manual_seed(5)).images
    wanted = (144 // (64 // latents.shape[-1]), 128 // (64 // latents.shape[-1]))
    larger = F.interpolate(latents, size=wanted, mode=mode, antialias=antialias)
    second = StableDiffusionImg2ImgPipeline(**bare.components, requires_safety_checker=False)
    second.set_progress_bar_config(disable=True)
    second.scheduler = build_scheduler("Euler", original, seed=5)
    by_hand = second(
        "a boat", image=larger, strength=0.6, guidance_scale=3.0, num_inference_steps=5,
        generator=torch.Generator().manual_seed(5),
    ).images[0]  # fmt: skip
    assert made.size == (128, 144)
    assert np.abs(np.asarray(made, int) - np.asarray(by_hand, int)).max() == 0


def test_a_second_pass_has_its_own_size_and_without_one_nothing_changes(manager: PipelineManager, tiny: str) -> None:
    plain = picture(manager.generate(TextToImageRequest(**FIRST, model=tiny)))
    same = TextToImageRequest(**FIRST, model=tiny, hires_scale=1.0, hires_steps=9, hires_upscaler="Latent")
    assert picture(manager.generate(same)).tobytes() == plain.tobytes()
    sized = TextToImageRequest(**FIRST, model=tiny, hires_width=104, hires_height=80, hires_strength=1.0)
    assert picture(manager.generate(sized)).size == (104, 80)


def test_each_picture_of_a_batch_is_the_one_made_alone(manager: PipelineManager, tiny: str) -> None:
    values = FIRST | {"model": tiny, "hires_scale": 1.5, "hires_steps": 2, "deterministic": True}
    both = TextToImageRequest(**values, num_images_per_prompt=2)
    images = [event.image for event in manager.generate(both) if isinstance(event, ImageFinished)]
    alone = picture(manager.generate(TextToImageRequest(**values | {"seed": 6})))
    assert alone.tobytes() in [image.tobytes() for image in images]


def test_a_picture_in_tiles_is_its_tiles_melted_together(manager: PipelineManager, tiny: str) -> None:
    begin = Image.linear_gradient("L").resize((72, 64)).convert("RGB")
    request = ImageToImageRequest(
        prompt="a boat", seed=5, num_inference_steps=4, strength=0.5, model=tiny, image=begin, tile_scale=2,
        tile_size=96, tile_overlap=32,
    )  # fmt: skip
    events = list(manager.generate(request))
    made = picture(iter(events))
    boxes = plan_tiles((144, 128), 96, 32)
    assert made.size == (144, 128)
    assert len(boxes) == 4
    assert [event.step for event in events if isinstance(event, StepCompleted)] == list(range(1, 9))
    larger = begin.resize((144, 128), Image.Resampling.LANCZOS)
    tiles = [picture(manager.generate(tile_request(request, larger.crop(box)))) for box in boxes]
    corner = np.asarray(made)[: 128 - 96, : 144 - 96]  # what only the first tile covers
    assert (corner == np.asarray(tiles[0])[: 128 - 96, : 144 - 96]).all()


def seams(image: Image.Image, places: list[int]) -> float:
    """How much steeper the picture is across certain columns than across the others, 1 = not at all."""
    pixels = np.asarray(image.convert("L"), np.float64)
    steps = np.abs(np.diff(pixels, axis=1)).mean(axis=0)
    there = np.zeros(len(steps), bool)
    for place in places:
        there[max(0, place - 2) : place + 2] = True
    return float(steps[there].max() / np.percentile(steps[~there], 95))


def test_tiles_leave_no_seam_that_shows_in_the_pixels() -> None:
    manager = PipelineManager([])
    try:
        first = TextToImageRequest(prompt="a yellow moon in a dark night sky", seed=3, num_inference_steps=8)
        begin = picture(manager.generate(first))
        side = begin.width
        values: dict[str, Any] = {
            "prompt": first.prompt, "seed": 3, "num_inference_steps": 8, "strength": 0.4, "image": begin,
            "tile_scale": 2, "tile_size": side, "tile_overlap": side // 4,
        }  # fmt: skip
        made = picture(manager.generate(ImageToImageRequest(**values)))
        edges = sorted({edge for box in plan_tiles(made.size, side, side // 4) for edge in (box.left, box.right)})
        inner = [edge for edge in edges if 0 < edge < made.width]
        assert seams(made, inner) < 1.5, "a column at a tile's edge is no steeper than the picture's own"
        butted = made.copy()  # the same tiles side by side show that the measure would see a seam
        request = ImageToImageRequest(**values | {"seed": 77})
        larger = begin.resize(made.size, Image.Resampling.LANCZOS)
        half = picture(manager.generate(tile_request(request, larger.crop((side, 0, 2 * side, side)))))
        butted.paste(half, (side, 0))
        butted.paste(half, (side, side))
        assert seams(butted, [side]) > seams(made, inner)
    finally:
        manager.close()


@pytest.mark.parametrize(("upscaler", "scale"), [("Lanczos", 2), ("Nearest", 1.5), ("sharp_x4", 3)])
def test_strength_nothing_enlarges_by_the_upscaler_alone_and_loads_no_model(
    models: Path, upscaler: str, scale: float
) -> None:
    manager = PipelineManager([models])
    try:
        begin = Image.effect_noise((210, 51), 90).convert("RGB")
        request = ImageToImageRequest(
            prompt="a boat", seed=9, image=begin, strength=0, tile_scale=scale, tile_upscaler=upscaler,
            num_images_per_prompt=2, deterministic=True,
        )  # fmt: skip
        events = list(manager.generate(request))
        finished = [event for event in events if isinstance(event, ImageFinished)]
        size = (int(210 * scale), int(51 * scale))
        assert [(event.seed, event.image.size) for event in finished] == [(9, size), (10, size)]
        steps = [event.step for event in events if isinstance(event, StepCompleted)]
        assert steps == list(range(1, (count_tiles(begin.size) if upscaler == "sharp_x4" else 1) + 1))
        if upscaler != "sharp_x4":
            kind = Image.Resampling.LANCZOS if upscaler == "Lanczos" else Image.Resampling.NEAREST
            assert finished[0].image.tobytes() == begin.resize(size, kind).tobytes()
        assert manager.kept() == []
    finally:
        manager.close()


def test_enlarging_is_cancelled_within_a_tile(manager: PipelineManager) -> None:
    image = Image.effect_noise((400, 400), 90).convert("RGB")
    request = ImageToImageRequest(prompt="a boat", image=image, strength=0, tile_scale=4, tile_upscaler="sharp_x4")
    events = manager.generate(request)
    for event in events:
        if isinstance(event, StepCompleted):
            assert event.total_steps == count_tiles(image.size)
            break
    events.close()
    control = Control()
    control.skip(0)
    assert not any(isinstance(event, ImageFinished) for event in manager.generate(request, control=control))


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"hires_scale": 5}, "hires_scale is 5; it must be a number from 1 to 4."),
        ({"hires_scale": float("nan")}, "hires_scale is nan"),
        ({"hires_scale": True}, "hires_scale is 'True'"),
        ({"hires_width": 256}, "hires_width is given without hires_height"),
        ({"hires_scale": 4, "width": 2048, "height": 512}, "which makes 8192 × 2048 pixels of 2048 × 512"),
        ({"hires_scale": 2, "hires_steps": 100, "hires_strength": 0.05}, "too little for 100 steps; raise it to 0.1."),
        ({"hires_scale": 2, "hires_scheduler": "Oiler"}, "Oiler"),
        ({"hires_scale": 2, "refiner": "r"}, "cannot both follow the first pass"),
    ],
)
def test_a_second_pass_that_cannot_be_is_refused_in_a_sentence(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        TextToImageRequest(prompt="a boat", **values)
    assert sentence in str(refusal.value)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"tile_scale": 9}, "tile_scale is 9; it must be a number from 1 to 8."),
        ({"tile_scale": 2, "tile_size": 64, "tile_overlap": 40}, "more than half of tile_size, which is 64; lower it"),
        ({"tile_scale": 8, "width": 2048, "height": 2048}, "million are the most; lower it."),
        ({"tile_scale": 2, "refiner": "r"}, "a refiner does not paint tiles"),
    ],
)  # fmt: skip
def test_tiles_that_cannot_be_are_refused_in_a_sentence(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        ImageToImageRequest(prompt="a boat", image=Image.new("RGB", (64, 64)), **values)
    assert sentence in str(refusal.value)


def test_an_inpainted_picture_keeps_its_size() -> None:
    image, mask = Image.new("RGB", (64, 64)), Image.new("L", (64, 64), 255)
    with pytest.raises(InvalidRequest, match="an inpainted picture keeps its size"):
        InpaintRequest(prompt="a boat", image=image, mask_image=mask, tile_scale=2)


def test_an_upscaler_that_is_not_there_is_named_before_the_first_step(manager: PipelineManager, tiny: str) -> None:
    request = TextToImageRequest(**FIRST, model=tiny, hires_scale=2, hires_upscaler="missing_x4")
    with pytest.raises(ModelError, match=r"^Upscaler 'missing_x4' is not installed; use 'sharp_x4'"):
        list(manager.generate(request))
    image = Image.new("RGB", (64, 64))
    tiled = ImageToImageRequest(prompt="x", image=image, model=tiny, tile_scale=2, tile_upscaler="Latent")
    with pytest.raises(InvalidRequest, match="tile_upscaler is 'Latent', and there are no latents"):
        list(manager.generate(tiled))
