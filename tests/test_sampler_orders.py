"""Every sampler reaches the exact answer on Gaussian data as fast as its method says, and the document says so."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from pipelines.own_dpm_solver import solve_step
from pipelines.sampler_options import SamplerOptions
from pipelines.sampler_table import NATIVE, SAMPLERS, SHAPES
from pipelines.samplers import schedule_choices
from pipelines.schedulers import build_scheduler
from tests.sampler_orders import (
    BEGIN,
    CONFIG,
    DOCUMENT,
    END,
    MEAN,
    NOISY,
    SPREAD,
    flow,
    flow_error,
    mean_and_spread,
    order,
    solve,
    start,
    table,
)

QUIET = SamplerOptions(eta=0.0)

STARTER = CONFIG | {
    "beta_start": 1e-4,
    "beta_end": 0.02,
    "beta_schedule": "linear",
    "prediction_type": "v_prediction",
    "timestep_spacing": "trailing",
}
"""Noise as the starter model was trained with."""


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_the_measured_table_in_the_document_is_what_is_measured() -> None:
    """Words are compared exactly, numbers to what another machine's rounding may change."""
    lines = DOCUMENT.read_text(encoding="utf-8").split(BEGIN)[1].split(END)[0].strip().splitlines()[2:]
    documented = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    measured = table()
    assert [row[:6] for row in documented] == [row[:6] for row in measured]
    for there, here in zip(documented, measured, strict=True):
        assert re.sub(r"\d+\.\d+", "", there[6]) == re.sub(r"\d+\.\d+", "", here[6])
        numbers = [[float(number) for number in re.findall(r"\d+\.\d+", row[6])] for row in (there, here)]
        assert numbers[0] == pytest.approx(numbers[1], abs=0.11), here[0]


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("Euler Karras", SamplerOptions(s_churn=0.0), 1),
        ("Heun Karras", SamplerOptions(s_churn=0.0), 2),
        ("DPM2 Karras", SamplerOptions(s_churn=0.0), 2),
        ("Euler a Karras", QUIET, 1),
        ("DPM2 a Karras", QUIET, 2),
        ("DPM++ SDE Karras", QUIET, 2),
        ("DPM++ 2M SDE Exponential", QUIET, 2),
        ("DPM++ 2M SDE Heun Exponential", QUIET, 2),
        ("DPM++ 3M SDE Exponential", QUIET, 2),
        ("DDIM CFG++ Karras", None, 1),
    ],
)
def test_own_classes_are_of_their_order(name: str, options: SamplerOptions | None, expected: int) -> None:
    assert order(name, options) == pytest.approx(expected, abs=0.25)


@pytest.mark.parametrize("calls", [1, 2, 3])
def test_a_dpm_solver_step_is_of_its_order(calls: int) -> None:
    """In float64, from σ = 10 to 0.1 in equal steps of log σ."""

    def guess(sample: torch.Tensor, sigma: float) -> torch.Tensor:
        return (SPREAD**2 * sample + sigma**2 * MEAN) / (SPREAD**2 + sigma**2)

    def error(steps: int) -> float:
        begin = sample = torch.linspace(-20, 20, 9, dtype=torch.float64)
        levels = [10 * 0.01 ** (step / steps) for step in range(steps + 1)]
        for here, end in itertools.pairwise(levels):
            places = iter([here * (end / here) ** (call / calls) for call in range(1, calls)])
            step = solve_step(sample, guess(sample, here), here, end, calls)
            try:
                asked = next(step)
                while True:
                    asked = step.send((asked, guess(asked, next(places))))
            except StopIteration as done:
                sample = done.value
        return float((sample - flow(begin, 10.0, 0.1)).abs().max())

    assert math.log2(error(40) / error(80)) == pytest.approx(calls, abs=0.2)


@pytest.mark.parametrize("config", [CONFIG, STARTER], ids=["sd1", "starter"])
@pytest.mark.parametrize("name", [name for name in NOISY if name not in ("DDPM", "Euler a")])
def test_noisy_samplers_draw_the_right_mean_and_spread_at_their_automatic_schedule(name: str, config: Any) -> None:
    mean, spread = mean_and_spread(f"{name} Automatic", 80, config)
    assert mean == pytest.approx(MEAN, abs=0.04)
    assert spread == pytest.approx(SPREAD, abs=0.05)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("Euler Karras", SamplerOptions(s_churn=20.0)),
        ("Heun Karras", SamplerOptions(s_churn=20.0, s_tmin=0.05, s_tmax=10.0)),
        ("DPM2 Karras", SamplerOptions(s_churn=20.0)),
        ("DPM++ SDE Karras", SamplerOptions(eta=0.6)),
        ("DPM++ 2M SDE Karras", SamplerOptions(eta=0.6)),
        ("DPM++ 3M SDE Exponential", SamplerOptions(eta=0.6)),
        ("Euler a Karras", SamplerOptions(eta=0.3)),
        ("DPM2 a Karras", SamplerOptions(eta=0.6)),
        ("DPM fast", SamplerOptions(eta=1.0)),
        ("DPM adaptive", SamplerOptions(eta=0.5)),
        ("DDIM", SamplerOptions(eta=1.0)),
    ],
)
def test_options_that_add_noise_keep_mean_and_spread(name: str, options: SamplerOptions) -> None:
    plain = mean_and_spread(name, 80)
    mean, spread = mean_and_spread(name, 80, options=options)
    assert (mean, spread) != plain
    assert mean == pytest.approx(MEAN, abs=0.05)
    assert spread == pytest.approx(SPREAD, abs=0.05)


@pytest.mark.parametrize(
    "name", [name for sampler in SAMPLERS for kind, name in schedule_choices(sampler.name) if kind in SHAPES]
)
def test_every_new_schedule_draws_the_data_with_every_sampler(name: str) -> None:
    """Few pixels and 25 steps: that a schedule is whole, not how good it is. LCM needs a distilled network."""
    scheduler = build_scheduler(name, CONFIG, seed=3)
    scheduler.set_timesteps(25)
    assert (scheduler.sigmas >= 0).all() and int((scheduler.sigmas > 0).sum()) >= 25
    drawn = solve(scheduler, start(scheduler, side=24))
    assert float(drawn.mean()) == pytest.approx(MEAN, abs=0.1)
    if name.startswith("LCM"):
        assert 0.4 < float(drawn.std()) < SPREAD
    elif not (name.startswith("DPM++ 2M SDE") and name.endswith("Normal")):  # see what falls short in the document
        assert float(drawn.std()) == pytest.approx(SPREAD, abs=0.13)


@pytest.mark.parametrize(
    ("name", "ours", "options"),
    [
        ("Euler Karras", "ChurningEulerScheduler", SamplerOptions(s_churn=0.0)),
        ("Heun DDIM", "ChurningHeunScheduler", SamplerOptions(s_churn=0.0)),
        ("DPM2 DDIM", "ChurningDPM2Scheduler", SamplerOptions(s_churn=0.0)),
        ("Euler a DDIM", "AncestralEulerScheduler", SamplerOptions(eta=1.0)),
        ("DPM2 a DDIM", "AncestralDPM2Scheduler", SamplerOptions(eta=1.0)),
    ],
)
def test_own_classes_draw_what_diffusers_draws_where_it_can(name: str, ours: str, options: SamplerOptions) -> None:
    """Given the same levels and noise, both are the same algorithm."""
    theirs = build_scheduler(name, CONFIG)
    theirs.set_timesteps(12)
    levels = theirs.sigmas[theirs.sigmas > 0].unique().flip(0)
    assert len(levels) == 12
    own = build_scheduler(name, CONFIG, options=options)
    assert type(own).__name__ == ours
    own.lay_levels = lambda _steps: levels.double().numpy()
    own.set_timesteps(12)
    first, second = (solve(scheduler, start(own, side=8)) for scheduler in (theirs, own))
    torch.testing.assert_close(second, first, atol=0.02, rtol=0.02)


def test_adaptive_ends_when_it_has_arrived_and_never_runs_more_than_was_asked() -> None:
    for steps in (1, 2, 7, 40):
        scheduler = build_scheduler("DPM adaptive", CONFIG)
        scheduler.set_timesteps(steps)
        most = len(scheduler.timesteps)
        assert most == 3 * steps
        solve(scheduler, start(scheduler, side=8))
        assert len(scheduler.timesteps) == len(scheduler.sigmas) - 1 <= most
    assert len(scheduler.timesteps) < 40
    assert flow_error(build_scheduler("DPM adaptive", CONFIG), 40) < 0.15


def test_adaptive_tells_the_network_the_noise_that_is_there() -> None:
    scheduler = build_scheduler("DPM adaptive", CONFIG)
    scheduler.set_timesteps(8)
    held, sample, told = scheduler.timesteps[3:], torch.ones(1, 1, 2, 2), []
    scheduler.set_begin_index(3)
    for timestep in held:
        told.append((float(timestep), float(scheduler.sigmas[3 + len(told)])))
        sample = scheduler.step(0.3 * sample, timestep, sample, return_dict=False)[0]
    for timestep, sigma in told:
        assert timestep == pytest.approx(float(scheduler.timesteps_of(sigma)), abs=0.01)
    assert sum(later < sooner for (_, sooner), (_, later) in itertools.pairwise(told)) > len(told) / 2


def test_dpm_fast_begun_late_plans_the_calls_that_are_left() -> None:
    scheduler = build_scheduler("DPM fast", CONFIG)
    scheduler.set_timesteps(12)
    held, begin = scheduler.timesteps[4:], float(scheduler.sigmas[4])
    scheduler.set_begin_index(4)
    assert torch.equal(held, scheduler.timesteps[4:])
    assert float(scheduler.sigmas[4]) == pytest.approx(begin)
    noisy = flow(start(build_scheduler("Euler Uniform", CONFIG), side=8), 14.6, begin)
    exact = flow(noisy, begin, scheduler._end)
    torch.testing.assert_close(solve(scheduler, noisy, first=4), exact, atol=0.05, rtol=0)


@pytest.mark.parametrize("steps", [5, 19, 20, 35, 36, 50])
def test_restart_shares_the_steps_and_goes_back_up(steps: int) -> None:
    scheduler = build_scheduler("Restart Karras", CONFIG)
    scheduler.set_timesteps(steps)
    assert len(scheduler.timesteps) == 2 * steps - 1
    ups = int((scheduler.sigmas.diff() > 1e-4).sum())
    assert ups == (0 if steps < 20 else 1 if steps < 36 else 2)
    assert scheduler.sigmas[-1] == 0


def test_what_ends_early_says_so() -> None:
    assert [sampler.name for sampler in SAMPLERS if sampler.ends_early] == ["DPM adaptive"]
    assert all(sampler.automatic == NATIVE for sampler in SAMPLERS if not sampler.schedules)
