"""A single file: its parts hold what was saved, its tokenizer is found, and what is wrong with it is one sentence."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
import transformers
from diffusers.loaders.single_file_utils import convert_flux_transformer_checkpoint_to_diffusers
from safetensors.torch import load_file, save_file
from tokenizers import pre_tokenizers
from transformers import CLIPTokenizer

from pipelines.component_configs import COMPONENTS, ComponentConfigs, configs_for
from pipelines.errors import Cancelled, ModelError
from pipelines.families import load_families
from pipelines.loading import LoadedModel, load_model
from pipelines.models import ModelInfo
from pipelines.parts import Part
from pipelines.single_file import FLUX_WIDTH, convert_flux, flux_of_any_width
from pipelines.tokenizers import tokenizer_for
from tests.original_layouts import flux_transformer, save_original
from tests.tiny_families import MAKERS, make_family

FAMILIES, _ = load_families()
CPU = torch.device("cpu")

NAMES = {
    "sd1": "stable-diffusion",
    "sd2": "stable-diffusion-2",
    "sdxl": "stable-diffusion-xl",
    "refiner": "stable-diffusion-xl-refiner",
    "sd3": "stable-diffusion-3",
    "sd35": "stable-diffusion-3",
    "flux": "flux",
}

PUBLISHED = {
    "stable-diffusion/unet": 859_520_964,
    "stable-diffusion/vae": 83_653_863,
    "stable-diffusion/text_encoder": 123_060_480,
    "stable-diffusion-2/unet": 865_910_724,
    "stable-diffusion-2/text_encoder": 340_387_840,
    "stable-diffusion-2-v_prediction/unet": 865_910_724,
    "stable-diffusion-xl/unet": 2_567_463_684,
    "stable-diffusion-xl/text_encoder_2": 694_659_840,
    "stable-diffusion-xl-refiner/unet": 2_259_526_660,
    "stable-diffusion-3/transformer": 2_028_328_000,
    "stable-diffusion-3/text_encoder_3": 4_762_310_656,
    "stable-diffusion-3/vae": 83_819_683,
    "stable-diffusion-3-3.5-medium/transformer": 2_243_171_520,
    "stable-diffusion-3-3.5-large/transformer": 8_056_627_520,
    "flux/transformer": 11_901_408_320,
    "flux-schnell/transformer": 11_891_178_560,
}
"""Weights in the published models' parts."""


def info_of(family: str, file: Path, **values: Any) -> ModelInfo:
    values = {"id": file.stem, "name": file.stem, "tasks": ("text_to_image",), "native_size": 64} | values
    return ModelInfo(family=family, folder=file.parent, file=file, kind="file", **values)


def loaded(family: str, file: Path, **values: Any) -> LoadedModel:
    return load_model(info_of(family, file), FAMILIES[family], CPU, **values)


@pytest.fixture
def sd1(tmp_path: Path) -> Path:
    return save_original("stable-diffusion", make_family("sd1"), tmp_path / "sd1.safetensors")


@pytest.mark.parametrize("name", [name for name in MAKERS if name.split("-")[0] in NAMES])
def test_every_tensor_is_what_was_saved(name: str, tmp_path: Path) -> None:
    family, pipeline = NAMES[name.split("-", maxsplit=1)[0]], make_family(name)
    model = loaded(family, save_original(family, pipeline, tmp_path / f"{name}.safetensors"))
    for part, network in pipeline.components.items():
        if isinstance(network, torch.nn.Module):
            saved, held = network.state_dict(), model.components[part].state_dict()
            assert saved.keys() == held.keys()
            assert all(torch.equal(saved[key], held[key]) for key in saved), part
        elif network is None:
            assert model.components.get(part) is None


@pytest.mark.parametrize("part", PUBLISHED)
def test_the_configurations_that_come_along_have_the_published_size(part: str) -> None:
    config = json.loads((COMPONENTS / part / "config.json").read_text())
    with torch.device("meta"):
        if "_class_name" in config:
            network = getattr(diffusers, config["_class_name"]).from_config(config)
        else:
            kind = getattr(transformers, config["architectures"][0])
            network = kind(kind.config_class.from_dict(config))
    assert sum(weight.numel() for weight in network.parameters()) == PUBLISHED[part]


@pytest.mark.parametrize("family", [name for name, family in FAMILIES.items() if family.config])
def test_each_original_family_has_all_its_configurations(family: str) -> None:
    configs = configs_for(info_of(family, Path("somewhere.safetensors")), FAMILIES[family])
    parts = [name for name, entry in configs.index.items() if isinstance(entry, list) and entry[0]]
    assert all((configs.folder(part) / part).is_dir() for part in parts)
    flow = FAMILIES[family].prediction_type == "flow"
    assert configs.scheduler["_class_name"].startswith("FlowMatch") == flow


def test_a_variant_lies_over_its_family() -> None:
    configs = configs_for(info_of("flux", Path("x.safetensors"), variant="schnell"), FAMILIES["flux"])
    assert configs.scheduler["use_dynamic_shifting"] is False and configs.folder("vae").name == "flux"
    configs = configs_for(
        info_of("stable-diffusion-xl", Path("x"), variant="v_prediction"), FAMILIES["stable-diffusion-xl"]
    )
    assert configs.scheduler["prediction_type"] == "v_prediction"


def test_flux_of_its_own_width_is_cut_as_diffusers_does() -> None:
    named, width = flux_transformer(make_family("flux").transformer, prefix=""), 32
    grown = {  # rows as many as in the published one, a column each: diffusers cuts rows alone
        name: torch.randn(tensor.shape[0] * FLUX_WIDTH // width, *(1,) * (tensor.ndim - 1))
        for name, tensor in named.items()
    }
    theirs = convert_flux_transformer_checkpoint_to_diffusers(dict(grown))
    ours = convert_flux(dict(grown), FLUX_WIDTH)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert flux_of_any_width(grown) is grown, "diffusers does it itself"


def test_a_word_embedding_that_is_there_once_serves_the_encoder(tmp_path: Path) -> None:
    path = save_original("flux", make_family("flux"), tmp_path / "flux.safetensors")
    tensors = load_file(path)
    tensors.pop("text_encoders.t5xxl.transformer.encoder.embed_tokens.weight", None)
    save_file(tensors, path)
    encoder = loaded("flux", path).components["text_encoder_2"]
    assert encoder.encoder.embed_tokens.weight is encoder.shared.weight


def without(part: str) -> Callable[[dict[str, torch.Tensor]], None]:
    def change(tensors: dict[str, torch.Tensor]) -> None:
        for name in [name for name in tensors if name.startswith(part)]:
            del tensors[name]

    return change


def spoil(tensors: dict[str, torch.Tensor]) -> None:
    tensors["model.diffusion_model.middle_block.0.in_layers.2.weight"][0, 0, 0, 0] = float("nan")


def reshape(tensors: dict[str, torch.Tensor]) -> None:
    name = "model.diffusion_model.out.2.weight"
    tensors[name] = tensors[name][:, :4].contiguous()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (without("first_stage_model."), "the file has no weights for the VAE"),
        (without("cond_stage_model."), "the file has no weights for the text encoder"),
        (without("model.diffusion_model.middle_block"), "the file lacks some of the weights of the denoiser"),
        (without("first_stage_model.decoder.mid"), "the file lacks some of the weights of the VAE"),
        (spoil, "the denoiser has weights that are not numbers, first in mid_block.resnets.0.conv1.weight"),
        (reshape, "conv_out.weight"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_sentence(
    sd1: Path, change: Callable[[dict[str, torch.Tensor]], None], reason: str
) -> None:
    tensors = load_file(sd1)
    change(tensors)
    save_file(tensors, sd1)
    with pytest.raises(
        ModelError, match=rf"^model 'sd1' in sd1\.safetensors cannot be loaded \(.*{reason}.*\); copy"
    ) as told:
        loaded("stable-diffusion", sd1)
    assert "\n" not in str(told.value) and len(str(told.value)) < 450


@pytest.mark.parametrize("size", [0, 7, 100, 20_000])
def test_a_file_that_was_cut_off_is_one_sentence(sd1: Path, size: int) -> None:
    sd1.write_bytes(sd1.read_bytes()[:size])
    with pytest.raises(ModelError, match=r"^model 'sd1' in sd1\.safetensors cannot be loaded \("):
        loaded("stable-diffusion", sd1)


def test_progress_goes_up_to_the_whole_and_can_be_stopped(sd1: Path) -> None:
    told: list[tuple[float, str]] = []
    loaded("stable-diffusion", sd1, progress=lambda done, what: told.append((done, what)))
    shares = [done for done, _ in told]
    assert shares == sorted(shares) and shares[0] == 0 and shares[-1] == 1
    assert told[0][1] == "Loading the text encoder of sd1…"
    with pytest.raises(Cancelled, match="Loading sd1 was stopped"):
        loaded("stable-diffusion", sd1, stopped=lambda: len(told) > 0)


def make_clip_vocabulary(folder: Path) -> None:
    """As many words as CLIP's, none of them its own."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    ends = [f"{letter}</w>" for letter in letters]
    merges = [(one, other) for one in letters for other in ends][: 49408 - 514]
    tokens = [*letters, *ends, *("".join(pair) for pair in merges), "<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True)
    (folder / "vocab.json").write_text(json.dumps({token: index for index, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *(" ".join(pair) for pair in merges)]))


CLIP = Part("tokenizer_2", CLIPTokenizer)
XL = ComponentConfigs((COMPONENTS / "stable-diffusion-xl",))


@pytest.mark.parametrize("place", ["tokenizers/clip", "some/model/tokenizer"])
def test_a_vocabulary_at_hand_is_used_with_the_models_own_settings(place: str, tmp_path: Path) -> None:
    make_clip_vocabulary(tmp_path / place)
    if place.startswith("some"):
        (tmp_path / "some/model/model_index.json").write_text("{}")
        (tmp_path / place / "tokenizer_config.json").write_text('{"tokenizer_class": "CLIPTokenizer"}')
    made = tokenizer_for(CLIP, XL, info_of("stable-diffusion-xl", tmp_path / "xl.safetensors"))
    assert len(made) == 49408 and made.pad_token == "!" and made.model_max_length == 77
    first = tokenizer_for(
        replace(CLIP, name="tokenizer"), XL, info_of("stable-diffusion-xl", tmp_path / "xl.safetensors")
    )
    assert first.pad_token == "<|endoftext|>"
    assert made("ab").input_ids[0] == made.bos_token_id == 49406


def test_offline_the_missing_tokenizer_is_named(sd1: Path) -> None:
    shutil.rmtree(sd1.with_name("sd1.components") / "tokenizer")
    (sd1.with_name("sd1.components") / "tokenizer").mkdir()
    shutil.copy(
        COMPONENTS / "stable-diffusion/tokenizer/tokenizer_config.json", sd1.with_name("sd1.components") / "tokenizer"
    )
    with pytest.raises(
        ModelError,
        match=r"^model 'sd1' needs CLIP's tokenizer, which is not on this machine and could not be fetched from "
        r"huggingface\.co/openai/clip-vit-large-patch14 \(\w+\); connect once, or copy vocab\.json and merges\.txt "
        r"from there into the folder tokenizers/clip in '.*'\.$",
    ):
        loaded("stable-diffusion", sd1)


def test_a_family_without_configurations_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"single file.*lay its configuration files into z\.components\.$"):
        configs_for(info_of("z-image", tmp_path / "z.safetensors"), FAMILIES["z-image"])
