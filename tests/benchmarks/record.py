"""Keeps a measurement with the circumstances it was taken in."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent / "results"

PACKAGES = ("gradio", "torch", "diffusers", "transformers")


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Median, quartiles and every value, so that nobody has to believe an average."""
    low, _, high = statistics.quantiles(values, n=4)
    return {
        "median": round(statistics.median(values), 4),
        "quartiles": [round(low, 4), round(high, 4)],
        "all": [round(value, 4) for value in values],
    }


def busy_cores(seconds: float = 2.0) -> float | None:
    """How many cores others keep busy just now; None where the system does not say."""
    try:
        before = _busy_ticks()
        time.sleep(seconds)
        return (_busy_ticks() - before) / os.sysconf("SC_CLK_TCK") / seconds
    except (OSError, ValueError, AttributeError):
        return None


def save(name: str, result: dict[str, Any], *, others: float | None) -> Path:
    """Writes ``results/NAME.json``.

    Args:
        name: The measurement.
        result: Its numbers.
        others: Cores that other programs kept busy meanwhile.
    """
    circumstances = {
        "when": time.strftime("%Y-%m-%d"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "busy_cores_of_others": None if others is None else round(others, 2),
        "packages": {package: importlib.metadata.version(package) for package in PACKAGES},
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({"circumstances": circumstances, **result}, indent=1) + "\n", encoding="utf-8")
    return path


def _busy_ticks() -> int:
    user, nice, system = Path("/proc/stat").read_text(encoding="utf-8").split("\n", 1)[0].split()[1:4]
    return int(user) + int(nice) + int(system)
