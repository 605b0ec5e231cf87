"""What can be said on the command line of ``launch.py``."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .memory_flags import MemoryFlags, add_memory_flags
from .refusal import CannotStart

FIRST_PORT: Final = 7860
"""Where Gradio apps, and Spaces, are expected to answer."""

AT_ONCE: Final = 8
"""Jobs at work at the same time, unless somebody says otherwise."""

MOST_AT_ONCE: Final = 64

VERSION_FILE: Final = Path(__file__).resolve().parent.parent / "pyproject.toml"


@dataclass(frozen=True, slots=True)
class Flags(MemoryFlags):
    """The command line, checked; the attributes are the flags of ``python launch.py --help``.

    Attributes:
        port: None = 7860 or the next free one; a number = that one or none.
        auth: Names and passwords; empty = none were given.
        outputs_dir: None = the usual place (see ``webui.places``).
        at_once: Most jobs at work at the same time.
    """

    host: str = "127.0.0.1"
    port: int | None = None
    share: bool = False
    auth: tuple[tuple[str, str], ...] = ()
    no_auth: bool = False
    models_dir: tuple[Path, ...] = ()
    no_hub: bool = False
    allow_downloads: bool = False
    outputs_dir: Path | None = None
    device: str = "auto"
    at_once: int = AT_ONCE
    torch_index: str | None = None
    open: bool = False


def parse(arguments: Sequence[str]) -> Flags:
    """Reads the command line.

    Args:
        arguments: What follows ``launch.py``.

    Raises:
        CannotStart: A flag is unknown or has a value it cannot take.
        SystemExit: ``--help`` or ``--version`` has been answered.
    """
    values = vars(parser().parse_args(arguments))
    if values["auth"] and values["no_auth"]:
        raise CannotStart("--auth and --no-auth were both given; leave one of them out.")
    values |= {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
    return Flags(**values)


def parser() -> argparse.ArgumentParser:
    """Makes the parser; every flag carries a sentence for ``--help`` and for ``docs/flags.md``."""
    made = Parser(
        prog="python launch.py",
        description="Starts Reverie, a dream studio for Stable Diffusion, and prints its page's address.",
        allow_abbrev=False,
        add_help=False,
    )
    made.add_argument("-h", "--help", action="help", help="Prints these sentences and ends.")
    made.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="Network address to serve on; 127.0.0.1, the default, is reached from this machine only, and "
        "0.0.0.0 from the whole network, with a password.",
    )
    made.add_argument(
        "--port",
        type=_port,
        metavar="NUMBER",
        help=f"Port to serve on; without it {FIRST_PORT}, or the next free one of the twenty after it.",
    )
    made.add_argument(
        "--share",
        action="store_true",
        help="Makes a public link through Gradio's tunnel, with a password.",
    )
    made.add_argument(
        "--auth",
        type=_account,
        action="append",
        default=[],
        metavar="USER:PASSWORD",
        help="Asks visitors for this name and password, and gives each browser pictures and a queue of its own; "
        "may be given several times, for several people.",
    )
    made.add_argument(
        "--no-auth",
        action="store_true",
        help="Asks for no password even on a public link or the whole network.",
    )
    made.add_argument(
        "--models-dir",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="Folder with models, such as an installation of A1111 or ComfyUI; may be given several times; without it "
        "the folder models beside launch.py, where there is one.",
    )
    made.add_argument(
        "--no-hub",
        action="store_true",
        help="Knows no models by their Hub id (owner/name), neither to download nor from this machine's cache.",
    )
    made.add_argument(
        "--allow-downloads",
        action="store_true",
        help="Lets visitors of a page that others can reach download models by their Hub id, too; otherwise only "
        "whoever sits at this machine can.",
    )
    made.add_argument(
        "--outputs-dir",
        type=Path,
        metavar="FOLDER",
        help="Folder that finished pictures are kept in; without it the folder outputs beside launch.py.",
    )
    add_device(made)
    add_memory_flags(made)
    made.add_argument(
        "--at-once",
        type=_count,
        default=AT_ONCE,
        metavar="NUMBER",
        help=f"Most jobs made at the same time, 1 to {MOST_AT_ONCE}; {AT_ONCE} is the default, and 1 makes them one "
        "after the other.",
    )
    made.add_argument(
        "--torch-index",
        type=_address,
        metavar="URL",
        help="Package index to take PyTorch from when .venv is set up, such as the one with CUDA builds that "
        "PyTorch's own start page names for your card.",
    )
    made.add_argument("--open", action="store_true", help="Opens the page in the browser once it is up.")
    made.add_argument(
        "--version",
        action="version",
        version=f"Reverie {version()}",
        help="Prints Reverie's version and ends.",
    )
    return made


def add_device(parser: argparse.ArgumentParser) -> None:
    """Adds ``--device``, which the studio and ``generate`` have alike."""
    parser.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda", "mps"),
        default="auto",
        help="What computes the pictures; auto, the default, takes a graphics card where there is one.",
    )


def version() -> str:
    """Reads Reverie's version from the one place that has it, ``pyproject.toml``."""
    found = re.search(r'^version = "(.+)"$', VERSION_FILE.read_text(encoding="utf-8"), re.MULTILINE)
    return found[1] if found else "unknown"


class Parser(argparse.ArgumentParser):
    """Refuses in one sentence, where argparse would print the usage of every flag and end with code 2."""

    def error(self, message: str) -> None:  # type: ignore[override]
        raise CannotStart(f"{message[:1].upper()}{message[1:]}; {self.prog} --help lists every flag.")


def _port(text: str) -> int:
    if not (re.fullmatch("[0-9]{1,5}", text) and 1 <= int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is no port; give a whole number from 1 to 65535")
    return int(text)


def _count(text: str) -> int:
    if not (re.fullmatch("[0-9]{1,3}", text) and 1 <= int(text) <= MOST_AT_ONCE):
        raise argparse.ArgumentTypeError(f"{text!r} cannot be done; give a whole number from 1 to {MOST_AT_ONCE}")
    return int(text)


def _account(text: str) -> tuple[str, str]:
    user, _, password = text.partition(":")
    if not (user and password):
        raise argparse.ArgumentTypeError("a name, a colon and a password are needed, such as anna:secret")
    return user, password


def _address(text: str) -> str:
    if not re.match(r"(https?|file)://", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no address; it begins with https://, http:// or file://")
    return text
