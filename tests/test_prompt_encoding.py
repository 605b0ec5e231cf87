"""What the network is told: diffusers' embeddings, compel's where the meaning is the same, A1111's weights by hand."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from compel import Compel, ReturnedEmbeddingsType, SplitLongTextMode
from diffusers import StableDiffusionPipeline

from pipelines.caches import TensorCache
from pipelines.errors import InvalidRequest
from pipelines.prompt_chunks import chunk_prompt, count_tokens
from pipelines.prompt_encoding import encode_text, takes_weights
from pipelines.prompts import encode_prompts
from tests.tiny_families import make_family

PLAIN = "a red boat on the background"
LONG = " ".join([PLAIN] * 25)
"""150 tokens: two chunks to the brim."""


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.inference_mode():
        yield


@pytest.fixture(scope="module")
def sdxl() -> Any:
    return make_family("sdxl")


@pytest.fixture(scope="module")
def uneven(tiny_pipeline: StableDiffusionPipeline) -> Any:
    """The tiny pipeline with an encoder whose embeddings have a mean, as those of trained ones have."""
    encoder = copy.deepcopy(tiny_pipeline.text_encoder)
    with torch.no_grad():
        last = encoder.final_layer_norm if hasattr(encoder, "final_layer_norm") else encoder.text_model.final_layer_norm
        last.bias += torch.linspace(-0.5, 0.1, len(last.bias))
        last.weight *= torch.linspace(0.5, 1.5, len(last.weight))
    return StableDiffusionPipeline(
        **{**tiny_pipeline.components, "text_encoder": encoder}, requires_safety_checker=False
    )


def told(pipeline: Any, prompt: str, negative: str = "", scale: float = 7.5, **more: Any) -> dict[str, torch.Tensor]:
    return encode_prompts(pipeline, prompt, negative, scale, TensorCache(1 << 20), "tiny", **more)


def embeddings(pipeline: Any, prompt: str, **more: Any) -> torch.Tensor:
    return told(pipeline, prompt, **more)["prompt_embeds"]


def compel_of(pipeline: Any) -> Compel:
    return Compel(
        tokenizer=pipeline.tokenizer,
        text_encoder=pipeline.text_encoder,
        truncate_long_prompts=False,
        split_long_text_mode=SplitLongTextMode.BRUTAL,
    )


@pytest.mark.parametrize("prompt", [PLAIN, "", "the circle, 16:9", "naïve 🐉 قارب", " a  boat "])
def test_a_plain_prompt_is_diffusers_bit_for_bit(
    tiny_pipeline: StableDiffusionPipeline, sdxl: Any, prompt: str
) -> None:
    positive, negative = tiny_pipeline.encode_prompt(prompt, "cpu", 1, True, "the background")
    ours = told(tiny_pipeline, prompt, "the background")
    assert torch.equal(ours["prompt_embeds"], positive)
    assert torch.equal(ours["negative_prompt_embeds"], negative)
    names = ("prompt_embeds", "negative_prompt_embeds", "pooled_prompt_embeds", "negative_pooled_prompt_embeds")
    theirs = dict(zip(names, sdxl.encode_prompt(prompt, negative_prompt="the background", device="cpu"), strict=True))
    ours = told(sdxl, prompt, "the background")
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in names)


@pytest.mark.parametrize(
    ("compels", "ours", "syntax"),
    [
        (PLAIN, PLAIN, "a1111"),
        (r"a \(red\) boat", r"a \(red\) boat", "a1111"),
        ('("a red boat", "the circle").blend(0.7, 0.3)', "a red boat:0.7 the circle:0.3", "weighted"),
        ('("a red boat", "the circle").blend(3, 1)', "a red boat:3 the circle:1", "weighted"),
        ('("a red boat", "the circle").blend(1, 0.25)', "a red boat | the circle:0.25", "dream_studio"),
        ('("a red boat", "the circle").and()', "a red boat BREAK the circle", "a1111"),
    ],
)
def test_embeddings_are_compels_where_the_meaning_is_the_same(
    tiny_pipeline: StableDiffusionPipeline, compels: str, ours: str, syntax: str
) -> None:
    theirs = compel_of(tiny_pipeline).build_conditioning_tensor(compels)
    made = embeddings(tiny_pipeline, ours, syntax=syntax)
    assert made.shape == theirs.shape
    assert float((made - theirs).abs().max()) <= 1e-5


def test_a_long_prompt_is_compels_in_chunks_and_nothing_is_cut(tiny_pipeline: StableDiffusionPipeline) -> None:
    theirs = compel_of(tiny_pipeline).build_conditioning_tensor(LONG)
    made = embeddings(tiny_pipeline, LONG)
    assert made.shape == theirs.shape == (1, 2 * 77, 16)
    assert float((made - theirs).abs().max()) <= 1e-5
    assert count_tokens(tiny_pipeline.tokenizer, LONG) == (150, 150, 2)
    assert not torch.equal(embeddings(tiny_pipeline, f"{LONG} red")[:, 154:], embeddings(tiny_pipeline, "")), "151st"
    assert torch.equal(embeddings(tiny_pipeline, f"{LONG} red")[:, 154:], embeddings(tiny_pipeline, "red"))


def test_xl_is_compels_in_both_encoders_and_the_pooled_one(sdxl: Any, capsys: pytest.CaptureFixture[str]) -> None:
    compel = Compel(
        tokenizer=[sdxl.tokenizer, sdxl.tokenizer_2],
        text_encoder=[sdxl.text_encoder, sdxl.text_encoder_2],
        returned_embeddings_type=ReturnedEmbeddingsType.PENULTIMATE_HIDDEN_STATES_NON_NORMALIZED,
        requires_pooled=[False, True],
    )
    assert "Deprecation" in capsys.readouterr().out
    theirs, pooled = compel(PLAIN)
    made = encode_text(sdxl, PLAIN)
    assert made.pooled is not None
    assert float((made.embeddings - theirs).abs().max()) <= 1e-5
    assert float((made.pooled - pooled).abs().max()) <= 1e-5


def by_hand(pipeline: Any, words: list[tuple[str, float]]) -> torch.Tensor:
    """A1111's "Original" emphasis from scratch: times the weight, token by token, then back to the mean it had."""
    plain = pipeline.encode_prompt("".join(word for word, _ in words), "cpu", 1, False)[0].double()
    weights, place = torch.ones(77, dtype=torch.float64), 1
    for word, weight in words:
        length = len(pipeline.tokenizer(word).input_ids) - 2
        weights[place : place + length] = weight
        place += length
    weighted = plain * weights[None, :, None]
    return weighted * (plain.mean() / weighted.mean())


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("a (red:1.3) boat", [("a ", 1), ("red", 1.3), (" boat", 1)]),
        ("a ((red)) boat", [("a ", 1), ("red", 1.21), (" boat", 1)]),
        ("[a] boat (on the:0.5) background", [("a", 1 / 1.1), (" boat ", 1), ("on the", 0.5), (" background", 1)]),
        ("a (red (boat:1.5):0.8)", [("a ", 1), ("red ", 0.8), ("boat", 1.2)]),
        ("a boat (on the:-0.4) background", [("a boat ", 1), ("on the", -0.4), (" background", 1)]),
    ],
)
def test_weights_are_a1111s(uneven: Any, prompt: str, words: list[tuple[str, float]]) -> None:
    made = embeddings(uneven, prompt)
    expected = by_hand(uneven, words)
    furthest = float((made - expected).abs().max() / expected.abs().max())
    assert furthest <= 1e-5
    same = torch.allclose(made, embeddings(uneven, "".join(word for word, _ in words)), atol=1e-3)
    assert not same


def test_a_mean_that_is_rounding_alone_scales_nothing(tiny_pipeline: StableDiffusionPipeline) -> None:
    plain, weighted = embeddings(tiny_pipeline, "a boat"), embeddings(tiny_pipeline, "(a:1.5) boat")
    off = (weighted[:, 1] - 1.5 * plain[:, 1]).abs().max(), (weighted[:, 2:] - plain[:, 2:]).abs().max()
    assert max(map(float, off)) <= 1e-6


def test_a_weight_of_zero_leaves_numbers(tiny_pipeline: StableDiffusionPipeline) -> None:
    assert torch.isfinite(embeddings(tiny_pipeline, "(a boat:0) on the background")).all()
    assert torch.isfinite(embeddings(tiny_pipeline, "(a boat:0)")).all()


def test_break_begins_a_chunk_and_both_prompts_are_equally_long(tiny_pipeline: StableDiffusionPipeline) -> None:
    made = told(tiny_pipeline, "a boat BREAK the circle BREAK", "red")
    assert torch.equal(made["prompt_embeds"][:, :77], embeddings(tiny_pipeline, "a boat"))
    assert torch.equal(made["prompt_embeds"][:, 77:154], embeddings(tiny_pipeline, "the circle"))
    assert made["negative_prompt_embeds"].shape == made["prompt_embeds"].shape
    assert torch.equal(made["negative_prompt_embeds"][:, 77:154], embeddings(tiny_pipeline, ""))
    assert [chunk.used for chunk in chunk_prompt(tiny_pipeline.tokenizer, "BREAK a boat")] == [2, 4]


def test_xl_weighs_both_encoders_and_pools_the_first_chunk_unweighted(sdxl: Any) -> None:
    plain, weighted = encode_text(sdxl, PLAIN), encode_text(sdxl, f"({PLAIN}:1.4)")
    longer = encode_text(sdxl, f"{PLAIN} BREAK the circle")
    assert weighted.pooled is not None
    assert plain.pooled is not None
    assert longer.pooled is not None
    assert torch.equal(weighted.pooled, plain.pooled)
    assert torch.equal(longer.pooled, plain.pooled)
    assert longer.embeddings.shape == (1, 154, 40)
    changed = (weighted.embeddings - plain.embeddings).abs().amax((0, 1))
    assert float(changed[:16].max()) > 1e-3
    assert float(changed[16:].max()) > 1e-3


def test_a_plain_reading_takes_brackets_as_text(tiny_pipeline: StableDiffusionPipeline) -> None:
    theirs = tiny_pipeline.encode_prompt("a (red:1.3) [boat] BREAK", "cpu", 1, False)[0]
    assert torch.equal(embeddings(tiny_pipeline, "a (red:1.3) [boat] BREAK", syntax="plain"), theirs)


def test_without_guidance_nothing_is_avoided(tiny_pipeline: StableDiffusionPipeline) -> None:
    assert told(tiny_pipeline, PLAIN, "red", 1.0).keys() == {"prompt_embeds"}


def test_texts_are_encoded_once(tiny_pipeline: StableDiffusionPipeline) -> None:
    calls = []
    counting = tiny_pipeline.text_encoder.register_forward_hook(lambda *_: calls.append(1))
    try:
        cache = TensorCache(1 << 20)
        for _ in range(3):
            encode_prompts(tiny_pipeline, "a boat", "red", 7.5, cache, "tiny")
    finally:
        counting.remove()
    assert len(calls) == 2


def test_who_takes_weights(tiny_pipeline: StableDiffusionPipeline, sdxl: Any) -> None:
    assert takes_weights(tiny_pipeline)
    assert takes_weights(sdxl)
    assert not takes_weights(make_family("flux"))


def test_a_weight_beyond_reason_is_refused(tiny_pipeline: StableDiffusionPipeline) -> None:
    with pytest.raises(InvalidRequest, match="beyond 100"):
        embeddings(tiny_pipeline, "(a:1000)")
