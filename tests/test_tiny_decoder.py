"""The finer previews are the small decoder's own pictures, cost no company, and change no finished picture."""

from __future__ import annotations

import io
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import diffusers
import numpy as np
import pytest
import torch
from diffusers import AutoencoderTiny
from PIL import Image

from pipelines.denoiser import Engine
from pipelines.errors import ModelError
from pipelines.events import ImageFinished, StepCompleted
from pipelines.manager import PipelineManager
from pipelines.previews import to_jpeg, watch_clean_guess
from pipelines.request import TextToImageRequest
from pipelines.tiny_decoder import FinePreviews
from tests.test_sharing_families import batches_of, together

REQUEST = TextToImageRequest(prompt="a boat", seed=5, num_inference_steps=6, width=64, height=96, model="tiny")


def make_decoder(channels: int = 4) -> AutoencoderTiny:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = AutoencoderTiny(
            encoder_block_out_channels=(8,) * 4,
            decoder_block_out_channels=(8,) * 4,
            num_encoder_blocks=(1,) * 4,
            num_decoder_blocks=(1,) * 4,
            latent_channels=channels,
            scaling_factor=0.8,
            shift_factor=0.1,
        ).eval()
    last = network.decoder.layers[-1]
    with torch.no_grad():  # random weights paint almost black: brighter, and with contrast
        last.weight.mul_(20.0)
        last.bias.fill_(0.5)
    return network


@pytest.fixture
def models(tiny_model_dir: Path, tmp_path: Path) -> Path:
    shutil.copytree(tiny_model_dir, tmp_path / "tiny")
    make_decoder().save_pretrained(tmp_path / "tiny" / "taesd", safe_serialization=True)
    return tmp_path


def run(models: Path, previews: bool | Literal["fine"]) -> tuple[list[bytes | None], np.ndarray[Any, Any]]:
    manager = PipelineManager([models], previews=previews)
    try:
        events = list(manager.generate(REQUEST))
    finally:
        manager.close()
    (picture,) = (event.image for event in events if isinstance(event, ImageFinished))
    return [event.preview for event in events if isinstance(event, StepCompleted)], np.asarray(picture)


def decoded(jpeg: bytes | None) -> np.ndarray[Any, Any]:
    assert jpeg is not None
    return np.asarray(Image.open(io.BytesIO(jpeg))).astype(int)


def guesses(models: Path) -> list[torch.Tensor]:
    """The clean guesses of the same picture in diffusers alone."""
    pipeline = diffusers.StableDiffusionPipeline.from_pretrained(models / "tiny", safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler = diffusers.EulerDiscreteScheduler.from_config(pipeline.scheduler.config)
    seen: list[torch.Tensor] = []
    watch_clean_guess(pipeline.scheduler, seen.append)
    pipeline(
        prompt=REQUEST.prompt,
        negative_prompt="",
        num_inference_steps=6,
        guidance_scale=REQUEST.guidance_scale,
        width=64,
        height=96,
        generator=torch.Generator("cpu").manual_seed(5),
    )
    return seen


@torch.no_grad()
def test_each_preview_is_the_decoders_own_picture(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.tiny_decoder.SECONDS_APART", 0.0)
    previews, _ = run(models, "fine")
    decoder, seen = AutoencoderTiny.from_pretrained(models / "tiny" / "taesd"), guesses(models)
    assert len(previews) == len(seen) == 6
    for preview, guess in zip(previews, seen, strict=True):
        own = decoder.decode(guess / 0.8 + 0.1).sample[0].permute(1, 2, 0)
        expected = ((own / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8).numpy()
        assert preview == to_jpeg(Image.fromarray(expected)), "the same as the decoder's, through the same JPEG"
    assert np.abs(decoded(previews[0]) - decoded(previews[-1])).mean() > 3, "other guesses look otherwise"


def test_the_finished_picture_is_the_same_bits_with_either_and_with_none(models: Path) -> None:
    choices: tuple[bool | Literal["fine"], ...] = ("fine", True, False)
    runs = {choice: run(models, choice) for choice in choices}
    assert (runs["fine"][1] == runs[True][1]).all() and (runs[False][1] == runs[True][1]).all()
    assert decoded(runs["fine"][0][0]).shape == (96, 64, 3)
    assert {decoded(preview).shape for preview in runs[True][0]} == {(12, 8, 3)}, "the linear one stays the default"
    assert set(runs[False][0]) == {None}


def test_without_the_folder_fine_previews_are_the_linear_ones(tiny_model_dir: Path) -> None:
    previews, _ = run(tiny_model_dir.parent, "fine")
    assert [decoded(preview).shape for preview in previews] == [(12, 8, 3)] * 6


def test_requests_go_on_sharing_steps_while_their_previews_are_decoded(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.tiny_decoder.SECONDS_APART", 0.0)
    manager = PipelineManager([models], previews="fine")
    try:
        network = manager._open().load(manager._catalogue.find("tiny")).components["unet"]
        requests = [REQUEST.model_copy(update={"seed": seed, "num_inference_steps": 12}) for seed in (1, 2)]
        with batches_of(network) as sizes:
            together(manager, requests)
        assert sum(sizes) == 2 * 12 * 2
        assert sum(size == 4 for size in sizes) >= 8, sizes
    finally:
        manager.close()


@pytest.mark.parametrize("fault", ["config", "weights", "channels"])
def test_a_damaged_decoder_is_a_sentence_with_a_way_out(models: Path, fault: str) -> None:
    folder = models / "tiny" / "taesd"
    if fault == "channels":
        make_decoder(16).save_pretrained(folder, safe_serialization=True)
    else:
        damaged = next(folder.glob("*.json" if fault == "config" else "*.safetensors"))
        damaged.write_bytes(damaged.read_bytes()[:20])
    with pytest.raises(ModelError, match=r"^the taesd of model 'tiny' .*remove the folder 'taesd'\.$"):
        run(models, "fine")


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = Engine()
    yield engine
    engine.close()


def test_the_newest_guess_is_drawn_and_those_between_are_never_decoded(engine: Engine) -> None:
    seconds = iter([0.0, 0.05, 0.11, 0.2, 0.2, 0.3])  # read before a preview that may be too soon, and after each
    decoder, threads = make_decoder(), []
    decoder.decoder.register_forward_pre_hook(lambda *_: threads.append(threading.current_thread().name))
    drawn = FinePreviews(decoder, engine.open_lanes("one", 1)[0], lambda guess: b"", clock=lambda: next(seconds))
    with torch.no_grad():
        previews = [drawn.draw(torch.full((1, 4, 8, 8), float(step))) for step in range(5)]
    assert [preview is not None for preview in previews] == [True, False, False, True, False]
    assert threads == ["reverie-engine"] * 2


def test_a_large_picture_has_a_preview_of_512_pixels(engine: Engine) -> None:
    drawn = FinePreviews(make_decoder(), engine.open_lanes("one", 1)[0], lambda guess: b"")
    assert decoded(drawn.draw(torch.zeros(1, 4, 96, 128))).shape == (384, 512, 3)


def test_where_memory_does_not_suffice_the_linear_one_is_drawn(engine: Engine) -> None:
    decoder = make_decoder()

    def refuse(*_: Any) -> None:
        raise torch.OutOfMemoryError("out of memory")

    decoder.decoder.register_forward_pre_hook(refuse)
    drawn = FinePreviews(decoder, engine.open_lanes("one", 1)[0], lambda guess: b"linear")
    assert drawn.draw(torch.zeros(1, 4, 8, 8)) == b"linear"


def test_a_decoder_that_overflows_still_draws(engine: Engine) -> None:
    drawn = FinePreviews(make_decoder(), engine.open_lanes("one", 1)[0], lambda guess: b"")
    assert decoded(drawn.draw(torch.full((1, 4, 8, 8), float("nan")))).shape == (64, 64, 3)
