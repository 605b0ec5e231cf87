"""How long until the page is up, against how long ``import gradio`` alone takes."""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.record import busy_cores, save, spread
from tests.studio import ROOT, clean_environment, free_port

BAR = 1.3


def main(arguments: list[str]) -> int:
    """Measures in turns, so that whatever else the machine does falls on both alike; 1 when over the bar."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks startup")
    parser.add_argument("--rounds", type=int, default=9)
    rounds: int = parser.parse_args(arguments).rounds
    others = busy_cores()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        import_gradio(folder)  # the first of each reads cold files and is not counted
        page_up(folder)
        imports, pages = [], []
        for _ in range(rounds):
            imports.append(import_gradio(folder))
            pages.append(page_up(folder))
            print(f"import gradio {imports[-1]}   page up {pages[-1]}", flush=True)
    ratio = median_ratio([page.wall for page in pages], [alone.wall for alone in imports])
    cpu_ratio = median_ratio([page.cpu for page in pages], [alone.cpu for alone in imports])
    by_round = spread([page.wall / alone.wall for page, alone in zip(pages, imports, strict=True)])
    result = {
        "bar": BAR,
        "ratio_of_medians": ratio,
        "ratio_by_round": by_round,
        "ratio_of_processor_time": cpu_ratio,
        "import_gradio_seconds": spread([alone.wall for alone in imports]),
        "page_up_seconds": spread([page.wall for page in pages]),
        "import_gradio_processor_seconds": spread([alone.cpu for alone in imports]),
        "page_up_processor_seconds": spread([page.cpu for page in pages]),
    }
    path = save("startup", result, others=others)
    print(f"page up ÷ import gradio = {ratio} (bar {BAR}); by round {by_round['quartiles']}")
    print(f"in processor time, which other programs disturb less: {cpu_ratio}")
    if others is not None and others > 0.3:
        print(f"Other programs kept {others:.1f} cores busy: the seconds are too long and the ratio is uncertain.")
    print(f"Kept in {path.relative_to(ROOT)}.")
    return 0 if ratio <= BAR else 1


@dataclass(frozen=True)
class Took:
    """Seconds of a process: by the clock, and of processor time in all its threads."""

    wall: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.wall:.2f} s ({self.cpu:.2f} s of processor)"


def median_ratio(above: list[float], below: list[float]) -> float:
    """The ratio of two medians."""
    return round(statistics.median(above) / statistics.median(below), 3)


def import_gradio(folder: Path) -> Took:
    """Measures ``python -c "import gradio"``."""
    cpu, began = children_cpu(), time.perf_counter()
    subprocess.run([sys.executable, "-c", "import gradio"], check=True, env=clean_environment(folder), cwd=folder)
    return Took(time.perf_counter() - began, children_cpu() - cpu)


def page_up(folder: Path) -> Took:
    """Measures from the start of ``launch.py`` to the first answer 200 of its page."""
    port = free_port()
    command = [sys.executable, str(ROOT / "launch.py"), "--port", str(port), "--outputs-dir", str(folder)]
    cpu, began = children_cpu(), time.perf_counter()
    process = subprocess.Popen(command, env=clean_environment(folder), cwd=folder, stdout=subprocess.DEVNULL)
    try:
        while not answers(port):
            if process.poll() is not None:
                raise RuntimeError("launch.py ended before its page was up")
            time.sleep(0.02)
        wall = time.perf_counter() - began
    finally:
        process.kill()
        process.wait()
    return Took(wall, children_cpu() - cpu)


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
