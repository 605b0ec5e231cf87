"""Reverie's own scheduler classes, by name."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from diffusers.schedulers.scheduling_utils import SchedulerMixin

from .ddim_cfgpp import DDIMCFGPPScheduler
from .dpm_adaptive import DPMAdaptiveScheduler
from .dpm_fast import DPMFastScheduler
from .dpmpp_2s_ancestral import DPMSolver2SAncestralScheduler
from .dpmpp_sde import QuietDPMSolverSDEScheduler
from .own_ancestral import AncestralDPM2Scheduler, AncestralEulerScheduler, LevelledLCMScheduler
from .own_churn import ChurningDPM2Scheduler, ChurningEulerScheduler, ChurningHeunScheduler
from .own_sde import SDE2MHeunScheduler, SDE2MMidpointScheduler, SDE3MScheduler, SDESinglestepScheduler
from .restart import RestartScheduler

_CLASSES: Final[tuple[type[SchedulerMixin], ...]] = (
    AncestralDPM2Scheduler,
    AncestralEulerScheduler,
    ChurningDPM2Scheduler,
    ChurningEulerScheduler,
    ChurningHeunScheduler,
    DDIMCFGPPScheduler,
    DPMAdaptiveScheduler,
    DPMFastScheduler,
    DPMSolver2SAncestralScheduler,
    LevelledLCMScheduler,
    RestartScheduler,
    SDE2MHeunScheduler,
    SDE2MMidpointScheduler,
    SDE3MScheduler,
    SDESinglestepScheduler,
)

OWN: Final = MappingProxyType(
    {kind.__name__: kind for kind in _CLASSES} | {"DPMSolverSDEScheduler": QuietDPMSolverSDEScheduler}
)
"""Class by name. ``DPMSolverSDEScheduler`` is diffusers', without a warning it gives."""
