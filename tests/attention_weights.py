"""Measures what weights do to pictures: ``python -m tests.attention_weights`` draws with the starter model and counts.

Each prompt names two colours, and the first is weighted from 0.5 to 1.6: by A1111's brackets, ``(red:w) and blue``, or
as one of klms-gui's two sub-prompts, ``a red circle on a red background:w …``. Its share of the picture is read off the
pixels: how far each lies on the way from the other colour to this one, in Oklab, where equal steps look equal, averaged
over the picture. What is reported is Spearman's rank correlation of weight and share over the weights,
averaged over prompts and seeds: 1 where every rise of the weight raises the share, 0 where it means nothing.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from PIL import Image
from scipy.stats import rankdata

from pipelines.caches import TensorCache
from pipelines.prompts import encode_prompts
from pipelines.starter.eye import _even
from pipelines.starter.judge import GUIDANCE, load
from pipelines.starter.palette import COLOURS

Form = Literal["a1111", "weighted"]
"""How a prompt says its weights; as ``prompt_syntax``."""

WEIGHTS = (0.5, 0.72, 0.94, 1.16, 1.38, 1.6)
SEEDS = 8
STEPS = 8
SIDE = 64

NAMED = (
    ("red", "blue"), ("yellow", "purple"), ("green", "white"), ("blue", "yellow"), ("white", "red"),
    ("orange", "teal"), ("purple", "yellow"), ("black", "pink"), ("pink", "green"), ("teal", "orange"),
    ("red", "white"), ("yellow", "black"), ("brown", "teal"), ("green", "pink"), ("white", "purple"),
    ("blue", "orange"), ("orange", "blue"), ("black", "yellow"), ("pink", "black"), ("gray", "red"),
)  # fmt: skip
"""The colour that is weighted, and the other."""


@dataclass(frozen=True)
class Case:
    """One prompt: of its two colours, ``raised`` is weighted against ``other``."""

    raised: str
    other: str
    form: Form

    def prompt(self, weight: float | str) -> str:
        if self.form == "a1111":
            return f"({self.raised}:{weight}) and {self.other}"
        first, second = (f"a {colour} circle on a {colour} background" for colour in (self.raised, self.other))
        return f"{first}:{weight} {second}:1"


def cases(count: int = len(NAMED), form: Form = "a1111") -> list[Case]:
    return [Case(*pair, form) for pair in NAMED[:count]]


def share(picture: Image.Image, raised: str, other: str) -> float:
    """How much of the picture is of the first colour rather than the second, 0 … 1."""
    first, second = _even(np.array([COLOURS[raised], COLOURS[other]]) / 255)
    pixels = _even(np.asarray(picture.convert("RGB"), dtype=np.float64).reshape(-1, 3) / 255)
    along = (pixels - second) @ (first - second) / ((first - second) ** 2).sum()
    return float(np.clip(along, 0, 1).mean())


def spearman(first: Sequence[float], second: Sequence[float]) -> float:
    """Rank correlation; 0 where one of the two never changes."""
    ranks = rankdata(first), rankdata(second)
    if min(np.ptp(one) for one in ranks) == 0:
        return 0.0
    return float(np.corrcoef(*ranks)[0, 1])


def draw(pipe: Any, prompt: str, form: Form, seeds: range, *, steps: int, side: int) -> list[Image.Image]:
    """One picture for each seed, through Reverie's own reading of the prompt."""
    told = encode_prompts(pipe, prompt, "", GUIDANCE, TensorCache(1 << 20), "starter", syntax=form)
    many = {name: value.repeat_interleave(len(seeds), 0) for name, value in told.items()}
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    drawn = pipe(
        **many, num_inference_steps=steps, guidance_scale=GUIDANCE, generator=generators, width=side, height=side
    )
    pictures: list[Image.Image] = drawn.images
    return pictures


@torch.inference_mode()
def measure(
    pipe: Any, form: Form, count: int = len(NAMED), seeds: int = SEEDS, *, steps: int = STEPS, side: int = SIDE
) -> dict[str, Any]:
    """Draws and counts.

    Returns:
        ``spearman``, the mean over prompts and seeds; ``by_prompt``; and the mean ``shares`` by weight.
    """
    table = []
    for case in cases(count, form):
        columns = [
            [share(picture, case.raised, case.other) for picture in
             draw(pipe, case.prompt(weight), form, range(1, seeds + 1), steps=steps, side=side)]
            for weight in WEIGHTS
        ]  # fmt: skip
        table.append(np.array(columns).T)
    by_prompt = [float(np.mean([spearman(WEIGHTS, row) for row in rows])) for rows in table]
    named = [case.prompt("w") for case in cases(count, form)]
    return {
        "spearman": float(np.mean(by_prompt)),
        "of_means": float(np.mean([spearman(WEIGHTS, list(rows.mean(0))) for rows in table])),
        "by_prompt": dict(zip(named, by_prompt, strict=True)),
        "shares": dict(zip(WEIGHTS, np.mean([rows.mean(0) for rows in table], 0).round(4).tolist(), strict=True)),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--form", choices=get_args(Form), default="a1111")
    parser.add_argument("--prompts", type=int, default=len(NAMED))
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--side", type=int, default=SIDE)
    options = parser.parse_args(arguments)
    began = time.perf_counter()
    found = measure(load(), options.form, options.prompts, options.seeds, steps=options.steps, side=options.side)
    print(json.dumps(found, indent=1))
    print(f"{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
