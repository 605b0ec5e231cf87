"""Every family through the running app: dropped into a models folder, chosen by its name, a picture comes back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from gradio_client import Client
from PIL import Image

from tests.original_layouts import save_original
from tests.studio import Studio
from tests.test_families import family_of, forms
from tests.tiny_families import MAKERS, make_family

QUICK = ("sd1",)
WHOLE = tuple(name for name in MAKERS if name != "refiner" and not name.endswith("inpaint"))


@pytest.mark.parametrize("names", [QUICK, pytest.param(WHOLE, marks=pytest.mark.slow)], ids=["one", "all"])
def test_a_model_that_is_dropped_in_makes_pictures(
    names: tuple[str, ...], new_studio: Callable[..., Studio], tmp_path: Path
) -> None:
    for name in names:
        pipeline = make_family(name)
        pipeline.save_pretrained(tmp_path / f"{name}-folder", safe_serialization=True)
        if "file" in forms(name):
            save_original(family_of(name), pipeline, tmp_path / f"{name}-file.safetensors")
    studio = new_studio("--models-dir", str(tmp_path))
    client = Client(studio.url, download_files=str(tmp_path), verbose=False)
    try:
        for name in names:
            seen = set()
            for form in forms(name):
                asked = {"prompt": "a red boat", "seed": 3, "num_inference_steps": 2, "width": 64, "height": 64}
                files, _ = client.predict(
                    api_name="/text_to_image", **asked, model=f"{name}-{form}", scheduler="Euler", guidance_scale=2
                )
                picture = Image.open(files[0]).convert("RGB")
                assert picture.size == (64, 64)
                seen.add(picture.resize((4, 4)).tobytes())
            assert len(seen) == 1, "the file holds the folder's weights"
    finally:
        client.close()
