"""Tiling and FreeU: what they do to one request's calls of the shared networks, and to nobody else's."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch

from pipelines.batching import Call
from pipelines.manager import PipelineManager
from pipelines.memory import tiled
from pipelines.request import TextToImageRequest
from pipelines.seamless import circular, decode_seamlessly
from pipelines.touches import Touched, Touches
from tests.sampling import TASKS, ask, bare, differs, loaded, paint


@pytest.fixture(scope="module")
def manager(tiny_model_dir: Path) -> Iterator[PipelineManager]:
    manager = PipelineManager([tiny_model_dir])
    yield manager
    manager.close()


# --- tiling ------------------------------------------------------------------------------------------------------


def seam(picture: np.ndarray[Any, Any]) -> float:
    """How much more opposite edges differ than neighbouring rows and columns do."""
    edges = np.abs(picture[0] - picture[-1]).mean() + np.abs(picture[:, 0] - picture[:, -1]).mean()
    inside = np.abs(np.diff(picture, axis=0)).mean() + np.abs(np.diff(picture, axis=1)).mean()
    return float(edges / inside)


def test_the_starters_tiled_pictures_meet_at_their_edges(manager: PipelineManager) -> None:
    def made(*, tiling: bool, seed: int) -> np.ndarray[Any, Any]:
        return paint(
            manager,
            TextToImageRequest(
                prompt="a mountain lake at sunset",
                seed=seed,
                num_inference_steps=8,
                width=128,
                height=128,
                tiling=tiling,
            ),
        )

    plain = [seam(made(tiling=False, seed=seed)) for seed in range(3)]
    tiles = [seam(made(tiling=True, seed=seed)) for seed in range(3)]
    assert np.mean(tiles) < 0.3 * np.mean(plain), (tiles, plain)


@pytest.mark.parametrize("touch", [{"tiling": True}, {"freeu": True}])
@pytest.mark.parametrize("task", TASKS)
def test_others_keep_their_bits_beside_a_touched_picture(
    manager: PipelineManager, task: str, touch: dict[str, bool]
) -> None:
    plain, touched = ask(manager, task, num_inference_steps=12), ask(manager, task, num_inference_steps=12, **touch)
    expected, alone = paint(manager, plain), paint(manager, touched)
    assert differs(expected, alone)
    made: dict[str, np.ndarray[Any, Any]] = {}
    requests = {"plain": plain, "touched": touched}
    threads = [
        threading.Thread(target=lambda name=name: made.update({name: paint(manager, requests[name])}))
        for name in requests
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not differs(made["plain"], expected)
    assert not differs(made["touched"], alone)
    assert not differs(paint(manager, plain), expected)
    network = loaded(manager, plain).components["unet"]
    assert {layer.padding_mode for layer in network.modules() if isinstance(layer, torch.nn.Conv2d)} == {"zeros"}


def test_touched_calls_join_only_their_like(manager: PipelineManager) -> None:
    network = loaded(manager, ask(manager)).components["unet"]
    arguments = ((torch.zeros(1, 4, 8, 8), torch.tensor(5)), {"encoder_hidden_states": torch.zeros(1, 7, 16)})
    keys = [Call(one, *arguments).key for one in (network, Touched(network, Touches(tiling=True)))]
    again = Call(Touched(network, Touches(tiling=True)), *arguments).key
    other = Call(Touched(network, Touches(freeu=(0.9, 0.2, 1.3, 1.4))), *arguments).key
    assert keys[0] != keys[1] == again != other


def test_a_network_that_fails_is_left_as_it_was(manager: PipelineManager) -> None:
    network = loaded(manager, ask(manager)).components["unet"]
    with pytest.raises(TypeError):
        Touched(network, Touches(True, (0.9, 0.2, 1.3, 1.4)))("no sample")
    assert {layer.padding_mode for layer in network.modules() if isinstance(layer, torch.nn.Conv2d)} == {"zeros"}
    assert all(block.b1 is None for block in network.up_blocks)


def test_a_circular_network_shifts_its_answer_with_its_input() -> None:
    layers = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3, padding=1), torch.nn.SiLU(), torch.nn.Conv2d(3, 2, 1))
    sample = torch.randn(1, 2, 6, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad(), circular(layers):
        shifted = layers(sample.roll((2, 3), (-2, -1)))
        torch.testing.assert_close(shifted, layers(sample).roll((2, 3), (-2, -1)))
    with torch.no_grad():
        assert not torch.allclose(layers(sample.roll(3, -1)), layers(sample).roll(3, -1))


def test_tile_by_tile_the_edges_meet_too(manager: PipelineManager) -> None:
    """A VAE that works in tiles is given a border; the result is that of one piece, but for its attention and norms."""
    vae = loaded(manager, ask(manager)).components["vae"]
    latents = torch.randn(1, 4, 8, 12, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        whole = decode_seamlessly(vae, latents, vae.decode).sample
        plain = vae.decode(latents).sample
        with tiled(vae):
            parts = decode_seamlessly(vae, latents, lambda part: vae.decode(part, return_dict=False))[0]
    assert parts.shape == whole.shape == (1, 3, 64, 96)
    edge = [torch.cat([one[..., :4], one[..., -4:]], -1) for one in (whole, parts, plain)]
    assert float((edge[0] - edge[1]).abs().mean()) < float((edge[0] - edge[2]).abs().mean())


# --- FreeU -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", TASKS)
def test_freeu_is_diffusers_own_bit_for_bit(manager: PipelineManager, task: str) -> None:
    numbers = {"freeu_b1": 1.2, "freeu_b2": 1.5, "freeu_s1": 0.8, "freeu_s2": 0.4}
    request = ask(manager, task, freeu=True, **numbers)
    made, kept = paint(manager, request), np.zeros((64, 64), bool)
    kept[:, :32] = task == "inpaint"

    def switch_on(pipeline: diffusers.DiffusionPipeline) -> None:
        pipeline.enable_freeu(s1=0.8, s2=0.4, b1=1.2, b2=1.5)

    network = loaded(manager, request).components["unet"]
    try:
        expected = bare(manager, request, switch_on)
    finally:
        network.disable_freeu()
    assert (made[~kept] == expected[~kept]).all()
    assert differs(made, paint(manager, ask(manager, task)))
