"""Texts through CLIP: embeddings of any length, each token weighted as A1111 does, for SD 1.x, 2.x and XL.

A1111's weights ("Original" emphasis, its default): a chunk's embeddings are multiplied token by token, and then scaled
as a whole so that their mean is what it was. The pooled embedding of SD XL is the first chunk's, unweighted.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import torch

from .prompt_chunks import Chunk, chunk_prompt

LEAST_MEAN: Final = 1e-3
"""Of the embeddings' size: a mean below it is rounding alone, and so would be what is scaled by it."""


class Encoded(NamedTuple):
    """One text, or several blended.

    Attributes:
        embeddings: Shape [1, chunks × encoder length, width].
        pooled: Shape [1, width]; None for SD 1.x and 2.x.
    """

    embeddings: torch.Tensor
    pooled: torch.Tensor | None = None


def takes_weights(components: Any) -> bool:
    """Tells whether a model's words can be weighted: a U-Net with CLIP encoders alone.

    Args:
        components: A pipeline, or anything with its components as attributes.
    """
    encoders = [getattr(components, name, None) for name in ("text_encoder", "text_encoder_2", "text_encoder_3")]
    there = [encoder for encoder in encoders if encoder is not None]
    only_clip = bool(there) and all("CLIPText" in _kind(encoder) for encoder in there)
    return only_clip and getattr(components, "unet", None) is not None


def encode_text(pipeline: Any, text: str, *, emphasis: bool = True, clip_skip: int = 1) -> Encoded:
    """Encodes one text; call it on the engine's thread.

    Args:
        pipeline: Holds the real encoders and their tokenizers.
        text: The prompt at one step.
        emphasis: Whether its brackets mean something.
        clip_skip: Which layer is read, counted from the last (A1111's "Clip skip", diffusers' ``clip_skip`` + 1). SD XL
            was trained on the last but one, and there 1 means that, too.

    Raises:
        InvalidRequest: A weight is too large.
    """
    if getattr(pipeline, "text_encoder_2", None) is None:
        tokenizer, encoder = pipeline.tokenizer, pipeline.text_encoder
        chunks = _chunks(pipeline, tokenizer, text, emphasis=emphasis)
        return Encoded(torch.cat([_layer(encoder, chunk, clip_skip) for chunk in chunks], dim=1).to(encoder.dtype))
    pairs = [(pipeline.tokenizer_2, pipeline.text_encoder_2)]
    if getattr(pipeline, "tokenizer", None) is not None and pipeline.text_encoder is not None:  # not in the refiner
        pairs.insert(0, (pipeline.tokenizer, pipeline.text_encoder))
    readings = []
    for tokenizer, encoder in pairs:
        chunks = _chunks(pipeline, tokenizer, text, emphasis=emphasis)
        readings.append([_bare_layer(encoder, chunk, max(clip_skip, 2)) for chunk in chunks])
    wide = [torch.cat([embeddings for embeddings, _ in rows], dim=1) for rows in readings]
    return Encoded(torch.cat(wide, dim=-1).to(pipeline.text_encoder_2.dtype), readings[-1][0][1])


def _chunks(pipeline: Any, tokenizer: Any, text: str, *, emphasis: bool) -> list[Chunk]:
    return chunk_prompt(tokenizer, pipeline.maybe_convert_prompt(text, tokenizer), emphasis=emphasis)


def _layer(encoder: Any, chunk: Chunk, from_last: int) -> torch.Tensor:
    """A chunk by SD 1.x's or 2.x's encoder: a layer, normalised as the last one is."""
    mask = None
    if getattr(encoder.config, "use_attention_mask", False):
        used = [[1] * chunk.used + [0] * (len(chunk.ids) - chunk.used)]
        mask = torch.tensor(used, device=encoder.device)
    if from_last == 1:
        return _weigh(encoder(_ids(encoder, chunk), attention_mask=mask)[0], chunk)
    output = encoder(_ids(encoder, chunk), attention_mask=mask, output_hidden_states=True)
    norm = getattr(encoder, "text_model", encoder).final_layer_norm  # transformers before 5.6 keep it further inside
    return _weigh(norm(output.hidden_states[-from_last]), chunk)


def _bare_layer(encoder: Any, chunk: Chunk, from_last: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A chunk by one of SD XL's encoders: a layer as it is, and the pooled embedding."""
    output = encoder(_ids(encoder, chunk), output_hidden_states=True)
    return _weigh(output.hidden_states[-from_last], chunk), output[0]


def _ids(encoder: Any, chunk: Chunk) -> torch.Tensor:
    return torch.tensor([chunk.ids], device=encoder.device)


def _weigh(embeddings: torch.Tensor, chunk: Chunk) -> torch.Tensor:
    if not chunk.is_weighted:
        return embeddings
    exact = embeddings.detach().float()
    weighted = exact * torch.tensor(chunk.weights, device=exact.device)[None, :, None]
    before, after = exact.mean(), weighted.mean()
    least = LEAST_MEAN * float(exact.abs().mean())
    if abs(float(before)) > least and abs(float(after)) > least:
        weighted = weighted * (before / after)
    return weighted.to(embeddings.dtype)


def _kind(encoder: Any) -> str:
    return type(getattr(encoder, "network", encoder)).__name__
