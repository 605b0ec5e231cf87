"""Replay a chain: its first picture made again, on another model or at another size, then every edit on the result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from PIL import Image

from pipelines.errors import InvalidRequest
from pipelines.larger_rules import result_size
from pipelines.lora_tags import read_tags
from pipelines.request import GenerationRequest, InpaintRequest, TextToImageRequest, limits
from pipelines.samplers import find_sampler
from pipelines.styles_csv import apply_styles

from .enlarging import upscalers_of
from .filling import own_words
from .form import styles_of
from .library.repeating import repeat
from .model_menu import allows_sampler
from .models_told import TASKS
from .origin import Origin
from .replay_links import ALTERED, CannotReplay, Link, Scale, pixels_of
from .series import Made, Plan
from .sizes import size_of
from .wording import page_words

if TYPE_CHECKING:
    from pipelines.models import ModelInfo

    from .studio import Studio

KIND: Final = "replay"

Result = Callable[[int], Image.Image]


@dataclass(frozen=True)
class Wish:
    """What is to be otherwise.

    Attributes:
        model: Id of the model for every picture; None = each as it was.
        size: Width and height of the first picture; None = as it was.
        prompt: The first picture's words, before any style; None = as they were.
    """

    model: str | None = None
    size: tuple[int, int] | None = None
    prompt: str | None = None


class ReplayPlan(Plan):
    """The links of a chain, each begun with the new pictures; it ends early where one gives no picture.

    Args:
        studio: Whose models they name.
        links: The chain, the first picture first.
        wish: What is to be otherwise.

    Raises:
        CannotReplay: A link cannot be made again like this.
        InvalidRequest: The size or the words cannot be used.
    """

    kind = KIND

    def __init__(self, studio: Studio, links: list[Link], wish: Wish) -> None:
        self._studio, self._links, self.count = studio, links, len(links)
        self._base = base_size(studio, links[0])
        size = wish.size or self._base
        if wish.size is not None:
            TextToImageRequest(prompt="x", width=size[0], height=size[1])  # says what is wrong with it
        self._scale = Scale(size[0] / self._base[0], size[1] / self._base[1])
        self._words = first_words(studio, links[0])
        self._wish = wish
        self._new_prompt = self._first_prompt()
        self._changed = bool(wish.model) or not self._scale.same or self._new_prompt is not None
        self._check()

    def next_request(self, made: Made) -> GenerationRequest | None:
        """The next link's.

        Raises:
            InvalidRequest: The picture before cannot be read any more.
        """
        if len(made) >= self.count or (made and not made[-1]):
            return None
        return self._request(len(made), lambda number: pixels_of(made[number][0]))

    def origin(self, made: Made) -> Origin:
        """The new picture before, and the link's own style."""
        style = self._links[min(len(made), self.count - 1)].picture.style or None
        return Origin(parent=made[-1][0].id if made and made[-1] else None, style=style)

    def _check(self) -> None:
        """Makes every request once with blank pictures of the sizes to come, so that what cannot be is said at once."""
        sizes: list[tuple[int, int]] = []
        for number, link in enumerate(self._links):
            try:
                request = self._request(number, lambda earlier: Image.new("RGB", sizes[earlier]))
                sizes.append(self._finished(request))
            except ValueError as error:
                raise CannotReplay(f"{link.where}{page_words(error)}") from error

    def _finished(self, request: GenerationRequest) -> tuple[int, int]:
        if isinstance(request, InpaintRequest) and not request.is_whole_painted:
            return request.image.size
        return result_size(request, size_of(request, self._studio.model(request.model)))

    def _request(self, number: int, result: Result) -> GenerationRequest:
        link = self._links[number]
        changes = self._sizes(link) | self._prompts(number) | self._model(link)
        if not self._changed:
            changes["deterministic"] = True  # sharing a step with somebody else's picture can cost a bit
        return repeat(link.recipe, self._pictures(link, result), **changes)

    def _pictures(self, link: Link, result: Result) -> dict[str, Image.Image | None]:
        if link.beginning is None:
            return {}
        if self._changed and link.beginning.altered:
            raise CannotReplay(f"{link.where}{ALTERED}")
        image = link.beginning.anew(result, self._scale)
        return {"image": image} if link.mask is None else {"image": image, "mask_image": fitted(link.mask, image.size)}

    def _sizes(self, link: Link) -> dict[str, Any]:
        """Sizes and lengths in pixels, as much larger as the first picture is."""
        told: dict[str, Any] = link.recipe.request
        changes: dict[str, Any] = {}
        size = asked_size(self._studio, link)
        if self._changed and size is not None:
            changes |= dict(zip(("width", "height"), self._scale.of(size), strict=True))
        if self._scale.same:
            return changes
        if told.get("hires_width"):
            large = self._scale.of((told["hires_width"], told["hires_height"]))
            changes |= dict(zip(("hires_width", "hires_height"), large, strict=True))
        for name in ("mask_blur", "padding_mask_crop"):
            if isinstance(told.get(name), int):
                changes[name] = min(
                    round(told[name] * self._scale.length), int(limits(InpaintRequest, name)["maximum"])
                )
        return changes

    def _first_prompt(self) -> str | None:
        """The first picture's new prompt with its styles; None where it is the old one."""
        if self._wish.prompt is None or self._wish.prompt == self._words["prompt"]:
            return None
        if not self._wish.prompt.strip():
            raise InvalidRequest("prompt", "prompt is empty; say what the first picture should show.")
        styles = styles_of(self._studio, self._words["style"])
        return apply_styles(styles, self._wish.prompt, self._words["negative_prompt"])[0]

    def _prompts(self, number: int) -> dict[str, Any]:
        """The new words for the first picture, and for what only repeats it: branches, other noise, upscaling."""
        old, new = self._links[0].recipe.request.get("prompt"), self._new_prompt
        recipe = self._links[number].recipe
        told: dict[str, Any] = recipe.request
        if new is None or not (recipe.task == TextToImageRequest.task or told.get("strength") == 0):
            return {}
        changes: dict[str, Any] = {"prompt": new} if told.get("prompt") == old else {}
        if told.get("stages"):
            changes["stages"] = [
                stage | {"prompt": new} if stage["prompt"] == old else stage for stage in told["stages"]
            ]
        return changes

    def _model(self, link: Link) -> dict[str, Any]:
        """Which model, and what cannot stay with another one.

        Raises:
            CannotReplay: It is not there, or cannot do this.
        """
        told: dict[str, Any] = link.recipe.request
        before = link.recipe.model.id if link.recipe.model is not None else told.get("model")
        model = self._studio.models.get(str(self._wish.model or before)) if self._wish.model or before else None
        if model is None and (self._wish.model or before):
            name = link.recipe.model.name if link.recipe.model is not None else before
            gone = self._wish.model or name
            raise CannotReplay(f"{link.where}the model {gone} is not here any more; choose another.")
        if model is None:
            return {}
        self._check_task(link, model)
        old = self._studio.models.get(str(before))
        if not self._wish.model or before == model.id:
            return {"model": told.get("model")}
        changes: dict[str, Any] = {"model": model.id}
        if old is None or old.family != model.family:
            if told.get("loras") or read_tags(str(told.get("prompt", "")))[1]:
                raise CannotReplay(f"{link.where}its LoRA is made for another kind of model than {model.name}.")
            changes |= {"vae": None, "refiner": None}
        sampler = find_sampler(str(told.get("scheduler", "Euler"))).sampler.name
        if not allows_sampler(self._studio, model.id, sampler):
            changes["scheduler"] = model.defaults.get("scheduler", "Euler")
        return changes

    def _check_task(self, link: Link, model: ModelInfo) -> None:
        told: dict[str, Any] = link.recipe.request
        if link.recipe.task == "image_to_image" and told.get("strength") == 0:  # nothing is painted
            upscaler = str(told.get("tile_upscaler"))
            if upscaler not in upscalers_of(self._studio):
                raise CannotReplay(f"{link.where}the upscaler {upscaler} is not here any more.")
        elif link.recipe.task not in model.tasks:
            task = TASKS[link.recipe.task].lower()
            raise CannotReplay(f"{link.where}{model.name} cannot do {task}; choose another model.")


def base_size(studio: Studio, first: Link) -> tuple[int, int]:
    """Width and height of the first picture of a chain, before any second pass."""
    size = asked_size(studio, first)
    if first.beginning is not None and (size is None or first.recipe.request.get("padding_mask_crop") is not None):
        return first.beginning.kept.size
    assert size is not None
    return size


def asked_size(studio: Studio, link: Link) -> tuple[int, int] | None:
    """Width and height that a link was asked for at; None where it is as large as what it began with."""
    told: dict[str, Any] = link.recipe.request if link.beginning is not None else link.recipe.repeating_fields()
    if told.get("width") and told.get("height"):
        return int(told["width"]), int(told["height"])
    if link.beginning is not None:
        return None
    native = made_on(studio, link).native_size
    return native, native


def made_on(studio: Studio, link: Link) -> ModelInfo:
    """The model that a link was made on."""
    return studio.model(link.recipe.model.id if link.recipe.model is not None else None)


def first_words(studio: Studio, first: Link) -> dict[str, Any]:
    """The artist's own words and styles of the first picture."""
    told = first.recipe.request
    prompt, without = str(told.get("prompt") or ""), str(told.get("negative_prompt") or "")
    return own_words(studio, first.picture.style, prompt, without)


def fitted(mask: Image.Image, size: tuple[int, int]) -> Image.Image:
    """A mask at another size; one that was hard stays so.

    Args:
        mask: Mode L; returned as it is where it has the size.
        size: Width and height.
    """
    if mask.size == size:
        return mask
    larger = mask.resize(size, Image.Resampling.BILINEAR)
    hard = not any(mask.histogram()[1:255])
    return larger.point(lambda level: 255 if level > 127 else 0) if hard else larger
