"""Another VAE for a request: by name, by the model's name, or the small one; pictures as diffusers paints with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from pipelines.errors import ReverieError
from pipelines.events import ImageFinished
from pipelines.manager import PipelineManager
from pipelines.request import ImageToImageRequest
from pipelines.schedulers import build_scheduler
from tests.test_adapters import Pixels, Place, load
from tests.tiny_families import make_vae
from tests.tiny_model import make_tiny_pipeline

START = Image.effect_noise((64, 64), 90).convert("RGB")


def random_vae(seed: int) -> Any:
    with torch.random.fork_rng():
        return make_tiny_pipeline(seed).vae


def original_names(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """diffusers' names of a VAE's weights turned into those of the original files (CompVis' ``ldm``)."""
    blocks = 1 + max(int(name.split(".")[2]) for name in state if name.startswith("decoder.up_blocks"))
    renamed = {}
    for old, value in state.items():
        name = old
        for side, kind in (("down", "down_blocks"), ("up", "up_blocks")):
            for index in range(blocks):
                place = index if side == "down" else blocks - 1 - index
                name = name.replace(f".{kind}.{index}.resnets.", f".{side}.{place}.block.")
                name = name.replace(f".{kind}.{index}.downsamplers.0.", f".{side}.{place}.downsample.")
                name = name.replace(f".{kind}.{index}.upsamplers.0.", f".{side}.{place}.upsample.")
        name = name.replace(".mid_block.resnets.0.", ".mid.block_1.").replace(".mid_block.resnets.1.", ".mid.block_2.")
        name = name.replace(".mid_block.attentions.0.", ".mid.attn_1.").replace("conv_shortcut", "nin_shortcut")
        name = name.replace("conv_norm_out", "norm_out")
        for new, letter in (
            ("group_norm", "norm"),
            ("to_q", "q"),
            ("to_k", "k"),
            ("to_v", "v"),
            ("to_out.0", "proj_out"),
        ):
            name = name.replace(f".attn_1.{new}.", f".attn_1.{letter}.")
        matrix = ".attn_1." in name and value.ndim == 2
        renamed[name] = value[:, :, None, None].contiguous() if matrix else value
    return renamed


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    root = tmp_path_factory.mktemp("vaes")
    make_tiny_pipeline().save_pretrained(root / "sd", safe_serialization=True)
    make_tiny_pipeline().save_pretrained(root / "named", safe_serialization=True)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        sizes = {"block_out_channels": (4, 4), "encoder_block_out_channels": (4,) * 4, "num_decoder_blocks": (1,) * 4}
        sizes |= {"decoder_block_out_channels": (4,) * 4, "num_encoder_blocks": (1,) * 4}
        sizes.pop("block_out_channels")
        diffusers.AutoencoderTiny(latent_channels=4, **sizes).save_pretrained(root / "sd" / "taesd")
    folder = root / "VAE"
    folder.mkdir()
    save_file(random_vae(7).state_dict(), folder / "bright.safetensors")
    save_file(original_names(random_vae(8).state_dict()), folder / "old names.safetensors")
    save_file(
        {f"first_stage_model.{k}": v for k, v in original_names(random_vae(8).state_dict()).items()},
        folder / "pre.safetensors",
    )
    save_file(random_vae(9).state_dict(), folder / "named.vae.safetensors")
    save_file(make_vae().state_dict(), folder / "sixteen.safetensors")
    manager = PipelineManager([root])
    yield Place(root, manager)
    manager.close()


def bare(place: Place, vae: Any, family: str = "sd") -> Pixels:
    pipeline = diffusers.StableDiffusionPipeline.from_pretrained(place.root / family)
    pipeline.set_progress_bar_config(disable=True)
    if vae is not None:
        pipeline.vae = vae.eval()
    pipeline.scheduler = build_scheduler("Euler", place.loaded(family).scheduler_config, seed=5)
    noise = torch.Generator().manual_seed(5)
    return np.asarray(pipeline("a red boat", num_inference_steps=4, guidance_scale=4.0, generator=noise).images[0])


@pytest.mark.parametrize(("name", "seed"), [("bright", 7), ("old names", 8), ("pre", 8), ("bright.safetensors", 7)])
def test_a_vae_by_name_paints_as_in_diffusers(place: Place, name: str, seed: int) -> None:
    plain = place.paint()
    own = place.paint(vae=name)
    assert np.array_equal(own, bare(place, random_vae(seed)))
    assert not np.array_equal(own, plain)
    assert np.array_equal(place.paint(), plain)


def test_automatic_is_the_file_of_the_models_name_or_the_models_own(place: Place) -> None:
    assert np.array_equal(place.paint("named"), bare(place, random_vae(9), "named"))
    for name in (None, "", "Automatic"):
        assert np.array_equal(place.paint(vae=name), bare(place, None))


def test_the_small_vae_paints_and_reads_pictures(place: Place) -> None:
    tiny = diffusers.AutoencoderTiny.from_pretrained(place.root / "sd" / "taesd")
    assert np.array_equal(place.paint(vae="taesd"), bare(place, tiny))
    request = ImageToImageRequest(
        prompt="a red boat",
        image=START,
        strength=0.5,
        num_inference_steps=6,
        seed=5,
        vae="taesd",
        guidance_scale=4.0,
        model="sd",
        deterministic=True,
    )
    events = place.manager.generate(request)
    (own,) = [np.asarray(event.image) for event in events if isinstance(event, ImageFinished)]
    components = load("sd", place.root).components | {"vae": tiny, "requires_safety_checker": False}
    pipeline = diffusers.StableDiffusionImg2ImgPipeline(**components)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler = build_scheduler("Euler", place.loaded().scheduler_config, seed=5)
    noise = torch.Generator().manual_seed(5)
    image = pipeline("a red boat", START, 0.5, num_inference_steps=6, guidance_scale=4.0, generator=noise).images[0]
    assert np.array_equal(own, np.asarray(image))


def test_a_picture_to_begin_with_is_not_read_by_anothers_vae(place: Place) -> None:
    fields: dict[str, Any] = {
        "prompt": "a",
        "image": START,
        "strength": 0.5,
        "seed": 5,
        "model": "sd",
        "deterministic": True,
    }

    def paint(vae: str | None) -> Pixels:
        events = place.manager.generate(ImageToImageRequest(**fields, vae=vae))
        (image,) = [np.asarray(event.image) for event in events if isinstance(event, ImageFinished)]
        return image

    first = paint("bright")
    place.manager._open()._cache.clear()
    paint(None)
    assert np.array_equal(paint("bright"), first)


def test_only_so_many_stay_in_memory(place: Place) -> None:
    shelf = place.manager._open()._fitter._vaes
    for name in ("bright", "pre", "old names"):
        place.paint(vae=name)
    assert len(shelf._kept) == 2
    place.manager.put_away_extras()
    assert not shelf._kept


def refused(place: Place, name: str, family: str = "sd") -> str:
    plain = place.paint(family)
    with pytest.raises(ReverieError) as caught:
        place.paint(family, vae=name)
    assert np.array_equal(place.paint(family), plain)
    sentence = str(caught.value)
    assert sentence.endswith(".") and "\n" not in sentence and len(sentence) < 400
    return sentence


def test_latents_of_another_kind_are_refused(place: Place) -> None:
    sentence = refused(place, "sixteen")
    assert "sixteen" in sentence


def test_what_is_not_there_is_refused(place: Place) -> None:
    assert "brght" in refused(place, "brght")
    assert "small VAE" in refused(place, "taesd", "named")


@pytest.mark.parametrize("kind", ["cut", "nan", "layers"])
def test_a_file_that_cannot_be_used_is_refused(place: Place, kind: str) -> None:
    path = place.root / "VAE" / "broken.safetensors"
    weights = load_file(place.root / "VAE" / "bright.safetensors")
    name = "decoder.conv_in.bias"
    try:
        if kind == "layers":
            weights.pop(name)
        elif kind == "nan":
            weights[name] = torch.full_like(weights[name], float("nan"))
        save_file(weights, path)
        if kind == "cut":
            path.write_bytes(path.read_bytes()[:2000])
        place.manager._catalogue.refresh()
        assert "broken" in refused(place, "broken")
    finally:
        path.unlink()
        place.manager._catalogue.refresh()


def test_a_file_written_anew_is_read_anew(place: Place) -> None:
    path = place.root / "VAE" / "again.safetensors"
    save_file(random_vae(7).state_dict(), path)
    place.manager._catalogue.refresh()
    first = place.paint(vae="again")
    save_file(random_vae(8).state_dict(), path)
    assert not np.array_equal(place.paint(vae="again"), first)
    Path(path).unlink()
    place.manager._catalogue.refresh()
