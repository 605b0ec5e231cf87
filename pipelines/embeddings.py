"""Textual inversion: words that stand for learnt vectors, looked up while a prompt is encoded.

Nothing shared is changed: whoever uses such a word has their prompt read by a copy of the tokenizer that knows it, and
its vectors are laid over the encoder's own for that one reading, on the engine's thread. Adding the words to the shared
tokenizer, as diffusers does, would change other people's prompts: a word is then split wherever its letters occur.

A file's name is the word, in any case, on its own in the prompt; A1111's and ComfyUI's ``embedding:name`` is the same.
"""

from __future__ import annotations

import contextlib
import copy
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from tokenizers import AddedToken

from .errors import InvalidRequest, ModelError
from .extras import ExtraFile

MOST_VECTORS: Final = 75
"""More than a chunk of the prompt holds could never be read."""

_EXPLICIT: Final = re.compile(r"\bembedding:\s*([\w.\-/ ]*[\w\-])", re.IGNORECASE)
_KEYS: Final = {
    "text_encoder": ("clip_l", "text_encoders_0", "emb_params"),
    "text_encoder_2": ("clip_g", "text_encoders_1"),
}
"""Names of the vectors for each encoder, as kohya-ss, diffusers' trainers and A1111 write them."""


@dataclass(frozen=True)
class Word:
    """One embedding that a prompt uses.

    Attributes:
        name: The word.
        path: Its file.
        stamp: Tells the file from itself after a change.
        vectors: What it stands for, shape [vectors, width], by the encoder's component.
    """

    name: str
    path: Path
    stamp: int
    vectors: Mapping[str, torch.Tensor] = field(repr=False, compare=False)

    @property
    def places(self) -> int:
        """How many places of a prompt it takes."""
        return len(next(iter(self.vectors.values())))


def words_in(texts: Sequence[str], files: Iterable[ExtraFile]) -> list[ExtraFile]:
    """The embeddings whose words stand in any of the texts.

    Raises:
        InvalidRequest: A text has ``embedding:name`` for which there is no file, or one that cannot be used.
    """
    lowered = [text.lower() for text in texts]
    files = list(files)
    for text in texts:
        for said in _EXPLICIT.finditer(text):
            _check_named(said[1], files)
    return [
        one
        for one in files
        if not one.problem and any(one.name.lower() in text and _pattern(one.name).search(text) for text in lowered)
    ]


def read_word(file: ExtraFile, pipeline: Any) -> Word | None:
    """Reads an embedding's vectors; None where they are for encoders of another kind than the pipeline's.

    Raises:
        ModelError: It is damaged, a pickle, or has vectors that are no numbers; it is named.
    """
    if file.path.suffix.lower() != ".safetensors":
        raise ModelError(f"embedding {file.name!r} can run code as it is read; give it as .safetensors.")
    try:
        tensors, stamp = load_file(file.path), file.path.stat().st_mtime_ns
    except (OSError, SafetensorError, ValueError) as error:
        raise ModelError(f"embedding {file.name!r} is damaged or incomplete; copy its file again.") from error
    vectors = {}
    encoders = _encoders(pipeline)
    if any(key in tensors for part, keys in _KEYS.items() if part not in encoders for key in keys):
        return None
    for part, encoder in encoders.items():
        named = [tensors[key] for key in _KEYS[part] if key in tensors]
        if not named and len(encoders) == 1 and len(tensors) == 1:
            named = list(tensors.values())  # diffusers' own: the word is the key
        width = encoder.get_input_embeddings().weight.shape[1]
        rows = named[0] if named else torch.empty(0)
        rows = rows[None] if rows.ndim == 1 else rows
        if rows.ndim != 2 or rows.shape[1] != width or not 1 <= len(rows) <= MOST_VECTORS:
            return None
        if not bool(torch.isfinite(rows).all()):
            raise ModelError(f"embedding {file.name!r} has vectors that are not numbers; copy its file again.")
        vectors[part] = rows
    if len({len(rows) for rows in vectors.values()}) > 1:
        raise ModelError(
            f"embedding {file.name!r} has more vectors for one encoder than the other; copy its file again."
        )
    return Word(file.name, file.path, stamp, vectors) if vectors else None


class Vocabulary:
    """The learnt words of one request's prompts.

    Args:
        words: Those that stand in them.
    """

    def __init__(self, words: Sequence[Word] = ()) -> None:
        self._words = sorted(words, key=lambda word: -len(word.name))

    @property
    def key(self) -> tuple[Word, ...]:
        """What tells encoded prompts with these words from others."""
        return tuple(self._words)

    def spell(self, text: str) -> str:
        """Puts place-holders, one for each vector, where the words stand."""
        for index, word in enumerate(self._words):
            holders = " ".join(_holder(index, place) for place in range(word.places))
            text = _pattern(word.name).sub(holders, text)
        return text

    def tokenizers(self, pipeline: Any) -> dict[str, Any]:
        """Copies of a pipeline's tokenizers that know the place-holders, by component; empty where there is no word."""
        if not self._words:
            return {}
        return {
            part.replace("text_encoder", "tokenizer"): self._copy(
                getattr(pipeline, part.replace("text_encoder", "tokenizer"))
            )
            for part in _encoders(pipeline)
        }

    @contextlib.contextmanager
    def laid_over(self, pipeline: Any, tokenizers: Mapping[str, Any]) -> Iterator[None]:
        """Lays the vectors over the encoders' own while the context is open; on the engine's thread only.

        Args:
            pipeline: Holds the real encoders.
            tokenizers: What :meth:`tokenizers` gave.
        """
        with contextlib.ExitStack() as stack:
            for part, encoder in _encoders(pipeline).items() if tokenizers else ():
                known = tokenizers[part.replace("text_encoder", "tokenizer")]
                rows = {
                    known.convert_tokens_to_ids(_holder(index, place)): vector
                    for index, word in enumerate(self._words)
                    for place, vector in enumerate(word.vectors[part])
                }
                for hook in _overlay(encoder, rows):
                    stack.callback(hook.remove)
            yield

    def _copy(self, tokenizer: Any) -> Any:
        own = copy.deepcopy(tokenizer)
        own.add_tokens(
            [
                AddedToken(_holder(index, place), normalized=False)
                for index, word in enumerate(self._words)
                for place in range(word.places)
            ]
        )
        return own


def _overlay(encoder: Any, rows: Mapping[int, torch.Tensor]) -> Iterator[Any]:
    """Hooks that read place-holders as an ordinary token, and then put their vectors where it stood."""
    places: list[tuple[torch.Tensor, torch.Tensor]] = []

    def take_out(_module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        ids = kwargs["input_ids"] if "input_ids" in kwargs else args[0]
        places[:] = [(ids == token, vector) for token, vector in rows.items()]
        plain = ids.clone()
        for where, _ in places:
            plain[where] = 0  # an ordinary one: CLIP pools at the largest number, which must stay the text's end
        return ((plain, *args[1:]), kwargs) if "input_ids" not in kwargs else (args, {**kwargs, "input_ids": plain})

    def put_in(_module: Any, _args: tuple[Any, ...], output: torch.Tensor) -> torch.Tensor:
        output = output.clone()
        for where, vector in places:
            output[where] = vector.to(output)
        return output

    yield encoder.register_forward_pre_hook(take_out, with_kwargs=True)
    yield encoder.get_input_embeddings().register_forward_hook(put_in)


def _encoders(pipeline: Any) -> dict[str, Any]:
    """The CLIP encoders of a pipeline that has no others, by component."""
    named = {part: getattr(pipeline, part, None) for part in ("text_encoder", "text_encoder_2", "text_encoder_3")}
    there = {part: encoder for part, encoder in named.items() if encoder is not None}
    only_clip = all("CLIPText" in type(encoder).__name__ for encoder in there.values())
    return there if only_clip and set(there) <= set(_KEYS) else {}


def _check_named(said: str, files: Sequence[ExtraFile]) -> None:
    """Refuses an ``embedding:name`` that begins with no file's name."""
    lowered = said.lower()
    found = [one for one in files if lowered.startswith(one.name.lower())]
    if not found:
        raise InvalidRequest(
            "prompt", f"prompt has 'embedding:{said[:60]}', which is not installed; add its file, or leave it out."
        )
    if all(one.problem for one in found):
        raise ModelError(found[0].problem)


def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?:\bembedding:\s*)?(?<![\w\-]){re.escape(name)}(?![\w\-])", re.IGNORECASE)


def _holder(index: int, place: int) -> str:
    return f"<learnt-{index}-{place}>"
