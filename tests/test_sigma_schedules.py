"""Schedule types lay the noise levels that their authors say, with any numbers an artist sets."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import beta

from pipelines.ddim_cfgpp import show_unconditional
from pipelines.errors import GenerationError
from pipelines.noise_levels import cumulative_alphas
from pipelines.sampler_options import SamplerOptions
from pipelines.schedulers import build_scheduler
from pipelines.sigma_schedules import ALIGNED, NoiseLevels
from tests.sampler_orders import CONFIG

ALPHAS = cumulative_alphas(1000, 0.00085, 0.012, "scaled_linear")
TRAINED = ((1 - ALPHAS) / ALPHAS).sqrt().double().numpy()
LOW, HIGH = TRAINED[0], TRAINED[-1]
EVERY = (
    *("Karras", "Exponential", "Polyexponential", "Uniform", "SGM Uniform", "DDIM", "Normal", "Simple", "Beta"),
    *("KL Optimal", "Align Your Steps"),
)


@pytest.mark.parametrize("schedule", EVERY)
@pytest.mark.parametrize("steps", [1, 2, 11, 20, 150])
def test_levels_fall_within_what_was_trained(schedule: str, steps: int) -> None:
    levels = NoiseLevels(schedule).lay(TRAINED, steps)
    assert levels.shape == (steps,)
    assert (np.diff(levels) < 0).all()
    assert levels[-1] >= LOW and levels[0] <= HIGH
    assert levels[0] == pytest.approx(HIGH, rel=1e-3) or schedule == "DDIM"  # which starts a stride lower


def test_each_is_the_formula_of_its_authors() -> None:
    share = np.arange(10) / 9
    laid = {schedule: NoiseLevels(schedule).lay(TRAINED, 10) for schedule in EVERY}
    karras = (HIGH ** (1 / 7) + share * (LOW ** (1 / 7) - HIGH ** (1 / 7))) ** 7
    np.testing.assert_allclose(laid["Karras"], karras, rtol=1e-9)
    np.testing.assert_allclose(laid["Exponential"], HIGH ** (1 - share) * LOW**share, rtol=1e-9)
    np.testing.assert_allclose(laid["Polyexponential"], laid["Exponential"], rtol=1e-9)
    np.testing.assert_allclose(laid["Simple"], TRAINED[[999, 899, 799, 699, 599, 499, 399, 299, 199, 99]], rtol=1e-9)
    np.testing.assert_allclose(laid["Normal"], TRAINED[[999, 888, 777, 666, 555, 444, 333, 222, 111, 0]], rtol=1e-9)
    np.testing.assert_allclose(laid["DDIM"], TRAINED[[901, 801, 701, 601, 501, 401, 301, 201, 101, 1]], rtol=1e-9)
    angle = (1 - np.arange(10) / 10) * math.atan(HIGH) + np.arange(10) / 10 * math.atan(LOW)
    np.testing.assert_allclose(laid["KL Optimal"], np.tan(angle), rtol=1e-9)
    trailing = np.interp(999 - 99.9 * np.arange(10), np.arange(1000), np.log(TRAINED))
    np.testing.assert_allclose(laid["SGM Uniform"], np.exp(trailing), rtol=1e-9)
    # the share of the Beta distribution below each timestep is even
    timesteps = np.interp(np.log(laid["Beta"]), np.log(TRAINED), np.arange(1000))
    np.testing.assert_allclose(beta.cdf(timesteps / 999, 0.6, 0.6), 1 - share, atol=1e-6)


@pytest.mark.parametrize(("aligned", "third"), [("sd", 3.861), ("sdxl", 3.771)])
def test_align_your_steps_is_the_published_table(aligned: str, third: float) -> None:
    table = np.array(ALIGNED[aligned])
    assert table[2] == third
    rule = NoiseLevels("Align Your Steps", aligned=aligned)
    np.testing.assert_allclose(rule.lay(TRAINED, 11), np.clip(table, LOW, HIGH))
    between = rule.lay(TRAINED, 21)
    np.testing.assert_allclose(between[1:-1:2] ** 2, between[0:-2:2] * between[2::2], rtol=1e-2)


def test_the_family_chooses_the_table() -> None:
    first = {}
    for family in ("", "sdxl"):
        for name in ("DPM++ 2M Align Your Steps", "Euler a Align Your Steps"):
            scheduler = build_scheduler(name, CONFIG, family=family)
            scheduler.set_timesteps(11)
            first[family, name] = float(scheduler.sigmas[2])
    assert set(first.values()) == {np.float32(3.861).item(), np.float32(3.771).item()}
    assert first["sdxl", "Euler a Align Your Steps"] == pytest.approx(3.771)


@pytest.mark.parametrize("name", ["Euler Karras", "DPM++ 2M Exponential", "DPM++ 2S a Karras", "Heun KL Optimal"])
def test_the_range_can_be_set(name: str) -> None:
    options = SamplerOptions(sigma_min=0.1, sigma_max=8.0)
    scheduler = build_scheduler(name, CONFIG, options=options)
    scheduler.set_timesteps(40)
    assert float(scheduler.sigmas[0]) == pytest.approx(8.0)
    smallest = float(scheduler.sigmas[scheduler.sigmas > 0].min())
    assert smallest == pytest.approx(0.1, rel=1e-3) if "KL" not in name else 0.1 < smallest < 0.5
    plain = build_scheduler(name, CONFIG)
    plain.set_timesteps(40)
    assert float(plain.sigmas[0]) == pytest.approx(HIGH, rel=1e-4)


def test_rho_bends_the_levels() -> None:
    def middle(rho: float | None) -> float:
        scheduler = build_scheduler("Euler Karras", CONFIG, options=SamplerOptions(rho=rho))
        scheduler.set_timesteps(21)
        return float(scheduler.sigmas[10])

    assert middle(3.0) > middle(7.0) > middle(20.0)
    assert middle(7.0) == pytest.approx(middle(None), rel=1e-3)


def test_ddim_cfgpp_puts_back_the_noise_that_is_there_without_the_prompt() -> None:
    """One step by hand, from equation 8 of the paper, in the coordinates of variance 1."""
    scheduler = build_scheduler("DDIM CFG++ DDIM", CONFIG)
    scheduler.set_timesteps(10)
    sample, without, given = torch.randn(3, 1, 4, 2, 2, generator=torch.Generator().manual_seed(0))
    network = torch.nn.Identity()
    handle = show_unconditional(scheduler, network)
    with pytest.raises(AttributeError):
        network(torch.zeros(1))  # a U-Net's answer is an object or a tuple
    handle.remove()
    scale, (here, following) = 7.5, scheduler.sigmas[:2].tolist()
    scheduler.scale_model_input(torch.cat([sample] * 2), scheduler.timesteps[0])
    scheduler.see_unconditional(torch.cat([without, given]))
    guided = without + scale * (given - without)
    after = scheduler.step(guided, scheduler.timesteps[0], sample, return_dict=False)[0]
    guess = sample - here * (without + scale / 12.5 * (given - without))
    torch.testing.assert_close(after, guess + following * without, atol=1e-4, rtol=1e-4)


def test_ddim_cfgpp_says_so_when_it_was_shown_nothing() -> None:
    scheduler = build_scheduler("DDIM CFG++", CONFIG)
    scheduler.set_timesteps(4)
    sample = torch.ones(1, 4, 2, 2)
    scheduler.scale_model_input(torch.cat([sample] * 2), scheduler.timesteps[0])
    with pytest.raises(GenerationError, match=r"^DDIM CFG\+\+ was not shown .* use DDIM, or a guidance_scale of 1"):
        scheduler.step(sample, scheduler.timesteps[0], sample)
    assert show_unconditional(build_scheduler("DDIM", CONFIG), torch.nn.Identity()) is None


def test_nobody_needs_an_unknown_schedule() -> None:
    with pytest.raises(ValueError, match="schedule is 'Turbo'"):
        NoiseLevels("Turbo").lay(TRAINED, 3)
