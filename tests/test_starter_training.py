"""The trainer, once through everything in seconds; what comes out loads and draws, however badly."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler

from pipelines.starter import judge
from pipelines.starter.denoiser import Artist, denoising_loss, train_denoiser
from pipelines.starter.latents import encoded, make_lesson, standardize
from pipelines.starter.network import new_autoencoder, new_scheduler, new_text_encoder, new_unet
from pipelines.starter.pictures import painted_batches
from pipelines.starter.settings import Settings
from pipelines.starter.train import main
from pipelines.starter.vocabulary import train_tokenizer


@pytest.fixture(autouse=True)
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_trains_from_nothing_and_goes_on_after_a_stop(tmp_path) -> None:
    work, weights = tmp_path / "work", tmp_path / "weights"
    command = ["--tiny", "--work", str(work), "--weights", str(weights), "--workers", "0"]
    main(command)
    losses = {path.stem: torch.load(path)["course"] for path in work.glob("*.pt") if path.stem != "lesson"}
    assert set(losses) == {"autoencoder", "words", "denoiser", "decoder"}
    assert all(course["finished"] for course in losses.values())
    pipe = judge.load(weights)
    picture = judge.draw(pipe, ["a red circle on a blue background"], steps=2)[0]
    assert picture.size == (128, 128)
    assert json.loads((weights / "preview.json").read_text())["factors"]
    before = (weights / "unet" / "config.json").stat().st_mtime_ns
    main(command)  # everything is finished: nothing is trained, the weights are written again
    again = torch.load(work / "denoiser.pt")["course"]
    assert again["step"] == losses["denoiser"]["step"]
    assert (weights / "unet" / "config.json").stat().st_mtime_ns > before


def measured(artist, lesson) -> float:
    torch.manual_seed(0)
    noising = DDPMScheduler.from_config(new_scheduler().config)
    with torch.no_grad():
        loss = denoising_loss(artist, lesson, 32, noising, np.random.default_rng(0), coarse=False)
    return loss.item()


def test_loss_falls(tmp_path) -> None:
    batches = list(painted_batches(32, seed=1, workers=0))
    pixels = np.concatenate([batch for _, batch in batches])
    vae = new_autoencoder()
    standardize(vae, pixels)
    latents = encoded(vae, pixels)
    assert latents.mean((0, 2, 3)).abs().max() < 1e-3
    assert (latents.std((0, 2, 3)) - 1).abs().max() < 1e-3
    tokenizer = train_tokenizer(["a red circle on a blue background"] * 3, tmp_path / "tokenizer")
    lesson = make_lesson(vae, tokenizer, batches, seed=1)
    text_encoder = new_text_encoder(len(tokenizer), tokenizer.bos_token_id, tokenizer.eos_token_id)
    artist = Artist(new_unet(), text_encoder)
    before = measured(artist, lesson)
    train_denoiser(artist, lesson, Settings(batch=16), 0.15, tmp_path)
    assert measured(artist, lesson) < before
    course = torch.load(tmp_path / "denoiser.pt")["course"]
    assert course["finished"]
    assert course["step"] >= 2
