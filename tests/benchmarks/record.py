"""Keeps what was measured with the circumstances it was measured in."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
import time
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent / "results"

PACKAGES = ("torch", "diffusers", "transformers", "gradio", "numpy", "pillow")


def machine() -> dict[str, Any]:
    """What the figures depend on: processor, memory, accelerator, versions."""
    import torch

    card = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": _memory_gib(),
        **({"accelerator": card} if card else {}),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {package: importlib.metadata.version(package) for package in PACKAGES},
        "torch_threads": torch.get_num_threads(),
    }


def path_for(described: dict[str, Any], folder: Path = RESULTS) -> Path:
    """``<date>-<machine>.json``: one file for a day on a machine."""
    name = described.get("accelerator") or f"{described['processor']}-{described['cores']}-cores"
    return folder / f"{time.strftime('%Y-%m-%d')}-{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-')}.json"


def save(path: Path, described: dict[str, Any], benchmarks: dict[str, Any]) -> None:
    """Writes the file; benchmarks that are in it already and were not run again stay, with their own circumstances."""
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"benchmarks": {}}
    path.parent.mkdir(exist_ok=True)
    whole = {"machine": described, "benchmarks": {**before["benchmarks"], **benchmarks}}
    path.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _processor() -> str:
    try:
        described = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    found = re.search(r"model name\s*:\s*(.+)", described)
    return found[1].strip() if found else platform.machine()


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (ValueError, OSError, AttributeError):
        return None
