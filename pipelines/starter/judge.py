"""Judges the model: unseen prompts, drawn and read by the eye; `python -m pipelines.starter.judge`."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image

from pipelines.starter.card import write_table
from pipelines.starter.export import weights_folder
from pipelines.starter.eye import look
from pipelines.starter.painter import paint
from pipelines.starter.sheet import contact_sheet
from pipelines.starter.world import CHARMS, SHAPES, Single, combinations

NAMED = ("circle", "square", "triangle", "star", "heart")
BARS = {"background": 0.98, "colour": 0.92, "shape": 0.60}
CONTROL_BAR = 0.98
STEPS, GUIDANCE = 20, 2.0
COUNT = 200


@dataclass
class Score:
    """How often the eye found what was asked for.

    Attributes:
        background: The share of right backgrounds.
        colour: The share of things of the right colour.
        shape: The share of right shapes among the five named ones.
        by_thing: For each plain shape, the share drawn right.
        wrong: What was asked for and what was seen, where they differ.
    """

    background: float = 0.0
    colour: float = 0.0
    shape: float = 0.0
    by_thing: dict[str, float] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)


def prompt(single: Single) -> str:
    """Returns the judge's plain prompt for a thing on a background."""
    names = (single.colour, single.background)
    thing, ground = (f"{'an' if name[0] in 'aeiou' else 'a'} {name}" for name in names)
    return f"{thing} {single.thing} on {ground} background"


def unseen(count: int = COUNT, seed: int = 7) -> list[Single]:
    """Returns held-out combinations in a fixed order: seven tenths plain shapes, then other things."""
    rng = np.random.default_rng(seed)
    plain, others = (combinations(things, unseen=True) for things in (SHAPES, CHARMS))
    shapes = round(0.7 * count)
    order = [plain[i] for i in rng.permutation(len(plain))[:shapes]]
    return order + [others[i] for i in rng.permutation(len(others))[: count - shapes]]


def score(asked: Sequence[Single], pictures: Sequence[Image.Image]) -> Score:
    """Compares what was asked for with what the eye sees in the pictures."""
    sights = [look(picture) for picture in pictures]
    both = list(zip(asked, sights, strict=True))
    right = {thing: [sight.shape == thing for single, sight in both if single.thing == thing] for thing in SHAPES}
    named = [hit for thing in NAMED for hit in right[thing]]
    wrong = [
        f"{prompt(single)}: saw {sight.colour} {sight.shape} on {sight.background}"
        for single, sight in both
        if (sight.background, sight.colour) != (single.background, single.colour)
        or (single.thing in SHAPES and sight.shape != single.thing)
    ]
    return Score(
        background=float(np.mean([sight.background == single.background for single, sight in both])),
        colour=float(np.mean([sight.colour == single.colour for single, sight in both])),
        shape=float(np.mean(named)) if named else 0.0,
        by_thing={thing: float(np.mean(hits)) for thing, hits in right.items() if hits},
        wrong=wrong,
    )


def control(count: int = COUNT, seed: int = 11) -> Score:
    """Scores freshly painted pictures of the same prompts: what the rule itself gets right."""
    rng = np.random.default_rng(seed)
    asked = unseen(count)
    return score(asked, [paint(single, rng) for single in asked])


def load(folder: Path | None = None) -> StableDiffusionPipeline:
    """Returns the model, in single precision, quiet and offline."""
    pipe: StableDiffusionPipeline = StableDiffusionPipeline.from_pretrained(
        folder or weights_folder(), dtype=torch.float32, local_files_only=True
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def draw(
    pipe: StableDiffusionPipeline,
    prompts: Sequence[str],
    *,
    seed: int = 1,
    steps: int = STEPS,
    guidance: float = GUIDANCE,
    together: int = 25,
) -> list[Image.Image]:
    """Draws one picture a prompt, each with its own seed, many at once.

    Args:
        pipe: The model.
        prompts: What to draw.
        seed: The first picture's seed; the next one's is one more.
        steps: Sampling steps.
        guidance: Guidance scale.
        together: How many are drawn at once.
    """
    pictures: list[Image.Image] = []
    for start in range(0, len(prompts), together):
        some = list(prompts[start : start + together])
        generators = [torch.Generator().manual_seed(seed + start + index) for index in range(len(some))]
        drawn = pipe(some, num_inference_steps=steps, guidance_scale=guidance, generator=generators)
        pictures += drawn.images
    return pictures


def judge(pipe: StableDiffusionPipeline, count: int = COUNT) -> tuple[Score, list[Image.Image]]:
    """Draws unseen prompts and scores them.

    Args:
        pipe: The model.
        count: How many prompts.

    Returns:
        The score, and the pictures in the order of `unseen(count)`.
    """
    asked = unseen(count)
    pictures = draw(pipe, [prompt(single) for single in asked])
    return score(asked, pictures), pictures


def table(painted: Score, drawn: Score, count: int, seconds: float) -> str:
    """Returns the scores as a table in Markdown."""
    rows = [
        f"| {name} | ≥ {bar:.0%} | {getattr(drawn, key):.1%} | {getattr(painted, key):.1%} |"
        for key, name, bar in (
            ("background", "background's colour", BARS["background"]),
            ("colour", "thing's colour", BARS["colour"]),
            ("shape", "shape, of " + ", ".join(NAMED), BARS["shape"]),
        )
    ]
    rows += [
        f"| … {thing} | | {share:.1%} | {painted.by_thing[thing]:.1%} |" for thing, share in drawn.by_thing.items()
    ]
    head = [f"| {count} unseen prompts | bar | model | painted control |", "|---|---|---|---|"]
    tail = f"\n{STEPS} steps with guidance take {seconds:.2f} s ({torch.get_num_threads()} threads)."
    return "\n".join([*head, *rows, tail])


def _timed(pipe: StableDiffusionPipeline) -> float:
    took = []
    for _ in range(6):
        started = time.perf_counter()
        draw(pipe, ["a red star on a blue background"])
        took.append(time.perf_counter() - started)
    return min(took)


def main(arguments: Sequence[str] | None = None) -> None:
    """Judges the model and writes the table into its card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, default=weights_folder(), help="the model's folder")
    parser.add_argument("--count", type=int, default=COUNT, help="how many unseen prompts")
    parser.add_argument("--sheet", type=Path, help="write a contact sheet of the pictures here")
    parser.add_argument("--card", action="store_true", help="write the table into the model card")
    options = parser.parse_args(arguments)
    painted = control(options.count)
    pipe = load(options.weights)
    drawn, pictures = judge(pipe, options.count)
    text = table(painted, drawn, options.count, _timed(pipe))
    print(text, *drawn.wrong, sep="\n")
    if options.sheet:
        contact_sheet(pictures, [prompt(single) for single in unseen(options.count)]).save(options.sheet)
    if options.card:
        write_table(options.weights / "README.md", text)


if __name__ == "__main__":
    main()
