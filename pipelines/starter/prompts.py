"""Finds prompts that the model draws well, for examples and dice: `python -m pipelines.starter.prompts`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from diffusers import StableDiffusionPipeline
from numpy.typing import NDArray
from PIL import Image

from pipelines.starter.captions import caption
from pipelines.starter.export import weights_folder
from pipelines.starter.judge import draw, load
from pipelines.starter.painter import paint
from pipelines.starter.sheet import contact_sheet
from pipelines.starter.world import CHARMS, PLACES, SHAPES, SIZES, Landscape, Scene, Single, random_landscape

SEEDS = 2
PAINTED = 12


def _small(picture: Image.Image) -> NDArray[np.float64]:
    return np.asarray(picture.reduce(4), dtype=np.float64) / 255


def unlikeness(pictures: Sequence[Image.Image], scene: Scene, rng: np.random.Generator) -> float:
    """Returns how far drawn pictures are from the nearest of a few painted ones: the worst one's distance.

    It is a share of the painted pictures' own contrast, or pale pictures would always be like each other.

    Args:
        pictures: What the model drew for the scene, with several seeds.
        scene: What was asked for.
        rng: Where the painter's chance comes from.
    """
    painted = np.stack([_small(paint(scene, rng)) for _ in range(PAINTED)])
    drawn = np.stack([_small(picture) for picture in pictures])
    distances = np.sqrt(((drawn[:, None] - painted[None]) ** 2).mean((2, 3, 4)))
    contrast = np.sqrt(((painted - painted.mean((1, 2), keepdims=True)) ** 2).mean())
    return float(distances.min(1).max() / contrast)


def _singles(rng: np.random.Generator, things: Sequence[str], each: int, *, words: bool) -> list[Scene]:
    colours = ("red", "orange", "yellow", "green", "teal", "blue", "purple", "pink", "white", "black")
    scenes: list[Scene] = []
    for thing in things:
        for _ in range(each):
            colour, ground = (str(name) for name in rng.choice(colours, 2, replace=False))
            size = str(rng.choice(SIZES)) if words and rng.random() < 0.4 else None
            place = str(rng.choice(list(PLACES)[1:])) if words and size is None else None
            scenes.append(Single(colour, thing, ground, size, place))
    return scenes


def _groups(rng: np.random.Generator) -> dict[str, tuple[int, list[Scene]]]:
    landscapes: dict[Scene, None] = dict.fromkeys(random_landscape(rng) for _ in range(80))
    plain: list[Scene] = [scene for scene in landscapes if isinstance(scene, Landscape) and not scene.subject]
    lived: list[Scene] = [scene for scene in landscapes if isinstance(scene, Landscape) and scene.subject]
    return {
        "shapes": (14, _singles(rng, SHAPES, 6, words=False)),
        "places and sizes": (10, _singles(rng, SHAPES, 5, words=True)),
        "things": (12, _singles(rng, CHARMS, 5, words=False)),
        "scenes": (14, plain),
        "scenes with something in them": (10, lived),
    }


def _spread(ranked: list[tuple[float, str, Scene]], count: int) -> list[str]:
    """Returns the best prompts, no thing or terrain more often than its turn."""
    chosen: list[str] = []
    turns: dict[str, int] = {}
    for limit in range(1, count + 1):
        for _, prompt, scene in ranked:
            kind = scene.thing if isinstance(scene, Single) else scene.terrain
            if len(chosen) < count and prompt not in chosen and turns.get(kind, 0) < limit:
                chosen.append(prompt)
                turns[kind] = turns.get(kind, 0) + 1
    return chosen


def find_prompts(pipe: StableDiffusionPipeline, seed: int = 5) -> dict[str, list[str]]:
    """Draws many candidates with several seeds and keeps those that look most like painted pictures.

    Args:
        pipe: The model.
        seed: What candidates and their wording come from.

    Returns:
        The chosen prompts by kind.
    """
    rng = np.random.default_rng(seed)
    found: dict[str, list[str]] = {}
    for kind, (count, scenes) in _groups(rng).items():
        prompts = [caption(scene, rng) for scene in scenes]
        drawn = [draw(pipe, prompts, seed=100 + 1000 * turn) for turn in range(SEEDS)]
        ranked = [
            (unlikeness([pictures[i] for pictures in drawn], scene, rng), prompts[i], scene)
            for i, scene in enumerate(scenes)
        ]
        found[kind] = _spread(sorted(ranked, key=lambda row: row[0]), count)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Finds the prompts and writes them beside the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, default=weights_folder(), help="the model's folder")
    parser.add_argument("--sheet", type=Path, help="write a contact sheet of the chosen prompts here")
    options = parser.parse_args(arguments)
    pipe = load(options.weights)
    kinds = find_prompts(pipe)
    prompts = [prompt for chosen in kinds.values() for prompt in chosen]
    told = {"about": "prompts this model draws well, found by pipelines.starter.prompts", "kinds": kinds}
    text = json.dumps({**told, "prompts": prompts}, indent=2)
    (options.weights / "prompts.json").write_text(text + "\n", encoding="utf-8")
    if options.sheet:
        contact_sheet(draw(pipe, prompts, seed=31), prompts).save(options.sheet)


if __name__ == "__main__":
    main()
