"""What lies in a folder with models: A1111's and ComfyUI's layouts, or a plain folder, any depth that makes sense."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

WEIGHTS: Final = ".safetensors"
REFUSED: Final = (".ckpt", ".pt", ".pth", ".bin", ".pkl", ".pickle", ".gguf")
"""Endings that are listed with a reason and never opened."""

INDEX: Final = "model_index.json"
DEEPEST: Final = 8
MOST_FILES: Final = 200_000

NOT_YET: Final = (
    *("vae-approx", "vae_approx", "swinir", "ldsr", "hat", "dat", "gfpgan", "codeformer"),
    *("controlnet", "t2i_adapter", "ipadapter", "clip", "clip_vision", "text_encoders"),
    *("hypernetworks", "gligen", "style_models", "photomaker", "configs", "deepbooru", "torch_deepdanbooru"),
    *("blip", "karlo", "animatediff_models", "model_patches", "audio_encoders", "latent_upscale_models"),
)
"""Folders of theirs in which nothing is looked for so far."""

LAYOUT: Final = {
    **dict.fromkeys(("stable-diffusion", "checkpoints", "diffusers", "diffusion_models", "unet"), "model"),
    **dict.fromkeys(("lora", "loras", "lycoris"), "lora"),
    "vae": "vae",
    **dict.fromkeys(("embeddings", "embedding"), "embedding"),
    **dict.fromkeys(("esrgan", "realesrgan", "upscale_models"), "upscaler"),
    **dict.fromkeys(NOT_YET, ""),
}
"""Folder names of A1111 and ComfyUI, in lower case, and what is looked for in them; empty = nothing."""

INSTALLED: Final = ("models", "embeddings")
"""What is looked at in an installation; the rest of it is programs and pictures."""

NOTES: Final = ".components"
"""Ending of a folder that describes the single file of its name; see ``pipelines.component_configs``."""

PASSED_OVER: Final = ("__pycache__", "node_modules", "venv", "site-packages")


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that may be a model or something for one.

    Attributes:
        path: Where it is.
        base: The folder its id is told from.
        root: The folder that was configured.
        role: What the folder is for: ``model``, ``lora``, ``vae``, ``embedding``, ``upscaler``, or ``any``.
        form: ``folder`` (diffusers' layout), ``file``, ``refused`` (by its ending), or ``outside`` (a link that
            leads out of ``root``).
    """

    path: Path
    base: Path
    root: Path
    role: str
    form: str


class ModelFolder:
    """What lies under one configured folder, looked at anew when one of its folders has changed.

    Args:
        root: The folder; an installation of A1111 or ComfyUI, its ``models``, or any other.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._found: tuple[Found, ...] = ()
        self._seen: dict[Path, int] = {}

    def found(self) -> tuple[Found, ...]:
        """Lists it; the tuple is the same object until something has changed."""
        if not self._seen or any(_changed(folder) != seen for folder, seen in self._seen.items()):
            self._seen = {}
            self._found = tuple(self._walk())
        return self._found

    def forget(self) -> None:
        """Has everything looked at anew, whatever the folders' times of change say."""
        self._seen = {}

    def _walk(self) -> Iterator[Found]:
        real_root = self.root.resolve()
        places = [_Place(self.root, self.root, "any", 0)]
        visited: set[Path] = set()
        count = 0
        while places and count < MOST_FILES:
            place = places.pop()
            real = place.folder.resolve()
            if real in visited:  # a link back up would go round for ever
                continue
            visited.add(real)
            entries = self._entries(place.folder)
            count += len(entries)
            if any(entry.name == INDEX for entry in entries):
                self._watch_parts(entries)
                yield Found(place.folder, place.base, self.root, place.role, "folder")
                continue
            installed = place.folder == self.root and self._is_installation(entries)
            for entry in entries:
                path = Path(entry.path)
                if entry.name.startswith(".") or (installed and entry.name.lower() not in INSTALLED):
                    continue
                if entry.is_symlink() and not path.resolve().is_relative_to(real_root):
                    if entry.is_dir() or path.suffix.lower() == WEIGHTS:
                        yield Found(path, place.base, self.root, place.role, "outside")
                elif entry.is_dir():
                    places += place.below(path)
                elif path.suffix.lower() in (WEIGHTS, *REFUSED):
                    form = "file" if path.suffix.lower() == WEIGHTS else "refused"
                    yield Found(path, place.base, self.root, place.role, form)

    def _is_installation(self, entries: list[os.DirEntry[str]]) -> bool:
        """Whether this is where A1111 or ComfyUI is installed: its ``models`` has folders of their names."""
        if not any(entry.name == "models" and entry.is_dir() for entry in entries):
            return False
        return any(entry.name.lower() in LAYOUT and entry.is_dir() for entry in self._entries(self.root / "models"))

    def _entries(self, folder: Path) -> list[os.DirEntry[str]]:
        self._seen[folder] = _changed(folder)
        with suppress(OSError), os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
        return []

    def _watch_parts(self, entries: list[os.DirEntry[str]]) -> None:
        """Watches the parts of a model in diffusers' layout, whose own files say what it is."""
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                self._seen[Path(entry.path)] = _changed(Path(entry.path))


@dataclass(frozen=True, slots=True)
class _Place:
    """A folder that is still to be looked at; at depth 0 its folders may have names of a layout."""

    folder: Path
    base: Path
    role: str
    depth: int

    def below(self, path: Path) -> Iterator[_Place]:
        name = path.name.lower()
        if name.endswith(NOTES):
            return
        if self.depth == 0 and name == "models" and not (path / INDEX).is_file():
            yield _Place(path, path, "any", 0)
        elif self.depth == 0 and name in LAYOUT:
            if LAYOUT[name] and not (path / INDEX).is_file():
                yield _Place(path, path, LAYOUT[name], 1)
            elif (path / INDEX).is_file():  # a model that somebody gave the name of a folder
                yield _Place(path, self.base, "model", 1)
        elif self.depth < DEEPEST and name not in PASSED_OVER:
            yield _Place(path, self.base, self.role, self.depth + 1)


def _changed(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0
