"""Model families as data: which pipeline classes, sizes, defaults and preview colours a kind of model has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import PresetError
from .preset import PRESETS, load_presets
from .request import SIZE_STEP
from .samplers import find_sampler, unfit_for_flow


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of model.

    Attributes:
        id: The file's name under ``presets/families``.
        name: For people.
        pipelines: diffusers pipeline class by task; a task that is absent cannot be done.
        native_size: Side in pixels of the square it was trained on, where its files do not say.
        defaults: Request fields that suit it.
        preview: ``factors`` and ``bias`` of the linear preview, or None.
        samplers: The samplers it can draw with; empty = all. Flow matching has its own, without schedules.
        size_step: Sides are multiples of this: the VAE's shrinking × the patch of a transformer.
        half: What its networks are run in on CUDA: ``float16`` or ``bfloat16``.
        prediction_type: What its network foretells: ``epsilon``, ``v_prediction`` or ``flow``.
        clip_skip: Whether leaving out the text encoder's last layers means anything to it.
        config: Folder under ``presets/components`` with the configurations of its single files; empty = none.
        original: Whether its checkpoints are also found as one file in the original layout.
        guidance: What its pipelines call a request's ``guidance_scale``: that, or ``true_cfg_scale``; ``zero_is_off``
            = that, but 0 where the request says 1, since theirs is one less than Ho & Salimans' (2022).
        variants: Request fields that suit a variant better than ``defaults``, by its name.
    """

    id: str
    name: str
    pipelines: Mapping[str, str]
    native_size: int
    defaults: Mapping[str, Any] = field(default_factory=dict)
    preview: Mapping[str, Any] | None = None
    samplers: Sequence[str] = ()
    size_step: int = SIZE_STEP
    half: str = "float16"
    prediction_type: str = "epsilon"
    clip_skip: bool = False
    config: str = ""
    original: bool = False
    guidance: str = "guidance_scale"
    variants: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def check_scheduler(self, name: str) -> None:
        """Refuses a sampler that this family cannot draw with.

        Raises:
            InvalidRequest: It cannot; the sentence names the nearest that can.
        """
        if self.samplers and find_sampler(name).name not in self.samplers:
            raise unfit_for_flow(name, self.samplers)


def load_families(folder: Path = PRESETS / "families") -> tuple[dict[str, Family], tuple[PresetError, ...]]:
    """Reads every family, keyed by id; a broken file keeps none of the others from being read.

    Returns:
        The families, and one error for each file that cannot be used.
    """
    presets, problems = load_presets(folder)
    families = {}
    for name, values in presets.items():
        try:
            family = Family(**values)
        except TypeError as error:
            problems += (PresetError(f"presets/families/{name} cannot be used ({error}); restore the file."),)
            continue
        families[family.id] = family
    return families, problems
