"""Styles that people save: files of the studio, each under its owner, beside those that come with Reverie."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from pipelines.errors import InvalidRequest, PresetError
from pipelines.preset import PROMPT, Style, load_styles
from pipelines.styles_csv import read_styles_csv, save_style

MOST_OF_ONE: Final = 2000
"""Styles that one owner may keep."""


class AllStyles(Mapping[str, Style]):
    """Every style by its id: ours in Dream Studio's order, then everybody's own.

    Anybody may look an id up, since recipes tell them; in a shared studio the ids of saved ones cannot be guessed.

    Args:
        ours: Those that come with Reverie.
        folder: Where the owners' lie, each owner's in a folder of their key.
        key: Gives an owner's key, which tells nothing of their token.
        shared: Whether others than the people at this machine reach the studio.
    """

    def __init__(self, ours: Mapping[str, Style], folder: Path, key: Callable[[str], str], *, shared: bool) -> None:
        self._ours, self._folder, self._key, self._shared = dict(ours), folder, key, shared
        self._lock = threading.Lock()
        self._own: dict[str, dict[str, Style]] = {}
        for place in sorted(folder.iterdir()) if folder.is_dir() else ():
            if place.is_dir():
                self._own[place.name] = {style.id: style for style in load_styles(place)[0]}

    def __getitem__(self, style_id: str) -> Style:
        with self._lock:
            found = [styles[style_id] for styles in (self._ours, *self._own.values()) if style_id in styles]
        if not found:
            raise KeyError(style_id)
        return found[0]

    def __iter__(self) -> Iterator[str]:
        with self._lock:
            return iter([*self._ours, *(style for styles in self._own.values() for style in styles)])

    def __len__(self) -> int:
        return len(list(iter(self)))

    def choices(self, owner: str) -> list[tuple[str, str]]:
        """What an owner's list offers: label and id."""
        with self._lock:
            own = sorted(self._own.get(self._key(owner), {}).values(), key=lambda style: style.label.casefold())
        return [(style.label, style.id) for style in (*self._ours.values(), *own)]

    def own(self, owner: str) -> dict[str, Style]:
        """The styles that an owner has saved, by id."""
        with self._lock:
            return dict(self._own.get(self._key(owner), {}))

    def save(self, owner: str, label: str, prompt: str, negative_prompt: str) -> Style:
        """Keeps words as a style; without ``{prompt}`` in them they come after the artist's own.

        Raises:
            InvalidRequest: There is no name, or nothing to keep.
            PresetError: It cannot be kept; the sentence says why.
        """
        label, prompt, negative_prompt = label.strip(), prompt.strip(), negative_prompt.strip()
        if not label:
            raise InvalidRequest("style", "style has no name; give it one.")
        if not prompt and not negative_prompt:
            raise InvalidRequest("style", "style has no words; write a prompt or a negative prompt first.")
        if prompt.count(PROMPT) > 1:
            raise InvalidRequest("style", f"style has {PROMPT} more than once; leave one of them.")
        columns = {"name": label, "prompt": prompt, "negative_prompt": negative_prompt}
        styles, problems = read_styles_csv(_as_csv(columns), taken=self)
        if not styles:
            raise problems[0] if problems else PresetError("style cannot be kept; give it another name.")
        return self._keep(owner, styles)[0]

    def read_csv(self, owner: str, data: bytes) -> tuple[list[Style], list[PresetError]]:
        """Keeps the styles of A1111's ``styles.csv``.

        Raises:
            PresetError: It is no such file, or they cannot be kept.
        """
        styles, problems = read_styles_csv(data, taken=self)
        return self._keep(owner, styles), problems

    def remove(self, owner: str, style_id: str) -> bool:
        """Deletes one of an owner's own; tells whether it was one."""
        key = self._key(owner)
        with self._lock:
            found = self._own.get(key, {}).pop(style_id, None)
            if found is not None:
                with suppress(FileNotFoundError):
                    (self._folder / key / f"{style_id}.json").unlink()
        return found is not None

    def _keep(self, owner: str, styles: list[Style]) -> list[Style]:
        key = self._key(owner)
        with self._lock:
            own = self._own.setdefault(key, {})
            if len(own) + len(styles) > MOST_OF_ONE:
                raise PresetError(f"style list would have more than {MOST_OF_ONE}; delete some first.")
            kept = [self._named(style) for style in styles]
            for style in kept:
                save_style(style, self._folder / key)
                own[style.id] = style
        return kept

    def _named(self, style: Style) -> Style:
        return style.model_copy(update={"id": f"{style.id[:56]}-{secrets.token_hex(3)}"}) if self._shared else style


def _as_csv(columns: Mapping[str, str]) -> bytes:
    row = ",".join('"' + value.replace('"', '""') + '"' for value in columns.values())
    return f"{','.join(columns)}\n{row}\n".encode()
