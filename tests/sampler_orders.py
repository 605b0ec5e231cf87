"""What every sampler does on Gaussian data, whose exact answer is known, and the table of it in ``docs/samplers.md``.

``python -m tests.sampler_orders`` writes the table anew; ``test_sampler_orders.py`` measures it again.
"""

from __future__ import annotations

import inspect
import math
from pathlib import Path
from typing import Any

import torch

from pipelines.sampler_options import SamplerOptions
from pipelines.sampler_table import NATIVE, SAMPLERS, Sampler
from pipelines.samplers import find_sampler
from pipelines.schedulers import build_scheduler

MEAN, SPREAD = 0.6, 0.8
"""Pictures whose pixels are independent Gaussians. The best clean guess is linear in the noisy one, and the probability
flow takes x at noise σ to MEAN + (x - MEAN)·√((SPREAD² + τ²) / (SPREAD² + σ²)) at noise τ (Karras et al. 2022,
appendix B)."""

CONFIG = {
    "_class_name": "PNDMScheduler",
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "steps_offset": 1,
    "clip_sample": False,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "trained_betas": None,
}
"""Stable Diffusion 1's."""

KLMS = {
    "Euler": "k_euler",
    "Euler a": "k_euler_a",
    "LMS": "k_lms",
    "Heun": "k_heun",
    "DPM2": "k_dpm_2",
    "DPM2 a": "k_dpm_2_a",
    "DDIM": "DDIM",
    "PLMS": "PLMS",
}
"""klms-gui's eight."""

ELSEWHERE = ("DDPM", "DEIS", "TCD")
"""Samplers that A1111 does not have; of these only Dream Studio's DDPM has a row."""

NOISY = (
    "Euler a",
    "DPM2 a",
    "DPM++ 2S a",
    "DPM++ SDE",
    "DDPM",
    "DPM++ 2M SDE",
    "DPM++ 2M SDE Heun",
    "DPM++ 3M SDE",
    "Restart",
)
"""Samplers that add noise at every step, or at some."""

FEWEST = {"LMS": 8, "UniPC": 10}
"""Those of high order reach with few steps what rounding leaves; measured from here to four times as many, others from
20 to 80."""

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "samplers.md"


def sigma_at(scheduler: Any, timestep: float) -> float:
    """The noise a timestep stands for; between two whole ones in log σ."""
    trained = ((1 - scheduler.alphas_cumprod.double()) / scheduler.alphas_cumprod.double()).sqrt().log()
    below = min(max(int(timestep), 0), len(trained) - 2)
    return math.exp(torch.lerp(trained[below], trained[below + 1], timestep - below))


def start(scheduler: Any, side: int = 64) -> torch.Tensor:
    """The noise a picture starts from."""
    return torch.randn(1, 1, side, side, generator=torch.Generator().manual_seed(0)) * scheduler.init_noise_sigma


def solve(scheduler: Any, sample: torch.Tensor, first: int = 0) -> torch.Tensor:
    """Runs the loop that every diffusers pipeline runs, with the exact denoiser as its network.

    That knows only what a real one is told: the scaled picture and the timestep.
    """
    takes_noise = "generator" in inspect.signature(scheduler.step).parameters
    extra = {"generator": torch.Generator().manual_seed(1)} if takes_noise else {}
    for timestep in scheduler.timesteps[first:]:
        scaled = scheduler.scale_model_input(sample, timestep)
        sigma = sigma_at(scheduler, float(timestep))
        alpha = 1 / math.hypot(1, sigma)
        noisy = scaled / alpha
        clean = (SPREAD**2 * noisy + sigma**2 * MEAN) / (SPREAD**2 + sigma**2)
        guessed_noise = (noisy - clean) / sigma
        output = {
            "epsilon": guessed_noise,
            "v_prediction": alpha * guessed_noise - alpha * sigma * clean,
            "sample": clean,
        }[scheduler.config.prediction_type]
        sample = scheduler.step(output, timestep, sample, return_dict=False, **extra)[0]
    return sample


def flow(sample: torch.Tensor, begin: float, end: float) -> torch.Tensor:
    """The probability flow's exact answer."""
    return MEAN + (sample - MEAN) * math.sqrt((SPREAD**2 + end**2) / (SPREAD**2 + begin**2))


def flow_error(scheduler: Any, steps: int) -> float:
    """Largest error of a solver of the flow, apart from a last step to the clean picture: at first order in all."""
    scheduler.set_timesteps(steps)
    begin = sigma_at(scheduler, float(scheduler.timesteps[0]))
    sample = start(scheduler, side=16)
    noisy = sample if float(scheduler.init_noise_sigma) > 1.1 else sample * math.hypot(1, begin)
    if not hasattr(scheduler, "sigmas"):  # those that count timesteps end at the first one's noise
        last = sigma_at(scheduler, 0)
        exact = flow(noisy, begin, last) / math.hypot(1, last)
    elif hasattr(scheduler, "_end"):  # DPM fast and adaptive end at the smallest noise
        exact = flow(noisy, begin, scheduler._end)
    elif float(scheduler.sigmas[-1]) > 0:  # DEIS likewise, on the scale of its own
        last = float(scheduler.sigmas[-1])
        exact = flow(noisy, begin, last) / math.hypot(1, last)
    else:
        last = float(scheduler.sigmas[scheduler.sigmas > 0].min())
        near = flow(noisy, begin, last)
        exact = (SPREAD**2 * near + last**2 * MEAN) / (SPREAD**2 + last**2)
    return float((solve(scheduler, sample) - exact).abs().max())


def order(name: str, options: SamplerOptions | None = None) -> float:
    """How often the error halves when the steps double, on average over two doublings."""
    few = FEWEST.get(find_sampler(name).sampler.name, 20)
    errors = [flow_error(build_scheduler(name, CONFIG, options=options), steps) for steps in (few, 4 * few)]
    return math.log2(errors[0] / errors[1]) / 2


def mean_and_spread(name: str, steps: int, config: dict[str, Any] = CONFIG, **values: Any) -> tuple[float, float]:
    """What a sampler makes of noise: 4096 pixels, so the mean is known to 0.0125 and the spread to 0.009."""
    scheduler = build_scheduler(name, config, seed=11, **values)
    scheduler.set_timesteps(steps)
    drawn = solve(scheduler, start(scheduler, side=64))
    return float(drawn.mean()), float(drawn.std())


def measured_name(sampler: Sampler) -> str:
    """A sampler with the schedule that A1111 calls Automatic for it."""
    return sampler.name if sampler.automatic == NATIVE else f"{sampler.name} {sampler.automatic}"


def measure(sampler: Sampler) -> str:
    """The last cell of a sampler's row."""
    name = sampler.name if "Karras" not in sampler.schedules else f"{sampler.name} Karras"
    if sampler.name in ("LCM", "TCD"):
        return "–"
    if sampler.ends_early:
        return f"error {flow_error(build_scheduler(name, CONFIG), 40):.2f}"
    if sampler.name not in NOISY:
        return f"order {order(name):.1f}"
    drawn = "mean {:.2f}, spread {:.2f}".format(*mean_and_spread(measured_name(sampler), 60))
    if "eta" not in sampler.options:
        return drawn
    return f"{drawn}; order {order(name, SamplerOptions(eta=0.0)):.1f} at `eta=0`"


def table() -> list[list[str]]:
    """Every row: names in A1111, Dream Studio and klms-gui; class; Automatic; fidelity; what was measured."""
    labels = [sampler.name for sampler in SAMPLERS[:11]]
    return [
        [
            "–" if sampler.name in ELSEWHERE else sampler.name,
            sampler.label if sampler.name in labels else "–",
            KLMS.get(sampler.name, "–"),
            f"`{sampler.scheduler}`",
            "–" if sampler.automatic == NATIVE else sampler.automatic,
            sampler.fidelity.split(":")[0].split(";")[0],
            measure(sampler),
        ]
        for sampler in SAMPLERS
        if sampler.label in labels or sampler.name not in ELSEWHERE
    ]


def write() -> None:
    """Puts the table into the document."""
    head = [["A1111", "Dream Studio", "klms-gui", "class", "Automatic", "algorithm", "measured"], ["---"] * 7]
    lines = "\n".join("| " + " | ".join(row) + " |" for row in head + table())
    text = DOCUMENT.read_text(encoding="utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    DOCUMENT.write_text(f"{before}{BEGIN}\n{lines}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    torch.set_num_threads(1)
    write()
