"""What can be said on the command line of ``launch.py upscale``, in the words of ``generate``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .flags import Parser
from .refusal import CannotStart

SMALLEST: Final = 1.05
LARGEST: Final = 8.0

PROMPT: Final = "an enlarged picture"
"""Nothing is painted, and a recipe has to say something."""


def as_generate(arguments: Sequence[str]) -> list[str]:
    """Says with ``generate``'s flags what ``upscale FILE --by 2 --upscaler Lanczos`` asks for.

    Args:
        arguments: What follows ``upscale``; flags that are not its own are handed on, such as ``--out``.

    Raises:
        CannotStart: The file is missing, or the factor is no number.
        SystemExit: ``--help`` has been answered.
    """
    parser = Parser(
        prog="launch.py upscale",
        description="Makes a picture larger, and nothing else; --out, --name and --format are generate's.",
    )
    parser.add_argument("file", metavar="FILE", help="Picture to enlarge; for a folder, every picture in it.")
    parser.add_argument("--by", type=float, default=2.0, metavar="NUMBER", help="How many times larger, 1.05 to 8.")
    parser.add_argument(
        "--upscaler", default="Lanczos", metavar="NAME", help="Lanczos, Bicubic, Nearest, or an ESRGAN file's name."
    )
    said, more = parser.parse_known_args(list(arguments))
    if not SMALLEST <= said.by <= LARGEST:
        raise CannotStart(f"--by is {said.by:g}; give a number from {SMALLEST:g} to {LARGEST:g}.")
    enlarged = ["--image", said.file, "--strength", "0", "--tile-scale", f"{said.by:g}"]
    return [PROMPT, *enlarged, "--tile-upscaler", said.upscaler, *more]
