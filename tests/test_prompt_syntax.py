"""What prompts mean before a network is asked: A1111's grammar, and that no text takes long or breaks it."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.errors import InvalidRequest
from pipelines.prompt_emphasis import parse_emphasis, unbalanced
from pipelines.prompt_syntax import Piece, plan_prompts, prompt_notices, read_plainly
from pipelines.wildcards import draw

PROMPTS = (Path(__file__).parent / "prompts.txt").read_text(encoding="utf-8").split("\n")[:-1]


def pieces(text: str) -> list[list[tuple[str, float]]]:
    return [[(piece.text, pytest.approx(piece.weight)) for piece in block] for block in parse_emphasis(text)]


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("plain: 16:9, words", [[("plain: 16:9, words", 1)]]),
        ("a (b) c", [[("a ", 1), ("b", 1.1), (" c", 1)]]),
        ("((b))", [[("b", 1.21)]]),
        ("[b]", [[("b", 1 / 1.1)]]),
        ("(b:1.3)", [[("b", 1.3)]]),
        ("(a (b:2) c:3)", [[("a ", 3), ("b", 6), (" c", 3)]]),
        ("([x:0.5])", [[("x:0.5", 1)]]),
        (r"\(a\) \[b\] \\", [[("(a) [b] \\", 1)]]),
        (r"(a\):1.5)", [[("a)", 1.5)]]),
        ("(a [b) c]", [[("a ", 1.1), ("b", 1), (" c", 1 / 1.1)]]),
        ("(a, b", [[("a, b", 1.1)]]),
        ("a) b", [[("a) b", 1)]]),
        ("(b:0)", [[("b", 0)]]),
        ("a BREAK b", [[("a", 1)], [("b", 1)]]),
        ("BREAK a", [[], [("a", 1)]]),
        ("(a BREAK b:2)", [[("a", 2)], [("b", 2)]]),
        ("", [[]]),
    ],
)
def test_emphasis_means_what_it_does_in_a1111(text: str, meaning: list[list[tuple[str, float]]]) -> None:
    assert pieces(text) == meaning


def texts(prompt: str, steps: int) -> list[str]:
    plan = plan_prompts(prompt, steps=steps).positive
    return [plan[min(step, len(plan) - 1)][0].phrase[0].text for step in range(steps)]


@pytest.mark.parametrize(
    ("prompt", "by_step"),
    [
        ("[cat:dog:0.5]", ["cat", "cat", "dog", "dog"]),
        ("[cat:dog:1]", ["cat", "dog", "dog", "dog"]),
        ("a [dog:2]", ["a ", "a ", "a dog", "a dog"]),
        ("a [cat::3]", ["a cat", "a cat", "a cat", "a "]),
        ("[a|b]", ["a", "b", "a", "b"]),
        ("[a||b]", ["a", "", "b", "a"]),
        ("[a|(b:1.2)]", ["a", "(b:1.2)", "a", "(b:1.2)"]),
        ("[[a|b]:c:2]", ["a", "b", "c", "c"]),
        ("[(a:1.2):(b:0.8):2]", ["(a:1.2)", "(a:1.2)", "(b:0.8)", "(b:0.8)"]),
        ("[a:b:c:0.5]", ["[a:b:c:0.5]"] * 4),
        ("[a:b]", ["[a:b]"] * 4),
        (r"\[a|b\]", [r"\[a|b\]"] * 4),
        ("[a:b:1.5]", ["a"] * 4),
    ],
)
def test_editing_and_alternation(prompt: str, by_step: list[str]) -> None:
    assert texts(prompt, 4) == by_step


def test_a_second_pass_goes_on_where_the_first_ended() -> None:
    later = plan_prompts("[a:b:1.5] [c:d:5]", steps=4, steps_before=4).positive
    assert [parts[0].phrase[0].text for parts in later] == ["a c", "a d", "b d", "b d"]


def test_and_joins_parts_with_weights() -> None:
    (parts,) = plan_prompts("a cat :1.2 AND a dog AND (sea:1.1) :-0.5").positive
    assert [(part.phrase[0].text, part.weight) for part in parts] == [("a cat", 1.2), ("a dog", 1), ("(sea:1.1)", -0.5)]
    assert plan_prompts("sand AND", "x AND y").negative == ((Piece("x AND y"),),)
    with pytest.raises(InvalidRequest, match="9 parts joined by AND"):
        plan_prompts(" AND ".join("abcdefghi"))


def test_weighted_prompts() -> None:
    def blend(prompt: str, syntax: str, negative: str = "") -> list[list[tuple[str, float]]]:
        plan = plan_prompts(prompt, negative, syntax)  # type: ignore[arg-type]
        both = (plan.positive[0][0].phrase, plan.negative[0])
        return [[(piece.text, pytest.approx(piece.share)) for piece in phrase] for phrase in both]

    assert blend("hill:3 sea:1", "weighted", "fog")[0] == [("hill", 0.75), ("sea", 0.25)]
    assert blend("hill:2 sea:-1", "weighted")[0] == [("hill", 2), ("sea", -1)]
    assert blend("a (hill), 16:9ish", "weighted")[0] == [("a (hill), 16:9ish", 1)]
    wanted = [[("hill", 2 / 3), ("sea", 1 / 3)], [("fog", 0.2), ("rain", 0.8)]]
    assert blend("hill:0.5 | sea:0.25\nfog:-0.25", "dream_studio", "rain")[0] == wanted[0]
    assert blend("hill | fog:-0.25", "dream_studio", "rain")[1] == [("fog", 0.2), ("rain", 0.8)]
    for prompt, syntax in (("a:1 b:-1", "weighted"), ("a:2 | b", "dream_studio"), ("a:-1", "dream_studio")):
        with pytest.raises(InvalidRequest, match=r"^prompt has"):
            blend(prompt, syntax)


def test_an_unbalanced_bracket_is_named() -> None:
    assert unbalanced("a (b:1.2) [c]") is None
    assert "'(' at character 3 that is never closed" in str(unbalanced("a (b"))
    assert "')' at character 3 that nothing opens" in str(unbalanced("a )b"))
    told = prompt_notices("(a", "b]", "a1111", weights=True, model="X")
    assert [sentence.split()[0] for sentence in told] == ["prompt", "negative_prompt"]
    assert prompt_notices("(a", "", "plain", weights=True, model="X") == ()


def test_networks_without_weights_read_the_words() -> None:
    assert read_plainly(r"a (red:1.3) [cat:dog:0.5] BREAK \(old\) AND sea :0.5") == "a red cat (old), sea"
    assert prompt_notices("a boat", "", "a1111", weights=False, model="Flux") == ()
    assert "Flux" in prompt_notices("a (boat)", "", "a1111", weights=False, model="Flux")[0]


def milliseconds(prompt: str, steps: int = 20) -> float:
    """Of this thread alone; the least of three, because a cache may be cold."""
    taken = []
    for _ in range(3):
        began = time.thread_time()
        with contextlib.suppress(InvalidRequest):
            plan_prompts(prompt, steps=steps)
        taken.append((time.thread_time() - began) * 1000)
        if taken[-1] <= 5:
            break
    return min(taken)


def test_real_prompts_parse_at_once() -> None:
    assert len(PROMPTS) >= 300
    slow = {prompt[:60]: took for prompt in PROMPTS if (took := milliseconds(prompt)) > 5}
    assert not slow


def random_prompts(count: int) -> Iterator[str]:
    chance = random.Random(6)
    signs = [
        *"()[]{}:|\\,. ",
        "AND",
        "BREAK",
        ":1.2)",
        ":0.5]",
        "__a__",
        "$$",
        "1",
        "-2.5",
        "a",
        "boat",
        "\n",
        "é",
        "🐉",
    ]
    for index in range(count):
        size = chance.randint(0, 60 if index % 50 else 2000)
        yield "".join(chance.choice(signs) for _ in range(size))


@pytest.mark.parametrize(
    "count", [pytest.param(3000, id="short"), pytest.param(100_000, id="whole", marks=pytest.mark.slow)]
)
@pytest.mark.timeout(1800)
def test_no_text_breaks_it_or_takes_long(count: int, tmp_path: Path) -> None:
    from pipelines.wildcards import Wildcards

    (tmp_path / "a.txt").write_text("x\n{y|__a__}\n")
    lists = Wildcards([tmp_path])
    for prompt in random_prompts(count):
        assert milliseconds(prompt) <= 50, prompt
        began = time.thread_time()
        try:
            draw(prompt, 7, lists)
        except InvalidRequest:
            continue
        assert time.thread_time() - began <= 5, prompt  # it reads files


@pytest.mark.parametrize(
    "sign", ["(", "[", ")", "]", "()", "[]", "(a", "[a|", "[a:", "a:", "\\", "(a:1", ": ", " ", "1"]
)
def test_twenty_thousand_characters_of_one_kind(sign: str) -> None:
    assert milliseconds(sign * (20_000 // len(sign)), steps=1) <= 50
    closing = sign * 5000 + "x" + {"(": ")", "[": "]"}.get(sign[0], "") * 5000
    assert milliseconds(closing, steps=1) <= 50
