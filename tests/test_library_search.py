"""Pictures are found again by words, model, style, star and day, by their owner only, page by page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.request import TextToImageRequest
from tests.benchmarks import library as benchmark
from tests.libraries import ModelNamed, ids, opened, picture
from webui.library.search import Filters
from webui.library.store import Library

PROMPTS = (
    "A red circle on a blue background",
    "Château at sunset, oil painting",
    "夕焼けの城、油絵",
    "a RED-haired knight; (detailed:1.2) <lora:x:1>",
    'quotes "and" *stars* NOT OR NEAR owner:',
    "circle",
    "puppy 🐶⭐",
)


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with opened(tmp_path / "outputs") as library:
        yield library


@pytest.fixture
def kept(library: Library) -> dict[str, str]:
    """Prompt → id."""
    return {
        prompt: library.keep("ann", TextToImageRequest(prompt=prompt), picture(7000 + number, 8)).id
        for number, prompt in enumerate(PROMPTS)
    }


LETTERS = st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs"))


def found(library: Library, words: str, owner: str = "ann") -> set[str]:
    return {one.prompt for one in library.find(owner, Filters(words=words)).pictures}


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        ("red", [0, 3]),
        ("r", [0, 3]),
        ("RED ci", [0]),
        ("chateau", [1]),
        ("château SUN", [1]),
        ("城", [2]),
        ("夕焼け", [2]),
        ("油", [2]),
        ("oil 城", []),
        ("red-haired", [3]),
        ('"and"', [4]),
        ("not or near", [4]),
        ("owner:", [4]),
        ("*stars", [4]),
        ("circle", [0, 5]),
        ("ircle", []),
        ("zeppelin", []),
        ("", [0, 1, 2, 3, 4, 5, 6]),
        (" - ", [0, 1, 2, 3, 4, 5, 6]),
        ("!?", []),
        (" -:;*()'\" ", []),
        ("circle -red", [5]),
        ("-red", [1, 2, 4, 5, 6]),
        ("-red -circle -城", [1, 4, 6]),
        ("-red-haired", [1, 2, 4, 5, 6]),
        ("7005", [5]),
        ("circle 7000", [0]),
        ("700", []),
        ("Seed 7005", [5]),
        ("seed: 7004", [4]),
        ("⭐", [6]),
        ("-⭐ circle", [0, 5]),
        ("-7000 circle", [5]),
        ("🐶", [6]),
        ("-🐶 puppy", []),
    ],
)
def test_words_are_found_as_they_are_typed(library, kept, words, numbers):
    assert found(library, words) == {PROMPTS[number] for number in numbers}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.text(max_size=300) | st.text(alphabet="\"'*():^-+{}[]ANDORNEAR owner\0%_!\\", max_size=60))
def test_any_words_can_be_looked_for(library, words):
    before = library.notices
    assert all(one.prompt in PROMPTS for one in library.find("ann", Filters(words=words)).pictures)
    assert library.notices == before


@given(prompt=st.text(LETTERS, min_size=1, max_size=80).filter(str.strip), data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_picture_is_found_by_the_beginning_of_each_of_its_words(library, prompt, data):
    import re

    one = library.keep("ann", TextToImageRequest(prompt=prompt), picture(1, 8))
    words = re.findall("[A-Za-z0-9]+", prompt)
    if words:
        word = data.draw(st.sampled_from(words))
        length = data.draw(st.integers(1, len(word)))
        alone = re.search(rf"(?<![^\W_]){re.escape(word)}", prompt)  # a word by itself, not the end of another script's
        if alone and not re.search("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\U0003ffff]", prompt):
            assert one.id in ids(library.find("ann", Filters(words=word[:length]), count=1000).pictures)
    library.delete("ann", [one.id])
    library.empty_trash("ann")


def test_filters_hold_together(library):
    first = library.keep(
        "ann", TextToImageRequest(prompt="a red cat"), picture(1, 8), model=ModelNamed("m1"), style="anime"
    )
    second = library.keep("ann", TextToImageRequest(prompt="a red dog"), picture(2, 8), model=ModelNamed("m2"))
    third = library.keep(
        "ann", TextToImageRequest(prompt="a cat"), picture(3, 8), model=ModelNamed("m2"), style="anime"
    )
    library.keep("ben", TextToImageRequest(prompt="a red cat"), picture(4, 8), model=ModelNamed("m3"), style="comic")
    library.star("ann", [third.id])

    def which(**filters) -> list[str]:
        return ids(library.find("ann", Filters(**filters)).pictures)

    assert which() == ids([third, second, first])
    assert which(model="m2") == ids([third, second])
    assert which(style="anime") == ids([third, first])
    assert which(style="") == ids([second])
    assert which(starred=True) == ids([third])
    assert which(words="cat", model="m1") == ids([first])
    assert which(words="red", style="anime") == ids([first])
    assert which(words="red", starred=True) == []
    assert which(since=second.created) == ids([third, second])
    assert which(until=second.created) == ids([first])
    assert which(words="red", since=second.created, until=third.created) == ids([second])
    assert which(since=third.created + timedelta(days=1)) == []
    assert library.facets("ann") == {"model": {"m2": 2, "m1": 1}, "style": {"anime": 2, "": 1}}
    assert library.facets("ben") == {"model": {"m3": 1}, "style": {"comic": 1}}
    assert library.facets("carl") == {"model": {}, "style": {}}


@pytest.mark.parametrize("words", ["", "red"])
def test_pages_follow_each_other_without_gaps(library, words):
    kept = [library.keep("ann", TextToImageRequest(prompt=f"red {n}"), picture(n, 8)).id for n in range(11)][::-1]
    for number in range(5):
        library.keep("ben", TextToImageRequest(prompt="red"), picture(50 + number, 8))
    seen: list[str] = []
    after = None
    for _ in range(4):
        page = library.find("ann", Filters(words=words), count=3, after=after)
        seen += ids(page.pictures)
        after = page.after
    assert seen == kept
    assert after is None
    assert library.find("ann", count=11).after is None
    for nonsense in ("", "-1", "x", "9" * 40, "٣", "1e5"):
        assert library.find("ann", after=nonsense).after is None


def test_a_page_looks_past_files_removed_by_hand(library):
    kept = [library.keep("ann", TextToImageRequest(prompt="red"), picture(n, 8)) for n in range(9)][::-1]
    for gone in (0, 1, 2, 4):
        kept[gone].path.unlink()
    page = library.find("ann", count=2)
    assert ids(page.pictures) == ids([kept[3], kept[5]])
    assert ids(library.find("ann", count=9, after=page.after).pictures) == ids(kept[6:])


def test_pictures_of_the_same_moment_are_all_there(library):
    from webui.library.index import Row

    rows = [Row(f"{n:032x}", f"{n}.png", "x", 5, 8, 8, n, "red", "") for n in range(50)]
    library._catalog.ask(lambda index: index.add(rows))
    library._catalog.ask(lambda index: index.add(rows[:10]))
    from webui.library.search import query_for

    listed = library._catalog.ask(lambda index: index.page(query_for("x", Filters(words="r")), 100))
    assert len(listed) == 50
    assert len({number for number, _ in listed}) == 50


def test_no_call_gives_somebody_elses_picture(library):
    request = TextToImageRequest(prompt="a secret")
    mine = library.keep("ann", request, picture(1, 8))
    child = library.keep("ann", request, picture(2, 8), parent=mine.id)
    library.delete("ann", [child.id])
    for stranger in ("ben", "", "ann "):
        assert library.find(stranger, Filters(words="secret")).pictures == ()
        assert library.get(stranger, mine.id) is None
        assert library.get(stranger, child.id, trashed=True) is None
        assert library.recipe(stranger, mine.id) is None
        assert library.copy(stranger, mine.id) is None
        assert library.parent_of(stranger, child.id) is None
        assert library.children_of(stranger, mine.id) == ()
        assert library.trash(stranger) == ()
        assert library.star(stranger, [mine.id]).ids == ()
        assert library.delete(stranger, [mine.id]).ids == ()
        assert library.restore(stranger, [child.id]).ids == ()
        assert library.empty_trash(stranger).ids == ()
        assert library.empty_trash(stranger, [child.id]).ids == ()
        assert len(b"".join(library.export(stranger, [mine.id]))) < 100, "an empty ZIP"
        assert library.facets(stranger) == {"model": {}, "style": {}}
    assert ids(library.find("ann").pictures) == [mine.id]
    assert ids(library.trash("ann")) == [child.id]


def test_an_owners_key_as_words_finds_nothing(library):
    his = library.keep("ben", TextToImageRequest(prompt="red"), picture(1, 8))
    library.keep("ann", TextToImageRequest(prompt="red"), picture(2, 8))
    assert library.find("ann", Filters(words=his.owner)).pictures == ()
    assert library.find("ann", Filters(words=f'owner:"{his.owner}"')).pictures == ()


def test_what_was_made_from_what_is_known(library):
    request = TextToImageRequest(prompt="x")
    root = library.keep("ann", request, picture(1, 8))
    first = library.keep("ann", request, picture(2, 8), parent=root.id, edit="variation")
    second = library.keep("ann", request, picture(3, 8), parent=root.id)
    grandchild = library.keep("ann", request, picture(4, 8), parent=first.id, edit="inpaint")

    assert library.parent_of("ann", root.id) is None
    assert library.parent_of("ann", grandchild.id).id == first.id
    assert [(one.id, one.edit) for one in library.children_of("ann", root.id)] == [
        (first.id, "variation"),
        (second.id, "text_to_image"),
    ]
    assert library.children_of("ann", grandchild.id) == library.children_of("ann", "") == ()
    assert library.recipe("ann", first.id).edit == "variation"
    library.delete("ann", [root.id])
    assert library.parent_of("ann", first.id) is None


def test_the_benchmark_finds_every_picture(tmp_path):
    result = benchmark.measure(benchmark.Settings(pictures=60, rounds=2))
    data = json.loads(json.dumps([figure.to_data() for figure in result.figures]))
    assert data[-1]["value"] == 1.0
    assert result.details["search_milliseconds"].keys() >= {"l", "lighthouse", "red cat"}
