"""Models on the Hub or fetched from it, as the catalogue lists them: described from their small files alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from .errors import ModelError
from .families import Family
from .folder_models import FolderModel
from .hub import Hub
from .kinds import Kinds
from .model_info import STARTER_ID, ModelInfo
from .shelf import described


class HubModels:
    """Describes models by Hub id; what was described once is remembered while it stays as it is.

    Args:
        hub: Where they are, or are fetched from.
        families: By name; what a model can belong to.
        kinds: What tells families apart.
    """

    def __init__(self, hub: Hub, families: Mapping[str, Family], kinds: Kinds) -> None:
        self.hub, self._families, self._kinds = hub, families, kinds
        self._known: dict[tuple[str, Path, int], ModelInfo] = {}

    def listed(self) -> list[ModelInfo]:
        """Those that are on this machine and can be used.

        The others may be another program's; they can be asked for and say then what is wrong.
        """
        found = []
        for repo in self.hub.repos():
            try:
                found.append(self.describe(repo))
            except ModelError:
                continue
        return found

    def describe(self, repo: str) -> ModelInfo:
        """One of them; the few files that say what it is are fetched where they are not here yet.

        Raises:
            ModelError: It cannot be had or used; one sentence says why.
        """
        snapshot = self.hub.cached(repo) or self.hub.look(repo)
        size = self.hub.size_bytes(repo)
        if (repo, snapshot, size) in self._known:
            return self._known[repo, snapshot, size]
        folder = FolderModel(snapshot, self.hub.folder(repo))
        family = folder.family(self._families, self._kinds.folder_rules, STARTER_ID)
        why = folder.problem() or ("" if family else f"its pipeline is {str(folder.index.get('_class_name'))[:60]}")
        if why or family is None:
            raise ModelError(f"model is {repo!r} from the Hub, which cannot be used: {why}; choose another.")
        info = replace(described(folder, repo, family), kind="hub", size_bytes=size)
        self._known[repo, snapshot, size] = info
        return info
