"""Teaches the text encoder words before anything is drawn: which caption belongs to which picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import CLIPTextModel

from pipelines.starter.latents import Lesson
from pipelines.starter.network import WIDTH
from pipelines.starter.progress import Course
from pipelines.starter.settings import Settings


class _Beholder(nn.Module):
    """Looks at latents; needed only while words are learnt."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(4, 64, 4, stride=2, padding=1),
            nn.GELU(),
            nn.Conv2d(64, 128, 3, stride=2, padding=1),
            nn.GELU(),
            nn.Conv2d(128, 128, 3, stride=2, padding=1),
            nn.GELU(),
            nn.Flatten(),
            nn.Linear(128 * 4, WIDTH),
        )
        self.words = nn.Linear(WIDTH, WIDTH)
        self.sharpness = nn.Parameter(torch.tensor(2.3))

    def forward(self, latents: Tensor, text: Tensor) -> Tensor:
        seen = F.normalize(self.layers(latents), dim=-1)
        said = F.normalize(self.words(text), dim=-1)
        likeness: Tensor = self.sharpness.clamp(max=4.6).exp() * said @ seen.T
        return likeness


def train_words(
    text_encoder: CLIPTextModel, lesson: Lesson, settings: Settings, minutes: float, work: Path
) -> CLIPTextModel:
    """Trains the text encoder to tell which of a batch of pictures each caption means.

    Args:
        text_encoder: A new text encoder.
        lesson: Latents and captions.
        settings: Batch size and seed.
        minutes: The time budget.
        work: Where the checkpoint is kept.

    Returns:
        The same text encoder.
    """
    torch.manual_seed(settings.seed + 2)
    both = nn.ModuleDict({"text": text_encoder, "eye": _Beholder()})
    optimizer = torch.optim.AdamW(both.parameters(), lr=1e-3, betas=(0.9, 0.98), weight_decay=0.01)
    course = Course("words", minutes, work / "words.pt")
    if state := course.resume():
        both.load_state_dict(state["both"])
        optimizer.load_state_dict(state["optimizer"])
    rng = np.random.default_rng((settings.seed, 2, course.step))
    target = torch.arange(settings.word_batch)
    for _ in course.steps():
        latents, tokens = lesson.batch(settings.word_batch, rng)
        likeness = both["eye"](latents, text_encoder(tokens).pooler_output)
        loss = (F.cross_entropy(likeness, target) + F.cross_entropy(likeness.T, target)) / 2
        for group in optimizer.param_groups:
            group["lr"] = course.rate(1e-3)
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(both.parameters(), 1.0)
        optimizer.step()
        course.report(loss.item())
        if course.due(60):
            course.save({"both": both.state_dict(), "optimizer": optimizer.state_dict()})
    course.save({"both": both.state_dict(), "optimizer": optimizer.state_dict()}, finished=True)
    return text_encoder
