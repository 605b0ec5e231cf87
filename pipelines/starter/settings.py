"""How big a training is: everything that a smoke run makes small."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """The measures of one training.

    Attributes:
        pictures: How many pictures are painted.
        minutes: How long all stages together may train, in minutes.
        crop: The side of the crops that the autoencoder sees first.
        crop_batch: How many crops a step.
        picture_batch: How many whole pictures a step, in the autoencoder's later part.
        word_batch: How many (caption, picture) pairs tell each other apart in one contrastive step.
        batch: How many latents the U-Net sees a step.
        peek: How many unseen prompts are judged at every export on the way.
        seed: What all chance comes from.
    """

    pictures: int = 40_000
    minutes: float = 120.0
    crop: int = 64
    crop_batch: int = 8
    picture_batch: int = 4
    word_batch: int = 128
    batch: int = 32
    peek: int = 60
    seed: int = 20_261

    @classmethod
    def tiny(cls) -> Settings:
        """Returns settings for a run of seconds that goes once through everything."""
        return cls(pictures=24, minutes=0.1, word_batch=16, batch=8, peek=2)


# Each stage's share of the time; what is left goes into painting and encoding.
SHARES = {"autoencoder": 0.13, "words": 0.075, "denoiser": 0.55, "decoder": 0.08}
