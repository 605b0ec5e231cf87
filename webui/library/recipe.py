"""The recipe of a picture: everything that made it, as plain values."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Protocol, TypeVar

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError
from pydantic_core import to_jsonable_python

from pipelines.errors import ReverieError
from pipelines.events import ImageFinished
from pipelines.request import LARGEST_PROMPT, LARGEST_SEED, GenerationRequest

DISTRIBUTION: Final = "reverie-dream-studio"

FORMAT: Final = 1
"""Grows when a later Reverie could misread an older recipe."""

LARGEST_RECIPE: Final = 1 << 20
"""Bytes; two prompts of the greatest length with every character escaped fit well."""


Model = TypeVar("Model", bound=BaseModel)


class RecipeError(ReverieError):
    """A recipe that is damaged, too long, or of a kind Reverie does not know."""


class ModelLike(Protocol):
    """A model as ``PipelineManager.models()`` lists it; a ``hash`` is taken where it has one."""

    @property
    def id(self) -> str:
        """What a request's ``model`` holds."""
        ...

    @property
    def name(self) -> str:
        """The name for people."""
        ...


class RecipeModel(BaseModel):
    """Which model made a picture.

    Attributes:
        id: What a request's ``model`` holds.
        name: For people.
        hash: SHA-256 of the weights, in hexadecimal, or None where it is not known.
    """

    model_config = ConfigDict(frozen=True)

    id: Annotated[str, Field(max_length=1000)]
    name: Annotated[str, Field(max_length=1000)]
    hash: Annotated[str, Field(max_length=128)] | None = None


class Recipe(BaseModel):
    """What made one picture.

    Attributes:
        format: The layout's version.
        task: ``text_to_image``, ``image_to_image`` or ``inpaint``.
        request: The request's fields by name; a picture is ``sha256:`` and the digest of its pixels.
        index: Which picture of the request, from 0.
        seed: The seed that makes this picture alone, never -1.
        width: Pixels of the result.
        height: Pixels of the result.
        model: Which model, or None where nobody said.
        versions: Of what took part, by distribution name.
        parent: Id of the picture it was made from, or None.
        edit: What was done to the parent (``inpaint``, ``variation`` …), or None.
        style: Ids of the styles that were laid over the prompt, with commas between, or None.
        machine: What computed it: ``device`` and ``precision``, as far as the back end tells.
        files: Hashes of LoRAs (``lora:`` and a name) and of the VAE (``vae:`` and its name) that took part.
        notes: What else an infotext tells, by A1111's keys: the axes of a grid.
        drawn: The prompts as they ran, where chance decided in them.
    """

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = FORMAT
    task: Literal["text_to_image", "image_to_image", "inpaint"]
    request: dict[str, JsonValue]
    index: Annotated[int, Field(ge=0)] = 0
    seed: Annotated[int, Field(ge=0, le=LARGEST_SEED + 10)]
    width: Annotated[int, Field(ge=1, le=65536)]
    height: Annotated[int, Field(ge=1, le=65536)]
    model: RecipeModel | None = None
    versions: dict[str, str] = {}
    parent: Annotated[str, Field(max_length=64)] | None = None
    edit: Annotated[str, Field(max_length=64)] | None = None
    style: Annotated[str, Field(max_length=700)] | None = None
    machine: dict[str, str] = {}
    files: dict[str, str] = {}
    notes: dict[str, str] = {}
    drawn: dict[Annotated[str, Field(max_length=20)], Annotated[str, Field(max_length=LARGEST_PROMPT)]] = {}

    def without_prompt(self) -> Recipe:
        """The same recipe without a word of the prompts, nor where it came from."""
        bare = self.request | {name: "" for name in ("prompt", "negative_prompt") if name in self.request}
        return self.model_copy(update={"request": bare, "parent": None, "edit": None, "notes": {}})

    def repeating_fields(self) -> dict[str, JsonValue]:
        """The request fields that make this one picture again: its own seed and size, a count of 1.

        Pictures are left out; an image-to-image recipe needs the same ``image`` (and ``mask_image``) again.
        """
        pictures = [name for name, value in self.request.items() if str(value).startswith("sha256:")]
        kept = {name: value for name, value in self.request.items() if name not in ("image", "mask_image", *pictures)}
        own: dict[str, JsonValue] = {"seed": self.seed}
        if not made_larger(self.request):
            own |= {"width": self.width, "height": self.height}
        return {**kept, **own, "num_images_per_prompt": 1}


def made_larger(request: Mapping[str, Any]) -> bool:
    """Whether the picture is of another size than was painted of it at first: hires fix, tiles, a part laid back.

    Args:
        request: Fields, as far as they are told.
    """
    second = request.get("hires_scale", 1) != 1 or request.get("hires_width") is not None
    return second or request.get("tile_scale", 1) != 1 or request.get("padding_mask_crop") is not None


def write_recipe(
    request: GenerationRequest,
    event: ImageFinished,
    *,
    model: ModelLike | None = None,
    parent: str | None = None,
    edit: str | None = None,
    style: str | None = None,
    machine: Mapping[str, str] | None = None,
    weights: str | None = None,
    notes: Mapping[str, str] | None = None,
) -> Recipe:
    """Writes down what made a finished picture.

    Args:
        request: What was asked for.
        event: The finished picture.
        model: The model that made it.
        parent: Id of the picture it was made from.
        edit: What was done to the parent; None = the request's task, where there is a parent.
        style: Id of the style laid over the prompt.
        machine: What computed it.
        weights: SHA-256 of the model's weights; None = what ``model`` says.
        notes: What else its infotext tells.
    """
    fields = {name: _plain(getattr(request, name)) for name in type(request).model_fields}
    if event.variation_seed is not None:
        fields["variation_seed"] = event.variation_seed  # this picture's own
    known = weights or getattr(model, "hash", None)
    made_by = RecipeModel(id=model.id, name=model.name, hash=known) if model else None
    return Recipe(
        task=request.task,
        request=fields,
        index=event.index,
        seed=event.seed,
        width=event.image.width,
        height=event.image.height,
        model=made_by,
        versions=dict(versions()),
        parent=parent,
        edit=edit or (request.task if parent else None),
        style=style,
        machine=dict(machine or {}),
        files=dict(event.files),
        notes=dict(notes or {}),
        drawn=dict(event.drawn),
    )


def read_json(kind: type[Model], text: str | bytes) -> Model:
    """Reads a recipe, or something around one, from its JSON.

    Raises:
        RecipeError: It is too long, no JSON, or a field is missing or wrong.
    """
    if len(text) > LARGEST_RECIPE:
        raise RecipeError(f"The recipe is {len(text)} long, and at most {LARGEST_RECIPE} can be read.")
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "JSON"
        raise RecipeError(f"The recipe is damaged ({field}: {first['msg']}); fill in its fields by hand.") from error


def digest(image: Image.Image) -> str:
    """Names a picture by its pixels: ``sha256:`` and 64 hexadecimal digits, whatever file it came from."""
    pixels = hashlib.sha256(f"{image.mode} {image.width}x{image.height}\n".encode())
    pixels.update(image.tobytes())
    return f"sha256:{pixels.hexdigest()}"


@lru_cache(maxsize=1)
def versions() -> dict[str, str]:
    """The versions that decide how a picture comes out, read without importing any of the packages."""
    found = {"reverie": _own_version(), "python": platform.python_version()}
    for name in ("diffusers", "torch", "transformers"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _own_version() -> str:
    """From the checkout Reverie runs in, which is the usual way; else from where it was installed to."""
    project = Path(__file__).resolve().parents[2] / "pyproject.toml"
    if project.is_file():
        stated = re.search(r'^version = "([^"\n]{1,64})"', project.read_text(encoding="utf-8"), re.MULTILINE)
        if stated:
            return stated[1]
    try:
        return importlib.metadata.version(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def _plain(value: Any) -> JsonValue:
    plain: JsonValue = digest(value) if isinstance(value, Image.Image) else to_jsonable_python(value)
    return plain
