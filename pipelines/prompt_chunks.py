"""Prompts as rows of tokens with weights: as many chunks as it takes, so that nothing is cut."""

from __future__ import annotations

from typing import Any, NamedTuple

from .prompt_emphasis import Block, Weighted, parse_emphasis


class Chunk(NamedTuple):
    """One row for the encoder.

    Attributes:
        ids: Beginning, words, end, filling: as many as the encoder takes.
        weights: How strongly each counts.
        used: How many come before the filling.
    """

    ids: list[int]
    weights: list[float]
    used: int

    @property
    def is_weighted(self) -> bool:
        """Whether any word counts otherwise than it would by itself."""
        return any(weight != 1.0 for weight in self.weights)


class TokenCount(NamedTuple):
    """How long a prompt is.

    Attributes:
        used: Tokens of its words.
        room: Tokens that fit in as many chunks as it takes; 75 for each with CLIP.
        chunks: Those.
    """

    used: int
    room: int
    chunks: int


def chunk_prompt(tokenizer: Any, text: str, *, emphasis: bool = True) -> list[Chunk]:
    """Cuts a prompt into chunks; ``BREAK`` begins another.

    Args:
        tokenizer: CLIP's.
        text: The prompt at one step.
        emphasis: Whether its brackets mean something.

    Returns:
        At least one.

    Raises:
        InvalidRequest: A weight is too large.
    """
    length = tokenizer.model_max_length
    rows = _rows(tokenizer, _blocks(text, emphasis=emphasis), length - 2)
    chunks = []
    for row in rows:
        filling = length - 2 - len(row)
        ids = [tokenizer.bos_token_id, *(token for token, _ in row), tokenizer.eos_token_id]
        weights = [1.0, *(weight for _, weight in row), *[1.0] * (1 + filling)]
        chunks.append(Chunk(ids + [tokenizer.pad_token_id] * filling, weights, len(ids)))
    return chunks


def count_tokens(tokenizer: Any, text: str, *, emphasis: bool = True) -> TokenCount:
    """Counts a prompt's tokens as the encoder will read them, for a counter beside it.

    Raises:
        InvalidRequest: A weight is too large.
    """
    room = tokenizer.model_max_length - 2
    rows = _rows(tokenizer, _blocks(text, emphasis=emphasis), room)
    return TokenCount(sum(len(row) for row in rows), room * len(rows), len(rows))


def _blocks(text: str, *, emphasis: bool) -> tuple[Block, ...]:
    return parse_emphasis(text) if emphasis else ((Weighted(text, 1.0),),)


def _rows(tokenizer: Any, blocks: tuple[Block, ...], room: int) -> list[list[tuple[int, float]]]:
    """Tokens and weights by chunk. A block that is not the last fills a chunk even where it has no words."""
    rows: list[list[tuple[int, float]]] = []
    for index, block in enumerate(blocks):
        tokens = [
            (token, weight)
            for text, weight in block
            for token in tokenizer(text, add_special_tokens=False, truncation=False, verbose=False).input_ids
        ]
        is_last = index == len(blocks) - 1
        least = [[]] if not rows or not is_last else list[list[tuple[int, float]]]()
        rows += [tokens[start : start + room] for start in range(0, len(tokens), room)] or least
    return rows
