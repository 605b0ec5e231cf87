"""Makes sure that Reverie runs in a Python with its packages: the running one, or ``.venv`` made for it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NoReturn

from . import installer, requirements
from .places import ROOT
from .refusal import CannotStart

STATE: Final = "reverie.json"
"""Inside ``.venv``: the locks it was made from; it says "making" while pip works, so a cut-off is noticed."""

LOCK: Final = "requirements.txt"


def ensure(
    *,
    torch_index: str | None = None,
    locks: Sequence[str] = (LOCK,),
    extras: tuple[str, ...] = (),
    root: Path = ROOT,
) -> None:
    """Returns in a Python that has the packages; the first time ``.venv`` is made and started over in.

    Args:
        torch_index: Package index to take PyTorch from; only matters where ``.venv`` is made or updated.
        locks: Lock files to install, by name inside ``root``.
        extras: Optional groups of ``pyproject.toml`` that are needed too.
        root: The checkout.

    Raises:
        CannotStart: The environment cannot be made.
    """
    venv = root / ".venv"
    lacks = requirements.missing(root / "pyproject.toml", extras)
    if Path(sys.prefix).resolve() == venv.resolve():
        _keep_up(root, venv, locks, torch_index, lacks=bool(lacks))
        return
    if not lacks:
        if torch_index:
            print("--torch-index changes nothing here: the running Python's packages are used, not .venv.")
        return
    state = State.read(venv)
    if state.making or not installer.python_of(venv).exists():
        _install(root, venv, State(known=state.known, making=state.making), locks, torch_index, anew=True)
    _start_over(venv)


def _keep_up(root: Path, venv: Path, locks: Sequence[str], torch_index: str | None, *, lacks: bool) -> None:
    """Brings ``.venv``, which is running this, up to the locks; most often it is, and nothing happens."""
    state = State.read(venv)
    index = torch_index or state.torch_index
    if not lacks and index == state.torch_index:
        if state.covers(root, locks):
            return
        if not state.making and all(requirements.has_exactly(root / lock) for lock in locks):
            State({**state.locks, **{lock: fingerprint(root / lock) for lock in locks}}, index).write(venv)
            return
    try:
        _install(root, venv, state, sorted({*locks, *state.locks}), index, anew=False)
    except CannotStart as reason:
        if lacks or torch_index:
            raise
        print(f"Going on with the packages that are there, though they could not be updated: {reason}")


@dataclass(frozen=True, slots=True)
class State:
    """What is known about a ``.venv``.

    Attributes:
        locks: Lock file name → the hash of the content that was installed.
        torch_index: The index its PyTorch came from; None = the usual one.
        making: It was being made or changed, and that did not end.
        known: The file was there; without it the environment was made by somebody else.
    """

    locks: dict[str, str] = field(default_factory=dict)
    torch_index: str | None = None
    making: bool = False
    known: bool = False

    @classmethod
    def read(cls, venv: Path) -> State:
        """Reads it; what cannot be read counts as cut off while it was made."""
        try:
            values = json.loads((venv / STATE).read_text(encoding="utf-8"))
            return cls(dict(values["locks"]), values["torch_index"], bool(values["making"]), known=True)
        except (FileNotFoundError, NotADirectoryError):
            return cls()
        except (OSError, ValueError, KeyError, TypeError):
            return cls(making=True, known=True)

    def write(self, venv: Path) -> None:
        """Writes it whole or not at all."""
        values = {"locks": self.locks, "torch_index": self.torch_index, "making": self.making}
        (venv / f"{STATE}.new").write_text(json.dumps(values, indent=1), encoding="utf-8")
        (venv / f"{STATE}.new").replace(venv / STATE)

    def covers(self, root: Path, locks: Sequence[str]) -> bool:
        """Tells whether these lock files, as they are now, have been installed to the end."""
        return not self.making and all(self.locks.get(lock) == fingerprint(root / lock) for lock in locks)


def fingerprint(lock: Path) -> str:
    """The hash of a lock file, the same on every system."""
    return hashlib.sha256(lock.read_text(encoding="utf-8").encode()).hexdigest()


def _install(root: Path, venv: Path, state: State, locks: Sequence[str], index: str | None, *, anew: bool) -> None:
    """Installs the locks into ``.venv``; ``anew`` makes it; ``state`` is what was known about it before."""
    locks = [lock for lock in locks if (root / lock).is_file()]
    print(f"Setting up Reverie's packages in {venv}; the first time this takes some minutes.", flush=True)
    try:
        if anew and state.known:
            shutil.rmtree(venv)  # half a package can look like a whole one, so a cut-off .venv is made anew
        venv.mkdir(exist_ok=True)
        State(state.locks, state.torch_index, making=True).write(venv)
        if anew:
            installer.make_venv(venv)
        elif not installer.works(venv):
            raise CannotStart(f"The pip in {venv} does not work; delete that folder and run this again.")
        options = ["--extra-index-url", index] if index else []
        options += ["--force-reinstall"] if state.making and not anew else []
        if index and index != state.torch_index:
            pinned = (root / LOCK).read_text(encoding="utf-8").split()
            torch = next(word for word in pinned if word.startswith("torch=="))
            installer.pip_install(venv, ["--force-reinstall", "--no-deps", "--index-url", index, torch])
        files = [part for lock in locks for part in ("-r", str(root / lock))]
        installer.pip_install(venv, [*options, *files])
        State({lock: fingerprint(root / lock) for lock in locks}, index).write(venv)
    except CannotStart:
        if not anew:
            state.write(venv)  # pip fetches everything before it changes anything, so what was there still is
        raise
    except OSError as error:
        raise CannotStart(
            f"Reverie's packages cannot be put into {venv} ({error.strerror}); move the folder {root} to "
            f"where you may write, or install {LOCK} into an environment of your own and use that."
        ) from error


def _start_over(venv: Path) -> NoReturn:
    command = [str(installer.python_of(venv)), *sys.orig_argv[1:]]
    sys.stdout.flush()
    if os.name == "posix":
        os.execv(command[0], command)  # noqa: S606 - the same program again, in the environment just made
    child = subprocess.Popen(command)  # elsewhere the shell waits for this process only, so it has to stay
    try:
        sys.exit(child.wait())
    except KeyboardInterrupt:
        sys.exit(child.wait())  # the child has had it too, and ends by itself
