"""Starts Reverie: ``python launch.py`` sets itself up on its first run and serves on every run."""
# Every Python since 3.6 can read this file, because an old one must be able to say that it is too old.

import os
import sys

ROOT = os.path.dirname(os.path.abspath(__file__))
OLDEST, NEWEST = (3, 11), (3, 13)


def version_problem(version):
    """Says in one sentence why this Python cannot run Reverie; None when it can.

    Args:
        version: Major and minor number, such as ``(3, 12)``.
    """
    if OLDEST <= tuple(version) <= NEWEST:
        return None
    return (
        "Reverie needs Python 3.{} to 3.{}, and this is Python {}.{}; install one of those and start it with "
        "that one, such as: python3.{} launch.py".format(OLDEST[1], NEWEST[1], version[0], version[1], NEWEST[1] - 1)
    )


def main(arguments=None):
    """Prepares what is missing, then serves until it is stopped, or makes what ``generate`` was asked for.

    Args:
        arguments: What follows ``launch.py`` on the command line; None reads it from there.

    Returns:
        The exit code: 0 after a normal end, 1 when it could not start.
    """
    problem = version_problem(sys.version_info[:2])
    if problem:
        sys.stderr.write(problem + "\n")
        return 1
    if ROOT not in sys.path:  # PYTHONSAFEPATH leaves it out, and a stranger's package named webui would win
        sys.path.insert(0, ROOT)
    from webui.refusal import CannotStart

    try:
        from webui import commands

        return commands.run(sys.argv[1:] if arguments is None else arguments)
    except CannotStart as reason:
        sys.stderr.write("{}\n".format(reason))
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
