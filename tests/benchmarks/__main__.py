"""Measures: ``python -m tests.benchmarks [NAME …]``; all of them by default."""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import os
import shlex
import sys
import time
from collections.abc import Mapping
from typing import Any

from tests.benchmarks import record, table
from tests.benchmarks.busy import OthersAtWork, is_busy, load
from tests.benchmarks.figures import Result, Spread
from tests.benchmarks.real_sizes import Shape
from tests.studio import ROOT

NAMES = (
    "manager_cost",
    "preview_cost",
    "owners",
    "company",
    "cancelling",
    "first_preview",
    "startup",
    "library",
    "branch",
    "page",
    "easel",
    "soak",
    "gpu",
)
"""Each is a module here with ``measure(settings)``, ``FULL`` and ``QUICK``; what needs quiet most is first."""


def main(arguments: list[str]) -> int:
    """Runs the benchmarks asked for, one after the other.

    Returns:
        The exit code: 0 when every bar was cleared, 1 when one was not.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--quick", action="store_true", help="fewer rounds: a few minutes in all")
    parser.add_argument("--write-docs", action="store_true", help="put the table into docs/performance.md, too")
    parser.add_argument("--no-save", action="store_true", help="only show, keep nothing")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.names if name not in NAMES]:
        parser.error(f"no benchmark is called {unknown[0]!r}; there are {', '.join(NAMES)}")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    described = record.machine()
    path = record.path_for(described)
    missed, load_before = 0, load()
    for name in [name for name in NAMES if not options.names or name in options.names]:
        measured = run(name, quick=options.quick, arguments=arguments, load_before=load_before)
        print(table.on_screen(name, measured), flush=True)
        missed += sum(figure.get("met") is False for figure in measured["figures"])
        if not options.no_save:
            record.save(path, described, {name: measured})
    if not options.no_save:
        print(f"\nKept in {path.relative_to(ROOT)}.")
        if options.write_docs:
            table.write_document(path)
    if missed:
        print(f"{missed} figures do not clear their bar.")
    return 1 if missed else 0


def run(name: str, *, quick: bool, arguments: list[str], load_before: float | None) -> dict[str, Any]:
    """Runs one benchmark and describes it, its circumstances included, as JSON keeps it."""
    module = importlib.import_module(f"tests.benchmarks.{name}")
    settings = module.QUICK if quick else module.FULL
    began = time.perf_counter()
    with OthersAtWork() as others:
        result: Result = module.measure(settings)
    return {
        "command": shlex.join(["python", "-m", "tests.benchmarks", *arguments]),
        "when": time.strftime("%Y-%m-%d %H:%M"),
        "seconds": round(time.perf_counter() - began, 1),
        "others_cores": others.cores,
        "load_before": load_before,
        "busy": is_busy(others.cores, load_before, os.cpu_count() or 1),
        "settings": plain(dataclasses.asdict(settings) | _names_of_shapes(settings)),
        "skipped": result.skipped,
        "figures": [figure.to_data() for figure in result.figures],
        "details": plain(result.details),
    }


def plain(value: Any) -> Any:
    """Nested values as JSON knows them."""
    if isinstance(value, Spread):
        return dataclasses.asdict(value)
    if isinstance(value, Mapping):
        return {str(name): plain(part) for name, part in value.items()}
    return [plain(part) for part in value] if isinstance(value, (list, tuple)) else value


def _names_of_shapes(settings: Any) -> dict[str, Any]:
    """A network's shape is told by its name; its whole configuration is in :mod:`tests.benchmarks.real_sizes`."""
    told: dict[str, Any] = {}
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if isinstance(value, Shape):
            told[field.name] = value.name
        elif isinstance(value, tuple) and value and all(isinstance(one, Shape) for one in value):
            told[field.name] = [one.name for one in value]
    return told


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
