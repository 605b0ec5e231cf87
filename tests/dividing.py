"""How two processes share the tests: whole files each, and one of them has all that drives a browser."""

from __future__ import annotations

from pathlib import PurePath
from typing import Final

from xdist.scheduler import LoadFileScheduling

BROWSER: Final = ("test_page", "test_picture_info", "test_models_room", "test_benchmarks", "test_app")
"""How the files begin that drive a browser; together, so that there is one Chromium at a time."""


class FilesAndOneBrowser(LoadFileScheduling):  # type: ignore[misc]  # xdist tells no types
    """Hands out whole files, and those that drive a browser as one."""

    def _split_scope(self, nodeid: str) -> str:
        """The name of what belongs together."""
        file = nodeid.split("::", 1)[0]
        return "browser" if PurePath(file).stem.startswith(BROWSER) else file
