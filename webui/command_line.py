"""``launch.py generate``: the studio's own engine without a browser, for scripts."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import Any, Final

from PIL import Image

from pipelines.errors import ReverieError
from pipelines.events import GenerationStarted, ImageFinished, StepCompleted
from pipelines.hashes import WeightsHashes
from pipelines.images import open_upload
from pipelines.manager import PipelineManager
from pipelines.models import ModelInfo
from pipelines.preset import load_styles
from pipelines.request import GenerationRequest, ImageToImageRequest, InpaintRequest, TextToImageRequest
from pipelines.styles_csv import apply_styles

from .folder_pictures import checked_masks, make_each
from .generate_flags import GenerateFlags, flag_words
from .library.embed import Stamp
from .library.foreign import read_foreign
from .library.foreign_extras import installed_of, without_missing
from .library.formats import Saving
from .library.keeping import Keeper
from .library.picture import SavedPicture
from .library.prove import machine_of, prove
from .library.store import Library
from .memory_wishes import wishes_of
from .owners import LOCAL_OWNER
from .places import models_dirs, outputs_dir
from .progress_bar import ProgressBar
from .refusal import CannotStart
from .typed_seed import seed_of

PATTERN: Final = "[datetime<%Y%m%d-%H%M%S>]-[seed]-[prompt_words]"
"""Names in a folder of somebody's own, where no folder for each day is wanted."""

TASKS: Final = {
    "text_to_image": "a picture from words",
    "image_to_image": "a picture made from --image",
    "inpaint": "a picture with --mask",
}

NOT_SAME: Final = 3
"""Exit code of ``--prove`` where another picture came out, or none."""


def generate(flags: GenerateFlags) -> int:
    """Makes pictures and prints the paths of their files, one a line.

    Args:
        flags: The command line.

    Returns:
        The exit code: 0 when every picture was made and kept; with ``--prove`` 3 when another one came out.

    Raises:
        CannotStart: Something that was asked for cannot be done; one sentence says what.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    bar = ProgressBar(sys.stderr, quiet=flags.quiet)
    try:
        if flags.recipe is not None and not flags.recipe.is_file():
            raise CannotStart(f"--recipe {flags.recipe} is not there; give a picture's file.")
        saving = _saving(flags)
        folders, wishes = models_dirs(flags.models_dir), wishes_of(flags)
        with closing(PipelineManager(folders, device=flags.device, previews=False, wishes=wishes)) as manager:
            if flags.prove:
                return _prove(flags, manager, bar)
            ask, style = _request(flags, manager, bar)
            with closing(_Sink(flags, saving)) as sink:
                if flags.image is not None and flags.image.is_dir():
                    make = partial(_make, style=style, manager=manager, sink=sink, bar=bar)
                    return make_each(flags.image, checked_masks(flags.mask), ask, make, bar)
                pictures = {"image": _picture(flags.image, "--image"), "mask_image": _mask(flags)}
                return _make(ask(**pictures), style, manager, sink, bar)
    except (ReverieError, OSError) as error:
        raise CannotStart(flag_words(str(error))) from error
    finally:
        bar.close()


class _Sink:
    """Where pictures go: the studio's library, or a folder of somebody's own."""

    def __init__(self, flags: GenerateFlags, saving: Saving) -> None:
        self._library: Library | None = None
        if flags.out is None:
            self._library = Library(outputs_dir(None), saving)
        else:
            try:
                folder = outputs_dir(flags.out)
            except CannotStart as error:
                raise CannotStart(str(error).replace("--outputs-dir", "--out")) from error
            self._keeper = Keeper(folder, saving, WeightsHashes())

    def keep(
        self,
        request: GenerationRequest,
        event: ImageFinished,
        model: ModelInfo | None,
        style: str | None,
        machine: dict[str, str],
    ) -> SavedPicture:
        if self._library is not None:
            return self._library.keep(LOCAL_OWNER, request, event, model=model, style=style, machine=machine)
        recipe = self._keeper.recipe(request, event, model=model, parent=None, edit=None, style=style, machine=machine)
        stamp = Stamp(id=token_hex(16), owner="", created=datetime.now(timezone.utc), recipe=recipe)
        return self._keeper.write(stamp, event.image, request.num_images_per_prompt)[0]

    def close(self) -> None:
        if self._library is not None:
            self._library.close()


def _make(
    request: GenerationRequest, style: str | None, manager: PipelineManager, sink: _Sink, bar: ProgressBar
) -> int:
    model, _ = manager.check(request)
    bar.wait("Loading the engine …")
    manager.warm_up()
    machine = machine_of(manager)
    steps: dict[int, int] = {}
    total, failed = 1, False
    for event in manager.generate(request):
        if isinstance(event, GenerationStarted):
            total = event.total_steps * len(event.seeds)
            for notice in event.notices:
                bar.warn(notice)
        elif isinstance(event, StepCompleted):
            steps[event.index] = event.step
            bar.show(sum(steps.values()), total)
        elif isinstance(event, ImageFinished):
            saved = sink.keep(request, event, model, style, machine)
            if saved.path is None:
                bar.warn(saved.notice or "The picture could not be saved.")
                failed = True
                continue
            bar.say(f"Picture {event.index + 1} of {request.num_images_per_prompt}, seed {event.seed}.")
            print(saved.path, flush=True)
    return 1 if failed else 0


def _prove(flags: GenerateFlags, manager: PipelineManager, bar: ProgressBar) -> int:
    assert flags.recipe is not None
    bar.wait("Making the picture again …")
    manager.warm_up()
    proof = prove(flags.recipe, manager, image=_picture(flags.image, "--image"), mask_image=_mask(flags))
    print(proof.outcome, flush=True)
    if proof.outcome in ("same", "different"):
        bar.say(f"{proof.share:.2%} of the pixels differ, by {proof.largest_difference} of 255 levels at most.")
    for reason in proof.reasons:
        bar.say(reason)
    return 0 if proof.outcome in ("identical", "same") else NOT_SAME


def _request(
    flags: GenerateFlags, manager: PipelineManager, bar: ProgressBar
) -> tuple[Callable[..., GenerationRequest], str | None]:
    """What makes the request of its pictures, and the style that was laid over its prompt."""
    models = manager.models()
    fields, task, style = _from_recipe(flags, manager, bar) if flags.recipe is not None else ({}, "text_to_image", None)
    fields |= flags.fields
    if "seed" in flags.fields:
        fields["seed"] = seed_of(flags.fields["seed"])
    chosen = next((info for info in models if info.id == (fields.get("model") or models[0].id)), models[0])
    fields = {**chosen.defaults, **fields}
    style = _styled(flags.style, fields) or style
    kind: type[GenerationRequest] = TextToImageRequest
    if flags.image is not None or task != "text_to_image":
        kind = InpaintRequest if flags.mask is not None or task == "inpaint" else ImageToImageRequest
    needless = next((name for name in flags.fields if name not in kind.model_fields), None)
    if needless is not None:
        sentence = f"{needless} was given, and {TASKS[kind.task]} has no such setting; leave it out."
        raise CannotStart(flag_words(sentence))

    def ask(**pictures: Image.Image | None) -> GenerationRequest:
        given = {**fields, **pictures}
        return kind(**{name: value for name, value in given.items() if name in kind.model_fields})

    return ask, style


def _from_recipe(
    flags: GenerateFlags, manager: PipelineManager, bar: ProgressBar
) -> tuple[dict[str, Any], str, str | None]:
    """Fields, task and style that --recipe tells; what cannot be had is said."""
    assert flags.recipe is not None
    read = read_foreign(flags.recipe, manager.models(), WeightsHashes(), installed_of(manager))
    if not read.fields:
        raise CannotStart(f"--recipe {flags.recipe.name} has no recipe that can be read; give another picture.")
    fields = dict(read.fields)
    if "prompt" in fields:
        fields["prompt"] = without_missing(str(fields["prompt"]), manager.loras())
    for near in read.approximated:
        bar.warn(f"{near.field} is {near.value}: {near.how}.")
    for left in read.not_possible:
        if left.what not in ("image", "mask_image"):
            bar.warn(f"Left out, {left.what}: {left.why}.")
    style = read.recipe.style if read.recipe is not None and "prompt" not in flags.fields else None
    return fields, read.task, style  # whose words are in the prompt already


def _styled(asked: str | None, fields: dict[str, Any]) -> str | None:
    if asked is None:
        return None
    known = {name: style for style in load_styles()[0] for name in (style.id.lower(), style.label.lower())}
    chosen = []
    for name in asked.split(","):
        style = known.get(name.strip().lower())
        if style is None:
            there = ", ".join(dict.fromkeys(style.id for style in known.values()))
            raise CannotStart(f"--style {name.strip()[:40]!r} is none; there are {there}.")
        chosen.append(style)
    prompts = apply_styles(chosen, str(fields.get("prompt", "")), str(fields.get("negative_prompt", "")))
    fields["prompt"], fields["negative_prompt"] = prompts
    return ",".join(style.id for style in chosen)


def _picture(path: Path | None, flag: str) -> Image.Image | None:
    if path is None:
        return None
    if not path.is_file():
        raise CannotStart(f"{flag} {path} is {'a folder' if path.is_dir() else 'not there'}; give a picture's file.")
    return open_upload(path, parameter=flag).image


def _mask(flags: GenerateFlags) -> Image.Image | None:
    mask = _picture(flags.mask, "--mask")
    return mask.convert("L") if mask else None


def _saving(flags: GenerateFlags) -> Saving:
    usual = Saving(format=flags.format, quality=flags.quality, lossless=flags.lossless)  # type: ignore[arg-type]
    pattern = flags.name or (PATTERN if flags.out is not None else usual.pattern)
    return replace(usual, pattern=pattern)
