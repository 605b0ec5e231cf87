"""How many tokens a prompt takes with a model, asked of its tokenizer alone: no network is loaded."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .prompt_syntax import PromptPlan

if TYPE_CHECKING:
    from .model_info import ModelInfo
    from .prompt_chunks import TokenCount

CLIP_FAMILIES: Final = (
    "starter",
    "stable-diffusion",
    "stable-diffusion-2",
    "stable-diffusion-xl",
    "stable-diffusion-xl-refiner",
)
"""Families whose prompts are cut into chunks; all others read theirs in one piece of their own length."""

MOST_TEXTS: Final = 32
"""Texts of one prompt that are counted, where editing makes many of it."""


class TokenCounters:
    """Tokenizers by their folders, each read once; safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[Path, Any] = {}

    def count(self, info: ModelInfo, plan: PromptPlan) -> tuple[TokenCount, TokenCount] | None:
        """Counts both prompts, each at the step and in the part where it is longest.

        Args:
            info: The model.
            plan: The prompts, from :func:`~pipelines.prompt_syntax.plan_prompts`.

        Returns:
            Of the prompt and of the negative prompt; None where the model has no tokenizer at hand, or no chunks.
        """
        from .prompt_chunks import count_tokens

        tokenizer = self._tokenizer(info)
        if tokenizer is None:
            return None
        both = ([part.phrase for parts in plan.positive for part in parts], list(plan.negative))
        longest = []
        for phrases in both:
            pieces = list(dict.fromkeys(piece for phrase in phrases for piece in phrase))[:MOST_TEXTS]
            longest.append(max(count_tokens(tokenizer, piece.text, emphasis=piece.emphasis) for piece in pieces))
        return longest[0], longest[1]

    def _tokenizer(self, info: ModelInfo) -> Any:
        folder = _folder(info)
        if folder is None:
            return None
        with self._lock:
            if folder not in self._known:
                from .whole_transformers import transformers

                self._known[folder] = None
                with suppress(OSError, ValueError, KeyError, TypeError):  # then there is no counter
                    self._known[folder] = transformers.CLIPTokenizer.from_pretrained(folder, local_files_only=True)
            return self._known[folder]


def _folder(info: ModelInfo) -> Path | None:
    """Where a model's tokenizer lies; nothing is fetched for it."""
    if info.family not in CLIP_FAMILIES:
        return None
    if info.file is not None:
        from .tokenizers import clip_at_hand

        return clip_at_hand(info)
    folders = (info.folder / name for name in ("tokenizer", "tokenizer_2"))
    return next((folder for folder in folders if (folder / "tokenizer_config.json").is_file()), None)
