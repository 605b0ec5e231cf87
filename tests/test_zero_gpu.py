"""The back end of a ZeroGPU Space, over the real ``spaces`` package, which outside a Space runs the function itself."""

from __future__ import annotations

import multiprocessing
import pickle
from pathlib import Path

import pytest

from pipelines.errors import InvalidRequest, ModelError
from pipelines.events import GenerationFinished, GenerationStarted, ImageFinished, StepCompleted
from pipelines.request import TextToImageRequest
from webui.zero_gpu import LONGEST, ZeroGpuBackend, duration, run

QUICK = {"prompt": "a red circle", "num_inference_steps": 3, "seed": 5, "model": "tiny"}


def test_a_picture_comes_as_from_the_manager(tiny_model_dir: Path) -> None:
    from pipelines.manager import PipelineManager

    request = TextToImageRequest(**QUICK)
    backend, manager = ZeroGpuBackend([tiny_model_dir]), PipelineManager([tiny_model_dir])
    events = list(backend.generate(request))
    there = next(event for event in events if isinstance(event, ImageFinished))
    here = next(event for event in manager.generate(request) if isinstance(event, ImageFinished))
    assert there.image.tobytes() == here.image.tobytes()
    assert isinstance(events[0], GenerationStarted)
    assert isinstance(events[-1], GenerationFinished)
    assert sum(isinstance(event, StepCompleted) for event in events) == 3
    assert [model.id for model in backend.models()] == [model.id for model in manager.models()]
    manager.close()


def test_all_that_crosses_the_border_survives_it(tiny_model_dir: Path) -> None:
    request = TextToImageRequest(**QUICK)
    assert pickle.loads(pickle.dumps(request)) == request
    for item in run([str(tiny_model_dir)], request):
        assert type(pickle.loads(pickle.dumps(item))) is type(item)


def test_an_error_keeps_its_type_and_sentence(tiny_model_dir: Path) -> None:
    with pytest.raises(ModelError, match="'nowhere'"):
        list(ZeroGpuBackend([tiny_model_dir]).generate(TextToImageRequest(**{**QUICK, "model": "nowhere"})))
    error = pickle.loads(pickle.dumps(InvalidRequest("steps", "steps is 0; give one.")))
    assert (error.parameter, str(error)) == ("steps", "steps is 0; give one.")


def test_closing_it_stops_the_work(tiny_model_dir: Path) -> None:
    request = TextToImageRequest(**{**QUICK, "num_inference_steps": 150})
    events = ZeroGpuBackend([tiny_model_dir]).generate(request)
    assert isinstance(next(events), GenerationStarted)
    events.close()  # type: ignore[attr-defined]
    assert list(events) == []


def test_the_seconds_asked_for_grow_with_the_work_and_have_an_end() -> None:
    small = duration([], TextToImageRequest(prompt="x", width=512, height=512))
    large = duration([], TextToImageRequest(prompt="x", width=1024, height=1024, num_images_per_prompt=4))
    huge = duration([], TextToImageRequest(prompt="x", num_inference_steps=150, num_images_per_prompt=10))
    assert 20 <= small < large < huge == LONGEST


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="ZeroGPU forks; this cannot")
def test_it_works_in_a_forked_process(tiny_model_dir: Path, tmp_path: Path) -> None:
    """As on ZeroGPU: the parent has torch and no threads of ours, the child makes its own manager."""
    import subprocess
    import sys

    from tests.studio import ROOT, clean_environment

    program = f"""
import multiprocessing, pickle, sys
import torch
from pipelines.request import TextToImageRequest
from webui.zero_gpu import ZeroGpuBackend, run
folders, request = [{str(tiny_model_dir)!r}], TextToImageRequest(**{QUICK!r})
def work(pipe):
    for item in run(folders, request):
        pipe.send_bytes(pickle.dumps(item))
    pipe.close()
here, there = multiprocessing.get_context("fork").Pipe()
child = multiprocessing.get_context("fork").Process(target=work, args=(there,))
child.start()
there.close()
try:
    while True:
        print(type(pickle.loads(here.recv_bytes())).__name__)
except EOFError:
    child.join()
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env=clean_environment(tmp_path) | {"PYTHONPATH": str(ROOT)},
        check=True,
    )
    kinds = ["GenerationStarted", *["StepCompleted"] * 3, "ImageFinished", "GenerationFinished"]
    assert done.stdout.split() == kinds
