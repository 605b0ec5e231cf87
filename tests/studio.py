"""Runs the real ``launch.py`` as a person would, in folders of its own."""

from __future__ import annotations

import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from tests.offline import write_sitecustomize

ROOT = Path(__file__).resolve().parent.parent

ADDRESS = re.compile(r"Reverie is at (http://\S+)")


@dataclass
class Studio:
    """A running Reverie.

    Attributes:
        process: The running ``launch.py``.
        outputs: Where it keeps pictures.
        url: The page's address, once it has printed it.
        lines: What it has printed so far, both streams in their order.
    """

    process: subprocess.Popen[str]
    outputs: Path
    url: str = ""
    lines: list[str] = field(default_factory=list)
    _news: queue.Queue[str | None] = field(default_factory=queue.Queue, repr=False)

    def __post_init__(self) -> None:
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def wait_for(self, pattern: str | re.Pattern[str], *, seconds: float = 240) -> re.Match[str]:
        """Waits until it prints a line with the pattern."""
        end = time.monotonic() + seconds
        while True:
            try:
                line = self._news.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no {pattern!r} in {seconds} s, but:\n{self.text}") from None
            if line is None:
                raise AssertionError(f"it ended without {pattern!r}:\n{self.text}")
            if found := re.search(pattern, line):
                return found

    def get(self, path: str = "") -> int:
        """Asks for a part of the page; returns the HTTP status."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=60) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Asks it to end, and waits; returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it did not stop within 60 s:\n{self.text}") from None
        finally:
            self.kill()
        return self.process.returncode

    def kill(self) -> None:
        """Ends it whatever it does, and lets go of its output."""
        self.process.kill()
        self.process.wait()
        self._listener.join(timeout=10)
        if self.process.stdout:
            self.process.stdout.close()

    @property
    def text(self) -> str:
        """All it has printed so far."""
        return "".join(self.lines)

    def _listen(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line)
            self._news.put(line)
        self._news.put(None)


def start_studio(folder: Path, *flags: str, interpreter: tuple[str, ...] = (), **environment: str) -> Studio:
    """Starts ``launch.py`` and waits until its page answers.

    Args:
        folder: Its home, outputs and caches go here.
        flags: What follows ``launch.py``; a free port and the outputs folder are added where not given.
        interpreter: What comes before ``launch.py``, such as ``-X importtime``.
        environment: Variables on top of the usual ones.
    """
    if "--port" not in flags:
        flags = (*flags, "--port", str(free_port()))
    if "--outputs-dir" not in flags:
        flags = (*flags, "--outputs-dir", str(folder / "outputs"))
    studio = Studio(popen_launch(folder, *flags, interpreter=interpreter, **environment), folder / "outputs")
    try:
        studio.url = studio.wait_for(ADDRESS)[1]
        assert studio.get() == 200, studio.text
    except BaseException:
        studio.kill()
        raise
    return studio


def popen_launch(
    folder: Path, *flags: str, interpreter: tuple[str, ...] = (), root: Path = ROOT, **environment: str
) -> subprocess.Popen[str]:
    """Starts ``launch.py`` with both streams in one pipe and the network shut."""
    return subprocess.Popen(
        [sys.executable, "-u", *interpreter, str(root / "launch.py"), *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        env=clean_environment(folder) | environment,
        cwd=folder,
    )


def clean_environment(folder: Path) -> dict[str, str]:
    """The environment of a newcomer: an empty home, nothing of ours set, no way out of the machine."""
    home = folder / "home"
    home.mkdir(parents=True, exist_ok=True)
    write_sitecustomize(home)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GRADIO_", "HF_", "SPACE"))}
    return kept | {
        "HOME": str(home),
        "USERPROFILE": str(home),
        "PYTHONPATH": str(home),
        "PYTHONIOENCODING": "utf-8",
        "HF_HUB_OFFLINE": "1",
    }


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
