"""Other programs' names of samplers and noise schedules, as ours."""

from __future__ import annotations

import difflib
import re
from typing import Final

from pipelines.errors import InvalidRequest
from pipelines.sampler_table import SAMPLERS
from pipelines.samplers import find_sampler

_SPELLINGS: Final = (
    (r"^sample_", ""),
    (r"^kdpm_2_a$|^dpm_2_ancestral$", "DPM2 a"),
    (r"^kdpm_2$|^dpm_2$", "DPM2"),
    (r"_ancestral$", "_a"),
    (r"^uni_pc(_bh2)?$", "UniPC"),
    (r"_gpu$", ""),
)
_SCHEDULES: Final = {"native": "", "discrete": "", "automatic": "Automatic", "": ""}
"""Schedules that are a sampler's own; the first two are ComfyUI's and NovelAI's words for it."""


def nearest_sampler(asked: str, schedule: str) -> tuple[str | None, str]:
    """Finds what comes nearest to a sampler of another program.

    Args:
        asked: The sampler's name there, such as ``dpmpp_2m_sde_gpu`` or ``DPM++ 2M Karras``.
        schedule: The schedule's name there; empty where it is not told apart.

    Returns:
        What a request's ``scheduler`` holds, and how it differs, empty where it does not; None and why, where there
        is nothing like it.
    """
    name = asked
    for pattern, plain in _SPELLINGS:
        name = re.sub(pattern, plain, name)
    wanted = _SCHEDULES.get(schedule.lower(), schedule)
    for candidate, how in ((f"{name} {wanted}".strip(), ""), (name, f"it has no schedule {schedule!r} here")):
        for spelling in (candidate, f"k_{candidate}"):
            try:
                return find_sampler(spelling).name, how
            except InvalidRequest:
                continue
    names = {sampler.name.lower(): sampler.name for sampler in SAMPLERS}
    near = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.5)
    if near:
        return names[near[0]], f"the nearest to {asked!r} that there is"
    return None, "there is none like it; choose one"
