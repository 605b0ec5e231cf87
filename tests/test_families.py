"""Every family, in every task it can do, from a folder and from a single file: bare diffusers' picture, bit for bit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipelines.errors import InvalidRequest
from pipelines.events import ImageFinished, StepCompleted
from pipelines.manager import PipelineManager
from pipelines.schedulers import build_scheduler
from tests.bare_diffusers import (
    SIDE,
    START,
    TASKS,
    able,
    bare_from_file,
    bare_picture,
    bare_pipeline,
    changed_by,
    request_for,
)
from tests.original_layouts import LAYOUTS, save_original
from tests.tiny_families import MAKERS, make_family

FAMILIES = {
    "sd1": "stable-diffusion",
    "sd2": "stable-diffusion-2",
    "sdxl": "stable-diffusion-xl",
    "refiner": "stable-diffusion-xl-refiner",
    "sd3": "stable-diffusion-3",
    "sd35": "stable-diffusion-3",
    "flux": "flux",
    "qwen": "qwen-image",
    "z": "z-image",
}
SHARED = ("sdxl", "sd3", "sd3-t5", "flux", "qwen", "z-image")
"""Whose folders tests/test_sharing_families.py goes through in every run."""


def family_of(name: str) -> str:
    return FAMILIES[name.split("-", maxsplit=1)[0]]


def forms(name: str) -> tuple[str, ...]:
    return ("folder", "file") if family_of(name) in LAYOUTS else ("folder",)


def cases() -> Iterator[Any]:
    """Each family × task × form; in a quick run the folders that no other test goes through, and each file once."""
    for name in MAKERS:
        for form in forms(name):
            for task in able(name):
                quick = name not in SHARED if form == "folder" else task == able(name)[-1]
                yield pytest.param(name, form, task, marks=() if quick else pytest.mark.slow)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("families")
    for name in MAKERS:
        pipeline = make_family(name)
        pipeline.save_pretrained(root / f"{name}-folder", safe_serialization=True)
        if "file" in forms(name):
            save_original(family_of(name), pipeline, root / f"{name}-file.safetensors")
    return root


@pytest.fixture(scope="module")
def manager(models: Path) -> Iterator[PipelineManager]:
    manager = PipelineManager([models])
    yield manager
    manager.close()


def painted(manager: PipelineManager, model: str, task: str, **values: Any) -> np.ndarray[Any, Any]:
    events = list(manager.generate(request_for(model, task, **values)))
    steps = [event for event in events if isinstance(event, StepCompleted)]
    assert steps[-1].step == steps[-1].total_steps == len(steps)
    assert all(step.preview for step in steps)
    (image,) = (event.image for event in events if isinstance(event, ImageFinished))
    return np.asarray(image).astype(int)


@pytest.mark.parametrize(("name", "form", "task"), list(cases()))
def test_the_picture_is_bare_diffusers_bit_for_bit(
    models: Path, manager: PipelineManager, name: str, form: str, task: str
) -> None:
    made = painted(manager, f"{name}-{form}", task, deterministic=True, negative_prompt="the background")
    request = request_for(f"{name}-{form}", task, negative_prompt="the background")
    if form == "folder":
        pipeline = bare_pipeline(name, models / f"{name}-folder", task)
    else:
        pipeline = bare_from_file(name, models / f"{name}-file.safetensors", task)
    where = changed_by(task)
    assert (made[where] == bare_picture(name, pipeline, request)[where]).all()
    assert made.std() > 5, "a picture, not one colour"


def test_the_catalogue_knows_what_each_can_do(manager: PipelineManager) -> None:
    tasks = {info.id: info.tasks for info in manager.models()}
    for name in MAKERS:
        for form in forms(name):
            assert tasks[f"{name}-{form}"] == able(name), f"{name}-{form}"


@pytest.mark.parametrize("name", ["qwen", "z-image"])
@pytest.mark.parametrize("task", TASKS)
def test_guidance_of_one_is_none(models: Path, manager: PipelineManager, name: str, task: str) -> None:
    made = painted(manager, f"{name}-folder", task, guidance_scale=1.0, deterministic=True)
    request = request_for(f"{name}-folder", task, guidance_scale=1.0)
    bare = bare_picture(name, bare_pipeline(name, models / f"{name}-folder", task), request)
    where = changed_by(task)
    assert (made[where] == bare[where]).all()


@pytest.mark.parametrize("task", ["text_to_image", "image_to_image"])
@pytest.mark.parametrize("scheduler", ["Euler", "DPM++ 2M Karras"])
def test_the_refiner_takes_over_as_in_bare_diffusers(
    models: Path, manager: PipelineManager, task: str, scheduler: str
) -> None:
    asked = {"num_inference_steps": 10, "refiner": "refiner-folder", "refiner_switch": 0.7, "scheduler": scheduler}
    made = painted(manager, "sdxl-folder", task, deterministic=True, negative_prompt="red", **asked)
    alone = painted(
        manager, "sdxl-folder", task, deterministic=True, negative_prompt="red", **asked | {"refiner": None}
    )
    request = request_for("sdxl-folder", task, negative_prompt="red", **asked)
    base = bare_pipeline("sdxl", models / "sdxl-folder", task)
    refiner = bare_pipeline("refiner", models / "refiner-folder", "image_to_image")
    refiner.register_modules(vae=base.vae)
    for pipeline in (base, refiner):
        pipeline.scheduler = build_scheduler(scheduler, pipeline.scheduler.config)
    texts = {"prompt": request.prompt, "negative_prompt": request.negative_prompt}
    steps = {"num_inference_steps": 10, "guidance_scale": request.guidance_scale, "generator": torch.manual_seed(5)}
    given = {"image": START, "strength": 0.7} if task == "image_to_image" else {"width": SIDE, "height": SIDE}
    latents = base(**texts, **steps, **given, denoising_end=0.7, output_type="latent").images
    bare = refiner(**texts, **steps, image=latents, denoising_start=0.7).images[0]
    assert (made == np.asarray(bare).astype(int)).all()
    assert (made != alone).any()


def test_a_refiner_that_does_not_fit_is_refused_before_anything_is_loaded(models: Path) -> None:
    manager = PipelineManager([models])
    for model, refiner, values, wrong in (
        ("sdxl-folder", "sd1-folder", {}, r"^refiner is 'sd1-folder', which is no refiner .*; choose one, or none\.$"),
        ("sd1-folder", "refiner-folder", {}, r"^refiner is .* takes over from Stable Diffusion XL, and model 'sd1-fol"),
        (
            "sdxl-folder",
            "refiner-folder",
            {"refiner_switch": 0.6},
            r"^refiner_switch is 0\.6, and strength 0\.3 leaves",
        ),
    ):
        request = request_for(model, "image_to_image", refiner=refiner, **values)
        request = request.model_copy(update={"strength": 0.3})
        with pytest.raises(InvalidRequest, match=wrong):
            next(manager.generate(request))
    assert manager._workshop is None


def test_a_refiner_without_a_step_is_refused(manager: PipelineManager) -> None:
    request = request_for("sdxl-folder", "text_to_image", refiner="refiner-folder", num_inference_steps=1)
    with pytest.raises(
        InvalidRequest, match=r"^num_inference_steps is 1, too few for a hand-over .* at 0\.8; raise it"
    ):
        list(manager.generate(request))
