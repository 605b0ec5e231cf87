"""Asks a Python whether it has the packages that ``pyproject.toml`` names."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from pathlib import Path
from typing import Any


def missing(project: Path, extras: tuple[str, ...] = ()) -> list[str]:
    """Lists what the running Python lacks, without importing any of it.

    Args:
        project: A ``pyproject.toml`` whose requirements are names with bounds, such as ``gradio>=6.28,<7``.
        extras: Optional groups that are needed too.

    Returns:
        The requirements that no installed package meets; empty = everything is there.
    """
    return [requirement for requirement in wanted(project, extras) if not is_met(requirement)]


def wanted(project: Path, extras: tuple[str, ...] = ()) -> list[str]:
    """Reads the requirements of a project, those of some of its extras included."""
    table: dict[str, Any] = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
    optional = table.get("optional-dependencies", {})
    return [*table.get("dependencies", ()), *(line for extra in extras for line in optional[extra])]


def is_met(requirement: str) -> bool:
    """Tells whether an installed package has the name and is within the bounds of a requirement."""
    name, bounds = split(requirement)
    try:
        installed = release(importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return False
    return all(_holds(installed, sign, release(version)) for sign, version in bounds)


def has_exactly(lock: Path) -> bool:
    """Tells whether the running Python has all that a lock names; False also where it cannot tell."""
    try:
        from packaging.markers import Marker
    except ImportError:
        return False
    for line in lock.read_text(encoding="utf-8").splitlines():
        requirement, _, marker = line.partition("#")[0].partition(";")
        applies = not marker.strip() or Marker(marker.strip()).evaluate()
        if requirement.strip() and not requirement.startswith("-") and applies and not is_met(requirement):
            return False
    return True


def split(requirement: str) -> tuple[str, list[tuple[str, str]]]:
    """Takes ``gradio>=6.28,<7`` apart into its name and bounds; a marker after ``;`` is left out."""
    text = requirement.partition(";")[0].strip()
    found = re.match(r"[A-Za-z0-9._-]+", text)
    assert found, f"{requirement!r} names no package"
    return found[0], re.findall(r"(==|>=|<=|<|>)\s*([0-9][^,\s]*)", text[found.end() :])


def release(version: str) -> tuple[int, ...]:
    """The numbers of a version, ``2.13.0`` of ``2.13.0+cpu``; zeros at the end do not count."""
    found = re.match(r"\d+(\.\d+)*", version)
    numbers = [int(part) for part in found[0].split(".")] if found else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _holds(installed: tuple[int, ...], sign: str, bound: tuple[int, ...]) -> bool:
    return {
        "==": installed == bound,
        ">=": installed >= bound,
        "<=": installed <= bound,
        "<": installed < bound,
        ">": installed > bound,
    }[sign]
