"""Runs a measurement: ``python -m tests.benchmarks startup``."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main(arguments: list[str]) -> int:
    """Runs the measurement named first, with the rest as its arguments."""
    names = sorted(path.stem for path in HERE.glob("*.py") if not path.stem.startswith(("_", "record")))
    if not arguments or arguments[0] not in names:
        print(f"python -m tests.benchmarks NAME, where NAME is one of: {', '.join(names)}", file=sys.stderr)
        return 2
    return int(importlib.import_module(f"tests.benchmarks.{arguments[0]}").main(arguments[1:]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
