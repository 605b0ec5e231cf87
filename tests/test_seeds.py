"""Seeds and noise: the published numbers, the same on every machine, and each picture of a batch by itself."""

from __future__ import annotations

import itertools
import math
import threading

import numpy as np
import pytest
import torch
from diffusers.utils.torch_utils import randn_tensor

from pipelines.errors import InvalidRequest
from pipelines.noise import SOURCES, PictureNoise, noise_for, paste_middle, slerp
from pipelines.philox import PhiloxNormals, philox
from pipelines.schedulers import build_scheduler
from pipelines.seeds import LARGEST_SEED, resolve_seeds, seed_from_text
from tests.sampler_orders import CONFIG, solve
from tests.sampling import generator_for

SHAPE = (4, 8, 8)

CUDA_SEED_0 = (
    *(-0.92466259, -0.42534415, -2.6438457, 0.14518388),
    *(-0.12086647, -0.57972564, -0.62285122, -0.32838709),
    *(-1.07454231, -0.36314407, -1.67105067, 2.26550497),
)
"""What ``torch.randn(12, device="cuda")`` gives after ``manual_seed(0)``, as published with A1111's NV stream."""


# --- numbers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ((0, 0, 0, 0), 0, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((0xFFFFFFFF,) * 4, 2**64 - 1, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            0x299F31D0A4093822,
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_philox_gives_its_authors_known_answers(counter, key: int, expected) -> None:
    """From the kat_vectors of Random123, by the authors of Salmon et al. 2011."""
    found = philox(tuple(np.array([word], np.uint64) for word in counter), key)
    assert tuple(int(word[0]) for word in found) == expected


def test_the_nv_stream_is_the_gpus() -> None:
    np.testing.assert_allclose(PhiloxNormals(0).draw(12), CUDA_SEED_0, atol=1e-6)
    np.testing.assert_allclose(PhiloxNormals(0).draw(4), CUDA_SEED_0[:4], atol=1e-6)


def test_the_nv_stream_goes_on_and_seeds_differ_in_all_their_bits() -> None:
    stream = PhiloxNormals(0)
    first, second = stream.draw(4096), stream.draw(4096)
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.05
    assert not np.array_equal(PhiloxNormals(2**32).draw(8), PhiloxNormals(0).draw(8))


@pytest.mark.parametrize("seed", [0, 1, LARGEST_SEED])
def test_the_nv_stream_is_normal(seed: int) -> None:
    """60 000 numbers: the mean is known to 0.004, the spread to 0.003; the fourth moment of a normal is 3."""
    drawn = PhiloxNormals(seed).draw(60_000).astype(np.float64)
    assert abs(drawn.mean()) < 0.016
    assert drawn.std() == pytest.approx(1, abs=0.012)
    assert (drawn**4).mean() == pytest.approx(3, abs=0.2)


@pytest.mark.parametrize(
    ("typed", "seed"),
    [
        ("", -1),
        ("  ", -1),
        ("-1", -1),
        ("0", 0),
        (" 42 ", 42),
        ("4294967295", 4294967295),
        ("4294967296", 1),
        ("99999999999999999999", 5),
        ("a boat", 1364403351),
        ("-2", seed_from_text("-2")),
    ],
)
def test_whatever_is_typed_is_a_seed_and_always_the_same(typed: str, seed: int) -> None:
    assert seed_from_text(typed) == seed


@pytest.mark.parametrize("typed", ["²", "١٢", "🙂", "9" * 5000, "-2", "1.5", "seed\x00"])
def test_odd_text_is_a_seed_too(typed: str) -> None:
    assert 0 <= seed_from_text(typed) <= LARGEST_SEED
    assert seed_from_text(typed) == seed_from_text(f" {typed} ") != seed_from_text(f"{typed}x")


def test_seeds_go_on_from_the_first_and_start_again_at_0() -> None:
    assert resolve_seeds(LARGEST_SEED, 3) == (LARGEST_SEED, 0, 1)
    assert resolve_seeds(-1, 1) != resolve_seeds(-1, 1)


# --- a picture's first noise -------------------------------------------------------------------------------------


def test_the_cpu_stream_is_what_a_pipeline_draws_by_itself() -> None:
    expected = randn_tensor((1, *SHAPE), generator=generator_for(7))
    assert torch.equal(noise_for(7, (1, *SHAPE)), expected)
    assert torch.equal(noise_for(7, (1, *SHAPE), source="device", device="cpu"), expected)


@pytest.mark.parametrize("source", SOURCES)
def test_noise_is_the_same_each_time_and_of_spread_1(source) -> None:
    noise = noise_for(3, (4, 32, 32), source=source)
    assert torch.equal(noise, noise_for(3, (4, 32, 32), source=source))
    assert noise.dtype == torch.float32
    assert float(noise.std()) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("source", ["cpu", "nv"])
def test_variation_goes_from_one_noise_to_the_other_and_stays_noise(source) -> None:
    def varied(strength: float) -> torch.Tensor:
        return noise_for(5, (4, 64, 64), source=source, variation=9, variation_strength=strength)

    first, last = noise_for(5, (4, 64, 64), source=source), noise_for(9, (4, 64, 64), source=source)
    assert torch.equal(varied(0.0), first)
    torch.testing.assert_close(varied(1.0), last, atol=1e-5, rtol=0)
    distances = [float((varied(strength) - first).norm()) for strength in (0.0, 0.1, 0.3, 0.6, 1.0)]
    assert distances == sorted(distances)
    for strength in (0.25, 0.5):
        assert float(varied(strength).std()) == pytest.approx(1, abs=0.02), "not 0.7, as a plain mixture's"
        torch.testing.assert_close(varied(strength), slerp(strength, first, last))


def test_a_variation_of_itself_is_itself_and_unnamed_it_is_the_next_seed() -> None:
    same = noise_for(5, SHAPE, variation=5, variation_strength=0.5)
    torch.testing.assert_close(same, noise_for(5, SHAPE))
    unnamed = noise_for(LARGEST_SEED, SHAPE, variation_strength=0.5)
    assert torch.equal(unnamed, noise_for(LARGEST_SEED, SHAPE, variation=0, variation_strength=0.5))


def test_slerp_keeps_the_angle_in_each_column() -> None:
    start, end = torch.tensor([[1.0, 2.0], [0.0, 0.0]])[None], torch.tensor([[0.0, 0.0], [1.0, 2.0]])[None]
    half = slerp(0.5, start, end)
    torch.testing.assert_close(half, torch.tensor([[[1, 2], [1, 2]]]) * math.sqrt(0.5))


@pytest.mark.parametrize("source", ["cpu", "nv"])
@pytest.mark.parametrize(("size", "inner"), [((64, 64), (8, 8)), ((96, 32), (4, 12)), ((128, 128), (16, 16))])
def test_a_resized_seed_keeps_its_middle(source, size: tuple[int, int], inner: tuple[int, int]) -> None:
    whole = (4, 8, 14)
    noise, small = noise_for(2, whole, source=source, resize_from=size), noise_for(2, (4, *inner), source=source)
    rows, columns = min(inner[0], 8), min(inner[1], 14)
    top, left = (8 - rows) // 2, (14 - columns) // 2
    from_top, from_left = (inner[0] - rows) // 2, (inner[1] - columns) // 2
    middle = small[:, from_top : from_top + rows, from_left : from_left + columns]
    assert torch.equal(noise[:, top : top + rows, left : left + columns], middle)
    outside = torch.ones(8, 14, dtype=torch.bool)
    outside[top : top + rows, left : left + columns] = False
    assert torch.equal(noise[:, outside], noise_for(2, whole, source=source)[:, outside])


def test_a_seed_resized_to_its_own_size_is_the_seed() -> None:
    assert torch.equal(noise_for(2, SHAPE, resize_from=(64, 64)), noise_for(2, SHAPE))
    assert torch.equal(paste_middle(torch.zeros(1, 3, 3), torch.ones(1, 5, 5)), torch.ones(1, 3, 3))


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"source": "gpu"}, "noise_source is 'gpu'; use cpu, nv or device"),
        ({"variation_strength": 1.5}, "variation_strength is 1.5; give a number from 0 to 1"),
        ({"variation_strength": float("nan")}, "variation_strength is nan"),
        ({"resize_from": (4, 64)}, "resize_from is 4×64"),
    ],
)
def test_what_cannot_be_drawn_is_refused(values, sentence: str) -> None:
    with pytest.raises(InvalidRequest, match=f"^{sentence}"):
        noise_for(1, SHAPE, **values)


# --- what a sampler adds -----------------------------------------------------------------------------------------


def draw(name: str, noise: PictureNoise, shape: tuple[int, ...] = (1, 4, 4, 4)) -> torch.Tensor:
    scheduler = build_scheduler(name, CONFIG)
    scheduler.set_timesteps(5)
    sample = noise_for(0, shape, stream=noise) * scheduler.init_noise_sigma
    with noise.answering():
        for timestep in scheduler.timesteps:
            output = 0.1 * scheduler.scale_model_input(sample, timestep)
            sample = scheduler.step(output, timestep, sample, generator=noise.generator, return_dict=False)[0]
    return sample


def test_a_sampler_of_diffusers_goes_on_with_the_nv_stream() -> None:
    """Euler a by hand: its noise is the second, third, … call of the stream that began the picture."""
    scheduler, stream = build_scheduler("Euler a", CONFIG), PhiloxNormals(0)
    scheduler.set_timesteps(5)
    sample = torch.from_numpy(stream.draw(64)).reshape(1, 4, 4, 4) * scheduler.init_noise_sigma
    for here, end in itertools.pairwise(scheduler.sigmas):
        output = 0.1 * sample / (here**2 + 1).sqrt()
        up = (end**2 * (here**2 - end**2) / here**2).sqrt()
        sample = sample + output * ((end**2 - up**2).sqrt() - here)
        sample = sample + up * torch.from_numpy(stream.draw(64)).reshape(1, 4, 4, 4)
    torch.testing.assert_close(draw("Euler a", PictureNoise(0, "nv")), sample, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", ["Euler a", "DPM++ 2S a", "DPM++ 3M SDE", "DPM++ 2M SDE", "DDPM", "Restart", "LCM"])
def test_sources_give_different_pictures_and_each_the_same_one_again(name: str) -> None:
    drawn = {source: draw(name, PictureNoise(0, source)) for source in ("cpu", "nv")}
    assert not torch.equal(drawn["cpu"], drawn["nv"])
    assert all(torch.equal(picture, draw(name, PictureNoise(0, source))) for source, picture in drawn.items())


def test_the_cpu_source_changes_no_bit_of_what_a_pipeline_draws() -> None:
    generator = generator_for(4)
    scheduler = build_scheduler("Euler a", CONFIG)
    scheduler.set_timesteps(5)
    sample = randn_tensor((1, 4, 4, 4), generator=generator) * scheduler.init_noise_sigma
    for timestep in scheduler.timesteps:
        output = 0.1 * scheduler.scale_model_input(sample, timestep)
        sample = scheduler.step(output, timestep, sample, generator=generator, return_dict=False)[0]
    noise = PictureNoise(4)
    assert torch.equal(draw("Euler a", noise), sample)


def test_only_this_pictures_generator_is_answered_and_only_in_this_thread() -> None:
    noise, elsewhere = PictureNoise(0, "nv"), []
    expected = torch.randn(3, generator=generator_for(1))
    with noise.answering():
        assert torch.equal(torch.randn(3, generator=generator_for(1)), expected)
        thread = threading.Thread(target=lambda: elsewhere.append(torch.randn(3, generator=noise.generator)))
        thread.start()
        thread.join()
        assert torch.equal(elsewhere[0], torch.randn(3, generator=generator_for(0)))
        half = torch.randn((2, 2), generator=noise.generator, dtype=torch.float16)
        assert half.dtype == torch.float16
        torch.testing.assert_close(half.flatten().float(), torch.tensor(CUDA_SEED_0[:4]), atol=2e-3, rtol=0)


def test_a_picture_of_a_batch_alone_is_the_same_picture() -> None:
    seeds = resolve_seeds(11, 3)
    for source in ("cpu", "nv"):
        batch = [draw("Euler a", PictureNoise(seed, source)) for seed in seeds]
        assert torch.equal(batch[2], draw("Euler a", PictureNoise(13, source)))


def test_solving_from_nv_noise_draws_the_data() -> None:
    scheduler = build_scheduler("DPM++ 2M Karras", CONFIG)
    scheduler.set_timesteps(20)
    drawn = solve(scheduler, noise_for(0, (1, 1, 64, 64), source="nv") * scheduler.init_noise_sigma)
    assert float(drawn.mean()) == pytest.approx(0.6, abs=0.06)
    assert float(drawn.std()) == pytest.approx(0.8, abs=0.05)
