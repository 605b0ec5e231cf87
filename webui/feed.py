"""The feed: an owner's finished pictures, newest first, one row for each request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from pipelines.errors import InvalidRequest
from pipelines.sampler_table import NATIVE
from pipelines.samplers import find_sampler

from .library.infotext import read_infotext
from .wording import LABELS

if TYPE_CHECKING:
    from .library.picture import SavedPicture
    from .studio import Studio

PICTURES_A_PAGE: Final = 36
MOST_IN_A_REQUEST: Final = 10

DETAILS: Final = {
    "Prompt strength": "guidance_scale",
    "Generation steps": "num_inference_steps",
    "Image strength": "strength",
    "Model": "model_name",
}


def feed_page(studio: Studio, owner: str, before: str | None = None) -> dict[str, Any]:
    """One page of the feed, as the page's script reads it; a request is never cut in two.

    Args:
        studio: Whose library and queue it is.
        owner: The owner's token.
        before: Id of the last picture already shown; None = from the newest.
    """
    found = list(studio.library.newest(owner, PICTURES_A_PAGE + MOST_IN_A_REQUEST, before))
    more = len(found) == PICTURES_A_PAGE + MOST_IN_A_REQUEST
    rows = _grouped(found)
    if more and len(rows) > 1:
        rows.pop()  # its other pictures may be on the next page
    unsaved = [] if before else _grouped(_unsaved(studio, owner))
    return {"rows": [_row(pictures) for pictures in [*unsaved, *rows]], "more": more}


def recipe_fields(picture: SavedPicture) -> dict[str, Any]:
    """The request fields that a picture's own text tells, by diffusers' names."""
    return read_infotext(picture.infotext) if picture.infotext else {"prompt": picture.prompt, "negative_prompt": ""}


def _grouped(pictures: Iterable[SavedPicture]) -> list[list[SavedPicture]]:
    """Puts the pictures of one request together: they follow each other, agree in all else, and share no seed.

    They need not have been finished in the order of their seeds.
    """
    rows: list[list[SavedPicture]] = []
    last: tuple[object, ...] = ()
    for picture in pictures:
        told = {name: value for name, value in recipe_fields(picture).items() if name != "seed"}
        same: tuple[object, ...] = (repr(sorted(told.items(), key=str)), picture.width, picture.height)
        seeds = [one.seed for one in rows[-1]] if rows and same == last else []
        span = max([picture.seed, *seeds]) - min([picture.seed, *seeds])
        if seeds and span < MOST_IN_A_REQUEST and picture.seed not in seeds:
            rows[-1].append(picture)
        else:
            rows.append([picture])
        last = same
    return [sorted(row, key=lambda one: one.seed) for row in rows]


def _unsaved(studio: Studio, owner: str) -> list[SavedPicture]:
    """Finished pictures that the disk did not take; the jobs hold them as long as they are remembered."""
    finished = [picture.saved for job in studio.queue.jobs(owner) for picture in job.view().pictures]
    unsaved = [saved for saved in finished if saved is not None and saved.path is None]
    return list({saved.id: saved for saved in unsaved}.values())  # a job tried again has those of the first try too


def _row(pictures: list[SavedPicture]) -> dict[str, Any]:
    first = pictures[0]
    told = recipe_fields(first)
    return {
        "key": first.id,
        "prompt": first.prompt,
        "negative_prompt": str(told.get("negative_prompt") or ""),
        "when": first.created.isoformat(),
        "oldest": min(pictures, key=lambda picture: picture.created).id,
        "pictures": [
            {
                "id": picture.id,
                "seed": picture.seed,
                "width": picture.width,
                "height": picture.height,
                "details": {"Seed": picture.seed, "Size": f"{picture.width} × {picture.height}", **_details(told)},
            }
            for picture in pictures
        ],
    }


def _details(told: Mapping[str, Any]) -> dict[str, str]:
    details = {label: told[name] for label, name in DETAILS.items() if told.get(name) is not None}
    if "Image strength" in details:
        details["Image strength"] = f"{round((1 - float(details['Image strength'])) * 100)} %"
    return {label: str(value) for label, value in {**details, **_sampler(told.get("scheduler"))}.items()}


def _sampler(name: object) -> dict[str, str]:
    """The sampler as the panel's two menus show it; a name that none of them has stays as it is."""
    if not name:
        return {}
    try:
        choice = find_sampler(str(name))
    except InvalidRequest:
        return {LABELS["scheduler"]: str(name)}
    shown = {LABELS["scheduler"]: choice.sampler.label}
    return shown if choice.schedule == NATIVE else {**shown, "Noise schedule": choice.schedule}
