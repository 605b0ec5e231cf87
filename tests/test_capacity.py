"""How many requests run at once follows from free memory, and one alone always runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image

from pipelines import capacity
from pipelines.manager import PipelineManager
from pipelines.request import ImageToImageRequest, TextToImageRequest
from webui.floor import Floor
from webui.job import Job

GIB = 2**30
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def manager(tiny_model_dir: Path) -> Iterator[PipelineManager]:
    manager = PipelineManager([tiny_model_dir])
    list(manager.generate(TextToImageRequest(prompt="a boat", model="tiny", num_inference_steps=1)))
    yield manager
    manager.close()


def test_what_pictures_need_grows_with_their_pixels_and_halves_with_precision() -> None:
    one = capacity.bytes_needed(512 * 512, 1, torch.float32)
    assert capacity.bytes_needed(1024 * 1024, 3, torch.float32) == 12 * one
    assert capacity.bytes_needed(512 * 512, 1, torch.float16) == one // 2


def test_a_containers_limit_counts_without_its_file_cache(tmp_path: Path) -> None:
    assert capacity.free_bytes(CPU, tmp_path) > 0
    (tmp_path / "memory.max").write_text(f"{3 * 2**20}\n")
    (tmp_path / "memory.current").write_text(f"{2 * 2**20}\n")
    (tmp_path / "memory.stat").write_text(f"anon 12\ninactive_file {2**20}\n")
    assert capacity.free_bytes(CPU, tmp_path) == 2 * 2**20
    (tmp_path / "memory.max").write_text("max\n")
    assert capacity.free_bytes(CPU, tmp_path) > 2 * 2**20


def test_requests_fit_as_long_as_memory_is_free(manager: PipelineManager, monkeypatch: pytest.MonkeyPatch) -> None:
    small = TextToImageRequest(prompt="a boat", width=512, height=512)
    large = ImageToImageRequest(prompt="a boat", image=Image.new("RGB", (2048, 2048)))
    free = capacity.KEPT_FREE + 2 * capacity.bytes_needed(512 * 512, 1, torch.float32)
    monkeypatch.setattr("pipelines.workshop.free_bytes", lambda device: free)
    assert manager.fits([small, small])
    assert not manager.fits([small, small, small])
    assert not manager.fits([small, large])
    assert not manager.fits([small, small.model_copy(update={"num_images_per_prompt": 2})])
    assert manager.fits([large]), "one alone may always try"


def test_a_job_waits_for_memory_and_begins_when_another_has_gone() -> None:
    jobs = [Job(owner, TextToImageRequest(prompt="a boat", seed=1)) for owner in "abc"]
    floor = Floor(8, may_interrupt=True, fits=lambda together: len(together) <= 2)
    for job in jobs:
        floor.add(job)
    assert [floor.next_move(), floor.next_move(), floor.next_move()] == [(jobs[0], True), (jobs[1], True), None]
    floor.pause(jobs[0])
    assert floor.next_move() is None, "what stands still half made holds its memory"
    floor.drop(jobs[0])
    assert floor.next_move() == (jobs[2], True)
    alone = Floor(8, may_interrupt=True, fits=lambda together: False)
    alone.add(jobs[0])
    assert alone.next_move() == (jobs[0], True)
