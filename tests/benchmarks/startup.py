"""How long until the page is up, against how long ``import gradio`` alone takes."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.benchmarks.figures import Figure, Result, Spread
from tests.benchmarks.rounds import ratio, seconds, take_turns
from tests.studio import ROOT, clean_environment, free_port

BAR: Final = 1.3


@dataclass(frozen=True)
class Settings:
    """How much is measured: rounds, and rounds before that read cold files and are not counted."""

    rounds: int = 11
    warm_ups: int = 1


FULL, QUICK = Settings(), Settings(rounds=5)


def measure(settings: Settings) -> Result:
    """Starts both in turns, each as a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        turns = take_turns(
            {"import gradio": lambda: import_gradio(folder), "page up": lambda: page_up(folder)},
            settings.rounds,
            warm_ups=settings.warm_ups,
        )
    imports, pages = turns["import gradio"], turns["page up"]
    spread = ratio(pages, imports)
    cpu = Spread.of([page.result / alone.result for page, alone in zip(pages, imports, strict=True)])
    return Result(
        (Figure("launch.py to a served page ÷ import gradio", spread.median, at_most=BAR, spread=spread),),
        {
            "ratio_of_processor_time": cpu,
            "import_gradio_seconds": seconds(imports),
            "page_up_seconds": seconds(pages),
        },
    )


def import_gradio(folder: Path) -> float:
    """Runs ``python -c "import gradio"``; gives the processor seconds it used."""
    before = children_cpu()
    subprocess.run([sys.executable, "-c", "import gradio"], check=True, env=clean_environment(folder), cwd=folder)
    return children_cpu() - before


def page_up(folder: Path) -> float:
    """Runs ``launch.py`` until the first answer 200 of its page; gives the processor seconds it used.

    Raises:
        RuntimeError: It ended before.
    """
    port = free_port()
    command = [sys.executable, str(ROOT / "launch.py"), "--port", str(port), "--outputs-dir", str(folder)]
    before = children_cpu()
    process = subprocess.Popen(command, env=clean_environment(folder), cwd=folder, stdout=subprocess.DEVNULL)
    try:
        while not answers(port):
            if process.poll() is not None:
                raise RuntimeError("launch.py ended before its page was up")
            time.sleep(0.02)
    finally:
        process.kill()
        process.wait()
    return children_cpu() - before


def children_cpu() -> float:
    """Processor seconds of every child that has ended."""
    used = os.times()
    return used.children_user + used.children_system


def answers(port: int) -> bool:
    """Tells whether the page is there."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError):
        return False
