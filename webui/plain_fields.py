"""The finer settings: request fields that need no more than one control each, and everything that is said of them.

From this one table come the page's controls, what a browser remembers, how a recipe fills the form, and the flags of
``launch.py generate``. What a field takes and its default stand in the request.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Literal, NamedTuple

Control = Literal["slider", "number", "seed", "switch", "menu", "sampler", "upscaler"]

Section = Literal["hires", "image", "tiles", "mask", "seeds", "sampling", "reading"]


class PlainField(NamedTuple):
    """One request field on the page.

    Attributes:
        name: The request's.
        label: The field's usual word.
        hint: What it does, in a few words; also of its flag.
        section: Where it stands.
        control: What sets it. A ``number`` or ``seed`` may be left empty, which is None; words are a seed, too.
        step: A slider's.
        words: A menu's label for each value.
    """

    name: str
    label: str
    hint: str
    section: Section
    control: Control
    step: float = 1
    words: Mapping[str, str] = {}


PLAIN: Final = (
    PlainField("hires_scale", "Hires scale", "How much larger a second pass makes the picture; 1 is off", "hires",
               "slider", 0.05),
    PlainField("hires_upscaler", "Hires upscaler", "What enlarges the first pass", "hires", "upscaler"),
    PlainField("hires_strength", "Hires strength", "How much the second pass may change", "hires", "slider", 0.01),
    PlainField("hires_steps", "Hires steps", "Steps of the second pass; 0 is as many as the first", "hires", "slider"),
    PlainField("hires_scheduler", "Hires sampler", "Sampler of the second pass", "hires", "sampler"),
    PlainField("hires_width", "Hires width", "Pixels, in place of the scale; with the height", "hires", "number"),
    PlainField("hires_height", "Hires height", "Pixels, in place of the scale; with the width", "hires", "number"),
    PlainField("resize_mode", "Resize mode", "How the picture is brought to the size asked", "image", "menu", words={
        "crop": "Crop and resize", "resize": "Just resize", "fill": "Resize and fill",
        "latent": "Just resize (latent upscale)",
    }),
    PlainField("exact_steps", "Exactly these steps", "Run all generation steps whatever the image strength is",
               "image", "switch"),
    PlainField("color_correction", "Colour correction", "Give the result the colours of the picture it came from",
               "image", "switch"),
    PlainField("tile_scale", "Tile scale", "Paint a picture so much larger, tile by tile; 1 is off", "tiles", "slider",
               0.05),
    PlainField("tile_upscaler", "Tile upscaler", "What enlarges before the tiles are painted", "tiles", "upscaler"),
    PlainField("tile_size", "Tile size", "Side of a tile in pixels; empty is the model's own size", "tiles", "number"),
    PlainField("tile_overlap", "Tile overlap", "Pixels over which tiles melt into each other", "tiles", "slider", 8),
    PlainField("masked_content", "Masked content", "What the masked part shows before it is painted", "mask", "menu",
               words={"original": "Original", "fill": "Fill", "latent_noise": "Latent noise",
                      "latent_nothing": "Latent nothing"}),
    PlainField("padding_mask_crop", "Only masked, padding", "Paint only the masked part and so many pixels around it, "
               "at full size; empty is the whole picture", "mask", "number"),
    PlainField("invert_mask", "Inpaint not masked", "Change what the mask does not cover", "mask", "switch"),
    PlainField("soft_inpainting", "Soft inpainting", "Let each pixel change as much as the soft mask says", "mask",
               "switch"),
    PlainField("noise_source", "Noise source", "Where noise is drawn", "seeds", "menu", words={
        "cpu": "CPU · the same everywhere", "nv": "NV · as A1111 draws it", "device": "This machine's own",
    }),
    PlainField("variation_seed", "Variation seed", "A second seed to lean towards; empty is a random one", "seeds",
               "seed"),
    PlainField("variation_strength", "Variation strength", "How far to lean towards it; 0 is off", "seeds", "slider",
               0.01),
    PlainField("eta_noise_seed_delta", "Eta noise seed delta", "Added to the seed for the noise of later steps",
               "seeds", "number"),
    PlainField("seed_resize_width", "Resize seed from width", "Width at which the seed gave the composition", "seeds",
               "number"),
    PlainField("seed_resize_height", "Resize seed from height", "Height at which it did", "seeds", "number"),
    PlainField("clip_skip", "Clip skip", "How many last layers of the text encoder are left out, counted from 1",
               "sampling", "slider"),
    PlainField("guidance_rescale", "CFG rescale", "Takes glare out of a high prompt strength; 0 is off", "sampling",
               "slider", 0.01),
    PlainField("tiling", "Tiling", "Make the picture's edges meet, for textures", "sampling", "switch"),
    PlainField("freeu", "FreeU", "Stronger shapes without more steps", "sampling", "switch"),
    PlainField("freeu_b1", "FreeU b1", "Factor on the deepest shapes", "sampling", "slider", 0.05),
    PlainField("freeu_b2", "FreeU b2", "Factor on the next deepest", "sampling", "slider", 0.05),
    PlainField("freeu_s1", "FreeU s1", "Factor on what is copied to the deepest", "sampling", "slider", 0.05),
    PlainField("freeu_s2", "FreeU s2", "Factor on what is copied to the next", "sampling", "slider", 0.05),
    PlainField("eta", "Eta", "How much noise each step renews, 0 to 1", "sampling", "number"),
    PlainField("s_churn", "Sigma churn", "Fresh noise stirred in along the way, 0 to 100", "sampling", "number"),
    PlainField("s_tmin", "Sigma tmin", "Noise level below which none is stirred in", "sampling", "number"),
    PlainField("s_tmax", "Sigma tmax", "Noise level above which none is stirred in", "sampling", "number"),
    PlainField("s_noise", "Sigma noise", "Factor on all fresh noise, about 1", "sampling", "number"),
    PlainField("sigma_min", "Sigma min", "The last noise level", "sampling", "number"),
    PlainField("sigma_max", "Sigma max", "The first noise level", "sampling", "number"),
    PlainField("rho", "Rho", "Bend of the Karras or Polyexponential schedule", "sampling", "number"),
    PlainField("prompt_syntax", "Prompt syntax", "How weights in prompts are written", "reading", "menu", words={
        "a1111": "A1111 · (word:1.3)", "dream_studio": "Dream Studio · words:0.5 | words:-0.2",
        "weighted": "klms-gui · words:1 words:2", "plain": "Plain words",
    }),
)  # fmt: skip
"""Sections in the page's order."""

WHOLE: Final = (
    *("hires_steps", "hires_width", "hires_height", "tile_size", "tile_overlap", "padding_mask_crop"),
    *("variation_seed", "seed_resize_width", "seed_resize_height", "eta_noise_seed_delta", "clip_skip"),
)
"""Fields that are whole numbers; this file knows no request, since flags are read before anything is installed."""

BY_NAME: Final = {field.name: field for field in PLAIN}

SECTIONS: Final[Mapping[Section, str]] = {
    "hires": "Larger (hires fix)",
    "image": "Fitting and colours",
    "tiles": "Larger, in tiles",
    "mask": "Mask details",
    "seeds": "Seed details",
    "sampling": "Sampler details",
    "reading": "",
}
"""Each section's heading; without one its controls stand in the open."""

FOR_PICTURES: Final[tuple[Section, ...]] = ("mask", "image", "tiles")
"""Sections that stand beside the picture to begin with."""

FOR_ALL: Final[tuple[Section, ...]] = ("reading", "hires", "seeds", "sampling")
"""Sections that stand among the advanced settings."""

ONLY_FOR: Final[Mapping[Section, tuple[str, ...]]] = {
    "hires": ("text_to_image",),
    "image": ("image_to_image", "inpaint"),
    "tiles": ("image_to_image",),
    "mask": ("inpaint",),
}
"""The tasks that have a section; the others are every task's."""


def fields_of(task: str) -> Iterator[PlainField]:
    """The fields that a task has."""
    for field in PLAIN:
        if task in ONLY_FOR.get(field.section, (task,)):
            yield field


def flag_type(field: PlainField) -> type:
    """What a flag's text is turned into."""
    if field.control in ("menu", "sampler", "upscaler"):
        return str
    return int if field.name in WHOLE else float
