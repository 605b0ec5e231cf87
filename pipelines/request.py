"""What can be asked for: one frozen request per task, with every limit and default in one place.

Field names are diffusers' own. A request never changes after it is made; ``model_copy(update=...)`` makes another.
Making one that cannot be run raises :class:`~pipelines.errors.InvalidRequest` with one sentence.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final, Literal

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from typing_extensions import Self

from .errors import InvalidRequest
from .images import check_pixels, to_rgb
from .lora_tags import MOST_ROWS, LoraUse, parse_use, read_tags

Task = Literal["text_to_image", "image_to_image", "inpaint"]

LARGEST_SEED: Final = 2**32 - 1
LARGEST_PROMPT: Final = 20_000
SIZE_STEP: Final = 8
"""The VAE shrinks pictures by 8 (Rombach et al. 2022, f = 8), so sides are its multiples."""

FileName = Annotated[str, Field(max_length=1000)]

Side = Annotated[int, Field(ge=64, le=2048, multiple_of=SIZE_STEP)]


class GenerationRequest(BaseModel):
    """What every task shares.

    Attributes:
        prompt: What to see; at least one visible character.
        negative_prompt: What to avoid.
        num_inference_steps: Denoising steps, 1 … 150.
        guidance_scale: How closely the picture follows the prompt, 1 … 30; 1 switches guidance off (Ho & Salimans
            2022, classifier-free guidance). The default suits the starter model; ``models()`` tells each one's own.
        scheduler: A sampler by A1111's name or any alias (``Euler``, ``K Euler``, ``k_euler``), with an optional
            schedule at its end (``DPM++ 2M Karras``).
        seed: -1 asks for a random one; 0 … 4294967295 are ordinary. Picture *i* uses seed + *i*.
        width: Pixels, 64 … 2048, a multiple of 8; None = the model's native size, or the given picture's own size.
        height: As ``width``.
        num_images_per_prompt: Pictures to make, 1 … 10.
        model: An id from ``PipelineManager.models()``; None = the starter model.
        loras: At most five LoRAs with their weights, -2 … 2, beside those that the prompt names by ``<lora:name:0.8>``
            (at most 16); also as ``name:0.8`` or mappings of ``name`` and ``weight``.
        vae: A VAE's name; None = the one that belongs to the model; ``taesd`` = the small, quick one.
        refiner: A model of the refiner family, which takes over for the last steps; None = none.
        refiner_switch: The share of the steps after which it does, 0.5 … 1.
        deterministic: Never share a network call with other pictures: each is then bit-identical to a bare diffusers
            call, also in company; slower where a GPU would have room for several.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)
    task: ClassVar[Task]

    prompt: Annotated[str, Field(max_length=LARGEST_PROMPT)]
    negative_prompt: Annotated[str, Field(max_length=LARGEST_PROMPT)] = ""
    num_inference_steps: Annotated[int, Field(ge=1, le=150)] = 20
    guidance_scale: Annotated[float, Field(ge=1.0, le=30.0, allow_inf_nan=False)] = 2.0
    scheduler: str = "Euler"
    seed: Annotated[int, Field(ge=-1, le=LARGEST_SEED)] = -1
    width: Side | None = None
    height: Side | None = None
    num_images_per_prompt: Annotated[int, Field(ge=1, le=10)] = 1
    model: str | None = None
    loras: tuple[LoraUse, ...] = ()
    vae: FileName | None = None
    refiner: FileName | None = None
    refiner_switch: Annotated[float, Field(ge=0.5, le=1.0, allow_inf_nan=False)] = 0.8
    deterministic: bool = False

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise _one_sentence(type(self), error) from None

    @field_validator(
        *("num_inference_steps", "guidance_scale", "seed", "width", "height", "refiner_switch"),
        mode="before",
        check_fields=False,
    )
    @classmethod
    def _not_a_switch(cls, value: Any) -> Any:
        return repr(value) if isinstance(value, bool) else value  # Python counts True as 1; a person would not

    @field_validator("prompt")
    @classmethod
    def _has_text(cls, prompt: str) -> str:
        if not prompt.strip():
            raise ValueError("prompt is empty; say what you want to see.")
        read_tags(prompt)
        return prompt

    @field_validator("loras", mode="before")
    @classmethod
    def _few_loras(cls, loras: Any) -> tuple[LoraUse, ...]:
        rows = [loras] if isinstance(loras, (str, dict, LoraUse)) else loras
        if rows is None:
            return ()
        if not isinstance(rows, (list, tuple)):
            raise ValueError(f"loras is a {type(rows).__name__}; give a list of names with weights.")
        if len(rows) > MOST_ROWS:
            raise ValueError(
                f"loras has {len(rows)} rows; give at most {MOST_ROWS}, and more as <lora:name:0.8> in prompt."
            )
        return tuple(_lora_use(row) for row in rows)

    @field_validator("vae", "refiner", mode="before")
    @classmethod
    def _none_where_empty(cls, name: Any) -> Any:
        return None if isinstance(name, str) and name.strip().lower() in ("", "automatic", "none") else name

    @field_validator("scheduler")
    @classmethod
    def _known_scheduler(cls, scheduler: str) -> str:
        from .samplers import find_sampler

        find_sampler(scheduler)
        return scheduler

    @model_validator(mode="after")
    def _steps_the_sampler_can_run(self) -> Self:
        from .samplers import check_steps

        check_steps(self.scheduler, self.num_inference_steps)
        return self

    @model_validator(mode="after")
    def _both_sides(self) -> Self:
        if (self.width is None) != (self.height is None):
            given, missing = ("width", "height") if self.height is None else ("height", "width")
            raise ValueError(f"{given} is given without {missing}; give both, or neither for the model's own size.")
        return self


class TextToImageRequest(GenerationRequest):
    """A picture from words alone."""

    task: ClassVar[Task] = "text_to_image"


class ImageToImageRequest(GenerationRequest):
    """A picture from words and a picture to begin with.

    Attributes:
        image: Any PIL image; kept as RGB, upright, transparent parts on white. Fitted to ``width`` × ``height``
            by covering and cropping; with neither given the result has the picture's own size.
        strength: How much may change, 0 … 1: the share of ``num_inference_steps`` that is run (diffusers' meaning;
            Dream Studio's "image strength" is 1 - strength).
    """

    task: ClassVar[Task] = "image_to_image"

    image: Image.Image = Field(repr=False)
    strength: Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)] = 0.65

    @field_validator("image", mode="before")
    @classmethod
    def _plain_rgb(cls, image: Any) -> Image.Image:
        return to_rgb(_checked(image, "image"))

    @model_validator(mode="after")
    def _at_least_one_step(self) -> Self:
        if int(self.num_inference_steps * self.strength) < 1:
            raise ValueError(
                f"strength is {self.strength:g}, and {self.strength:g} × {self.num_inference_steps} steps is less than "
                "one step; raise strength or num_inference_steps."
            )
        return self

    @model_validator(mode="after")
    def _within_size(self) -> Self:
        if self.width is None and not all(64 <= side <= 2048 for side in self.image.size):
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
    """

    task: ClassVar[Task] = "inpaint"

    mask_image: Image.Image = Field(repr=False)
    mask_blur: Annotated[int, Field(ge=0, le=64)] = 4
    strength: Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)] = 1.0

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
        if not self.mask_image.getbbox():
            raise ValueError("mask_image is empty; paint over the part that should change.")
        return self


def _lora_use(row: Any) -> LoraUse:
    if isinstance(row, str):
        return parse_use(row)
    if isinstance(row, LoraUse):
        return row
    if isinstance(row, dict) and all(isinstance(name, str) for name in row):
        return LoraUse(**row)
    raise ValueError(f"loras has a {type(row).__name__} in it; write each as 'name:0.8'.")


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


def _one_sentence(request: type[GenerationRequest], error: ValidationError) -> InvalidRequest:
    """Words pydantic's first complaint as one sentence: field, value, way out."""
    first = error.errors(include_url=False)[0]
    parameter = str(first["loc"][0]) if first["loc"] else "request"
    kind, context, value = first["type"], first.get("ctx", {}), first.get("input")
    if kind == "value_error":
        sentence = str(context["error"])
        named = sentence.split(" ", 1)[0]
        return InvalidRequest(named if named in request.model_fields else parameter, sentence)
    if kind == "missing":
        return InvalidRequest(parameter, f"{parameter} is missing; give one.")
    if kind == "extra_forbidden":
        known = ", ".join(sorted(request.model_fields))
        return InvalidRequest(parameter, f"{parameter} is not a field of {request.__name__}; it has {known}.")
    if kind == "string_too_long":
        most = context["max_length"]
        return InvalidRequest(parameter, f"{parameter} has {len(str(value)):,} characters; give at most {most:,}.")
    shown = repr(value) if len(repr(value)) <= 60 else f"{type(value).__name__} of length {len(repr(value))}"
    return InvalidRequest(parameter, f"{parameter} is {shown}; it must be {describe_limits(request, parameter)}.")


def describe_limits(request: type[GenerationRequest], parameter: str) -> str:
    """Says in words what a field takes, from the one place that defines it ("a whole number from 1 to 150")."""
    bounds = limits(request, parameter)
    schema = request.model_fields[parameter].annotation
    whole = schema is int or "int" in str(schema)
    if "minimum" not in bounds and "maximum" not in bounds:
        return f"text of at most {bounds['maxLength']} characters" if "maxLength" in bounds else "text"
    words = f"a {'whole ' if whole else ''}number from {bounds['minimum']} to {bounds['maximum']}"
    return words + (f", a multiple of {bounds['multipleOf']:g}" if "multipleOf" in bounds else "")


def limits(request: type[GenerationRequest], parameter: str) -> dict[str, float]:
    """The numeric limits of a field: ``minimum``, ``maximum``, ``multipleOf``, ``maxLength`` where they exist."""
    names = {"ge": "minimum", "le": "maximum", "multiple_of": "multipleOf", "max_length": "maxLength"}
    found: dict[str, float] = {}
    pending: list[Any] = list(request.model_fields[parameter].metadata)
    annotation = request.model_fields[parameter].annotation
    for part in getattr(annotation, "__args__", ()):
        for extra in getattr(part, "__metadata__", ()):
            pending += extra.metadata if hasattr(extra, "metadata") else [extra]
    for item in pending:
        for name, key in names.items():
            if getattr(item, name, None) is not None:
                found[key] = getattr(item, name)
    return found
