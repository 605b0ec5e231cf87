"""Trains the starter model: `python -m pipelines.starter.train`; run it again to go on after a stop."""

from __future__ import annotations

import argparse
import json
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from diffusers.utils.logging import disable_progress_bar as disable_diffusers_bar
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer
from transformers.utils.logging import disable_progress_bar as disable_transformers_bar

from pipelines.starter.autoencoder import peak_signal_to_noise, train_autoencoder, train_decoder
from pipelines.starter.captions import caption
from pipelines.starter.denoiser import Artist, train_denoiser
from pipelines.starter.export import export, weights_folder
from pipelines.starter.judge import judge, load
from pipelines.starter.latents import Lesson, make_lesson, standardize
from pipelines.starter.network import new_text_encoder, new_unet
from pipelines.starter.pictures import Pixels, painted_batches
from pipelines.starter.progress import Course
from pipelines.starter.settings import SHARES, Settings
from pipelines.starter.vocabulary import train_tokenizer
from pipelines.starter.words import train_words
from pipelines.starter.world import random_scene

logger = logging.getLogger(__name__)


@dataclass
class Studio:
    """Where and how one training runs.

    Attributes:
        settings: How big it is.
        work: Where checkpoints are kept.
        folder: Where the model goes.
        workers: How many processes paint.
        export_every: How often the model is exported on the way, in minutes.
        extra: Minutes more for the U-Net, which gains most from time.
    """

    settings: Settings
    work: Path
    folder: Path
    workers: int = 2
    export_every: float = 20.0
    extra: float = 0.0

    def minutes(self, stage: str) -> float:
        """Returns a stage's time budget."""
        return SHARES[stage] * self.settings.minutes + (self.extra if stage == "denoiser" else 0.0)

    def pixels(self) -> Pixels:
        """Paints the pictures that the autoencoder learns from: at most 6000, the first of all."""
        path = self.work / "pixels.npy"
        if not path.exists():
            count = min(6000, self.settings.pictures)
            batches = painted_batches(count, self.settings.seed, workers=self.workers)
            np.save(path, np.concatenate([pixels for _, pixels in batches]))
        pixels: Pixels = np.load(path)
        return pixels

    def tokenizer(self) -> CLIPTokenizer:
        """Trains the tokenizer on captions; that takes a second."""
        rng = np.random.default_rng((self.settings.seed, 4))
        captions = (caption(random_scene(rng), rng) for _ in range(min(20_000, 50 * self.settings.pictures)))
        return train_tokenizer(captions, self.work / "tokenizer")

    def autoencoder(self, pixels: Pixels) -> AutoencoderKL:
        """Trains the autoencoder and standardises its latents."""
        vae = train_autoencoder(pixels, self.settings, self.minutes("autoencoder"), self.work)
        logger.info("autoencoder: %.2f dB", peak_signal_to_noise(vae, pixels[:200]))
        standardize(vae, pixels[:1000])
        return vae.eval()

    def lesson(self, vae: AutoencoderKL, tokenizer: CLIPTokenizer) -> Lesson:
        """Paints, encodes and captions all pictures, or takes them from the work folder."""
        path = self.work / "lesson.pt"
        if path.exists():
            return Lesson(**torch.load(path, weights_only=True))
        settings = self.settings
        batches = painted_batches(settings.pictures, settings.seed, workers=self.workers)
        lesson = make_lesson(vae, tokenizer, batches, settings.seed)
        torch.save(vars(lesson), path)
        logger.info("lesson: %d pictures", len(lesson.latents))
        return lesson

    def export(self, vae: AutoencoderKL, tokenizer: CLIPTokenizer, artist: Artist, pixels: Pixels) -> None:
        """Writes the model as it is now and logs how the judge finds it."""
        export(
            vae,
            artist.text_encoder,
            tokenizer,
            self.work / "tokenizer",
            artist.unet,
            pixels[:200],
            self.folder,
        )
        with torch.no_grad():
            score, _ = judge(load(self.folder), self.settings.peek)
        line = {
            "background": score.background,
            "colour": score.colour,
            "shape": score.shape,
            **score.by_thing,
        }
        logger.info("judge: %s", json.dumps({key: round(value, 3) for key, value in line.items()}))


def run(studio: Studio) -> None:
    """Goes through all stages; finished ones are taken from the work folder.

    Args:
        studio: Where and how.
    """
    studio.work.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(studio.settings.seed)
    pixels = studio.pixels()
    tokenizer = studio.tokenizer()
    vae = studio.autoencoder(pixels)
    lesson = studio.lesson(vae, tokenizer)
    text_encoder = new_text_encoder(len(tokenizer), tokenizer.bos_token_id, tokenizer.eos_token_id)
    train_words(text_encoder, lesson, studio.settings, studio.minutes("words"), studio.work)
    artist = Artist(new_unet(), text_encoder)

    def show(weights: dict[str, Tensor], course: Course) -> None:
        logger.info("export after %d steps, %.1f min", course.step, course.spent / 60)
        studio.export(vae, tokenizer, _average(text_encoder, weights), pixels)

    train_denoiser(artist, lesson, studio.settings, studio.minutes("denoiser"), studio.work, show, studio.export_every)
    studio.export(vae, tokenizer, artist, pixels)
    train_decoder(vae, pixels, studio.settings, studio.minutes("decoder"), studio.work)
    logger.info("decoder: %.2f dB", peak_signal_to_noise(vae, pixels[:200]))
    studio.export(vae, tokenizer, artist, pixels)


def run_decoder(studio: Studio, minutes: float) -> None:
    """Trains the decoder alone, beside a run that is busy with the U-Net and will find it done.

    Args:
        studio: Where and how; the autoencoder must be there.
        minutes: The time budget.
    """
    pixels = studio.pixels()
    vae = studio.autoencoder(pixels)
    train_decoder(vae, pixels, studio.settings, minutes, studio.work)
    logger.info("decoder: %.2f dB", peak_signal_to_noise(vae, pixels[:200]))


def _average(text_encoder: CLIPTextModel, weights: dict[str, Tensor]) -> Artist:
    artist = Artist(new_unet(), CLIPTextModel(text_encoder.config))
    artist.modules().load_state_dict(weights)
    return artist


def _cache() -> Path:
    root = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return root / "reverie" / "starter-training"


def main(arguments: Sequence[str] | None = None) -> None:
    """Trains the model from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=_cache(), help="checkpoints; a stopped run goes on from here")
    parser.add_argument("--weights", type=Path, default=weights_folder(), help="where the model goes")
    parser.add_argument("--minutes", type=float, default=Settings().minutes, help="training time, all stages together")
    parser.add_argument("--pictures", type=int, default=Settings().pictures, help="how many pictures are painted")
    parser.add_argument("--export-every", type=float, default=20.0, help="minutes between exports on the way")
    parser.add_argument("--extra", type=float, default=0.0, help="minutes more for the U-Net, also afterwards")
    parser.add_argument("--decoder", type=float, help="train only the decoder, this many minutes, beside a run")
    parser.add_argument("--workers", type=int, default=2, help="painting processes")
    parser.add_argument("--tiny", action="store_true", help="seconds instead of hours: only to see that it runs")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    disable_diffusers_bar()
    disable_transformers_bar()
    settings = replace(Settings(), minutes=options.minutes, pictures=options.pictures)
    if options.tiny:
        settings = Settings.tiny()
    studio = Studio(settings, options.work, options.weights, options.workers, options.export_every, options.extra)
    if options.decoder:
        run_decoder(studio, options.decoder)
    else:
        run(studio)


if __name__ == "__main__":
    main()
