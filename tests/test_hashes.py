"""Hashes of weights: computed once, behind everybody's back where asked, and one file never waits for another."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

from pipelines.hashes import WeightsHashes


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_what_is_not_known_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "dream.safetensors"
    path.write_bytes(b"weights")
    hashes = WeightsHashes()
    assert hashes.known(path) is None and hashes.count == 0
    hashes.later(path)
    hashes.later(path)
    hashes.later(tmp_path / "nowhere")
    while (behind := hashes._thread) is not None:
        behind.join()
    assert hashes.known(path) == digest(b"weights") and hashes.count == 1


def test_one_file_is_read_once_and_waits_for_no_other(tmp_path: Path) -> None:
    slow, quick = tmp_path / "slow.safetensors", tmp_path / "quick.safetensors"
    slow.write_bytes(b"slow")
    quick.write_bytes(b"quick")
    hashes = WeightsHashes()
    state = slow.stat()
    found: list[str | None] = []
    threads = [threading.Thread(target=lambda: found.append(hashes.of(slow))) for _ in range(4)]
    with hashes._reading.setdefault(f"{slow}|{state.st_size}|{state.st_mtime_ns}", threading.Lock()):
        for thread in threads:
            thread.start()
        assert hashes.of(quick) == digest(b"quick"), "as if gigabytes of the other were being read"
        assert found == [] and hashes.known(slow) is None
    for thread in threads:
        thread.join()
    assert found == [digest(b"slow")] * 4
