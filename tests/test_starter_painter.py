"""What the starter model learns from: pictures, captions and the share of them it never sees."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.starter.captions import caption
from pipelines.starter.eye import look
from pipelines.starter.painter import paint
from pipelines.starter.pictures import painted_batches
from pipelines.starter.world import (
    SHAPES,
    SKIES,
    SUBJECTS,
    TERRAINS,
    THINGS,
    TIMES,
    Landscape,
    Single,
    combinations,
    held_out,
    random_single,
)


@pytest.mark.parametrize("thing", THINGS)
def test_same_seed_same_picture(thing) -> None:
    scene = Single("red", thing, "blue")
    first, second, other = (paint(scene, np.random.default_rng(seed)).tobytes() for seed in (1, 1, 2))
    assert first == second
    assert first != other


def test_every_landscape_can_be_painted() -> None:
    rng = np.random.default_rng(0)
    for terrain in TERRAINS:
        for time in TIMES:
            for sky in (None, *SKIES[time]):
                for subject in (None, *SUBJECTS[terrain]):
                    picture = paint(Landscape(terrain, time, sky, subject), rng)
                    assert (picture.size, picture.mode) == ((128, 128), "RGB")


def test_workers_change_nothing() -> None:
    alone = list(painted_batches(20, seed=3, each=10, workers=0))
    helped = list(painted_batches(20, seed=3, each=10, workers=2))
    assert [scenes for scenes, _ in alone] == [scenes for scenes, _ in helped]
    assert all((one[1] == two[1]).all() for one, two in zip(alone, helped, strict=True))


def test_a_fifth_is_held_out_and_never_painted() -> None:
    unseen, seen = combinations(unseen=True), combinations(unseen=False)
    assert 0.17 < len(unseen) / (len(unseen) + len(seen)) < 0.23
    rng = np.random.default_rng(0)
    for _ in range(500):
        scene = random_single(rng)
        assert not held_out(scene.colour, scene.thing, scene.background)


def test_every_word_of_an_unseen_combination_is_seen() -> None:
    seen = combinations(unseen=False)
    pairs = {(one.colour, one.thing) for one in seen} | {(one.thing, one.background) for one in seen}
    for one in combinations(unseen=True):
        assert {(one.colour, one.thing), (one.thing, one.background)} <= pairs


@pytest.mark.parametrize("place", ["left", "right", "top", "bottom", "top left", "bottom right"])
def test_places_are_painted(place) -> None:
    center = look(paint(Single("white", "circle", "black", None, place), np.random.default_rng(1))).center
    assert center is not None
    x, y = center
    assert ("left" in place) == (x < 0.4)
    assert ("right" in place) == (x > 0.6)
    assert ("top" in place) == (y < 0.4)
    assert ("bottom" in place) == (y > 0.6)


def test_captions_say_what_is_there_in_several_ways() -> None:
    rng = np.random.default_rng(0)
    ways = {caption(Single("green", "heart", "orange"), rng) for _ in range(60)}
    assert len(ways) >= 8
    assert all({"green", "heart", "orange"} <= set(way.replace(",", "").split()) for way in ways)
    assert "an orange background" in " ".join(ways)
    scenes = {caption(Landscape("sea", "night", "moon"), rng) for _ in range(60)}
    assert len(scenes) >= 20
    assert all("moon" in way and ("sea" in way or "ocean" in way) for way in scenes)


@pytest.mark.parametrize("thing", SHAPES)
@pytest.mark.parametrize("turn", range(3))
def test_the_eye_knows_each_shape(thing, turn) -> None:
    for size in (None, "small", "large"):
        sight = look(paint(Single("teal", thing, "brown", size), np.random.default_rng(turn)))
        assert (sight.background, sight.colour, sight.shape) == ("brown", "teal", thing)
