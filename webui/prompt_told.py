"""What the line under the prompt says: how long it is, what will run, and what cannot."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast, get_args

from pipelines.errors import InvalidRequest
from pipelines.lora_tags import read_tags
from pipelines.prompt_emphasis import unbalanced
from pipelines.prompt_syntax import PromptSyntax, plan_prompts
from pipelines.request import LARGEST_PROMPT, LARGEST_SEED
from pipelines.request_core import MOST_STEPS
from pipelines.wildcards import Wildcards, check_names, draw, has_chance, wildcards_beside

from .typed_seed import seed_of
from .wording import page_words

if TYPE_CHECKING:
    from pipelines.prompt_chunks import TokenCount
    from pipelines.token_counting import TokenCounters

    from .studio import Studio

LONGEST_SHOWN: Final = 240
MOST_TURNS: Final = 3
SYNTAXES: Final = get_args(PromptSyntax)


def check_words(studio: Studio, values: Mapping[str, Any]) -> None:
    """Refuses words that somebody at the page would want to mend first, though a program may ask for them.

    Args:
        studio: Whose wildcards they name.
        values: The form's values by name.

    Raises:
        InvalidRequest: A bracket has no partner, or a wildcard is missing.
    """
    syntax, lists = _syntax(values), _lists(studio)
    for name in ("prompt", "negative_prompt"):
        text = str(values.get(name) or "")[:LARGEST_PROMPT]
        if syntax != "plain":
            check_names(text, lists, name)
        alone = unbalanced(read_tags(text)[0], name) if syntax == "a1111" else None
        if alone:
            raise InvalidRequest(name, alone)


def prompt_line(studio: Studio, counters: TokenCounters, values: Mapping[str, Any], styled: tuple[str, str]) -> str:
    """The line as HTML; empty where there is nothing to say.

    Args:
        studio: Whose models and wildcards they name.
        counters: Their tokenizers.
        values: The form's values by name; ``prompt``, ``negative_prompt``, ``seed``, ``model``,
            ``num_inference_steps`` and ``prompt_syntax`` are looked at.
        styled: Both prompts with their styles laid over.
    """
    if not any(text.strip() for text in styled):
        return ""
    try:
        check_words(studio, values)
        seed, known = _seed(values)
        syntax, lists = _syntax(values), _lists(studio)
        drawn = [_drawn(text, seed, lists, name, syntax) for name, text in zip(_NAMES, styled, strict=True)]
        steps = _steps(values)
        plan = plan_prompts(read_tags(drawn[0])[0], drawn[1], syntax, steps)
    except InvalidRequest as error:
        return f'<p class="trouble" role="status">{html.escape(page_words(error))}</p>'
    counted = counters.count(studio.model(values.get("model")), plan)
    parts = [_counted(counted, negative=bool(styled[1].strip()))] if counted else []
    own = str(values.get("prompt") or "")[:LARGEST_PROMPT]
    runs = _what_runs(own, seed, lists, syntax, steps)
    if runs:
        head = "Runs" if known else "For example"
        parts.append(f'<p class="runs"><b>{head}</b> {runs}</p>')
    return "".join(parts)


_NAMES: Final = ("prompt", "negative_prompt")


def _syntax(values: Mapping[str, Any]) -> PromptSyntax:
    said = values.get("prompt_syntax")
    return cast("PromptSyntax", said) if said in SYNTAXES else "a1111"


def _lists(studio: Studio) -> Wildcards:
    catalogue = getattr(studio.manager, "catalogue", None)
    return wildcards_beside(catalogue.folders if catalogue is not None else ())


def _seed(values: Mapping[str, Any]) -> tuple[int, bool]:
    """The first picture's seed, and whether it is known yet."""
    try:
        seed = seed_of(values.get("seed"))
    except InvalidRequest:
        seed = -1
    return (seed, True) if 0 <= seed <= LARGEST_SEED else (0, False)


def _steps(values: Mapping[str, Any]) -> int:
    said = values.get("num_inference_steps")
    return min(max(1, int(said)), MOST_STEPS) if isinstance(said, (int, float)) and said == said else 20  # noqa: PLR0124


def _drawn(text: str, seed: int, lists: Wildcards, name: str, syntax: PromptSyntax) -> str:
    return text if syntax == "plain" else draw(text, seed, lists, name)


def _counted(counted: tuple[TokenCount, TokenCount], *, negative: bool) -> str:
    said = [f"{counted[0].used} / {counted[0].room} tokens"]
    if negative:
        said.append(f"negative {counted[1].used} / {counted[1].room}")
    chunks = max(one.chunks for one in counted)
    more = f" · {chunks} chunks, nothing is cut" if chunks > 1 else ""
    return f'<p class="count">{" · ".join(said)}{more}</p>'


def _what_runs(own: str, seed: int, lists: Wildcards, syntax: PromptSyntax, steps: int) -> str:
    """The artist's own words as they are drawn, and at each step where they change; empty where they just stand."""
    words = read_tags(_drawn(own, seed, lists, "prompt", syntax))[0]
    plan = plan_prompts(words, "", syntax, steps)
    texts = [" AND ".join(piece.text for part in parts for piece in part.phrase) for parts in plan.positive]
    turns = [place for place, text in enumerate(texts) if place == 0 or text != texts[place - 1]]
    if len(turns) < 2:
        return _shown(words) if has_chance(own) and syntax != "plain" else ""
    more = " …" if len(turns) > MOST_TURNS else ""
    return " · ".join(f"<i>from step {place + 1}</i> {_shown(texts[place])}" for place in turns[:MOST_TURNS]) + more


def _shown(text: str) -> str:
    short = text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
    return html.escape(" ".join(short.split()))
