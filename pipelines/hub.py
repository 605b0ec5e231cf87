"""Models by their id on the Hugging Face Hub: fetched once, with progress, and taken from the disk afterwards.

Only what a model in diffusers' layout needs is fetched: ``.safetensors``, ``.json``, and tokenizers. Programs and
pickles are left where they are.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from .errors import Cancelled, ModelError
from .folder_models import read_json
from .hub_errors import explained
from .hub_meter import Meter, Progress
from .model_folders import INDEX

REPO_ID: Final = re.compile(r"(?!.*(--|\.\.))[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}")

SMALL: Final = (".json", ".txt", ".model")
"""Endings of what is fetched besides weights: configurations, vocabularies, sentencepiece."""

LEFT_OUT: Final = ("safety_checker", "feature_extractor", "image_encoder")
"""Parts that no task of Reverie uses."""

LISTING_HOLDS: Final = 5.0
"""Seconds."""

_T = TypeVar("_T")

_PLAIN: Final = re.compile(r"[\w-]+(-\d{5}-of-\d{5})?\.safetensors")
_HALF: Final = re.compile(r"[\w-]+\.fp16(-\d{5}-of-\d{5})?\.safetensors")
_SOFT: Final = ("Scheduler", "Tokenizer", "TokenizerFast", "FeatureExtractor", "Processor", "ProcessorPil")


def is_repo_id(name: str) -> bool:
    """Whether a text has the form of a Hub id, ``owner/name``."""
    return REPO_ID.fullmatch(name) is not None


class Hub:
    """The Hub, and what has been fetched from it.

    Args:
        cache_dir: Where it is kept; None = where every program that uses the Hub keeps it (``HF_HUB_CACHE``).
        downloads: Whether anything may be fetched; else only what is there already is used.
        endpoint: The Hub's address; None = the usual one, or ``HF_ENDPOINT``.
    """

    def __init__(self, cache_dir: Path | None = None, *, downloads: bool = True, endpoint: str | None = None) -> None:
        self._cache_dir = cache_dir
        self.downloads = downloads
        self._endpoint = endpoint
        self._listed: tuple[float, list[str]] | None = None

    @property
    def cache_dir(self) -> Path:
        """Where it is kept."""
        return self._cache_dir or _usual_cache()

    def repos(self) -> list[str]:
        """Lists the ids of the models that are there as a whole, as they were at most five seconds ago."""
        if self._listed is not None and time.monotonic() - self._listed[0] < LISTING_HOLDS:
            return self._listed[1]
        found = self._look_through()
        self._listed = time.monotonic(), found
        return found

    def _look_through(self) -> list[str]:
        try:
            names = sorted(path.name for path in self.cache_dir.glob("models--*--*"))
        except OSError:
            return []
        ids = [name.removeprefix("models--").replace("--", "/") for name in names]
        return [repo for repo in ids if is_repo_id(repo) and self.cached(repo)]

    def folder(self, repo: str) -> Path:
        """Where everything that was fetched of a model lies; nothing of it leads out of there."""
        return self.cache_dir / f"models--{repo.replace('/', '--')}"

    def cached(self, repo: str) -> Path | None:
        """A model's folder in diffusers' layout, where all of it is there; asks nobody."""
        snapshot = self._snapshot(repo)
        return snapshot if snapshot and _missing(snapshot) == [] else None

    def look(self, repo: str) -> Path:
        """Fetches what says which kind of model it is, a few hundred kilobytes; nothing if that is there already.

        Raises:
            ModelError: It is no model that can be used, or cannot be reached; the sentence says which.
        """
        _check_id(repo)
        snapshot = self._snapshot(repo)
        if snapshot is None:
            self._download(repo, [INDEX, *(f"*/*{ending}" for ending in SMALL)], None)
            snapshot = self._snapshot(repo)
        if snapshot is None:
            raise ModelError(
                f"model is {repo!r}, which has no {INDEX}, so it is no model in diffusers' layout; "
                "download its .safetensors file into a folder of --models-dir instead."
            )
        return snapshot

    def fetch(self, repo: str, progress: Progress | None = None, stopped: Callable[[], bool] | None = None) -> Path:
        """Fetches a model, or what is missing of it; what was begun is gone on with.

        Args:
            repo: ``owner/name``.
            progress: Told how much of its bytes are there.
            stopped: Asked between pieces; True = give up, and keep what there is for the next time.

        Raises:
            ModelError: It cannot be had; one sentence says why.
            Cancelled: ``stopped`` said so.
        """
        there = self.cached(repo)
        if there is not None:
            return there
        snapshot = self.look(repo)
        wanted = self._wanted(repo, snapshot)
        missing = {name: size for name, size in wanted.items() if not (snapshot / name).exists()}
        meter = Meter(repo, sum(missing.values()), progress, stopped)
        snapshot = self._download(repo, [_literally(name) for name in missing], meter)
        self._listed = None
        if lacking := _missing(snapshot):
            raise ModelError(f"model is {repo!r}, whose {lacking[0]} has no .safetensors weights; {_CONVERTED}.")
        return snapshot

    def size_bytes(self, repo: str) -> int:
        """Of all that :meth:`fetch` would have fetched in the end, as far as it is known on this machine."""
        snapshot = self._snapshot(repo)
        return sum(path.stat().st_size for path in snapshot.glob("*/*.safetensors")) if snapshot else 0

    def _snapshot(self, repo: str) -> Path | None:
        """The folder of the newest version that has been looked at."""
        try:
            commit = (self.folder(repo) / "refs" / "main").read_text(encoding="utf-8").strip()
        except (OSError, ValueError):
            return None
        if not re.fullmatch("[0-9a-f]{40}", commit):
            return None
        snapshot = self.folder(repo) / "snapshots" / commit
        return snapshot if read_json(snapshot / INDEX) else None

    def _wanted(self, repo: str, snapshot: Path) -> dict[str, int]:
        """The files that make up the model, with their sizes: for each part its plain weights, else its halved ones."""
        listed: dict[str, int] = self._asking(repo, lambda: self._list(repo, snapshot.name))
        wanted = {INDEX: listed.get(INDEX, 0)}
        for part, (_, kind) in _parts(read_json(snapshot / INDEX)).items():
            inside = {
                name: size for name, size in listed.items() if name.startswith(f"{part}/") and name.count("/") == 1
            }
            wanted |= {name: size for name, size in inside.items() if name.endswith(SMALL)}
            plain = {name: size for name, size in inside.items() if _PLAIN.fullmatch(name.split("/")[1])}
            half = {name: size for name, size in inside.items() if _HALF.fullmatch(name.split("/")[1])}
            if not (plain or half or kind.endswith(_SOFT)):
                raise ModelError(f"model is {repo!r}, whose {part} has no .safetensors weights; {_CONVERTED}.")
            wanted |= plain or half
        return wanted

    def _list(self, repo: str, revision: str) -> dict[str, int]:
        from huggingface_hub import HfApi
        from huggingface_hub.hf_api import RepoFile

        tree = HfApi(endpoint=self._endpoint).list_repo_tree(repo, recursive=True, revision=revision)
        return {entry.path: entry.size for entry in tree if isinstance(entry, RepoFile)}

    def _download(self, repo: str, patterns: list[str], meter: Meter | None) -> Path:
        from huggingface_hub import snapshot_download

        def fetch() -> Path:
            bar = (meter or Meter(repo, 0, None, None)).bar()
            folder = snapshot_download(
                repo,
                cache_dir=self.cache_dir,
                allow_patterns=patterns,
                endpoint=self._endpoint,
                tqdm_class=bar,
                max_workers=4,
            )
            return Path(str(folder))

        return self._asking(repo, fetch)

    def _asking(self, repo: str, ask: Callable[[], _T]) -> _T:
        """Asks the Hub; what goes wrong is one sentence."""
        if not self.downloads:
            raise ModelError(
                f"model is {repo!r}, which is not on this machine, and this studio does not download models; choose "
                "another, or have whoever runs it start it with --allow-downloads."
            )
        try:
            return ask()
        except Cancelled:
            raise
        except Exception as error:
            raise explained(repo, error) from error


_CONVERTED: Final = "take one that has, such as a converted copy"


def _parts(index: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """A model's parts by folder: library and class."""
    return {
        name: (value[0], value[1])
        for name, value in index.items()
        if re.fullmatch(r"[a-z0-9_]+", name)
        and name not in LEFT_OUT
        and isinstance(value, list)
        and len(value) == 2
        and all(isinstance(text, str) for text in value)
    }


def _missing(snapshot: Path) -> list[str]:
    """Parts of which something is not there."""
    return [
        part for part, (_, kind) in _parts(read_json(snapshot / INDEX)).items() if not _whole(snapshot / part, kind)
    ]


def _whole(folder: Path, kind: str) -> bool:
    if kind.endswith(_SOFT):
        return folder.is_dir()
    names = [path.name for path in folder.glob("*.safetensors") if path.exists()]
    for index in folder.glob("*.safetensors.index.json"):
        try:
            shards: Iterable[Any] = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
        except (OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError):
            return False
        half = ".fp16." in index.name
        if all(shard in names for shard in shards):
            return True
        if not half and not any(_HALF.fullmatch(name) for name in names):
            return False
    return any(_PLAIN.fullmatch(name) or _HALF.fullmatch(name) for name in names)


def _check_id(repo: str) -> None:
    if not is_repo_id(repo):
        raise ModelError(f"model is {repo[:80]!r}, which is no Hub id; give owner/name, as the model's page has it.")


def _literally(name: str) -> str:
    """A file's name as a pattern that fits only itself."""
    return re.sub(r"([*?\[])", r"[\1]", name)


def _usual_cache() -> Path:
    """Where ``huggingface_hub`` keeps things, told without importing it."""
    home = os.environ.get("HF_HOME") or os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "huggingface")  # noqa: PTH118
    told = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    return Path(told or home).expanduser() if told else Path(home).expanduser() / "hub"
