"""Why a setting of somebody else's program cannot be had here, and which need not be spoken of."""

from __future__ import annotations

import re
from typing import Any, Final

_SILENT: Final = re.compile(
    r"version|app|parser|backend|pipeline|operations?|user|hashes|civitai.*|generation_mode|app_version|created_by|"
    r"metadata_scheme|batch_size|add_noise|id|rand_device|extra_metadata|_.*|control_after_generate|saveimage|"
    r"previewimage|vaedecode|performance|app_id|type|model|prompt_expansion|random_seed_after_every_gen|"
    r"template|negative template|start_at_step|return_with_leftover_noise",
    re.IGNORECASE,
)
"""Told by others, but nothing that decides what a picture looks like once the rest is known."""

_PLAIN: Final = {"clip skip": "1", "clip_skip": "0", "ensd": "0", "rng": "cpu", "tiling": "false"}
"""Values that say no more than what is done anyway."""

_NOTHING: Final[tuple[Any, ...]] = (None, "", "None", "False", "0", "0.0", 0, [], {})
"""Values that switch something off."""

_REASONS: Final = (
    (r"hires (checkpoint|prompt|negative prompt)", "the second pass has the first one's model and prompts"),
    (r"hires.*|hrf_.*|first pass.*|latentupscale.*", "the second pass is set otherwise here"),
    (r"lora.*|ti hashes|embeddings?", "extra networks are not loaded"),
    (r"controlnets?.*|ipadapters?|t2iadapters", "pictures that steer the composition are not taken"),
    (r"refiner.*", "the second model for the last steps is chosen by its name"),
    (r"vae.*", "the VAE of the model is used"),
    (r"face restoration|.*gfpgan.*|.*codeformer.*", "faces are not made anew"),
    (r"further samplers", "one sampler paints the whole picture; the one that begins from noise is taken"),
    (r"rng", "noise is drawn on the CPU here, so that a seed gives the same picture on every machine"),
    (r"clip.?skip|clipsetlastlayer", "the layer of the text encoder is the model's usual one"),
    (r"variation seed.*|subseed.*|seed resize.*", "one seed makes a picture"),
)


def why_not(name: str, value: Any) -> str:
    """The reason as the end of a sentence; empty for a setting that decides nothing, or is switched off.

    Args:
        name: As the other program calls it.
        value: What it is set to there.
    """
    if _SILENT.fullmatch(name) or _PLAIN.get(name.lower()) == str(value).lower() or value in _NOTHING:
        return ""
    reason = next((why for pattern, why in _REASONS if re.fullmatch(pattern, name, re.IGNORECASE)), None)
    return reason or "there is no such setting here"
