"""What one configured folder holds, each thing described: models, what belongs to models, and what cannot be used."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from .errors import ModelError
from .extras import ExtraFile, triggers
from .families import Family
from .findings import Finding, Findings, State
from .folder_models import FolderModel, read_json
from .headers import read_header
from .kinds import Kind, Kinds
from .model_folders import NOTES, Found, ModelFolder
from .model_info import STARTER_ID, ModelInfo, tasks_of, unusable
from .preset import PRESETS

COMPONENTS: Final = PRESETS / "components"

EXTRAS: Final = ("lora", "embedding", "vae", "upscaler")

NAMES: Final = {
    "model": "model",
    "lora": "LoRA",
    "embedding": "textual inversion",
    "vae": "VAE",
    "upscaler": "upscaler",
}
"""What belongs into a folder of a role, for sentences."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that was found: ``what`` is ``model``, one of :data:`EXTRAS`, or ``refused``."""

    what: str
    model: ModelInfo | None = None
    extra: ExtraFile | None = None


PARTS: Final = ("model", *EXTRAS)
"""What of a folder can be looked at alone: its folders for models and those of no name, or those of one kind."""


class _Row:
    """One part of a folder, as it was when it was last looked at."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.files: dict[Path, tuple[State, Entry]] = {}
        self.last: tuple[Found, ...] | None = None
        self.entries: tuple[Entry, ...] = ()


class Shelf:
    """Describes what lies in a folder; each file's header is read once for each state of the file.

    Its parts do not wait for each other: models are listed while two thousand LoRAs are still being read.

    Args:
        root: The folder.
        families: Those there are.
        kinds: Tells files apart.
        findings: Remembers what files were found to be.
    """

    def __init__(self, root: Path, families: Mapping[str, Family], kinds: Kinds, findings: Findings) -> None:
        self._folder = ModelFolder(root)
        self._families, self._kinds, self._findings = families, kinds, findings
        self._walking = threading.Lock()
        self._rows = {part: _Row() for part in PARTS}

    def entries(self, part: str) -> tuple[Entry, ...]:
        """Lists one of :data:`PARTS`; the same tuple until something has changed in one of the folders.

        A file that was damaged is looked at again: its download may have gone on.
        """
        row = self._rows[part]
        with row.lock:
            with self._walking:
                found = self._folder.found()
            broken = [(path, state) for path, (state, entry) in row.files.items() if entry.what == "refused"]
            if found is not row.last or any(_state(path) != state for path, state in broken):
                files: dict[Path, tuple[State, Entry]] = {}
                own = (thing for thing in found if part == (thing.role if thing.role in EXTRAS else "model"))
                row.entries = tuple(self._entry(thing, row.files, files) for thing in own)
                row.files, row.last = files, found
                self._findings.save()
            return row.entries

    def knows(self, part: str) -> bool:
        """Whether a part was looked at before, so that it takes no time to list it."""
        return self._rows[part].last is not None

    def forget(self) -> None:
        """Has everything looked at anew."""
        with self._walking:
            self._folder.forget()
        for row in self._rows.values():
            with row.lock:
                row.last = None
                row.files.clear()

    def changed(self, path: Path) -> bool:
        """Whether a model's file that is listed is another than when it was looked at."""
        files = self._rows["model"].files
        return path in files and files[path][0] != _state(path)

    def _entry(
        self, found: Found, before: dict[Path, tuple[State, Entry]], files: dict[Path, tuple[State, Entry]]
    ) -> Entry:
        if found.form == "folder":
            return self._of_folder(found)
        if found.form == "outside":
            why = "is a link that leads out of the models folder; give where it leads to as a --models-dir of its own"
            return _refused(found, f"{found.path.name} {why}.")
        if found.form == "refused":
            return _refused(found, _why_refused(found.path))
        state = _state(found.path)
        if found.path in before and before[found.path][0] == state:
            files[found.path] = before[found.path]
        else:
            files[found.path] = state, self._of_file(found, state)
        return files[found.path][1]

    def _of_folder(self, found: Found) -> Entry:
        folder = FolderModel(found.path, found.root)
        family = folder.family(self._families, self._kinds.folder_rules, STARTER_ID)
        why = folder.problem()
        if not why and family is None:
            pipeline = str(folder.index.get("_class_name", "nothing"))[:60]
            why = f"its pipeline is {pipeline}, which Reverie does not know"
        name = _id(found)
        if why or family is None:
            return _refused(found, f"{name} cannot be used: {why}; take a copy in plain diffusers' layout.")
        return Entry("model", model=described(folder, name, family))

    def _of_file(self, found: Found, state: State) -> Entry:
        path = found.path
        try:
            finding = self._finding(path, state)
        except ModelError as error:
            return _refused(found, str(error))
        kind = finding.kind
        # A1111's way to give a model its VAE:
        beside = kind.what == "vae" and path.name.endswith(".vae.safetensors") and found.role == "model"
        if found.role not in ("any", kind.what) and not beside:
            return _refused(found, _misplaced(path, kind, found.role), kind)
        if kind.what in EXTRAS:
            extra = ExtraFile(_id(found), path.stem, path, kind.family, finding.size_bytes, finding.triggers)
            return Entry(kind.what, extra=extra)
        if kind.what == "model":
            return self._of_model(found, kind, finding.size_bytes)
        return _refused(found, _misplaced(path, kind, "model"), kind)

    def _finding(self, path: Path, state: State) -> Finding:
        known = self._findings.of(path, state)
        if known is None:
            header = read_header(path)
            kind = self._kinds.of(header, path)
            words = triggers(path, header.metadata) if kind.what == "lora" else ()
            known = Finding(kind, header.size_bytes, words)
            self._findings.add(path, state, known)
        return known

    def _of_model(self, found: Found, kind: Kind, size_bytes: int) -> Entry:
        path, family = found.path, self._families.get(kind.family or "")
        if family is None:
            return _refused(found, f"{path.name} is of the family {kind.family}, which Reverie cannot run yet.", kind)
        if kind.problem or not family.original:
            why = kind.problem or "Reverie reads this family only from a folder"
            way_out = f"take a file that has everything, or a folder of {family.name} in diffusers' layout"
            return _refused(found, f"{path.name} is a {family.name} model and cannot be used: {why}; {way_out}.", kind)
        variant = kind.variant or _named_variant(path, family)
        info = ModelInfo(
            id=_id(found),
            name=_id(found),
            family=family.id,
            tasks=tasks_of(family, variant),
            native_size=_noted_size(path, family, variant) or family.native_size,
            defaults={**family.defaults, **family.variants.get(variant, {})},
            folder=path.parent,
            preview=family.preview,
            file=path,
            kind="file",
            variant=variant,
            size_bytes=size_bytes,
        )
        return Entry("model", model=info)


def described(folder: FolderModel, model_id: str, family: Family) -> ModelInfo:
    """A model in diffusers' layout, as it is listed."""
    variant = folder.variant() or ("" if model_id == STARTER_ID else _named_variant(folder.folder, family))
    return ModelInfo(
        id=model_id,
        name=family.name if model_id == STARTER_ID else model_id,
        family=family.id,
        tasks=tasks_of(family, variant),
        native_size=folder.native_size() or family.native_size,
        defaults={**family.defaults, **family.variants.get(variant, {})},
        folder=folder.folder,
        preview=read_json(folder.folder / "preview.json") or family.preview,
        variant=variant,
        size_bytes=folder.size_bytes(),
    )


def told_apart(entries: list[Entry], taken: set[str]) -> list[Entry]:
    """Gives those whose id is taken another one, with the ending and a number; the order decides who keeps it."""
    made = []
    for entry in entries:
        thing = entry.model or entry.extra
        assert thing is not None
        name, number = thing.id, 1
        while name in taken:
            number += 1
            name = f"{thing.id} ({number})"
        taken.add(name)
        if name != thing.id:
            entry = Entry(  # noqa: PLW2901 - the same thing by another name
                entry.what,
                entry.model and replace(entry.model, id=name, name=name),
                entry.extra and replace(entry.extra, id=name),
            )
        made.append(entry)
    return made


def _id(found: Found) -> str:
    if found.path == found.base:
        return found.path.name
    name = found.path.relative_to(found.base).as_posix()
    return name if found.form in ("folder", "refused") else name.removesuffix(found.path.suffix)


def _refused(found: Found, problem: str, kind: Kind | None = None) -> Entry:
    return Entry("refused", model=unusable(_id(found), found.path, problem, kind.family if kind else None))


def _named_variant(path: Path, family: Family) -> str:
    """Which way of being used a name promises: nothing in the weights tells a distilled model from a plain one."""
    return next((variant for variant in family.variants if variant in path.stem.lower()), "")


def _noted_size(path: Path, family: Family, variant: str) -> int | None:
    """The side that the configurations beside a file, or those of its variant, say it was trained on."""
    beside = path.with_name(path.stem + NOTES)
    for folder in (beside, COMPONENTS / f"{family.config}-{variant}"):
        if size := FolderModel(folder, folder).native_size():
            return size
    return None


def _misplaced(path: Path, kind: Kind, role: str) -> str:
    if kind.what == "unknown":
        way_out = "if it is a model of a known family, take it in diffusers' layout"
        return f"{path.name} is {kind.called}, so it is not used; {way_out}."
    if not kind.goes_to:
        return f"{path.name} is {kind.called}, which Reverie cannot use; take another file."
    return f"{path.name} is not a {NAMES[role]} but {kind.called}; it belongs into {kind.goes_to}."


def _why_refused(path: Path) -> str:
    if path.suffix.lower() == ".gguf":
        return f"{path.name} is a GGUF file, which Reverie does not read; take the same model as .safetensors."
    return (
        f"{path.name} is a pickle, which can run any program when it is opened, so it is never opened; take the same "
        "model as .safetensors, or convert it as docs/models.md says."
    )


def _state(path: Path) -> State:
    """The state of a file and of the notes beside it, which are read with it."""
    scheduler = path.with_name(path.stem + NOTES) / "scheduler" / "scheduler_config.json"
    notes = (path.with_suffix(".json"), path.with_suffix(".yaml"), scheduler)
    return (*_stat(path), *(_stat(note)[1] for note in notes))


def _stat(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return 0, 0
    return found.st_size, found.st_mtime_ns
