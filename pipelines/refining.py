"""A second model for the last steps: Stable Diffusion XL hands its latents, still noisy, over to its refiner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from .caches import TensorCache
from .errors import InvalidRequest
from .loading import LoadedModel
from .prompts import encode_prompts
from .request import GenerationRequest
from .scheduling import scheduler_for


@dataclass(frozen=True)
class Refining:
    """Who takes over, and when.

    Attributes:
        model: The refiner.
        switch: The share of the noise's way after which it does.
        embeddings: The prompts as it understands them.
    """

    model: LoadedModel
    switch: float
    embeddings: dict[str, Any] = field(default_factory=dict, repr=False)

    def told(self, prompt: str, request: GenerationRequest, cache: TensorCache) -> Refining:
        """The same, knowing the prompts; call it on the engine's thread.

        Args:
            prompt: The request's, without its tags.
            request: What is asked for.
            cache: Texts that need not be encoded again.
        """
        pipeline = self.model.pipeline("image_to_image", scheduler=None)
        texts = prompt, request.negative_prompt
        known: Any = (request.guidance_scale, cache, self.model.key)
        return replace(self, embeddings=encode_prompts(pipeline, *texts, *known, syntax=request.prompt_syntax))

    @property
    def first(self) -> dict[str, Any]:
        """What the first model's pipeline is called with besides."""
        return {"denoising_end": self.switch, "output_type": "latent"}

    def refine(
        self,
        latents: torch.Tensor,
        request: GenerationRequest,
        stand_ins: dict[str, Any],
        watch: Callable[[Any], None],
        generator: torch.Generator,
    ) -> Any:
        """Runs the last steps and decodes.

        Args:
            latents: As the first model left them.
            request: What is asked for.
            stand_ins: For the refiner's networks.
            watch: Told of the scheduler before it is used.
            generator: The picture's own; it goes on from where the first model left it.

        Returns:
            What diffusers' pipeline returns.
        """
        scheduler = scheduler_for(self.model, request, request.seed)
        watch(scheduler)
        pipeline = self.model.pipeline("image_to_image", scheduler=scheduler, **stand_ins)
        try:
            return pipeline(
                image=latents,
                denoising_start=self.switch,
                num_inference_steps=request.schedule_steps,
                guidance_scale=request.guidance_scale,
                guidance_rescale=request.guidance_rescale,
                generator=generator,
                **self.embeddings,
            )
        finally:
            pipeline.maybe_free_model_hooks()


def count_refined_steps(timesteps: torch.Tensor, pipeline: Any, request: GenerationRequest) -> int:
    """Counts the steps of both models together, by diffusers' own rule.

    Args:
        timesteps: What the first model would run alone.
        pipeline: The refiner's, with a scheduler whose timesteps are set.
        request: What is asked for.

    Raises:
        InvalidRequest: One of the two would have no step.
    """
    trained, switch = pipeline.scheduler.config.num_train_timesteps, request.refiner_switch
    before = int((timesteps >= round(trained - switch * trained)).sum())
    after = len(pipeline.get_timesteps(request.schedule_steps, 1.0, torch.device("cpu"), switch)[0])
    if not (before and after):
        raise InvalidRequest(
            "num_inference_steps",
            f"num_inference_steps is {request.num_inference_steps}, too few for a hand-over to the refiner at "
            f"{switch:g}; raise it, or give no refiner.",
        )
    return before + after
