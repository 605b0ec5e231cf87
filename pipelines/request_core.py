"""What a request of any task begins with: its words, size, number, model and sampler."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from typing_extensions import Self

from .lora_tags import MOST_ROWS, LoraUse, parse_use, read_tags
from .prompt_syntax import PromptSyntax

Task = Literal["text_to_image", "image_to_image", "inpaint"]

LARGEST_SEED: Final = 2**32 - 1
LARGEST_PROMPT: Final = 20_000
SIZE_STEP: Final = 8
"""The VAE shrinks pictures by 8 (Rombach et al. 2022, f = 8), so sides are its multiples."""

FileName = Annotated[str, Field(max_length=1000)]

MOST_STEPS: Final = 150

Side = Annotated[int, Field(ge=64, le=2048, multiple_of=SIZE_STEP)]


class CoreFields(BaseModel):
    """What every task shares and nobody does without.

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
        prompt_syntax: How both prompts are read: ``a1111`` (emphasis, BREAK, editing, alternation, AND), ``weighted``
            (klms-gui's ``text:weight``, brought to a sum of 1), ``dream_studio`` (``text:weight | text:weight``,
            -1 … 1), ``plain`` (as they stand). Wildcards are drawn in all but the last.
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
    num_inference_steps: Annotated[int, Field(ge=1, le=MOST_STEPS)] = 20
    guidance_scale: Annotated[float, Field(ge=1.0, le=30.0, allow_inf_nan=False)] = 2.0
    scheduler: str = "Euler"
    seed: Annotated[int, Field(ge=-1, le=LARGEST_SEED)] = -1
    width: Side | None = None
    height: Side | None = None
    num_images_per_prompt: Annotated[int, Field(ge=1, le=10)] = 1
    model: str | None = None
    prompt_syntax: PromptSyntax = "a1111"
    loras: tuple[LoraUse, ...] = ()
    vae: FileName | None = None
    refiner: FileName | None = None
    refiner_switch: Annotated[float, Field(ge=0.5, le=1.0, allow_inf_nan=False)] = 0.8
    deterministic: bool = False

    @field_validator(
        *("num_inference_steps", "guidance_scale", "seed", "width", "height", "refiner_switch", "padding_mask_crop"),
        *("hires_scale", "hires_width", "hires_height", "hires_steps", "hires_strength"),
        *("tile_scale", "tile_size", "tile_overlap"),
        mode="before",
        check_fields=False,
    )
    @classmethod
    def _not_a_switch(cls, value: Any) -> Any:
        return repr(value) if isinstance(value, bool) else value  # Python counts True as 1; a person would not

    @property
    def schedule_steps(self) -> int:
        """The steps that the scheduler lays out."""
        return self.num_inference_steps

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


def _lora_use(row: Any) -> LoraUse:
    if isinstance(row, str):
        return parse_use(row)
    if isinstance(row, LoraUse):
        return row
    if isinstance(row, dict) and all(isinstance(name, str) for name in row):
        return LoraUse(**row)
    raise ValueError(f"loras has a {type(row).__name__} in it; write each as 'name:0.8'.")
