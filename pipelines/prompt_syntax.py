"""What a whole prompt asks for at each step, before any network is asked: without torch.

Four ways of reading: ``a1111`` (emphasis, ``BREAK``, editing, alternation, ``AND``), ``weighted`` (klms-gui's
``text:weight``), ``dream_studio`` (its multi-prompts), and ``plain`` (the words as they stand).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from .errors import InvalidRequest
from .prompt_edits import parse_edits
from .prompt_emphasis import NUMBER, has_emphasis, parse_emphasis, plain_text, unbalanced
from .sub_prompts import parse_dream_studio, parse_weighted

PromptSyntax = Literal["a1111", "weighted", "dream_studio", "plain"]

MOST_PARTS: Final = 8
"""Each costs a denoiser call of its own at every step."""

MANY: Final = 1000
"""Steps of a pass where only its first or last one counts."""

_AND: Final = re.compile(r"\bAND\b")
_AND_WEIGHT: Final = re.compile(NUMBER)


class Piece(NamedTuple):
    """A text for the encoder.

    Attributes:
        text: As it is read at this step.
        share: How much of the blend it is.
        emphasis: Whether its brackets mean something.
    """

    text: str
    share: float = 1.0
    emphasis: bool = True


Phrase = tuple[Piece, ...]
"""Texts whose embeddings are added up; nearly always one."""


class Part(NamedTuple):
    """What the network is asked for in one call of a step, and how strongly its answer counts."""

    phrase: Phrase
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class PromptPlan:
    """Both prompts of a request at every step.

    Attributes:
        positive: For each step, the parts that ``AND`` joins.
        negative: For each step, what to avoid.
    """

    positive: tuple[tuple[Part, ...], ...]
    negative: tuple[Phrase, ...]

    @property
    def changes(self) -> bool:
        """Whether steps differ, or ``AND`` asks for more than one answer."""
        first = self.positive[0]
        steady = all(parts == first for parts in self.positive) and len(set(self.negative)) == 1
        return not steady or len(first) > 1 or first[0].weight != 1.0


def plan_prompts(
    prompt: str,
    negative_prompt: str = "",
    syntax: PromptSyntax = "a1111",
    steps: int = 1,
    steps_before: int = 0,
    *,
    only: int | None = None,
) -> PromptPlan:
    """Reads both prompts.

    Args:
        prompt: Without LoRA tags; wildcards are drawn.
        negative_prompt: Likewise; ``AND`` is a word in it, as in A1111.
        syntax: How they are read.
        steps: Denoising steps of this pass, at least 1.
        steps_before: Of the pass before it, where this is the second: editing goes on from there.
        only: Plan this step alone; None = all.

    Raises:
        InvalidRequest: A prompt asks for what cannot be; the sentence names it.
    """
    if syntax in ("weighted", "dream_studio"):
        return _blended(prompt, negative_prompt, syntax)
    if syntax == "plain":
        return PromptPlan(((Part((Piece(prompt, emphasis=False),)),),), ((Piece(negative_prompt, emphasis=False),),))
    places = range(steps) if only is None else range(only, only + 1)
    parts = _split_and(prompt)
    wanted = [_by_step(text, "prompt", places, steps, steps_before) for text, _ in parts]
    avoided = _by_step(negative_prompt, "negative_prompt", places, steps, steps_before)
    count = max(len(texts) for texts in wanted)
    return PromptPlan(
        tuple(
            tuple(
                Part((Piece(texts[min(place, len(texts) - 1)]),), weight)
                for texts, (_, weight) in zip(wanted, parts, strict=True)
            )
            for place in range(count)
        ),
        tuple((Piece(text),) for text in avoided),
    )


def read_plainly(prompt: str, syntax: PromptSyntax = "a1111") -> str:
    """Gives the words alone, for networks that take no weights: editing's first text, ``AND`` as a comma.

    Raises:
        InvalidRequest: As :func:`plan_prompts`.
    """
    plan = plan_prompts(prompt, syntax=syntax, steps=MANY, only=0)
    pieces = [piece for part in plan.positive[0] for piece in part.phrase]
    return ", ".join((plain_text(piece.text) if piece.emphasis else piece.text) for piece in pieces)


def has_syntax(prompt: str, syntax: PromptSyntax = "a1111") -> bool:
    """Tells whether reading a prompt this way differs from reading it plainly."""
    if syntax == "a1111":
        return has_emphasis(prompt) or _AND.search(prompt) is not None
    return syntax != "plain" and plan_prompts(prompt, syntax=syntax).positive[0][0].phrase != (
        Piece(prompt, emphasis=False),
    )


def prompt_notices(
    prompt: str, negative_prompt: str, syntax: PromptSyntax, *, weights: bool, model: str
) -> tuple[str, ...]:
    """What an artist should be told of their prompts though nothing is wrong.

    Args:
        prompt: Without LoRA tags.
        negative_prompt: Likewise.
        syntax: How they are read.
        weights: Whether the model's encoders take weights.
        model: Its name.
    """
    given = {"prompt": prompt, "negative_prompt": negative_prompt}
    if not weights:
        named = [name for name, text in given.items() if has_syntax(text, syntax)]
        if not named:
            return ()
        return (
            f"{' and '.join(named)} have weights or steps that {model} cannot use; it reads the words without them."
            if len(named) > 1
            else f"{named[0]} has weights or steps that {model} cannot use; it reads the words without them.",
        )
    if syntax != "a1111":
        return ()
    told = (unbalanced(text, name) for name, text in given.items())
    return tuple(sentence for sentence in told if sentence)


def _blended(prompt: str, negative_prompt: str, syntax: PromptSyntax) -> PromptPlan:
    avoided: tuple[tuple[str, float], ...] = ((negative_prompt, 1.0),)
    if syntax == "weighted":
        wanted = parse_weighted(prompt)
    else:
        wanted, pushed = parse_dream_studio(prompt, negative_prompt)
        avoided = pushed or avoided
    return PromptPlan(
        ((Part(tuple(Piece(text, share, emphasis=False) for text, share in wanted)),),),
        (tuple(Piece(text, share, emphasis=False) for text, share in avoided),),
    )


def _split_and(prompt: str) -> list[tuple[str, float]]:
    texts = _AND.split(prompt)
    if len(texts) == 1:
        return [(prompt, 1.0)]
    if len(texts) > MOST_PARTS:
        raise InvalidRequest(
            "prompt", f"prompt has {len(texts)} parts joined by AND, each a network call at every step; "
            f"give at most {MOST_PARTS}, or write 'and'.",
        )  # fmt: skip
    parts = []
    for text in texts:
        words, colon, said = text.rpartition(":")
        weighted = colon and _AND_WEIGHT.fullmatch(said.strip())
        parts.append((words.strip(), float(said)) if weighted else (text.strip(), 1.0))
    if any(abs(weight) > 100 for _, weight in parts):
        raise InvalidRequest("prompt", "prompt has an AND part with a weight beyond 100; give one from -100 to 100.")
    return parts


def _by_step(text: str, parameter: str, places: range, steps: int, steps_before: int) -> list[str]:
    """A text at each step, one where it never changes; the brackets of each are looked at once."""
    edited = parse_edits(text, parameter)
    texts = [edited.at(place, steps, steps_before) for place in (places if edited.changes else places[:1])]
    for one in dict.fromkeys(texts):
        parse_emphasis(one, parameter)
    return texts
