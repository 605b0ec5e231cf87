"""Brings a Chromium for the browser tests: an installed one, else Playwright's, else Debian's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")

PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
    "C:/Program Files (x86)/Google/Chrome/Application/chrome.exe",
)

ARGUMENTS = (
    "--no-sandbox",  # root in a container has no other way
    "--disable-gpu",
    "--disable-dev-shm-usage",  # a container's /dev/shm is small
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
)

SENTENCE = (
    "The browser tests need Chromium, and none could be had; install Chromium or Google Chrome so that it is "
    "on PATH (on Debian: sudo apt-get install chromium), or set CHROMIUM to its path, and run this again."
)


class NoChromium(Exception):
    """There is none, and none could be brought."""


def find_chromium() -> str | None:
    """Finds an installed one: ``$CHROMIUM``, on PATH, in its usual place, or Playwright's own."""
    if asked := os.environ.get("CHROMIUM"):
        return shutil.which(asked)
    for name in NAMES:
        if path := shutil.which(name):
            return path
    return next((place for place in (*PLACES, *_playwrights()) if Path(place).exists()), None)


def bring_chromium() -> str:
    """Finds one or installs one.

    Returns:
        The path of its executable.

    Raises:
        NoChromium: With the sentence to show.
    """
    for attempt in (None, _install_playwrights, _install_debians):
        if attempt is not None:
            print(f"No Chromium yet: {attempt.__doc__}", flush=True)
            attempt()
        if path := find_chromium():
            return path
    raise NoChromium(SENTENCE)


def _playwrights() -> list[str]:
    home = os.environ.get("PLAYWRIGHT_BROWSERS_PATH")
    roots = [
        Path(home or "/nowhere"),
        Path(os.environ.get("XDG_CACHE_HOME", "/nowhere")) / "ms-playwright",
        Path.home() / ".cache" / "ms-playwright",
        Path.home() / "Library" / "Caches" / "ms-playwright",
        Path(os.environ.get("LOCALAPPDATA", "/nowhere")) / "ms-playwright",
    ]
    patterns = ("chrome-linux*/chrome", "chrome-mac*/*.app/Contents/MacOS/*", "chrome-win*/chrome.exe")
    return [str(path) for root in roots for pattern in patterns for path in sorted(root.glob(f"chromium-*/{pattern}"))]


def _install_playwrights() -> None:
    """asking Playwright for its own."""
    _run([sys.executable, "-m", "playwright", "install", "chromium"], seconds=300)


def _install_debians() -> None:
    """asking Debian for its package."""
    release = Path("/etc/os-release")
    debian = release.is_file() and "ID=debian" in release.read_text(encoding="utf-8").splitlines()
    if debian and os.geteuid() == 0:
        _run(["apt-get", "update", "-qq"], seconds=180)
        _run(["apt-get", "install", "-y", "-qq", "chromium", "fonts-dejavu-core"], seconds=600)


def _run(command: list[str], *, seconds: float) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        subprocess.run(command, check=False, timeout=seconds, env=environment)
    except (OSError, subprocess.TimeoutExpired) as error:
        print(f"{command[0]} did not succeed: {error}", flush=True)
