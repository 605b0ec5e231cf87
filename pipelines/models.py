"""Which checkpoints exist, and what goes with them: found on disk by names and headers, without loading anything."""

from __future__ import annotations

import difflib
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from .errors import ModelError, PresetError
from .extras import ExtraFile, find_extra
from .families import Family, load_families
from .findings import Findings
from .folder_models import FolderModel
from .hashes import SHORT, WeightsHashes
from .hub import Hub, is_repo_id
from .hub_meter import Progress
from .hub_models import HubModels
from .kinds import Kinds
from .listing import Listing
from .model_info import STARTER_FOLDER, STARTER_ID, ModelInfo
from .shelf import EXTRAS, PARTS, Entry, Shelf, described, told_apart
from .upscaling.names import LANCZOS

__all__ = ["STARTER_FOLDER", "STARTER_ID", "Catalogue", "ExtraFile", "ModelInfo"]

_Thing = TypeVar("_Thing", ModelInfo, ExtraFile)


class Catalogue:
    """The starter model, whatever lies in the given folders, and what the Hub has.

    A folder may be an installation of A1111 or ComfyUI, its ``models``, or any other; its folders are looked through,
    and nothing outside of it is. Files in the original layout have to be ``.safetensors``.

    Args:
        models_dirs: Folders to look in; one that does not exist is an error at once, not later.
        hub: Models by Hub id; None = only what is in the folders.
        hashes: Knows the hashes of models' weights; see :attr:`hashes`.

    Attributes:
        problems: One error for each family preset that cannot be used; its models are not listed.
        hashes: Whatever it knows by now is in ``ModelInfo.hash``; a model that is asked for is hashed behind that.

    Raises:
        ModelError: A folder does not exist.
        PresetError: The starter's own preset cannot be used.
    """

    def __init__(
        self, models_dirs: Sequence[str | Path] = (), *, hub: Hub | None = None, hashes: WeightsHashes | None = None
    ) -> None:
        folders = [Path(folder).expanduser() for folder in models_dirs]
        for folder in folders:
            if not folder.is_dir():
                raise ModelError(f"models_dirs has {folder}, which is no folder; create it or leave it out.")
        self._folders = folders
        self._families, self.problems = load_families()
        if STARTER_ID not in self._families:
            raise (
                self.problems[0]
                if self.problems
                else PresetError("presets/families/starter.json is missing; restore the file.")
            )
        self._kinds = Kinds()
        self._findings = Findings()
        self._shelves = [Shelf(folder, self._families, self._kinds, self._findings) for folder in folders]
        self._hub = HubModels(hub, self._families, self._kinds) if hub is not None else None
        self.hashes = hashes
        self._lock = threading.Lock()
        self._listings: dict[tuple[str, ...], Listing] = {}
        self._behind: threading.Thread | None = None

    def models(self) -> list[ModelInfo]:
        """Lists the starter first, then by name every model that can be used, those from the Hub at the end."""
        return [*self._listed("model").models, *(self._hub.listed() if self._hub is not None else [])]

    def refused(self) -> list[ModelInfo]:
        """Lists what lies in the folders and cannot be used; ``problem`` says why, and ``tasks`` is empty.

        :meth:`models` has only what can be used; :meth:`find` raises the ``problem`` of one of these.
        """
        return list(self._listed(*PARTS).refused)

    def loras(self) -> list[ExtraFile]:
        """Lists the LoRA files, by name."""
        return list(self._listed("model", "lora").extras["lora"])

    def embeddings(self) -> list[ExtraFile]:
        """Lists the textual inversion files, by name."""
        return list(self._listed("model", "embedding").extras["embedding"])

    def vaes(self) -> list[ExtraFile]:
        """Lists the VAE files, by name."""
        return list(self._listed("model", "vae").extras["vae"])

    def upscalers(self) -> list[ExtraFile]:
        """Lists the upscaler files (ESRGAN and its like), by name."""
        return list(self._listed("model", "upscaler").extras["upscaler"])

    def find_lora(self, name: str) -> ExtraFile:
        """Gives the LoRA with this id, or of this name where only one has it.

        Raises:
            ModelError: There is none; the sentence names the nearest.
        """
        return find_extra(self.loras(), name, "LoRA", refused=self._reasons())

    def find_vae(self, name: str) -> ExtraFile:
        """Gives the VAE with this id, or of this name where only one has it.

        Raises:
            ModelError: There is none; the sentence names the nearest.
        """
        return find_extra(self.vaes(), name, "VAE", refused=self._reasons())

    def find_upscaler(self, name: str) -> ExtraFile:
        """Gives the upscaler with this id, or of this name where only one has it.

        Raises:
            ModelError: There is none; the sentence names the nearest.
        """
        return find_extra(self.upscalers(), name, "Upscaler", LANCZOS, refused=self._reasons())

    def refresh(self) -> None:
        """Looks at the folders anew at the next question, also at files that were written over in place."""
        for shelf in self._shelves:
            shelf.forget()
        with self._lock:
            self._listings.clear()

    def keep_in(self, file: Path) -> None:
        """Remembers what files were found to be from now on in a file, which is then taken over at the next start."""
        self._findings.keep_in(file)

    def look_behind(self) -> None:
        """Looks at everything behind everybody's back, so that it takes no time when it is asked for."""
        with self._lock:
            if self._behind is None or not self._behind.is_alive():
                self._behind = threading.Thread(target=self.refused, name="catalogue", daemon=True)
                self._behind.start()

    def knows(self, what: str, seconds: float = 0) -> bool:
        """Whether all files of a kind have been looked at, so that listing them takes no time.

        A list that is asked for before that waits: some ten milliseconds for each file that was never seen.

        Args:
            what: ``lora``, ``embedding`` or ``vae``.
            seconds: How long to wait for it, while the files are being looked at behind.
        """
        if not self._looked_at(what):
            self.look_behind()
            assert self._behind is not None
            self._behind.join(seconds)
        return self._looked_at(what)

    def _looked_at(self, what: str) -> bool:
        return all(shelf.knows(part) for shelf in self._shelves for part in ("model", what))

    def find(self, model: str | None) -> ModelInfo:
        """Gives the model a request asks for; None is the starter.

        For a Hub id that is not on this machine the few files are fetched that say what it is; :meth:`fetch` gets the
        rest.

        Raises:
            ModelError: There is none by that id, with the nearest named, or it cannot be used, with the reason.
        """
        info = self._found(model or STARTER_ID)
        if info.file is not None and any(shelf.changed(info.file) for shelf in self._shelves):
            self.refresh()  # it was written over in place since it was listed
            info = self._found(model or STARTER_ID)
        if self.hashes is not None and info.hash is None and info.kind == "file":
            self.hashes.later(info.place)
        return info

    def fetch(
        self, info: ModelInfo, progress: Progress | None = None, stopped: Callable[[], bool] | None = None
    ) -> ModelInfo:
        """Sees to it that a model's weights are on this machine; at once for all but what is still on the Hub.

        Args:
            info: From :meth:`find`.
            progress: Told how much has arrived, 0 to 1, and of what.
            stopped: Asked between pieces; True = give up.

        Raises:
            ModelError: It cannot be had; one sentence says why.
            Cancelled: ``stopped`` said so.
        """
        if info.kind != "hub" or self._hub is None:
            return info
        self._hub.hub.fetch(info.id, progress, stopped)
        return self._hub.describe(info.id)

    @property
    def folders(self) -> list[Path]:
        """Where models are looked for."""
        return list(self._folders)

    @property
    def has_hub(self) -> bool:
        """Whether models can be named by their Hub id."""
        return self._hub is not None

    def family_name(self, info: ModelInfo) -> str:
        """The name of a model's family for people; empty where it is not known."""
        return self._families[info.family].name if info.family in self._families else ""

    def family(self, info: ModelInfo) -> Family:
        """The family a model belongs to.

        Raises:
            ModelError: It cannot be used, and may have none.
        """
        if info.problem or info.family not in self._families:
            raise ModelError(info.problem or f"model is {info.id!r}, whose family {info.family!r} is not known.")
        return self._families[info.family]

    def _found(self, model: str) -> ModelInfo:
        listing = self._listed("model")
        known = {info.id: info for info in listing.models}
        if model in known:
            return known[model]
        for info in listing.refused:
            if info.id == model:
                raise ModelError(info.problem)
        if self._hub is not None and is_repo_id(model):
            return self._hub.describe(model)
        for info in self.refused():
            if info.id == model:
                raise ModelError(info.problem)
        same = next((info for info in listing.models if model.lower() in (info.id.lower(), info.name.lower())), None)
        near = same.id if same else difflib.get_close_matches(model[:200], known, n=1, cutoff=0.0)[0]
        raise ModelError(
            f"model is {model[:200]!r}, which is not installed; use {near!r}, or add its folder to --models-dir."
        )

    def _listed(self, *parts: str) -> Listing:
        shelved = [shelf.entries(part) for part in parts for shelf in self._shelves]
        known = self.hashes.count if self.hashes is not None else 0
        with self._lock:
            listing = self._listings.get(parts)
            if listing is None or not listing.is_of(shelved, known):
                listing = self._listings[parts] = self._list(shelved, known)
            return listing

    def _list(self, shelved: list[tuple[Entry, ...]], known: int) -> Listing:
        groups: dict[str, list[Entry]] = {what: [] for what in ("model", *EXTRAS, "refused")}
        for entry in (entry for entries in shelved for entry in entries):
            groups[entry.what].append(entry)
        taken = {STARTER_ID}
        models = [each.model for each in told_apart(groups["model"], taken) if each.model is not None]
        refused = [each.model for each in told_apart(groups["refused"], taken) if each.model is not None]
        starter = described(FolderModel(STARTER_FOLDER, STARTER_FOLDER), STARTER_ID, self._families[STARTER_ID])
        return Listing(
            shelved,
            known,
            models=(starter, *sorted((self._hashed(info, info.file) for info in models), key=_name)),
            refused=tuple(sorted(refused, key=_name)),
            extras={what: self._extras(groups[what]) for what in EXTRAS},
        )

    def _extras(self, entries: list[Entry]) -> tuple[ExtraFile, ...]:
        files = [each.extra for each in told_apart(entries, set()) if each.extra is not None]
        return tuple(sorted((self._hashed(file, file.path) for file in files), key=_name))

    def _reasons(self) -> dict[str, str]:
        """Why what lies there cannot be used, by id and by file name in lower case without ending."""
        return {
            said.lower().removesuffix(".safetensors"): info.problem
            for info in self.refused()
            for said in (info.id, info.id.rpartition("/")[2])
        }

    def _hashed(self, thing: _Thing, file: Path | None) -> _Thing:
        """The same with its hash, where that is known."""
        known = self.hashes.known(file) if self.hashes is not None and file is not None else None
        return replace(thing, hash=known[:SHORT]) if known else thing


def _name(thing: ModelInfo | ExtraFile) -> str:
    return thing.name.lower()
