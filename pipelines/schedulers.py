"""A fresh diffusers scheduler for each picture, made from the checkpoint's own scheduler config."""

from __future__ import annotations

import copy
import functools
import inspect
import json
from collections.abc import Mapping, Sequence
from typing import Any

import diffusers
from diffusers.schedulers.scheduling_utils import SchedulerMixin

from .dpmpp_2s_ancestral import DPMSolver2SAncestralScheduler
from .dpmpp_sde import QuietDPMSolverSDEScheduler
from .sampler_table import NATIVE, SAMPLERS, SIGMA_FLAGS, SPACINGS
from .samplers import SamplerChoice, find_sampler, unfit_for_flow


def build_scheduler(name: str, config: Mapping[str, Any], *, seed: int | Sequence[int] | None = None) -> SchedulerMixin:
    """Makes the scheduler that a sampler's name stands for. It belongs to one picture: it keeps state.

    A bare name keeps the checkpoint's betas, prediction type and timestep spacing, so that it equals
    ``TheClass.from_config(config, **overrides)`` with the overrides of the sampler's row; a schedule adds its
    flag. What another picture's scheduler may have left in ``config`` is overruled: each flag is set.

    For flow matching a bare name is the flow class with the checkpoint's own config, its shift included.

    Args:
        name: A sampler, with or without a schedule, in any spelling ``find_sampler`` knows.
        config: The checkpoint's scheduler config, as it was when the checkpoint was loaded.
        seed: The picture's seed, or one for each picture of a batch; only DPM++ SDE asks for it, whose noise
            does not come from the generator. None is seed 0, never a random one.

    Raises:
        InvalidRequest: No such sampler, or not with that schedule, or not for flow matching.
    """
    choice = find_sampler(name)
    if is_flow(config):
        return _flow_scheduler(choice, config)
    scheduler = copy.deepcopy(_prototype(choice, json.dumps(dict(config), sort_keys=True, default=_plain)))
    if hasattr(scheduler, "noise_sampler_seed"):
        noise_seed = 0 if seed is None else seed
        scheduler.noise_sampler_seed = noise_seed if isinstance(noise_seed, int) else list(noise_seed)
        scheduler.register_to_config(noise_sampler_seed=scheduler.noise_sampler_seed)
    _drop_timestep_before_first(scheduler)
    return scheduler


def is_flow(config: Mapping[str, Any]) -> bool:
    """Whether a checkpoint's scheduler config is one for flow matching (Lipman et al. 2022)."""
    return str(config.get("_class_name", "")).startswith("FlowMatch")


def _flow_scheduler(choice: SamplerChoice, config: Mapping[str, Any]) -> SchedulerMixin:
    """The flow class as the checkpoint configures it; what it does not know stays out of it."""
    if not choice.sampler.flow or choice.schedule != NATIVE:
        raise unfit_for_flow(choice.name, [sampler.name for sampler in SAMPLERS if sampler.flow])
    flow_class = getattr(diffusers, choice.sampler.flow)
    known = inspect.signature(flow_class.__init__).parameters
    if config.get("use_dynamic_shifting") and "use_dynamic_shifting" not in known:
        raise unfit_for_flow(choice.name, [SAMPLERS[0].name])  # Heun cannot shift by size
    scheduler: SchedulerMixin = flow_class.from_config({key: value for key, value in config.items() if key in known})
    return scheduler


@functools.lru_cache(maxsize=32)
def _prototype(choice: SamplerChoice, config: str) -> SchedulerMixin:
    """A scheduler that is only ever copied: making KDPM2's takes 0.4 s, copying it less than a millisecond.

    Args:
        choice: What to make.
        config: The checkpoint's config as JSON, which can be a key.
    """
    scheduler_class = _scheduler_class(choice.sampler.scheduler)
    accepted = inspect.signature(scheduler_class.__init__).parameters
    wanted = {key: value for key, value in _overrides(choice).items() if key in accepted}
    return scheduler_class.from_config(json.loads(config), **wanted)


def _plain(value: Any) -> Any:
    """What a config may hold that JSON has no word for: an array of betas."""
    return value.tolist() if hasattr(value, "tolist") else repr(value)


def _overrides(choice: SamplerChoice) -> dict[str, Any]:
    """Everything that is not the checkpoint's to decide; a class takes those it knows."""
    overrides: dict[str, Any] = {flag: schedule == choice.schedule for schedule, flag in SIGMA_FLAGS.items()}
    overrides |= {"use_beta_sigmas": False, "use_lu_lambdas": False}
    # Latents are not confined to -1 … 1; Stable Diffusion's pipelines force both of these, with a warning.
    overrides |= {"clip_sample": False, "steps_offset": 1}
    if choice.schedule in SPACINGS:
        overrides["timestep_spacing"] = SPACINGS[choice.schedule]
    return overrides | dict(choice.sampler.overrides)


def _scheduler_class(name: str) -> type[SchedulerMixin]:
    own = {
        "DPMSolver2SAncestralScheduler": DPMSolver2SAncestralScheduler,
        "DPMSolverSDEScheduler": QuietDPMSolverSDEScheduler,
    }
    found: type[SchedulerMixin] = own[name] if name in own else getattr(diffusers, name)
    return found


def _drop_timestep_before_first(scheduler: SchedulerMixin) -> None:
    """Drops the timestep -1 that ``trailing`` spacing yields for 61, 103, 121 and 122 of 1000 steps.

    Rounding in diffusers makes one timestep too many. Schedulers with sigmas take it for the first one,
    harmlessly; those that look ᾱ up by timestep find the noisiest there, and the picture is lost.
    """
    if hasattr(scheduler, "sigmas"):
        return
    set_timesteps = scheduler.set_timesteps

    @functools.wraps(set_timesteps)
    def set_real_timesteps(*args: Any, **kwargs: Any) -> None:
        set_timesteps(*args, **kwargs)
        scheduler.timesteps = scheduler.timesteps[scheduler.timesteps >= 0]

    scheduler.set_timesteps = set_real_timesteps
