"""Which of Reverie's commands was asked for: the studio, or pictures made or enlarged without a browser."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence

from . import environment, flags, generate_flags, upscale_flags

GENERATE = "generate"
UPSCALE = "upscale"


def run(arguments: Sequence[str]) -> int:
    """Does what the command line asks for, once what it needs is installed.

    Args:
        arguments: What follows ``launch.py``.

    Returns:
        The exit code.

    Raises:
        CannotStart: A flag is unknown, or what it asks for cannot be done.
        SystemExit: ``--help`` or ``--version`` has been answered.
    """
    if arguments[:1] == [UPSCALE]:
        arguments = [GENERATE, *upscale_flags.as_generate(arguments[1:])]
    if arguments[:1] != [GENERATE]:
        options = flags.parse(arguments)
        environment.ensure(torch_index=options.torch_index)
        from .serve import serve

        return serve(options)
    said = generate_flags.parse_generate(arguments[1:])
    with contextlib.redirect_stdout(sys.stderr):  # on the other stream are the paths of pictures, and nothing else
        environment.ensure(torch_index=said.torch_index)
    from .command_line import generate

    return generate(said)
