"""Branches: a picture goes on from one of its steps with other words; what was before stays, bit for bit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from pipelines.caches import TensorCache
from pipelines.errors import InvalidRequest
from pipelines.events import ImageFinished, StepCompleted
from pipelines.manager import PipelineManager
from pipelines.request import ImageToImageRequest, TextToImageRequest
from pipelines.step_memory import StepMemory

ASKED: dict[str, Any] = {
    "prompt": "a red circle on blue",
    "seed": 7,
    "num_inference_steps": 8,
    "width": 128,
    "height": 128,
    "guidance_scale": 2.0,
}


@pytest.fixture(scope="module")
def manager() -> Iterator[PipelineManager]:
    made = PipelineManager(device="cpu", previews=True)
    yield made
    made.close()


def made_of(
    manager: PipelineManager, request: TextToImageRequest | ImageToImageRequest
) -> tuple[Image.Image, list[bytes]]:
    events = list(manager.generate(request))
    (picture,) = [event.image for event in events if isinstance(event, ImageFinished)]
    return picture, [event.preview or b"" for event in events if isinstance(event, StepCompleted)]


def stage(until: int, **told: Any) -> dict[str, Any]:
    return {"until": until, "prompt": ASKED["prompt"], "guidance_scale": 2.0, **told}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Which calls of the network were really made, by the step memory's own count."""
    asked: list[int] = []
    answer = StepMemory.answer

    def counted(self: StepMemory, ask: Any) -> Any:
        def noting() -> Any:
            asked.append(self._calls - 1)
            return ask()

        return answer(self, noting)

    monkeypatch.setattr(StepMemory, "answer", counted)
    return asked


@pytest.mark.parametrize(
    "sampler", ["Euler", "Euler a", "DPM++ 2M Karras", "DPM++ 2M SDE", "Heun", "UniPC", "LMS", "DDIM"]
)
@pytest.mark.parametrize("step", [1, 5])
def test_a_branch_that_changes_nothing_is_the_same_picture(
    manager: PipelineManager, calls: list[int], sampler: str, step: int
) -> None:
    asked = ASKED | {"scheduler": sampler, "num_inference_steps": 6}
    first, previews = made_of(manager, TextToImageRequest(**asked))
    calls.clear()
    again, same = made_of(manager, TextToImageRequest(**asked, stages=[stage(step)]))
    assert again.tobytes() == first.tobytes()
    assert same == previews
    assert not calls, "all of it was remembered"


@pytest.mark.parametrize("step", [2, 6])
def test_a_branch_takes_the_remaining_steps(manager: PipelineManager, calls: list[int], step: int) -> None:
    first, previews = made_of(manager, TextToImageRequest(**ASKED))
    calls.clear()
    asked = ASKED | {"prompt": "a green square on yellow"}
    branch, shown = made_of(manager, TextToImageRequest(**asked, stages=[stage(step)]))
    assert calls == list(range(step, 8))
    assert shown[:step] == previews[:step]
    assert shown[step] != previews[step]
    assert branch.tobytes() != first.tobytes()


def test_a_branch_keeps_the_composition(manager: PipelineManager) -> None:
    """The later it begins, the nearer it is to the picture it came from."""
    first, _ = made_of(manager, TextToImageRequest(**ASKED))
    asked = ASKED | {"prompt": "a green square on yellow"}
    far = [
        np.abs(
            np.asarray(made_of(manager, TextToImageRequest(**asked, stages=stages))[0], int) - np.asarray(first, int)
        ).mean()
        for stages in ([], [stage(2)], [stage(7)])
    ]
    assert far[0] > far[2]
    assert far[1] > far[2]


def test_guidance_alone_can_be_changed(manager: PipelineManager, calls: list[int]) -> None:
    made_of(manager, TextToImageRequest(**ASKED))
    calls.clear()
    stronger = made_of(manager, TextToImageRequest(**ASKED | {"guidance_scale": 9.0}, stages=[stage(4)]))[0]
    assert calls == list(range(5, 8)), "the call after the fourth step asks the same of the same latents"
    assert stronger.tobytes() != made_of(manager, TextToImageRequest(**ASKED | {"guidance_scale": 9.0}))[0].tobytes()


def test_a_branch_can_be_repeated_where_nothing_is_remembered(manager: PipelineManager) -> None:
    request = TextToImageRequest(
        **ASKED | {"prompt": "a green square, " + "very bright, " * 40},  # a longer chunk than before
        stages=[stage(3), stage(5, prompt="a red [circle:square:0.5] AND blue", guidance_scale=4.0)],
        deterministic=True,
    )
    made_of(manager, TextToImageRequest(**ASKED, deterministic=True))
    first, _ = made_of(manager, request)
    manager._workshop._steps.clear()  # type: ignore[union-attr]
    again, _ = made_of(manager, request)
    assert again.tobytes() == first.tobytes()


def test_other_pictures_are_not_taken_for_this_one(manager: PipelineManager, calls: list[int]) -> None:
    made_of(manager, TextToImageRequest(**ASKED))
    for other in ({"seed": 8}, {"width": 160}, {"num_inference_steps": 9}, {"scheduler": "DDIM"}, {"tiling": True}):
        calls.clear()
        made_of(manager, TextToImageRequest(**ASKED | other, stages=[stage(2)]))
        assert len(calls) == (9 if "num_inference_steps" in other else 8), other


def test_a_picture_without_a_branch_is_always_made(manager: PipelineManager, calls: list[int]) -> None:
    """Otherwise a proof would prove nothing."""
    for _ in range(2):
        calls.clear()
        made_of(manager, TextToImageRequest(**ASKED))
        assert len(calls) == 8


def test_what_is_no_number_is_not_remembered() -> None:
    shared, request = TensorCache(), TextToImageRequest(**ASKED, stages=[stage(2)])
    bad, good = torch.tensor([float("nan")]), torch.tensor([1.0])
    assert StepMemory(shared, "a", request).answer(lambda: (bad,))[0] is bad
    assert StepMemory(shared, "a", request).answer(lambda: (good,))[0] is good
    assert StepMemory(shared, "a", request).answer(lambda: (bad,))[0] == 1.0


def test_image_to_image_can_be_branched(manager: PipelineManager, calls: list[int]) -> None:
    image = Image.new("RGB", (128, 128), "orange")
    asked = ASKED | {"image": image, "strength": 0.75}
    first, _ = made_of(manager, ImageToImageRequest(**asked))
    calls.clear()
    same, _ = made_of(manager, ImageToImageRequest(**asked, stages=[stage(2)]))
    assert (same.tobytes(), calls) == (first.tobytes(), [])
    made_of(manager, ImageToImageRequest(**asked | {"prompt": "a white cat"}, stages=[stage(2)]))
    assert calls == [2, 3, 4, 5]
    calls.clear()
    made_of(manager, ImageToImageRequest(**asked | {"image": Image.new("RGB", (128, 128), "teal")}, stages=[stage(2)]))
    assert len(calls) == 6


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"stages": [stage(3), stage(3)]}, r"^stages has the steps \[3, 3\]"),
        ({"stages": [stage(3, guidance_scale=1.0)]}, "^guidance_scale is 2, and the picture was begun with 1"),
        ({"stages": [stage(3)], "hires_scale": 2.0}, "^hires_scale is 2.0, and a branch"),
        ({"stages": [stage(0)]}, "^stages"),
        ({"stages": [stage(step) for step in range(1, 18)]}, "^stages has 17 branches"),
        ({"stages": "yesterday"}, "^stages is"),
    ],
)
def test_what_cannot_be_branched_is_one_sentence(values: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        TextToImageRequest(**ASKED | values)


def test_a_branch_after_the_last_step_is_refused(manager: PipelineManager) -> None:
    with pytest.raises(InvalidRequest, match=r"^stages begins a branch after step 8, and the picture has 8"):
        made_of(manager, TextToImageRequest(**ASKED, stages=[stage(8)]))
