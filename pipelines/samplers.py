"""From the name somebody asks for to a sampler and its schedule, and what a menu offers.

A name is a sampler, alone or followed by a schedule: ``Euler``, ``k_euler``, ``DPM++ 2M Karras``. Upper and
lower case, spaces, dashes and underscores make no difference. Nothing here needs torch.
"""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from .errors import InvalidRequest
from .sampler_options import SamplerOptions
from .sampler_table import AUTOMATIC, NATIVE, SAMPLERS, Sampler

_SCHEDULE_ALIASES: Final = {
    "Karras": ("karras", "ka", "k"),
    "Exponential": ("exponential", "exp"),
    "Uniform": ("uniform", "linspace"),
    "SGM Uniform": ("sgmuniform", "trailing"),
    "DDIM": ("ddim", "ddimuniform", "leading"),
    "Polyexponential": ("polyexponential", "polyexp"),
    "Beta": ("beta",),
    "Align Your Steps": ("alignyoursteps", "ays"),
    "Simple": ("simple",),
    "Normal": ("normal",),
    "KL Optimal": ("kloptimal", "klopt"),
    AUTOMATIC: ("automatic", "auto"),
    NATIVE: ("native",),
}


@dataclass(frozen=True, slots=True)
class SamplerChoice:
    """What a name stands for.

    Attributes:
        sampler: The sampler.
        schedule: ``NATIVE`` or one of ``sampler.schedules``; never ``AUTOMATIC``.
    """

    sampler: Sampler
    schedule: str = NATIVE

    @property
    def name(self) -> str:
        """The canonical name, which resolves to this very choice (``DPM++ 2M Karras``)."""
        return self.sampler.name if self.schedule == NATIVE else f"{self.sampler.name} {self.schedule}"


def find_sampler(name: str) -> SamplerChoice:
    """Resolves a sampler's name, in any of its spellings, with an optional schedule at its end.

    Args:
        name: ``Euler``, ``K Euler``, ``k_euler``, ``DPM++ 2M Karras``, ``Euler SGMUniform`` …

    Raises:
        InvalidRequest: No sampler is called that, or the sampler cannot run with that schedule; the sentence
            begins with ``scheduler`` and names the nearest that can be had.
    """
    key, known = _key(name), _samplers_by_key()
    if key in known:
        return SamplerChoice(known[key])
    for ending, asked in _schedules_by_key():
        sampler = known.get(key.removesuffix(ending)) if key.endswith(ending) else None
        if sampler is not None:
            schedule = sampler.automatic if asked == AUTOMATIC else asked
            if schedule != NATIVE and schedule not in sampler.schedules:
                raise _impossible(name, sampler, schedule)
            return SamplerChoice(sampler, schedule)
    raise _unknown(name)


def check_steps(name: str, num_inference_steps: int) -> None:
    """Refuses more steps than the named sampler can run.

    Raises:
        InvalidRequest: There are too many for it, or no sampler is called that.
    """
    sampler = find_sampler(name).sampler
    if num_inference_steps > sampler.largest_steps:
        raise InvalidRequest(
            "num_inference_steps",
            f"num_inference_steps is {num_inference_steps}, and {sampler.name} runs at most "
            f"{sampler.largest_steps}; lower it, or choose another sampler.",
        )


def check_options(choice: SamplerChoice, options: SamplerOptions, *, flow: bool = False) -> None:
    """Refuses an option that a sampler cannot take with its schedule.

    Args:
        choice: The sampler, with its schedule.
        options: What is set.
        flow: Whether it is for a flow-matching model; those take none.

    Raises:
        InvalidRequest: One cannot be taken; the sentence names the nearest that takes it.
    """
    for option, value in options.given().items():
        if choice.sampler.takes(option, choice.schedule) and not flow:
            continue
        able = [
            name
            for sampler in SAMPLERS
            for schedule, name in schedule_choices(sampler.name)
            if not flow and sampler.takes(option, schedule)
        ]
        near = difflib.get_close_matches(choice.name, able, n=1, cutoff=0.0)
        raise InvalidRequest(
            option,
            f"{option} is {value!r}, which {choice.name} does not take{' with a flow-matching model' if flow else ''}; "
            f"leave it unset{f', or use {near[0]!r}' if near else ''}.",
        )


def options_taken(name: str, options: SamplerOptions) -> SamplerOptions:
    """Those of the options that a sampler takes: for a second pass, whose sampler may be another.

    Raises:
        InvalidRequest: No sampler is called that.
    """
    choice = find_sampler(name)
    given = options.given().items()
    return SamplerOptions(**{key: value for key, value in given if choice.sampler.takes(key, choice.schedule)})


def unfit_for_flow(name: str, able: Sequence[str]) -> InvalidRequest:
    """Words that a flow-matching model (Stable Diffusion 3, Flux) cannot draw with a sampler.

    Args:
        name: As it was asked for.
        able: The samplers that the model can draw with.
    """
    asked = find_sampler(name).sampler.name
    near = max((one for one in able if f"{asked} ".startswith(f"{one} ")), key=len, default=able[0])
    return InvalidRequest(
        "scheduler", f"scheduler is {_shown(name)}, which cannot draw with this flow-matching model; use {near!r}."
    )


def sampler_choices() -> list[tuple[str, str]]:
    """Lists the samplers for a menu: (what the page shows, what ``scheduler`` holds)."""
    return [(sampler.label, sampler.name) for sampler in SAMPLERS]


def schedule_choices(name: str) -> list[tuple[str, str]]:
    """Lists what a sampler can run with: (schedule, the name that ``scheduler`` holds), ``NATIVE`` first.

    Raises:
        InvalidRequest: No sampler is called that.
    """
    sampler = find_sampler(name).sampler
    return [(schedule, SamplerChoice(sampler, schedule).name) for schedule in (NATIVE, *sampler.schedules)]


def _key(name: str) -> str:
    """What is left of a name without its spelling: ``K DPM++ 2M`` and ``k_dpmpp_2m`` are ``kdpmpp2m``."""
    return re.sub(r"[^0-9a-z]", "", name.casefold().replace("++", "pp"))


@functools.cache
def _samplers_by_key() -> dict[str, Sampler]:
    found: dict[str, Sampler] = {}
    for sampler in SAMPLERS:
        for name in (sampler.name, sampler.label, sampler.scheduler, *sampler.aliases):
            found.setdefault(_key(name), sampler)
    return found


@functools.cache
def _schedules_by_key() -> list[tuple[str, str]]:
    """(spelling, schedule), longest first, so that ``SGM Uniform`` is not taken for ``Uniform``."""
    pairs = [(alias, schedule) for schedule, aliases in _SCHEDULE_ALIASES.items() for alias in aliases]
    return sorted(pairs, key=lambda pair: -len(pair[0]))


def _impossible(name: str, sampler: Sampler, schedule: str) -> InvalidRequest:
    able = [other.name for other in SAMPLERS if schedule in other.schedules]
    near = sampler.like if sampler.like in able else difflib.get_close_matches(sampler.name, able, n=1, cutoff=0.0)[0]
    return InvalidRequest(
        "scheduler",
        f"scheduler is {_shown(name)}, but {sampler.name} has no {schedule} schedule; "
        f"use {sampler.name!r}, or {f'{near} {schedule}'!r}.",
    )


def _unknown(name: str) -> InvalidRequest:
    known = _samplers_by_key()
    words = re.split(r"[\s_]+", name.strip()[:200])
    for count in range(len(words) - 1, 0, -1):
        sampler = known.get(_key(" ".join(words[:count])))
        if sampler is not None:
            has = ", ".join(sampler.schedules) or "none to choose"
            return InvalidRequest(
                "scheduler",
                f"scheduler is {_shown(name)}, but {sampler.name} has no such schedule; it has {has}.",
            )
    keys = difflib.get_close_matches(_key(name[:200]), known, n=4, cutoff=0.5)
    near = list(dict.fromkeys(known[key].name for key in keys))[:2]
    use = " or ".join(map(repr, near)) if near else "one of " + ", ".join(sampler.name for sampler in SAMPLERS)
    return InvalidRequest("scheduler", f"scheduler is {_shown(name)}, which no sampler is called; use {use}.")


def _shown(name: str) -> str:
    return repr(name if len(name) <= 60 else f"{name[:57]}...")
