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

from .flow_solvers import build_flow_solver
from .own_scheduler import OwnScheduler
from .own_schedulers import OWN
from .sampler_options import LEVEL_OPTIONS, SamplerOptions
from .sampler_table import NATIVE, SAMPLERS, SIGMA_FLAGS, SPACINGS
from .samplers import SamplerChoice, check_options, find_sampler, unfit_for_flow
from .shaped_levels import shaped
from .sigma_schedules import NoiseLevels


def build_scheduler(
    name: str,
    config: Mapping[str, Any],
    *,
    seed: int | Sequence[int] | None = None,
    options: SamplerOptions | None = None,
    family: str = "",
) -> SchedulerMixin:
    """Makes the scheduler that a sampler's name stands for. It belongs to one picture: it keeps state.

    A bare name keeps the checkpoint's betas, prediction type and timestep spacing, so that it equals
    ``TheClass.from_config(config, **overrides)`` with the overrides of the sampler's row; a schedule adds its
    flag. What another picture's scheduler may have left in ``config`` is overruled: each flag is set.

    For flow matching a bare name is the flow class with the checkpoint's own config, its shift included.

    Args:
        name: A sampler, with or without a schedule, in any spelling ``find_sampler`` knows.
        config: The checkpoint's scheduler config, as it was when the checkpoint was loaded.
        seed: The picture's seed, or one for each picture of a batch; only DPM++ SDE and, for flow matching, LCM ask for
            it, whose noise does not come from the generator. None is seed 0, never a random one.
        options: The sampler's own numbers; None, or none set, changes nothing.
        family: The model's family; ``sdxl`` has an Align Your Steps table of its own.

    Raises:
        InvalidRequest: No such sampler, or not with that schedule or option, or not for flow matching.
    """
    choice, options = find_sampler(name), options or SamplerOptions()
    check_options(choice, options, flow=is_flow(config))
    seeds = [0] if seed is None else [seed] if isinstance(seed, int) else list(seed)
    if is_flow(config):
        return _flow_scheduler(choice, config, seeds)
    kind, settings = _kind(choice, options, "sdxl" if family == "sdxl" else "sd")
    key = json.dumps(dict(config), sort_keys=True, default=_plain)
    scheduler = copy.deepcopy(_prototype(choice, kind, json.dumps(settings), key))
    if kind == "shaped":
        scheduler.noise_levels = NoiseLevels(choice.schedule, **settings)
    if kind == "stepped":
        _fix_in_step(scheduler, settings)
    if hasattr(scheduler, "noise_sampler_seed"):
        scheduler.noise_sampler_seed = seeds if isinstance(seed, Sequence) else seeds[0]
        scheduler.register_to_config(noise_sampler_seed=scheduler.noise_sampler_seed)
    _drop_timestep_before_first(scheduler)
    return scheduler


def is_flow(config: Mapping[str, Any]) -> bool:
    """Whether a checkpoint's scheduler config is one for flow matching (Lipman et al. 2022)."""
    return str(config.get("_class_name", "")).startswith("FlowMatch")


def _flow_scheduler(choice: SamplerChoice, config: Mapping[str, Any], seeds: Sequence[int]) -> SchedulerMixin:
    """The flow class as the checkpoint configures it; what it does not know stays out of it."""
    if not choice.sampler.flow or choice.schedule != NATIVE:
        raise unfit_for_flow(choice.name, [sampler.name for sampler in SAMPLERS if sampler.flow])
    if not hasattr(diffusers, choice.sampler.flow):
        made: SchedulerMixin = build_flow_solver(choice.sampler.flow, config, seeds)
        return made
    flow_class = getattr(diffusers, choice.sampler.flow)
    known = inspect.signature(flow_class.__init__).parameters
    if config.get("use_dynamic_shifting") and "use_dynamic_shifting" not in known:
        raise unfit_for_flow(choice.name, [SAMPLERS[0].name])  # Heun cannot shift by size
    scheduler: SchedulerMixin = flow_class.from_config({key: value for key, value in config.items() if key in known})
    return scheduler


def _kind(choice: SamplerChoice, options: SamplerOptions, aligned: str) -> tuple[str, dict[str, Any]]:
    """How a choice is made, and the numbers that it then needs.

    Returns:
        ``plain`` for the row's class as it is, ``shaped`` for it on levels of ours, ``stepped`` for one that takes its
        option with each step, or ``own`` for Reverie's class.
    """
    given, sampler = options.given(), choice.sampler
    levels: dict[str, Any] = {name: value for name, value in given.items() if name in LEVEL_OPTIONS}
    if aligned != "sd" and choice.schedule == "Align Your Steps":
        levels["aligned"] = aligned
    others = {name: value for name, value in given.items() if name not in levels}
    row_class = _scheduler_class(sampler.scheduler)
    shapeable = "use_karras_sigmas" in inspect.signature(row_class.__init__).parameters
    plain = (NATIVE, *(SPACINGS if sampler.spaced else ()), *(SIGMA_FLAGS if shapeable else ()))
    flagged = choice.schedule in plain and not levels
    if issubclass(row_class, OwnScheduler) or (sampler.own and (others or not (flagged or shapeable))):
        return "own", others | levels | ({} if flagged else {"schedule": choice.schedule})
    if others:
        return "stepped", others
    return ("plain", {}) if flagged else ("shaped", levels)


@functools.lru_cache(maxsize=32)
def _prototype(choice: SamplerChoice, kind: str, settings: str, config: str) -> SchedulerMixin:
    """A scheduler that is only ever copied: making KDPM2's takes 0.4 s, copying it less than a millisecond.

    Args:
        choice: What to make.
        kind: How, as ``_kind`` says.
        settings: Its numbers as JSON, which can be a key.
        config: The checkpoint's config, likewise.
    """
    scheduler_class: Any = _scheduler_class(choice.sampler.scheduler)
    extra: dict[str, Any] = {}
    if kind == "own":
        scheduler_class, extra = OWN[choice.sampler.own or choice.sampler.scheduler], json.loads(settings)
    if kind == "shaped":
        scheduler_class, extra = shaped(scheduler_class), {"use_karras_sigmas": True, "use_exponential_sigmas": False}
    accepted = inspect.signature(scheduler_class.__init__).parameters
    wanted = {key: value for key, value in {**_overrides(choice), **extra}.items() if key in accepted}
    made: SchedulerMixin = scheduler_class.from_config(json.loads(config), **wanted)
    return made


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
    found: type[SchedulerMixin] = OWN[name] if name in OWN else getattr(diffusers, name)
    return found


def _fix_in_step(scheduler: SchedulerMixin, settings: Mapping[str, Any]) -> None:
    """Has every step take these numbers, whatever a pipeline passes: Stable Diffusion's passes ``eta=0.0``."""
    step = scheduler.step

    @functools.wraps(step)
    def step_with_settings(*args: Any, **kwargs: Any) -> Any:
        return step(*args, **{**kwargs, **settings})

    scheduler.step = step_with_settings


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
