"""What a request says of sampling beside the sampler's name: its numbers, and how the network is asked."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BaseModel, Field, field_validator, model_validator
from pydantic.fields import FieldInfo
from typing_extensions import Self

from .sampler_options import LIMITS, SamplerOptions

NO_RESCALE: Final = "DDIM CFG++"
"""The sampler that has a guidance of its own."""


def _within(option: str) -> FieldInfo:
    low, high = LIMITS[option]
    info: FieldInfo = Field(ge=low, le=high, allow_inf_nan=False)
    return info


Scale = Annotated[float, Field(ge=0.0, le=10.0, allow_inf_nan=False)]


class SamplingFields(BaseModel):
    """The sampler's own numbers, of which None leaves one as the sampler has it, and what is done to the network.

    Attributes:
        eta: How much of the noise each step renews, 0 … 1.
        s_churn: Fresh noise that all steps together stir in, 0 … 100.
        s_tmin: Noise level below which none is stirred in, 0 … 10.
        s_tmax: Noise level above which none is, 0 … 999.
        s_noise: Factor on the spread of all fresh noise, 0 … 1.1.
        sigma_min: The last noise level of the schedule.
        sigma_max: The first.
        rho: Exponent of the Karras (7) or Polyexponential (1) schedule.
        guidance_rescale: How much of the glare that a high ``guidance_scale`` brings is taken out, 0 … 1, by giving
            the guided answer the spread of the prompt's own (Lin et al. 2023, section 3.4; 0.7 is theirs).
        clip_skip: Which layer of CLIP the prompt is taken from, 1 … 12 counted from the last (A1111's "Clip skip",
            diffusers' ``clip_skip`` + 1). Stable Diffusion XL takes the last but one anyway: 1 and 2 are both that.
        tiling: Let the picture's opposite edges meet, for textures: all convolutions go round the edge.
        freeu: Strengthen what the U-Net draws against what it copies (Si et al. 2023, FreeU), by the four numbers.
        freeu_b1: Factor on half of the channels in the first of its last stages, 0 … 10.
        freeu_b2: Likewise in the second.
        freeu_s1: Factor on the low frequencies that are copied into the first, 0 … 10.
        freeu_s2: Likewise into the second.
    """

    eta: Annotated[float, _within("eta")] | None = None
    s_churn: Annotated[float, _within("s_churn")] | None = None
    s_tmin: Annotated[float, _within("s_tmin")] | None = None
    s_tmax: Annotated[float, _within("s_tmax")] | None = None
    s_noise: Annotated[float, _within("s_noise")] | None = None
    sigma_min: Annotated[float, _within("sigma_min")] | None = None
    sigma_max: Annotated[float, _within("sigma_max")] | None = None
    rho: Annotated[float, _within("rho")] | None = None
    guidance_rescale: Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)] = 0.0
    clip_skip: Annotated[int, Field(ge=1, le=12)] = 1
    tiling: bool = False
    freeu: bool = False
    freeu_b1: Scale = 1.3
    freeu_b2: Scale = 1.4
    freeu_s1: Scale = 0.9
    freeu_s2: Scale = 0.2

    @field_validator(
        *LIMITS, "guidance_rescale", "clip_skip", "freeu_b1", "freeu_b2", "freeu_s1", "freeu_s2", mode="before"
    )
    @classmethod
    def _no_switch_among_numbers(cls, value: Any) -> Any:
        return repr(value) if isinstance(value, bool) else value

    @property
    def sampler_options(self) -> SamplerOptions:
        """The sampler's own numbers."""
        return SamplerOptions(**{name: getattr(self, name) for name in LIMITS})

    @model_validator(mode="after")
    def _the_sampler_takes_them(self) -> Self:
        from .samplers import check_options, find_sampler

        request: Any = self
        choice = find_sampler(request.scheduler)
        check_options(choice, self.sampler_options)
        samplers = {
            choice.sampler.name,
            find_sampler(getattr(request, "hires_scheduler", None) or choice.name).sampler.name,
        }
        if self.guidance_rescale and NO_RESCALE in samplers:
            raise ValueError(
                f"guidance_rescale is {self.guidance_rescale:g}, and {NO_RESCALE} has a guidance of its own; leave it "
                "at 0, or choose another sampler."
            )
        return self

    @model_validator(mode="after")
    def _edges_that_can_meet(self) -> Self:
        request: Any = self
        for other, idle in (("tile_scale", 1), ("padding_mask_crop", None)):
            value = getattr(request, other, idle)
            if self.tiling and value != idle:
                raise ValueError(
                    f"tiling is true, and with {other} {value:g} only parts of the picture are painted, whose edges "
                    "need not meet; leave one of the two out."
                )
        return self
