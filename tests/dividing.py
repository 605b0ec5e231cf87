"""How three processes share the tests of two cores: whole files each, and at most two drive a browser at a time.

A test in a browser waits for a quarter of its time, so two of them leave room for a third process.
"""

from __future__ import annotations

from pathlib import PurePath
from typing import Any, Final

from xdist.scheduler import LoadFileScheduling

AT_ONCE: Final = 2
"""Chromiums; more are too slow for what their pages wait for."""

BROWSER: Final = ("test_page", "test_picture_info", "test_models_room", "test_benchmarks", "test_app")
"""How the files begin that drive a browser."""


class FilesAndFewBrowsers(LoadFileScheduling):  # type: ignore[misc]  # xdist tells no types
    """Hands out whole files: those that drive a browser first, but never to more than two at once."""

    def _assign_work_unit(self, node: Any) -> None:
        others = [units for one, units in self.assigned_work.items() if one is not node]
        driving = sum(any(drives(file) and not all(done.values()) for file, done in units.items()) for units in others)
        wanted = driving < AT_ONCE
        fitting = next((file for file in self.workqueue if drives(file) == wanted), None)
        if fitting is not None:
            self.workqueue.move_to_end(fitting, last=False)
        super()._assign_work_unit(node)


def drives(file: str) -> bool:
    """Whether a file's tests drive a browser."""
    return PurePath(file).stem.startswith(BROWSER)
