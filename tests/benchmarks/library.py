"""A library of fifty thousand pictures: opening it, its first page, searching as somebody types, and starting over."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

from PIL import Image

from pipelines.events import ImageFinished
from pipelines.request import TextToImageRequest
from tests.benchmarks.figures import Figure, Result, Spread
from webui.library.embed import Stamp, encode_png
from webui.library.infotext import write_infotext
from webui.library.recipe import RecipeModel, write_recipe
from webui.library.search import Filters
from webui.library.store import Library

BAR: Final = 100.0
"""Milliseconds."""

OWNER: Final = "ann"
OTHERS: Final = 9
"""Further owners, who have one picture in ten between them."""

WORDS: Final = (
    *("a", "red", "blue", "golden", "tiny", "ancient", "misty", "neon", "watercolour", "portrait", "landscape"),
    *("castle", "forest", "cat", "dog", "boat", "lighthouse", "mountain", "river", "city", "street", "robot"),
    *("dragon", "flower", "garden", "storm", "sunset", "winter", "autumn", "oil", "painting", "photo", "cinematic"),
    *("detailed", "soft", "light", "wide", "angle", "macro", "studio", "dream", "floating", "glass", "paper"),
)
TYPED: Final = ("lighthouse in the storm", "red cat", "watercolour portrait", "zeppelin", "a")


@dataclass(frozen=True)
class Settings:
    """How much is measured: pictures in the library, and rounds of every question."""

    pictures: int = 50_000
    rounds: int = 30


FULL, QUICK = Settings(), Settings(rounds=7)


def measure(settings: Settings) -> Result:
    """Makes real files with real recipes, and asks as the page does."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fill(folder, settings.pictures)
        rebuilt, library = timed(lambda: Library(folder))
        listed = len(library.find(OWNER, count=settings.pictures).pictures)
        library.close()
        opened, library = timed(lambda: Library(folder))
        try:
            first = rounds(settings, lambda: library.find(OWNER))
            deep = rounds(settings, scrolling(library, settings.pictures))
            letters = [word[:length] for word in TYPED for length in range(1, len(word) + 1)]
            typed = {
                text: rounds(settings, lambda text=text: library.find(OWNER, Filters(words=text))) for text in letters
            }
            filtered = {
                name: rounds(settings, lambda filters=filters: library.find(OWNER, filters))
                for name, filters in questions().items()
            }
            facets = rounds(settings, lambda: library.facets(OWNER))
        finally:
            library.close()
    slowest = max(typed, key=lambda text: typed[text].median)
    hardest = max(filtered, key=lambda name: filtered[name].median)
    what = f"{settings.pictures} pictures: "
    return Result(
        (
            Figure(f"{what}first page of 36", first.median, "ms", at_most=BAR, spread=first),
            Figure(
                f"{what}search, slowest of {len(letters)} beginnings",
                typed[slowest].median,
                "ms",
                at_most=BAR,
                spread=typed[slowest],
                note=f"{slowest!r}",
            ),
            Figure(
                f"{what}filters, slowest of {len(filtered)}",
                filtered[hardest].median,
                "ms",
                at_most=BAR,
                spread=filtered[hardest],
                note=hardest,
            ),
            Figure(f"{what}a page anywhere in the feed", deep.median, "ms", at_most=BAR, spread=deep),
            Figure(f"{what}what there is to filter by", facets.median, "ms", spread=facets),
            Figure("opening", opened, "s"),
            Figure("opening without an index", rebuilt, "s", note="every file is read, and nothing is lost"),
            Figure("of the owner's pictures listed", listed / own(settings.pictures), at_least=1.0),
        ),
        {
            "search_milliseconds": {text: spread.median for text, spread in typed.items()},
            "filter_milliseconds": {name: spread.median for name, spread in filtered.items()},
        },
    )


def own(pictures: int) -> int:
    """How many of the pictures are the owner's."""
    return sum(number % 10 != 0 for number in range(pictures))


def fill(folder: Path, pictures: int, owner: str = OWNER) -> None:
    """Writes so many small pictures, each a whole PNG with a recipe, made every eleven minutes for a year."""
    empty = Library(folder)
    mine = empty.owner_key(owner)
    others = [empty.owner_key(f"other {number}") for number in range(OTHERS)]
    empty.close()
    chance = random.Random(4)
    image = Image.new("RGB", (8, 8), "teal")
    begin = datetime(2026, 1, 1, tzinfo=timezone.utc)
    for number in range(pictures):
        prompt = " ".join(chance.choices(WORDS, k=12))
        request = TextToImageRequest(prompt=prompt, negative_prompt="blurry, text", seed=number)
        recipe = write_recipe(request, ImageFinished(0, image, number), style=chance.choice(["", "anime", "pixel-art"]))
        model = f"model-{chance.randrange(20)}"
        recipe = recipe.model_copy(update={"model": RecipeModel(id=model, name=model), "width": 512, "height": 512})
        created = begin + timedelta(minutes=11 * number)
        whose = mine if number % 10 else others[number // 10 % OTHERS]
        stamp = Stamp(id=f"{number:032x}", owner=whose, created=created, recipe=recipe)
        path = folder / f"{created:%Y-%m-%d}" / f"{created:%H%M%S}-{number}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encode_png(image, infotext=write_infotext(recipe), stamp=stamp))


def questions() -> dict[str, Filters]:
    """What people filter by, easy and hard."""
    day = datetime(2026, 3, 1, tzinfo=timezone.utc)
    return {
        "a model": Filters(model="model-7"),
        "a style": Filters(style="anime"),
        "stars, of which there are none": Filters(starred=True),
        "one day": Filters(since=day, until=day + timedelta(days=1)),
        "a common word and a model": Filters(words="a", model="model-7"),
        "a common word and a model that made nothing": Filters(words="a", model="model-99"),
        "a part of a word of a script without spaces": Filters(words="日本"),
    }


def scrolling(library: Library, pictures: int) -> Callable[[], Any]:
    """Asks for pages from all over the feed."""
    places = places_in(library, pictures)
    return lambda: library.find(OWNER, after=next(places))


def places_in(library: Library, pictures: int) -> Iterator[str]:
    """Cursors, as earlier pages gave them, in no order."""
    chance = random.Random(8)
    mine = library.find(OWNER, count=own(pictures)).pictures
    while True:
        moment = chance.choice(mine).created
        yield str(int(moment.timestamp() * 1_000_000))


def rounds(settings: Settings, ask: Callable[[], Any]) -> Spread:
    """Milliseconds of a question, asked again and again after once for warming up."""
    ask()
    return Spread.of([timed(ask)[0] * 1000 for _ in range(settings.rounds)])


def timed(act: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds that something takes, and what comes of it."""
    began = time.perf_counter()
    result = act()
    return time.perf_counter() - began, result
