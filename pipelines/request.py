"""What can be asked for: one frozen request per task, with every limit and default in one place.

Field names are diffusers' own. A request never changes after it is made; ``model_copy(update=...)`` makes another.
Making one that cannot be run raises :class:`~pipelines.errors.InvalidRequest` with one sentence.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar, Final, Literal

from PIL import Image
from pydantic import Field, ValidationError, field_validator, model_validator
from typing_extensions import Self

from .images import check_pixels, to_rgb
from .request_core import LARGEST_PROMPT, LARGEST_SEED, MOST_STEPS, SIZE_STEP, CoreFields, FileName, Side, Task
from .request_sampling import SamplingFields
from .request_seeds import SeedFields
from .request_stages import StageFields
from .request_words import describe_limits, limits, one_sentence
from .upscaling.names import LANCZOS

__all__ = [
    "LARGEST_PROMPT",
    "LARGEST_SEED",
    "SIZE_STEP",
    "GenerationRequest",
    "ImageToImageRequest",
    "InpaintRequest",
    "MaskedContent",
    "ResizeMode",
    "Task",
    "TextToImageRequest",
    "describe_limits",
    "limits",
]

ResizeMode = Literal["resize", "crop", "fill", "latent"]
"""A1111's "Just resize", "Crop and resize", "Resize and fill" and "Just resize (latent upscale)"."""

MaskedContent = Literal["original", "fill", "latent_noise", "latent_nothing"]

LONGEST_SCHEDULE: Final = 1000
"""Steps the models here were trained with (Ho et al. 2020); a finer schedule would only repeat them."""

LargeSide = Annotated[int, Field(ge=64, le=4096, multiple_of=SIZE_STEP)]


class GenerationRequest(StageFields, SamplingFields, SeedFields, CoreFields):
    """What every task shares: :class:`~pipelines.request_core.CoreFields`, what steers sampling, and what seeds."""

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise one_sentence(type(self), error) from None


class TextToImageRequest(GenerationRequest):
    """A picture from words alone.

    Attributes:
        hires_scale: How much larger a second pass makes the picture, 1 … 4; 1 = no second pass (A1111's "hires fix").
            ``width`` and ``height`` are the first pass's; the second begins with its picture, enlarged.
        hires_width: Pixels of the finished picture, 64 … 4096, a multiple of 8, in place of ``hires_scale``.
        hires_height: As ``hires_width``.
        hires_steps: Steps that the second pass runs, 0 … 150; 0 = as many as the first.
        hires_strength: How much the second pass may change, 0.01 … 1.
        hires_upscaler: What enlarges in between: ``Lanczos``, ``Nearest``, an upscaler file's name, or one of A1111's
            ways with latents (``Latent``, ``Latent (nearest-exact)`` …).
        hires_scheduler: The second pass's sampler; None = the first's.
    """

    task: ClassVar[Task] = "text_to_image"

    hires_scale: Annotated[float, Field(ge=1.0, le=4.0, allow_inf_nan=False)] = 1.0
    hires_width: LargeSide | None = None
    hires_height: LargeSide | None = None
    hires_steps: Annotated[int, Field(ge=0, le=150)] = 0
    hires_strength: Annotated[float, Field(ge=0.01, le=1.0, allow_inf_nan=False)] = 0.7
    hires_upscaler: FileName = LANCZOS
    hires_scheduler: FileName | None = None

    @field_validator("hires_scheduler", mode="before")
    @classmethod
    def _same_where_empty(cls, name: Any) -> Any:
        same = ("", "none", "use same sampler")
        return None if isinstance(name, str) and name.strip().lower() in same else name

    @field_validator("hires_scheduler")
    @classmethod
    def _known_hires_scheduler(cls, name: str | None) -> str | None:
        return name if name is None else cls._known_scheduler(name)

    @model_validator(mode="after")
    def _hires_can_be_done(self) -> Self:
        from .larger_rules import check_hires

        check_hires(self)
        return self


class ImageToImageRequest(GenerationRequest):
    """A picture from words and a picture to begin with.

    Attributes:
        image: Any PIL image; kept as RGB, upright, transparent parts on white. Fitted to ``width`` × ``height``
            as ``resize_mode`` says; with neither given the result has the picture's own size.
        strength: How much may change, 0 … 1: the share of ``num_inference_steps`` that is run (diffusers' meaning;
            Dream Studio's "image strength" is 1 - strength). 0 only with ``tile_scale``: the picture is enlarged by
            ``tile_upscaler`` and nothing is painted.
        exact_steps: Run ``num_inference_steps`` steps whatever ``strength`` is (A1111's "do exactly the amount of
            steps the slider specifies"), by a schedule that is longer by as much.
        resize_mode: ``crop`` fills the size and crops what sticks out, ``resize`` stretches, ``fill`` shows all of it
            with its edge repeated around it, ``latent`` stretches its latents.
        color_correction: Give the result the colours of the picture it was made from.
        tile_scale: How much larger the result is, 1 … 8, painted over in tiles after an upscaler made it larger
            (A1111's "SD upscale"); 1 = as usual. At most 4096 × 4096 pixels.
        tile_size: Side of a tile in pixels; None = the model's native size.
        tile_overlap: Pixels over which neighbouring tiles melt into each other, 0 … 256.
        tile_upscaler: What enlarges before: ``Lanczos``, ``Nearest``, or an upscaler file's name.
    """

    task: ClassVar[Task] = "image_to_image"

    image: Image.Image = Field(repr=False)
    strength: Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)] = 0.65
    exact_steps: bool = False
    resize_mode: ResizeMode = "crop"
    color_correction: bool = False
    tile_scale: Annotated[float, Field(ge=1.0, le=8.0, allow_inf_nan=False)] = 1.0
    tile_size: Side | None = None
    tile_overlap: Annotated[int, Field(ge=0, le=256)] = 64
    tile_upscaler: FileName = LANCZOS

    @property
    def schedule_steps(self) -> int:
        """The steps of which the last ``strength`` are run."""
        exact = self.exact_steps and self.strength > 0
        return _stretched(self.num_inference_steps, self.strength) if exact else self.num_inference_steps

    @property
    def is_whole_painted(self) -> bool:
        """Whether all of the picture is given to the model, not only a part."""
        return True

    @field_validator("image", mode="before")
    @classmethod
    def _plain_rgb(cls, image: Any) -> Image.Image:
        return to_rgb(_checked(image, "image"))

    @model_validator(mode="after")
    def _at_least_one_step(self) -> Self:
        from .larger_rules import enlarges_only
        from .samplers import find_sampler

        if enlarges_only(self):
            return self
        own = find_sampler(self.scheduler).sampler.largest_steps
        longest = own if own < MOST_STEPS else LONGEST_SCHEDULE
        if self.exact_steps and self.strength * longest < self.num_inference_steps:
            least = math.ceil(self.num_inference_steps / longest * 1000) / 1000
            raise ValueError(
                f"strength is {self.strength:g}, too little for exactly {self.num_inference_steps} steps; raise "
                f"strength to {least:g}, or switch exact_steps off."
            )
        if not self.exact_steps and int(self.num_inference_steps * self.strength) < 1:
            raise ValueError(
                f"strength is {self.strength:g}, and {self.strength:g} × {self.num_inference_steps} steps is less than "
                "one step; raise strength or num_inference_steps."
            )
        return self

    @model_validator(mode="after")
    def _tiles_can_be_painted(self) -> Self:
        from .larger_rules import check_tiles

        check_tiles(self)
        return self

    @model_validator(mode="after")
    def _within_size(self) -> Self:
        from .larger_rules import enlarges_only

        if enlarges_only(self):
            return self
        if self.width is None and self.is_whole_painted and not all(64 <= side <= 2048 for side in self.image.size):
            raise ValueError(
                f"image is {self.image.width} × {self.image.height}, and sides must be 64 to 2048 pixels; "
                "give width and height, and it is fitted to them."
            )
        return self


class InpaintRequest(ImageToImageRequest):
    """A part of a picture made anew; everything outside the mask stays bit for bit.

    Attributes:
        mask_image: Same size as ``image``; kept as mode L, 255 = repaint, 0 = keep.
        mask_blur: Pixels, 0 … 64, over which the edit melts into its surroundings, inside the mask.
        invert_mask: Repaint what ``mask_image`` does not cover.
        masked_content: What the masked part shows before it is painted: what is there, the colours around it, noise,
            or nothing. With ``strength`` 1 painting begins from noise alone, and it matters little.
        padding_mask_crop: Paint only the masked part and so many pixels, 0 … 256, around it, at ``width`` × ``height``
            (the model's native size if not given), and lay it back into the picture, which keeps its size; None =
            paint the whole picture (diffusers' meaning; A1111's "only masked" and "whole picture").
        soft_inpainting: Take the levels of the mask, blurred by ``mask_blur``, for how much each pixel may change
            (Levin & Fried 2023, Differential Diffusion).
    """

    task: ClassVar[Task] = "inpaint"

    mask_image: Image.Image = Field(repr=False)
    mask_blur: Annotated[int, Field(ge=0, le=64)] = 4
    strength: Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)] = 1.0
    invert_mask: bool = False
    masked_content: MaskedContent = "original"
    padding_mask_crop: Annotated[int, Field(ge=0, le=256)] | None = None
    soft_inpainting: bool = False

    @property
    def is_whole_painted(self) -> bool:
        """As for every picture."""
        return self.padding_mask_crop is None

    @field_validator("mask_image", mode="before")
    @classmethod
    def _one_channel(cls, mask: Any) -> Image.Image:
        mask = _checked(mask, "mask_image")
        return mask.copy() if mask.mode == "L" else to_rgb(mask, background="#000000").convert("L")

    @model_validator(mode="after")
    def _mask_fits(self) -> Self:
        if self.mask_image.size != self.image.size:
            raise ValueError(
                f"mask_image is {self.mask_image.width} × {self.mask_image.height} but image is "
                f"{self.image.width} × {self.image.height}; give a mask of the picture's size."
            )
        if self.invert_mask and self.mask_image.getextrema()[0] == 255:
            raise ValueError(
                "mask_image covers the whole picture, and with invert_mask nothing is left to change; erase a part of "
                "it, or switch invert_mask off."
            )
        if not self.invert_mask and not self.mask_image.getbbox():
            raise ValueError("mask_image is empty; paint over the part that should change.")
        return self


def _stretched(steps: int, strength: float) -> int:
    """The shortest schedule of which diffusers' rule, ``int(schedule × strength)``, runs so many steps."""
    length = max(steps, math.ceil(steps / strength) - 1)
    while int(length * strength) < steps:
        length += 1
    return length


def _checked(image: Any, parameter: str) -> Image.Image:
    if image is None:
        raise ValueError(f"{parameter} is missing; give a picture.")
    if not isinstance(image, Image.Image):
        raise ValueError(f"{parameter} is a {type(image).__name__}; give a PIL image.")
    check_pixels(image, parameter)
    try:
        image.load()
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(f"{parameter} is damaged or incomplete; save it again and retry.") from error
    return image
