"""Chance in prompts: the grammar, the lists, and that a seed always draws the same."""

from __future__ import annotations

import contextlib
import random
import time
from collections import Counter
from pathlib import Path

import pytest
from dynamicprompts.generators import CombinatorialPromptGenerator
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import InvalidRequest
from pipelines.events import ImageFinished
from pipelines.manager import PipelineManager
from pipelines.request import TextToImageRequest
from pipelines.wildcards import Wildcards, combinations, draw, has_chance, preview


@pytest.fixture
def lists(tmp_path: Path) -> Wildcards:
    (tmp_path / "colour.txt").write_text("# a comment\nred\n\nblue\n")
    (tmp_path / "animals").mkdir()
    (tmp_path / "animals" / "birds.txt").write_text("heron\nowl\n")
    (tmp_path / "animals" / "fish.txt").write_text("\ufeffa __colour__ carp\n", encoding="utf-8")
    (tmp_path / "circle.txt").write_text("__circle__\n")
    (tmp_path / "empty.txt").write_text("# nothing\n")
    return Wildcards([tmp_path])


def drawn(text: str, lists: Wildcards, seeds: int = 300) -> Counter[str]:
    return Counter(draw(text, seed, lists) for seed in range(seeds))


@pytest.mark.parametrize(
    ("text", "possible"),
    [
        ("{red|blue} boat", {"red boat", "blue boat"}),
        ("__colour__ boat", {"red boat", "blue boat"}),
        ("{a|{b|c}}", {"a", "b", "c"}),
        ("{a|}", {"a", ""}),
        ("{2$$a|b|c}", {f"{one}, {two}" for one in "abc" for two in "abc" if one != two}),
        ("{2$$ and $$a|b}", {"a and b", "b and a"}),
        ("{1-2$$/$$a|b}", {"a", "b", "a/b", "b/a"}),
        ("{5$$-$$a|b}", {"a-b", "b-a"}),
        ("{0-1$$a|b}", {"", "a", "b"}),
        ("__animals/birds__", {"heron", "owl"}),
        ("__animals/*__", {"heron", "owl", "a red carp", "a blue carp"}),
        ("{__colour__|green}", {"red", "blue", "green"}),
        ("[cat|dog] (a:1.2)", {"[cat|dog] (a:1.2)"}),
        ("{prompt} {a}", {"{prompt} {a}"}),
        ("{a|b", {"{a|b"}),
        (r"\{a|b\}", {r"\{a|b\}"}),
        ("snake_case __ and ____", {"snake_case __ and ____"}),
    ],
)
def test_what_can_be_drawn(lists: Wildcards, text: str, possible: set[str]) -> None:
    assert set(drawn(text, lists)) == possible


def test_a_seed_always_draws_the_same_and_both_prompts_differ(lists: Wildcards) -> None:
    text = "{" + "|".join("abcdefgh") + "}"
    assert "".join(draw(text, seed, lists) for seed in range(9)) == "ffdbgcaef"
    assert preview(text, 40, 5, lists) == [draw(text, 40 + index, lists) for index in range(5)]
    others = [draw(text, seed, lists, "negative_prompt") for seed in range(40)]
    assert others != [draw(text, seed, lists) for seed in range(40)]


def test_choices_are_even_and_weights_hold(lists: Wildcards) -> None:
    even = drawn("{a|b|c|d}", lists, 4000)
    assert all(900 < even[one] < 1100 for one in "abcd")  # 1000 ± 27
    weighted = drawn("{3::a|1::b}", lists, 4000)
    assert 2890 < weighted["a"] < 3110
    assert drawn("{0::a|1::b}", lists)["b"] == 300


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # dynamicprompts calls pyparsing by its older names
@pytest.mark.parametrize("text", ["{a|b} {c|d|e}", "{a|{b|c}} x", "{2$$a|b|c}", "{1-2$$ and $$a|b}"])
def test_every_combination_as_dynamicprompts_lists_them(text: str, lists: Wildcards) -> None:
    theirs = {
        " ".join(str(one).replace(",", ", ").split()) for one in CombinatorialPromptGenerator().generate(text, 99)
    }
    ours = [" ".join(one.split()) for one in combinations(text, lists)]
    assert set(ours) == theirs
    assert len(ours) == len(set(ours))


def test_combinations_stop_where_told(lists: Wildcards) -> None:
    assert list(combinations("{a|b}{c|d}", lists)) == ["ac", "ad", "bc", "bd"]
    assert len(list(combinations("{a|b}" * 20, lists, most=7))) == 7


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a __color__ boat", r"prompt has __color__, which is no wildcard that is here; did you mean __colour__\?"),
        ("__zzz__", "take the underscores away"),
        ("__empty__", "which is empty"),
        ("__circle__", "name each other"),
        ("{0::a|" * 30 + "b" + "}" * 30, "deep"),
        ("{100$$" + "|".join(["x" * 90] * 99) + "}" + "{2$$" + "|".join(["y" * 9000] * 3) + "}", "characters"),
    ],
)
def test_what_cannot_be_drawn_is_said(lists: Wildcards, text: str, sentence: str) -> None:
    with pytest.raises(InvalidRequest, match=sentence):
        draw(text, 1, lists)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/../../secret", "[a-z]*", "s?cret"])
def test_a_name_never_leaves_its_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.txt").write_text("secret\n")
    (tmp_path / "lists").mkdir()
    text = f"__{name}__"
    with contextlib.suppress(InvalidRequest):
        assert draw(text, 1, Wildcards([tmp_path / "lists"])) == text
    with pytest.raises(InvalidRequest, match="no wildcard that is here"):
        Wildcards([tmp_path / "lists"]).values(name)


def test_ours_can_be_drawn_and_the_first_folder_counts(tmp_path: Path) -> None:
    assert {"animal", "colour", "light", "place"} <= set(Wildcards().names())
    (tmp_path / "colour.txt").write_text("mauve\n")
    from pipelines.wildcards import OF_OURS

    assert Wildcards([tmp_path, OF_OURS]).values("colour") == ["mauve"]
    assert Wildcards([tmp_path / "nowhere"]).names() == []


@given(st.text(alphabet="{}|$_:\\ab0129*-. \n,", max_size=80), st.integers(0, 2**32 - 1))
def test_any_text_is_drawn_or_refused_by_our_own_error(text: str, seed: int) -> None:
    nothing = Wildcards([])
    began = time.thread_time()
    with contextlib.suppress(InvalidRequest):
        one = draw(text, seed, nothing)
        assert one == draw(text, seed, nothing)
        assert has_chance(text) or one == text
    assert time.thread_time() - began < 0.5


def test_each_picture_of_a_batch_draws_its_own_and_tells_it(tiny_model_dir: Path) -> None:
    manager = PipelineManager([tiny_model_dir.parent], previews=False)
    small = {"width": 64, "height": 64, "num_inference_steps": 2, "model": "tiny", "deterministic": True}
    prompt = "a {red|blue} __colour__ boat"
    try:
        batch = [
            event
            for event in manager.generate(TextToImageRequest(prompt=prompt, seed=8, num_images_per_prompt=3, **small))
            if isinstance(event, ImageFinished)
        ]
        for event in batch:
            alone = draw(prompt, event.seed, Wildcards())
            (again,) = (
                one.image
                for one in manager.generate(TextToImageRequest(prompt=alone, seed=event.seed, **small))
                if isinstance(one, ImageFinished)
            )
            assert again.tobytes() == event.image.tobytes(), alone
    finally:
        manager.close()
    assert len({draw(prompt, 8 + index, Wildcards()) for index in range(3)}) > 1


def test_random_texts_never_take_long(lists: Wildcards) -> None:
    chance = random.Random(4)
    signs = ["{", "}", "|", "$$", "2$$", "__colour__", "a", "3::", " "]
    for _ in range(400):
        text = "".join(chance.choice(signs) for _ in range(chance.randint(0, 400)))
        began = time.thread_time()
        try:
            draw(text, 1, lists)
        except InvalidRequest:
            continue
        assert time.thread_time() - began < 0.5, text
