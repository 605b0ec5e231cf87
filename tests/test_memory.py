import json
from pathlib import Path

import pytest

from pipelines.manager import PipelineManager
from pipelines.preset import load_styles
from webui.extras_form import first_extras
from webui.form import REMEMBERED, first_values
from webui.jobs import JobQueue
from webui.library.store import Library
from webui.memory import gather_script, recall, recall_picture
from webui.plain_form import first_plain
from webui.series_fields import first_series
from webui.studio import Studio


@pytest.fixture
def studio(tmp_path: Path):
    manager, library = PipelineManager(), Library(tmp_path)
    queue = JobQueue(manager, lambda job, event: library.keep(job.owner, job.request, event))
    styles = {style.id: style for style in load_styles()[0]}
    yield Studio(manager, queue, library, False, styles, ("a red circle",))
    queue.close()
    library.close()
    manager.close()


def test_the_first_form_is_complete_and_suits_the_starter(studio):
    values = first_values(studio)
    assert set(values) == set(REMEMBERED)
    assert values["model"] == "starter"
    assert values["style"] == []
    assert (values["num_inference_steps"], values["num_images_per_prompt"]) == (20, 4)


def test_what_was_remembered_comes_back(studio):
    left = {
        "task": "inpaint",
        "style": ["pixel-art", "anime"],
        "prompt": "ein roter Kreis ◯",
        "negative_prompt": "blue",
        "image_strength": 80,
        "repaint_strength": 10,
        "mask_blur": 0,
        "size": "16:9",
        "picture_size": "320x192",
        "num_images_per_prompt": 2,
        "guidance_scale": 3.3,
        "num_inference_steps": 33,
        "seed": "0",
        "model": "starter",
        "sampler": "DPM++ 2M",
        "schedule": "DPM++ 2M Karras",
        "background": "#123456",
        "parent": "0123456789abcdef" * 2,
        **first_extras(),
        "lora_1_weight": -0.35,
        "lora_2_on": False,
        **first_plain(),
        **first_series(),
        "branch": "",
        "grid_x": "num_inference_steps",
        "grid_x_values": "3, 60",
        "loops": 4,
        "hires_scale": 1.5,
        "eta": "0.4",
        "tiling": True,
        "masked_content": "fill",
    }
    assert set(left) == set(REMEMBERED)
    assert recall(studio, json.loads(json.dumps(left))) == left


@pytest.mark.parametrize(
    "wrong",
    [
        {"task": "burn"},
        {"style": ["no-such-style"]},
        {"style": "pixel-art"},
        {"prompt": 7},
        {"prompt": "x" * 20_001},
        {"image_strength": 101},
        {"mask_blur": -1},
        {"size": "picture"},
        {"size": "17:3"},
        {"picture_size": None},
        {"num_images_per_prompt": 99},
        {"guidance_scale": float("nan")},
        {"num_inference_steps": "20"},
        {"seed": "1.5"},
        {"hires_scale": 9.0},
        {"hires_upscaler": "gone.safetensors"},
        {"eta": "a lot"},
        {"tiling": "yes"},
        {"loops": 99},
        {"grid_x": "nonsense"},
        {"many_prompts": "all"},
        {"branch": "{"},
        {"seed": 5},
        {"model": "gone"},
        {"model": ["starter"]},
        {"sampler": "no such sampler"},
        {"schedule": "Euler Nonsense"},
        {"background": "red; url(x)"},
        {"unheard_of": 1},
    ],
)
def test_what_is_no_good_any_more_gets_its_first_value(studio, wrong):
    assert recall(studio, wrong) == first_values(studio)


@pytest.mark.parametrize("junk", [None, 7, "text", [], {}, {"prompt": None}])
def test_junk_gives_the_first_form(studio, junk):
    assert recall(studio, junk) == first_values(studio)


def test_a_schedule_that_the_sampler_has_not_gives_way(studio):
    values = recall(studio, {"sampler": "DDIM", "schedule": "DPM++ 2M Karras"})
    assert values["sampler"] == "DDIM"
    assert values["schedule"].startswith("DDIM")


def test_the_browsers_script_gathers_the_fields_in_their_order():
    names = ", ".join(REMEMBERED)
    assert gather_script() == f"({names}, picture) => [{{{names}, picture: picture?.path ?? null}}]"


def test_only_a_copy_that_the_server_made_is_a_remembered_picture(tmp_path):
    cache, outside = tmp_path / "cache", tmp_path / "picture.png"
    kept = cache / "abc" / "picture.png"
    kept.parent.mkdir(parents=True)
    for path in (kept, outside, kept.with_name("other.png")):
        path.write_bytes(b"x")
    (cache / "picture.png").symlink_to(outside)
    assert recall_picture({"picture": str(kept)}, str(cache)) == str(kept)
    for wrong in (outside, cache / ".." / "picture.png", kept.with_name("other.png"), cache / "gone" / "picture.png"):
        assert recall_picture({"picture": str(wrong)}, str(cache)) is None
    for wrong in (cache / "picture.png", "/etc/passwd", "", "a\0b", 7, None):
        assert recall_picture({"picture": wrong if not isinstance(wrong, Path) else str(wrong)}, str(cache)) is None
    assert recall_picture([], str(cache)) is None
