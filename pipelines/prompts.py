"""What the text means to the network: prompts become embeddings, however long they are."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable
from typing import Any

import torch

from .caches import TensorCache


def encode_prompts(
    pipeline: Any, prompt: str, negative_prompt: str, guidance_scale: float, cache: TensorCache, model_key: Hashable
) -> dict[str, Any]:
    """Encodes both prompts; call it on the engine thread, since tokenizers and encoders are shared.

    Stable Diffusion 1.x/2.x: as diffusers does where the text fits, else in chunks of the encoder's length laid end
    to end (as A1111 does, so that nothing is cut). All others: diffusers' own ``encode_prompt``. Flux has its guidance
    trained in and takes no negative prompt.

    Args:
        pipeline: A pipeline that holds the tokenizer and the real text encoder.
        prompt: What to see.
        negative_prompt: What to avoid.
        guidance_scale: At 1 the negative prompt has no effect and is not encoded.
        cache: Texts, or pairs of texts, that need not be encoded again.
        model_key: What tells this model's results from another's.

    Returns:
        Keyword arguments for the pipeline's call.
    """
    guided = guidance_scale > 1.0
    if getattr(pipeline, "tokenizer_2", None) is not None or not hasattr(pipeline, "maybe_convert_prompt"):
        key = (model_key, "prompts", prompt, negative_prompt if guided else None)
        return cache.get(key, lambda: _by_diffusers(pipeline, prompt, negative_prompt, guided=guided))

    def encoded(text: str) -> torch.Tensor:
        return cache.get((model_key, "text", text), lambda: _encode(pipeline, text))

    positive = encoded(prompt)
    if not guided:
        return {"prompt_embeds": positive}
    negative = encoded(negative_prompt)
    length = max(positive.shape[1], negative.shape[1])
    return {
        "prompt_embeds": _lengthen(positive, length, encoded),
        "negative_prompt_embeds": _lengthen(negative, length, encoded),
    }


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


def _encode(pipeline: Any, text: str) -> torch.Tensor:
    """One prompt as [1, chunks × encoder length, width]."""
    tokenizer, encoder = pipeline.tokenizer, pipeline.text_encoder
    length = tokenizer.model_max_length
    text = pipeline.maybe_convert_prompt(text, tokenizer)
    words = tokenizer(text, add_special_tokens=False, truncation=False, verbose=False).input_ids
    room = length - 2
    chunks = [words[start : start + room] for start in range(0, len(words), room)] or [[]]
    rows = [[tokenizer.bos_token_id, *chunk, tokenizer.eos_token_id] for chunk in chunks]
    padded = [row + [tokenizer.pad_token_id] * (length - len(row)) for row in rows]
    used = [[1] * len(row) + [0] * (length - len(row)) for row in rows]
    mask = torch.tensor(used, device=encoder.device) if getattr(encoder.config, "use_attention_mask", False) else None
    embeddings = [
        encoder(
            torch.tensor([ids], device=encoder.device),
            attention_mask=None if mask is None else mask[index : index + 1],
        )[0]
        for index, ids in enumerate(padded)
    ]
    return torch.cat(embeddings, dim=1).to(encoder.dtype)


def _lengthen(embeddings: torch.Tensor, length: int, encoded: Callable[[str], torch.Tensor]) -> torch.Tensor:
    """Adds empty chunks until both prompts are equally long."""
    while embeddings.shape[1] < length:
        embeddings = torch.cat([embeddings, encoded("")], dim=1)
    return embeddings
