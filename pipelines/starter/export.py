"""Writes the trained model in diffusers' own layout, so that a reader never sees half of it."""

from __future__ import annotations

import copy
import json
import shutil
import tempfile
from pathlib import Path
from typing import TypeVar

import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

from pipelines.starter.network import new_scheduler, scheduler_extras
from pipelines.starter.pictures import Pixels
from pipelines.starter.preview import write_preview

Module = TypeVar("Module", bound=torch.nn.Module)
TOKENIZER_FILES = ("vocab.json", "merges.txt")


def weights_folder() -> Path:
    """Returns where the weights lie in the repository."""
    return Path(__file__).parent / "weights"


def export(
    vae: AutoencoderKL,
    text_encoder: CLIPTextModel,
    tokenizer: CLIPTokenizer,
    tokenizer_folder: Path,
    unet: UNet2DConditionModel,
    pixels: Pixels,
    folder: Path,
) -> None:
    """Writes all parts in half precision, with the preview, and puts them in place of what was there.

    Files of the folder that training does not write (the model card, the prompts) stay.

    Args:
        vae: The autoencoder.
        text_encoder: The text encoder.
        tokenizer: The tokenizer.
        tokenizer_folder: Where its `vocab.json` and `merges.txt` are; transformers would not write them.
        unet: The U-Net.
        pixels: Painted pictures to fit the preview on.
        folder: Where the model goes.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".export-") as scratch:
        made = Path(scratch) / "made"
        pipe = StableDiffusionPipeline(
            vae=vae,
            text_encoder=text_encoder,
            tokenizer=tokenizer,
            unet=unet,
            scheduler=new_scheduler(),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
        _write_halves(pipe, made)
        for name in TOKENIZER_FILES:
            shutil.copy(tokenizer_folder / name, made / "tokenizer" / name)
        _add(made / "scheduler" / "scheduler_config.json", scheduler_extras())
        for path in made.rglob("*.safetensors"):
            path.chmod(0o644)
        write_preview(vae, pixels, made)
        _keep_others(folder, made)
        _swap(made, folder, Path(scratch) / "old")


def _write_halves(pipe: StableDiffusionPipeline, folder: Path) -> None:
    halves = StableDiffusionPipeline(
        **{
            **pipe.components,
            "vae": _half(pipe.vae),
            "text_encoder": _half(pipe.text_encoder),
            "unet": _half(pipe.unet),
        },
        requires_safety_checker=False,
    )
    halves.save_pretrained(folder, max_shard_size="12MB")


def _half(module: Module) -> Module:
    return copy.deepcopy(module).half()


def _add(config: Path, extras: dict[str, bool]) -> None:
    told = json.loads(config.read_text(encoding="utf-8")) | extras
    config.write_text(json.dumps(told, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _keep_others(old: Path, new: Path) -> None:
    for path in old.iterdir() if old.exists() else ():
        if path.is_file() and not (new / path.name).exists():
            shutil.copy2(path, new / path.name)


def _swap(made: Path, folder: Path, aside: Path) -> None:
    if folder.exists():
        folder.rename(aside)
    made.rename(folder)
