"""What can be said on the command line of ``launch.py generate``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from .flags import Parser, add_device
from .memory_flags import MemoryFlags, add_memory_flags
from .plain_fields import PLAIN, PlainField, flag_type
from .refusal import CannotStart

FIELDS: Final = {
    "negative_prompt": str,
    "num_inference_steps": int,
    "guidance_scale": float,
    "scheduler": str,
    "seed": str,
    "width": int,
    "height": int,
    "num_images_per_prompt": int,
    "model": str,
    "strength": float,
    "mask_blur": int,
    "vae": str,
    "refiner": str,
    "refiner_switch": float,
}
"""Request fields with a flag of their own words; the request itself knows their limits."""

MORE_FIELDS: Final = {field.name: flag_type(field) for field in PLAIN}
"""The finer ones, whose words stand in the page's table."""

SHORT: Final = {
    "num_inference_steps": "--steps",
    "guidance_scale": "--guidance",
    "scheduler": "--sampler",
    "num_images_per_prompt": "--count",
    "mask_image": "--mask",
    "image": "--image",
    "pattern": "--name",
}
"""What people type for a field, where it is not the field's own name."""


@dataclass(frozen=True, slots=True)
class GenerateFlags(MemoryFlags):
    """The command line of ``generate``, as far as it can be checked without loading anything.

    Attributes:
        fields: Request fields that were said.
        recipe: A picture to take the fields from that were not.
        image: The picture to begin with.
        mask: What of it to repaint.
        out: Folder for the pictures; None = the studio's own, where its page lists them.
        name: Pattern of the files' names; None = the usual one.
        prove: Whether to make the recipe's picture again and compare, instead of keeping it.
    """

    fields: dict[str, Any] = field(default_factory=dict)
    recipe: Path | None = None
    image: Path | None = None
    mask: Path | None = None
    style: str | None = None
    out: Path | None = None
    format: str = "png"
    quality: int = 90
    lossless: bool = False
    name: str | None = None
    prove: bool = False
    quiet: bool = False
    models_dir: tuple[Path, ...] = ()
    device: str = "auto"
    torch_index: str | None = None


def parse_generate(arguments: Sequence[str]) -> GenerateFlags:
    """Reads the command line.

    Args:
        arguments: What follows ``launch.py generate``.

    Raises:
        CannotStart: A flag is unknown, has a value it cannot take, or there is nothing to make.
        SystemExit: ``--help`` has been answered.
    """
    values = vars(generate_parser().parse_args(arguments))
    fields = {name: values.pop(name) for name in ("prompt", "loras", *FIELDS, *MORE_FIELDS)}
    fields = {name: value for name, value in fields.items() if value is not None}
    if "prompt" not in fields and values["recipe"] is None:
        raise CannotStart('There is nothing to make; give a prompt, such as generate "a red circle", or --recipe.')
    if values["mask"] is not None and values["image"] is None and values["recipe"] is None:
        raise CannotStart("--mask was given without --image; give the picture that it belongs to.")
    if "strength" in fields and values["image"] is None and values["recipe"] is None:
        raise CannotStart("--strength was given without --image; give the picture of which so much may change.")
    if values["prove"] and values["recipe"] is None:
        raise CannotStart("--prove was given without --recipe; give the picture that is to be made again.")
    values["models_dir"] = tuple(values["models_dir"])
    return GenerateFlags(fields=fields, **values)


def flag_words(sentence: str) -> str:
    """Says a sentence about a request's field with the flag that sets it."""
    first, _, rest = sentence.partition(" ")
    if first not in SHORT and first not in FIELDS and first not in MORE_FIELDS:
        return sentence
    return f"{SHORT.get(first, '--' + first.replace('_', '-'))} {rest}"


def generate_parser() -> argparse.ArgumentParser:
    """Makes the parser; every flag carries a sentence for ``--help`` and for ``docs/command-line.md``."""
    made = Parser(
        prog="python launch.py generate",
        description="Makes pictures without a browser, and prints the paths of their files.",
        allow_abbrev=False,
        add_help=False,
    )
    made.add_argument("prompt", nargs="?", metavar="PROMPT", help="What to see; can be left out with --recipe.")
    made.add_argument("-h", "--help", action="help", help="Prints these sentences and ends.")
    _picture_flags(made)
    _file_flags(made)
    return made


def _picture_flags(made: argparse.ArgumentParser) -> None:
    told = {
        ("--negative-prompt",): ("TEXT", "What to avoid."),
        ("--num-inference-steps", "--steps"): ("NUMBER", "Generation steps; without it what suits the model."),
        ("--guidance-scale", "--guidance"): ("NUMBER", "Prompt strength; without it what suits the model."),
        ("--scheduler", "--sampler"): ("NAME", "Sampler by A1111's name or any alias, such as 'DPM++ 2M Karras'."),
        ("--seed",): (
            "NUMBER",
            "0 to 4294967295, or any words, for a picture that can be made again; without it a random one.",
        ),
        ("--width",): ("PIXELS", "Width of the picture, a multiple of 8; with --height."),
        ("--height",): ("PIXELS", "Height of the picture, a multiple of 8; with --width."),
        ("--num-images-per-prompt", "--count"): ("NUMBER", "Pictures to make, 1 to 10; the next has the next seed."),
        ("--model",): ("NAME", "Model, as the page lists it; without it the starter."),
        ("--vae",): ("NAME", "VAE file by its name, or taesd for the quick one; without it the model's own."),
        ("--refiner",): ("NAME", "Refiner model for the last steps, as the page lists it."),
        ("--refiner-switch",): ("NUMBER", "Share of the steps after which the refiner takes over, 0.5 to 1."),
        ("--strength",): ("NUMBER", "How much of --image may change, 0 to 1."),
        ("--mask-blur",): ("PIXELS", "Width of the soft edge of --mask, 0 to 64."),
    }
    for names, (value, sentence) in told.items():
        field = names[0].removeprefix("--").replace("-", "_")
        made.add_argument(*reversed(names), dest=field, type=FIELDS[field], metavar=value, help=sentence)
    made.add_argument(
        "--lora",
        dest="loras",
        action="append",
        metavar="NAME:WEIGHT",
        help="LoRA with its weight from -2 to 2, such as 'ink:0.8'; up to five times, as well as <lora:ink:0.8> in the "
        "prompt.",
    )
    for plain in PLAIN:
        _plain_flag(made, plain)
    made.add_argument("--style", metavar="NAME", help="Style to lay over the prompt, by its id or name.")
    made.add_argument(
        "--image", type=Path, metavar="FILE", help="Picture to begin with, or a folder of which each picture is one."
    )
    made.add_argument(
        "--mask",
        type=Path,
        metavar="FILE",
        help="Picture of --image's size; what is white in it is painted anew. With a folder of pictures, one for "
        "all or a folder with masks of their names.",
    )
    made.add_argument(
        "--recipe",
        type=Path,
        metavar="FILE",
        help="Picture whose recipe is made again; Reverie's, A1111's, ComfyUI's and others' are read, and flags go "
        "before what it says.",
    )
    made.add_argument(
        "--prove",
        action="store_true",
        help="Makes the picture of --recipe again, says whether the same came out, and keeps nothing.",
    )


def _plain_flag(made: argparse.ArgumentParser, field: PlainField) -> None:
    flag, kind = "--" + field.name.replace("_", "-"), MORE_FIELDS[field.name]
    sentence = field.hint.replace("; empty is", "; without it") + "."
    if field.control == "switch":
        made.add_argument(flag, dest=field.name, action="store_true", default=None, help=sentence)
        return
    if field.words:
        sentence = f"{field.hint}: {', '.join(field.words)}."
    told = {int: "NUMBER", float: "NUMBER"}.get(kind, "NAME")
    made.add_argument(flag, dest=field.name, type=kind, metavar=told, help=sentence)


def _file_flags(made: argparse.ArgumentParser) -> None:
    made.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="Folder for the pictures; without it the studio's own, where its page lists them.",
    )
    made.add_argument(
        "--format", choices=("png", "jpeg", "webp", "avif"), default="png", help="Kind of file; png is the default."
    )
    made.add_argument(
        "--quality", type=int, default=90, metavar="NUMBER", help="1 to 100 for jpeg, webp and avif; 90 is the default."
    )
    made.add_argument("--lossless", action="store_true", help="Keeps every pixel of a webp as it was.")
    made.add_argument(
        "--name", metavar="PATTERN", help="Name of the files by A1111's placeholders, such as '[seed]-[prompt_words]'."
    )
    made.add_argument("--quiet", action="store_true", help="Shows no progress.")
    made.add_argument(
        "--models-dir",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="Folder with models, such as an installation of A1111 or ComfyUI; may be given several times.",
    )
    add_device(made)
    add_memory_flags(made)
    made.add_argument("--torch-index", metavar="URL", help="As for the studio: where PyTorch is taken from.")
