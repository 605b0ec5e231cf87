"""How busy other programs keep the machine while something is measured."""

from __future__ import annotations

import os
import time
from pathlib import Path

from typing_extensions import Self

PARENT, USER, CHILDREN_SYSTEM = 1, 11, 14
"""Places in ``/proc/PID/stat`` after the program's name."""


class OthersAtWork:
    """Counts, while the context is open, the processor time of all that is not this process or begun by it.

    Attributes:
        cores: Cores that others kept busy on average; None where the system does not say (anywhere but Linux).
    """

    def __init__(self) -> None:
        self.cores: float | None = None

    def __enter__(self) -> Self:
        self._began, self._before = time.perf_counter(), _ticks_of_others()
        return self

    def __exit__(self, *_: object) -> None:
        after = _ticks_of_others()
        if self._before is not None and after is not None:
            ticks = max(0, after - self._before)
            passed = time.perf_counter() - self._began
            self.cores = round(ticks / os.sysconf("SC_CLK_TCK") / max(passed, 0.01), 2)


def load() -> float | None:
    """Programs that wanted a core during the last minute, this one included."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def is_busy(others: float | None, load_before: float | None, cores: int) -> bool:
    """Whether figures taken now are uncertain: others held more than a tenth of a core, or a queue had formed."""
    return (others or 0.0) > 0.1 or (load_before or 0.0) > cores


def _ticks_of_others() -> int | None:
    """Ticks of every strange process and of its children that have ended: a sum that no ending process lowers."""
    processes: dict[int, list[str]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            processes[int(path.parent.name)] = path.read_text(encoding="utf-8").rsplit(")", 1)[1].split()
        except (OSError, IndexError):
            continue  # it has just ended; its parent has its ticks
    if not processes:
        return None
    return sum(
        sum(map(int, stat[USER : CHILDREN_SYSTEM + 1])) for pid, stat in processes.items() if not _ours(pid, processes)
    )


def _ours(pid: int, processes: dict[int, list[str]]) -> bool:
    while pid in processes:
        if pid == os.getpid():
            return True
        pid = int(processes[pid][PARENT])
    return False
