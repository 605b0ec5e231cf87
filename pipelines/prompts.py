"""What the text means to the network: prompts become embeddings, however long they are."""

from __future__ import annotations

import inspect
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from .caches import TensorCache
from .prompt_encoding import Encoded, encode_text, takes_weights
from .prompt_steps import StepPrompts, Wanted
from .prompt_syntax import MANY, Part, Phrase, PromptPlan, PromptSyntax, plan_prompts, read_plainly
from .request import GenerationRequest


@dataclass(frozen=True)
class Conditioning:
    """What a picture's pipeline and network are told of the prompts.

    Attributes:
        arguments: Keyword arguments for the pipeline's call.
        by_step: What the network is told instead, step by step; None where nothing changes on the way.
        second: What the second pass of hires fix is told; None where it is the same, or there is none.
    """

    arguments: dict[str, Any] = field(repr=False)
    by_step: StepPrompts | None = None
    second: Conditioning | None = None

    def of(self, request: GenerationRequest) -> Conditioning:
        """What a pass is told.

        Args:
            request: The pass's own: that of hires fix's second pass is image-to-image.
        """
        return self.second if self.second is not None and request.task == "image_to_image" else self


def encode_prompts(
    pipeline: Any,
    prompt: str,
    negative_prompt: str,
    guidance_scale: float,
    cache: TensorCache,
    model_key: Hashable,
    *,
    syntax: PromptSyntax = "a1111",
) -> dict[str, Any]:
    """Encodes both prompts as they are at the last step; see :func:`encode_request`.

    Returns:
        Keyword arguments for the pipeline's call. Parts that ``AND`` joins are blended by their weights.
    """
    if not takes_weights(pipeline):
        told = encode_request(pipeline, prompt, negative_prompt, guidance_scale, cache, model_key, syntax=syntax)
        return told.arguments
    plan = plan_prompts(prompt, negative_prompt, syntax, MANY, only=MANY - 1)
    last = plan.positive[-1]
    total = sum(part.weight for part in last)
    total = total if abs(total) > 1e-3 else 1.0
    phrase = tuple(piece._replace(share=piece.share * part.weight / total) for part in last for piece in part.phrase)
    steady = PromptPlan(((Part(phrase),),), (plan.negative[-1],))
    return _Encoder(pipeline, cache, model_key).conditioning(steady, guided=guidance_scale > 1.0, steps=1).arguments


def encode_request(
    pipeline: Any,
    prompt: str,
    negative_prompt: str,
    guidance_scale: float,
    cache: TensorCache,
    model_key: Hashable,
    *,
    syntax: PromptSyntax = "a1111",
    steps: int = 1,
    steps_before: int = 0,
    clip_skip: int = 1,
) -> Conditioning:
    """Encodes both prompts; call it on the engine thread, since tokenizers and encoders are shared.

    Stable Diffusion 1.x, 2.x and XL: as diffusers does where the text has no syntax and fits, else weighted, and in
    chunks of the encoder's length laid end to end (as A1111 does, so that nothing is cut). All others: the words alone,
    by diffusers' own ``encode_prompt``. Flux has its guidance trained in and takes no negative prompt.

    Args:
        pipeline: A pipeline that holds the tokenizer and the real text encoder.
        prompt: What to see.
        negative_prompt: What to avoid.
        guidance_scale: At 1 the negative prompt has no effect and is not encoded.
        cache: Texts, or pairs of texts, that need not be encoded again.
        model_key: What tells this model's results from another's.
        syntax: How the prompts are read.
        steps: Denoising steps of this pass.
        steps_before: Of the pass before it, where this is the second.
        clip_skip: Which layer of CLIP is read, counted from the last: see :func:`~.prompt_encoding.encode_text`.

    Raises:
        InvalidRequest: A prompt asks for what cannot be; the sentence names it.
    """
    guided = guidance_scale > 1.0
    if takes_weights(pipeline):
        plan = plan_prompts(prompt, negative_prompt, syntax, max(1, steps), steps_before)
        encoder = _Encoder(pipeline, cache, model_key, clip_skip)
        return encoder.conditioning(plan, guided=guided, steps=max(1, steps))
    prompt, negative_prompt = read_plainly(prompt, syntax), read_plainly(negative_prompt)
    key = (model_key, "prompts", prompt, negative_prompt if guided else None)
    return Conditioning(cache.get(key, lambda: _by_diffusers(pipeline, prompt, negative_prompt, guided=guided)))


class _Encoder:
    """Turns plans into tensors, each text once."""

    def __init__(self, pipeline: Any, cache: TensorCache, model_key: Hashable, clip_skip: int = 1) -> None:
        self._pipeline, self._cache, self._model_key, self._clip_skip = pipeline, cache, model_key, clip_skip

    def conditioning(self, plan: PromptPlan, *, guided: bool, steps: int) -> Conditioning:
        """Everything equally long: the shapes of a picture's steps, and of both prompts, must agree."""
        wanted = [[self._phrase(part.phrase) for part in parts] for parts in plan.positive]
        avoided = [self._phrase(phrase) for phrase in plan.negative] if guided else []
        everything = [*(one for parts in wanted for one in parts), *avoided]
        length = max(one.embeddings.shape[1] for one in everything)
        positive = [
            Wanted(tuple(self._lengthen(one, length) for one in parts), tuple(part.weight for part in planned))
            for parts, planned in zip(wanted, plan.positive, strict=True)
        ]
        negative = [self._lengthen(one, length) for one in avoided]
        arguments = _arguments(positive[0].parts[0], negative[0] if guided else None)
        return Conditioning(arguments, StepPrompts(positive, negative, steps) if plan.changes else None)

    def _text(self, text: str, *, emphasis: bool) -> Encoded:
        key = (self._model_key, "text", text, emphasis, self._clip_skip)
        how: Any = {"emphasis": emphasis, "clip_skip": self._clip_skip}
        return self._cache.get(key, lambda: encode_text(self._pipeline, text, **how))

    def _phrase(self, phrase: Phrase) -> Encoded:
        texts = [self._text(piece.text, emphasis=piece.emphasis) for piece in phrase]
        if len(texts) == 1 and phrase[0].share == 1.0:
            return texts[0]
        length = max(text.embeddings.shape[1] for text in texts)
        shares = [piece.share for piece in phrase]
        embeddings = [self._lengthen(text, length).embeddings for text in texts]
        pooled = [text.pooled for text in texts if text.pooled is not None]
        return Encoded(_blend(embeddings, shares), _blend(pooled, shares) if pooled else None)

    def _lengthen(self, encoded: Encoded, length: int) -> Encoded:
        """Adds empty chunks."""
        embeddings = encoded.embeddings
        while embeddings.shape[1] < length:
            embeddings = torch.cat([embeddings, self._text("", emphasis=True).embeddings], dim=1)
        return Encoded(embeddings, encoded.pooled)


def _blend(tensors: Sequence[torch.Tensor], shares: Sequence[float]) -> torch.Tensor:
    exact = sum((tensor.float() * share for tensor, share in zip(tensors, shares, strict=True)), torch.zeros(()))
    return exact.to(tensors[0])


def _arguments(positive: Encoded, negative: Encoded | None) -> dict[str, Any]:
    given = {"prompt_embeds": positive.embeddings, "pooled_prompt_embeds": positive.pooled}
    if negative is not None:
        given |= {"negative_prompt_embeds": negative.embeddings, "negative_pooled_prompt_embeds": negative.pooled}
    return {name: value for name, value in given.items() if value is not None}


def _by_diffusers(pipeline: Any, prompt: str, negative_prompt: str, *, guided: bool) -> dict[str, Any]:
    """Both prompts as the pipeline's own encoders understand them."""
    known = inspect.signature(pipeline.encode_prompt).parameters
    if "prompt_embeds_mask" in known:
        return _with_masks(pipeline, prompt, negative_prompt if guided else None)
    if "num_images_per_prompt" not in known:  # Z-Image: a list of embeddings, each as long as its prompt
        both = pipeline.encode_prompt(
            prompt=prompt, negative_prompt=negative_prompt, do_classifier_free_guidance=guided
        )
        return dict(zip(("prompt_embeds", "negative_prompt_embeds"), both, strict=True))
    if "negative_prompt" not in known:
        embeddings, pooled, _places = pipeline.encode_prompt(prompt=prompt, prompt_2=None)
        return {"prompt_embeds": embeddings, "pooled_prompt_embeds": pooled}
    names = ("prompt_embeds", "negative_prompt_embeds", "pooled_prompt_embeds", "negative_pooled_prompt_embeds")
    others = {"prompt_2": None, "prompt_3": None} if hasattr(pipeline, "text_encoder_3") else {}
    encoded = pipeline.encode_prompt(
        prompt=prompt,
        negative_prompt=negative_prompt,
        do_classifier_free_guidance=guided,
        num_images_per_prompt=1,
        **others,
    )
    return {name: value for name, value in zip(names, encoded, strict=True) if value is not None}


def _with_masks(pipeline: Any, prompt: str, negative_prompt: str | None) -> dict[str, Any]:
    """Qwen-Image's: embeddings, and which of them count, None = all."""
    positive, used = pipeline.encode_prompt(prompt=prompt)
    encoded = {"prompt_embeds": positive, "prompt_embeds_mask": used}
    if negative_prompt is not None:
        negative, used = pipeline.encode_prompt(prompt=negative_prompt)
        encoded |= {"negative_prompt_embeds": negative, "negative_prompt_embeds_mask": used}
    return encoded
