"""What is chosen for a machine, why, and that carrying it out gives the pictures it should."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, FluxTransformer2DModel, SD3Transformer2DModel, UNet2DConditionModel

from pipelines.attention import xformers_works
from pipelines.capacity import free_bytes
from pipelines.families import load_families
from pipelines.footprints import PUBLISHED, Footprint, decode_bytes, footprint_of
from pipelines.machine import measure_machine
from pipelines.models import Catalogue
from pipelines.plans import GIB, KEPT_FREE, Machine, Plan, Wishes, apply
from tests import memory_table
from tests.benchmarks.real_sizes import SD15, SDXL
from tests.tiny_model import make_tiny_pipeline

CPU = torch.device("cpu")

SD3_MEDIUM = {
    "num_layers": 24,
    "num_attention_heads": 24,
    "caption_projection_dim": 1536,
    "pos_embed_max_size": 192,
    "joint_attention_dim": 4096,
    "pooled_projection_dim": 2048,
    "sample_size": 128,
}


def card(gib: float, **more: Any) -> Machine:
    return Machine("cuda", "a card", int(gib * GIB), int(gib * GIB), **{"ram_bytes": 64 * GIB, **more})


def processor(**more: Any) -> Machine:
    return Machine("cpu", "CPU", 64 * GIB, 64 * GIB, 64 * GIB, **more)


def plan(family: str, machine: Machine, **wishes: Any) -> Plan:
    return memory_table.plan(family, machine, Wishes(**wishes))


def picture(pipeline: Any) -> np.ndarray:
    made = pipeline("a boat", num_inference_steps=3, generator=torch.Generator().manual_seed(1), output_type="np")
    return np.asarray(made.images[0])


# ---- decisions


@pytest.mark.parametrize("family", PUBLISHED)
def test_less_memory_never_means_a_higher_peak(family: str) -> None:
    plans = [plan(family, card(size)) for size in (4, 6, 8, 12, 16, 24, 48, 80)]
    order = ["none", "model", "group"]
    ranks = [order.index(one.offload) for one in plans]
    assert ranks == sorted(ranks, reverse=True)
    for size, one in zip((4, 6, 8, 12, 16, 24, 48, 80), plans, strict=True):
        assert one.fits == (
            one.peak_bytes + KEPT_FREE <= size * GIB and (one.offload == "none" or one.weight_bytes <= 64 * GIB)
        )
        assert one.reasons and all(sentence.endswith(".") for sentence in one.reasons)


def test_what_fits_stays_whole_and_untiled() -> None:
    found = plan("stable-diffusion-xl", card(24))
    assert (found.offload, found.vae, found.storage, found.compiled) == ("none", "plain", "same", False)
    assert found.precision == found.dtype_of("vae") == "float16"


def test_what_changes_pictures_comes_late_or_not_at_all() -> None:
    tight = plan("stable-diffusion-xl", card(8))
    assert (tight.offload, tight.vae) == ("model", "plain"), "moving changes nothing, tiles would"
    assert plan("stable-diffusion-xl", card(3)).vae == "tiled"
    assert {plan(family, card(4)).storage for family in PUBLISHED} == {"same"}


def test_precision_follows_the_chip() -> None:
    assert plan("flux", card(80, has_bf16=True)).precision == "bfloat16"
    assert plan("flux", card(80)).precision == "float16"
    assert plan("stable-diffusion", card(8), precision="float32").precision == "float32"
    refused = plan("stable-diffusion", card(8), precision="bfloat16")
    assert refused.precision == "float16" and "does not compute in bfloat16" in refused.reasons[0]


def test_a_processor_computes_in_bf16_only_where_it_can_and_was_asked_to() -> None:
    assert plan("stable-diffusion", processor(has_bf16=True)).precision == "float32"
    assert plan("stable-diffusion", processor(has_bf16=True), precision="bfloat16").precision == "bfloat16"
    assert plan("stable-diffusion", processor(), precision="bfloat16").precision == "float32"
    assert plan("stable-diffusion", processor(), precision="float16").precision == "float32"


def test_flags_go_before_what_would_be_chosen() -> None:
    found = plan("stable-diffusion", card(24), offload="group", vae_tiling="on", fp8=True)
    assert (found.offload, found.vae, found.storage) == ("group", "tiled", "float8")
    assert sum("asked for" in reason for reason in found.reasons) == 3
    assert plan("stable-diffusion-xl", card(4), offload="none", vae_tiling="off").fits is False


def test_xformers_needs_a_trial_that_succeeded() -> None:
    assert plan("stable-diffusion", card(8, has_xformers=True)).attention == "sdpa"
    assert plan("stable-diffusion", card(8, has_xformers=True), attention="xformers").attention == "xformers"
    refused = plan("stable-diffusion", card(8), attention="xformers")
    assert refused.attention == "sdpa" and "did not succeed" in refused.reasons[-1]


def test_compiling_is_said_not_to_go_with_layers_that_come_and_go() -> None:
    assert plan("stable-diffusion", card(8), compile=True).compiled
    for wishes in ({"offload": "group"}, {"fp8": True}):
        refused = plan("stable-diffusion", card(8), compile=True, **wishes)
        assert not refused.compiled and "Nothing is compiled" in refused.reasons[-1]


def test_main_memory_that_does_not_suffice_is_said() -> None:
    found = plan("flux", card(8, ram_bytes=8 * GIB))
    assert not found.fits and any("main memory" in reason for reason in found.reasons)


def test_tiles_bound_what_decoding_takes() -> None:
    assert decode_bytes(1024 * 1024, "float16", tiled=True) < decode_bytes(1024 * 1024, "float16", tiled=False) / 3


# ---- sizes


@pytest.mark.parametrize(
    ("family", "make"),
    [
        ("stable-diffusion", lambda: UNet2DConditionModel(**SD15.unet)),
        ("stable-diffusion-xl", lambda: UNet2DConditionModel(**SDXL.unet)),
        ("stable-diffusion-3", lambda: SD3Transformer2DModel(**SD3_MEDIUM)),
        ("flux", lambda: FluxTransformer2DModel(guidance_embeds=True)),
    ],
)  # fmt: skip
def test_the_published_sizes_are_those_of_the_real_networks(family: str, make: Any) -> None:
    with torch.device("meta"):
        network = make()
    assert sum(weight.numel() for weight in network.state_dict().values()) == PUBLISHED[family].denoiser


def test_the_published_vae_is_the_real_one() -> None:
    with torch.device("meta"):
        network = AutoencoderKL(**SD15.vae)
    assert sum(weight.numel() for weight in network.parameters()) == PUBLISHED["stable-diffusion"].vae


def test_a_models_own_files_are_counted(tiny_model_dir: Path) -> None:
    catalogue = Catalogue([tiny_model_dir.parent])
    info = catalogue.find("tiny")
    found = footprint_of(info, catalogue.family(info))
    parts = make_tiny_pipeline().components
    count = {
        name: sum(weight.numel() for weight in parts[name].parameters()) for name in ("unet", "vae", "text_encoder")
    }
    assert (found.denoiser, found.vae) == (count["unet"], count["vae"])
    assert found.text == found.largest_text >= count["text_encoder"]  # a buffer may be saved, too


def test_a_damaged_file_counts_as_its_familys_usual_size(tiny_model_dir: Path, tmp_path: Path) -> None:
    catalogue = Catalogue([tiny_model_dir.parent])
    info = catalogue.find("tiny")
    usual = footprint_of(type(info)("x", "x", info.family, info.tasks, 64, folder=tmp_path), catalogue.family(info))
    assert usual == PUBLISHED["stable-diffusion"]


def test_the_tables_are_those_of_the_rules() -> None:
    for page, short in memory_table.PAGES.items():
        text = page.read_text(encoding="utf-8")
        assert memory_table.table(short=short) in text, f"{page.name}: run python -m tests.memory_table"
        assert memory_table.written(text, short=short) == text


def test_every_family_with_a_preset_has_a_size() -> None:
    families = set(load_families()[0]) - {"starter"}
    for name in families:
        assert any(name.startswith(known) for known in PUBLISHED), name
    assert set(memory_table.MODELS) <= families


def test_this_machine_is_measured() -> None:
    found = measure_machine(CPU)
    assert found.device == "cpu" and 0 < found.free_bytes <= found.total_bytes
    assert found.ram_bytes == pytest.approx(free_bytes(CPU), rel=0.2)
    assert not found.has_xformers and not xformers_works(CPU)


# ---- carried out, on the processor


def test_layers_that_come_and_go_paint_the_same_picture() -> None:
    plain, moved = make_tiny_pipeline(), make_tiny_pipeline()
    apply(Plan(offload="group"), moved.components, CPU)
    assert (picture(plain) == picture(moved)).all()


def test_eight_bits_halve_the_denoiser_and_change_the_picture_a_little() -> None:
    plain, small = make_tiny_pipeline(), make_tiny_pipeline()
    apply(Plan(storage="float8"), small.components, CPU)
    stored = {weight.dtype for weight in small.unet.parameters()}
    assert torch.float8_e4m3fn in stored
    difference = np.abs(picture(plain) - picture(small))
    assert 0 < difference.mean() < 0.1


def test_tiles_are_switched_on() -> None:
    pipeline = make_tiny_pipeline()
    apply(Plan(vae="tiled"), pipeline.components, CPU)
    assert pipeline.vae.use_tiling and pipeline.vae.use_slicing
    assert np.isfinite(picture(pipeline)).all()


def test_bf16_paints_nearly_the_same_picture() -> None:
    """On any processor: one that does not compute in it does so by way of float32."""
    plain, half = make_tiny_pipeline(), make_tiny_pipeline().to(torch.bfloat16)
    apply(Plan(dtypes={"": "bfloat16"}), half.components, CPU)
    assert np.abs(picture(plain) - picture(half)).mean() < 0.05


def test_compiled_blocks_paint_the_same_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """With torch's own tracer and no compiler behind it, which a machine without one has, too."""
    plain, compiled = make_tiny_pipeline(), make_tiny_pipeline()
    whole = type(compiled.unet).compile_repeated_blocks
    monkeypatch.setattr(
        type(compiled.unet), "compile_repeated_blocks", lambda self, **more: whole(self, backend="eager", **more)
    )
    apply(Plan(compiled=True), compiled.components, CPU)
    assert np.abs(picture(plain) - picture(compiled)).max() < 1e-4


def test_a_footprint_keeps_its_proportions() -> None:
    assert Footprint(10, 4, 2, 6).scaled(2.5) == Footprint(25, 10, 5, 15)
    assert json.dumps(Footprint(1, 2, 3, 4).all) == "7"
