"""The feed: an owner's finished pictures, newest first, one row for each request."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from .filling import own_words, style_words
from .library.infotext import TEMPLATE, read_infotext
from .library.search import EPOCH, Filters
from .plain_fields import BY_NAME
from .plain_form import plain_words
from .wording import LABELS, sampler_words

if TYPE_CHECKING:
    from .library.picture import SavedPicture
    from .studio import Studio

PICTURES_A_PAGE: Final = 36
MOST_IN_A_REQUEST: Final = 10
LOOK_AHEAD: Final = 24
"""Pictures beyond a page that are looked through for those of its requests, when several were under way together."""

SIDE_BY_SIDE: Final = 16
"""Requests that may be under way together: so many rows back is looked for a picture's own."""

AT_ONCE: Final = timedelta(minutes=10)
"""Longest time between two pictures of a request when others were finished between them."""

_SERIES: Final = re.compile(r"(grid|prompt_matrix|loopback|files|replay) (\d{1,4})/(\d{1,4})")

DETAILS: Final = {
    "Prompt strength": "guidance_scale",
    "Generation steps": "num_inference_steps",
    "Image strength": "strength",
    "Model": "model_name",
}


def feed_page(
    studio: Studio, owner: str, filters: Filters | None = None, *, after: str | None = None, upto: str | None = None
) -> dict[str, Any]:
    """One page of the feed, as the page's script reads it; a request is never cut in two.

    Args:
        studio: Whose library and queue it is.
        owner: The owner's token.
        filters: What is looked for; None = everything.
        after: ``after`` of the page before; None = from the newest.
        upto: ``after`` of the page itself, when it was asked for first: nothing that lies beyond is told.
    """
    wanted = filters or Filters()
    if upto is not None and upto.isascii() and upto.isdigit() and len(upto) < 19:
        since = EPOCH + timedelta(microseconds=int(upto))  # a picture's number is its moment
        wanted = replace(wanted, since=max(filter(None, (since, wanted.since))))
    page = studio.library.find(owner, wanted, count=PICTURES_A_PAGE + MOST_IN_A_REQUEST + LOOK_AHEAD, after=after)
    rows, last = _grouped(page.pictures), page.after
    if last is not None:
        cut = _between_requests(rows, page.pictures)
        rows = _grouped(page.pictures[:cut])
        last = studio.library.find(owner, wanted, count=cut, after=after).after
    everything = after is None and filters in (None, Filters())
    unsaved = _grouped(_unsaved(studio, owner)) if everything else []
    return {"rows": [_row(studio, pictures) for pictures in [*unsaved, *rows]], "after": last}


def picture_row(studio: Studio, picture: SavedPicture) -> dict[str, Any]:
    """One picture alone, as the page's script reads rows."""
    return _row(studio, [picture])


def small_picture(picture: SavedPicture) -> dict[str, Any]:
    """What a thumbnail needs, as the page's script reads it."""
    told = {"id": picture.id, "prompt": picture.prompt, "seed": picture.seed, "edit": picture.edit}
    return {**told, "width": picture.width, "height": picture.height}


def recipe_fields(picture: SavedPicture) -> dict[str, Any]:
    """The request fields that a picture's own text tells, by diffusers' names."""
    return read_infotext(picture.infotext) if picture.infotext else {"prompt": picture.prompt, "negative_prompt": ""}


def place_in_series(picture: SavedPicture) -> tuple[str, int, int]:
    """What series shown in one row a picture is of, how many that makes, and which it is; else empty and zeros."""
    found = _SERIES.fullmatch(picture.edit)
    return (found[1], int(found[3]), int(found[2])) if found else ("", 0, 0)


def follows(older: SavedPicture, newer: SavedPicture) -> bool:
    """Whether a picture was made before another of the same series."""
    kind, count, number = place_in_series(older)
    return bool(kind) and (kind, count) == place_in_series(newer)[:2] and number < place_in_series(newer)[2]


def _between_requests(rows: Sequence[Sequence[SavedPicture]], pictures: Sequence[SavedPicture]) -> int:
    """After how many of the pictures, from the newest, a page can end without cutting a row in two."""
    place = {picture.id: number for number, picture in enumerate(pictures)}
    spans = [(min(places), max(places)) for places in ([place[one.id] for one in row] for row in rows)]
    most = PICTURES_A_PAGE + MOST_IN_A_REQUEST
    return next((cut for cut in range(most, 0, -1) if not any(first < cut <= last for first, last in spans)), most)


def _grouped(pictures: Iterable[SavedPicture]) -> list[list[SavedPicture]]:
    """Puts the pictures of one request together: they agree in all but their seeds, which lie side by side.

    They need not have been finished in the order of their seeds, and others may have been finished between them, when
    several requests were under way. Those of one grid belong together, too.
    """
    rows: list[list[SavedPicture]] = []
    own: dict[str, int] = {}
    alike: list[tuple[object, ...]] = []  # what the pictures of each row have in common
    for picture in pictures:
        told = recipe_fields(picture)
        own[picture.id] = told.get("variation_seed", picture.seed)  # what differs from picture to picture of a request
        if rows and follows(picture, rows[-1][-1]):
            rows[-1].append(picture)
            alike[-1] = ()
            continue
        shared = {name: value for name, value in told.items() if name not in ("seed", "variation_seed")}
        if template_of(told):  # words left to chance: each picture has its own
            shared = {name: value for name, value in shared.items() if name not in ("prompt", "negative_prompt")}
        same: tuple[object, ...] = (
            repr(sorted(shared.items(), key=str)),
            picture.width,
            picture.height,
            picture.parent,
            picture.style,
        )
        for number in range(len(rows) - 1, max(-1, len(rows) - 1 - SIDE_BY_SIDE), -1):
            row = rows[number]
            seeds = {own[picture.id], *(own[one.id] for one in row)}
            near = number == len(rows) - 1 or row[-1].created - picture.created < AT_ONCE
            if alike[number] == same and near and max(seeds) - min(seeds) < MOST_IN_A_REQUEST and len(seeds) > len(row):
                row.append(picture)
                break
        else:
            rows.append([picture])
            alike.append(same)
    return [sorted(row, key=lambda one: (place_in_series(one)[2], own[one.id])) for row in rows]


def template_of(told: Mapping[str, Any]) -> str:
    """The prompt before chance decided, where it did."""
    return str(told.get("unknown", {}).get(TEMPLATE, ""))


def _unsaved(studio: Studio, owner: str) -> list[SavedPicture]:
    """Finished pictures that the disk did not take; the jobs hold them as long as they are remembered."""
    finished = [picture.saved for job in studio.queue.jobs(owner) for picture in job.view().pictures]
    unsaved = [saved for saved in finished if saved is not None and saved.path is None]
    return list({saved.id: saved for saved in unsaved}.values())  # a job tried again has those of the first try too


def _row(studio: Studio, pictures: list[SavedPicture]) -> dict[str, Any]:
    first = pictures[0]
    told = recipe_fields(first)
    shared = len(pictures) > 1 and bool(place_in_series(first)[0])
    words = own_words(studio, first.style, first.prompt, str(told.get("negative_prompt") or ""))
    row = {
        "key": first.id,
        "prompt": words["prompt"],
        "negative_prompt": words["negative_prompt"],
        "when": first.created.isoformat(),
    }
    if shared:  # each has words and settings of its own
        return row | {"edit": place_in_series(first)[0], "pictures": [_own_picture(studio, one) for one in pictures]}
    details = _details(told) | _style(studio, first)
    return row | {"edit": first.edit, "pictures": [_picture(picture, details) for picture in pictures]}


def _own_picture(studio: Studio, picture: SavedPicture) -> dict[str, Any]:
    """One of a series, with what others of a row leave to it."""
    told = recipe_fields(picture)
    words = own_words(studio, picture.style, picture.prompt, str(told.get("negative_prompt") or ""))
    own = {name: words[name] for name in ("prompt", "negative_prompt")}
    return _picture(picture, _details(told) | _style(studio, picture)) | own


def _style(studio: Studio, picture: SavedPicture) -> dict[str, str]:
    return {"Style": style_words(studio, picture.style)} if picture.style else {}


def _picture(picture: SavedPicture, details: Mapping[str, str]) -> dict[str, Any]:
    return {
        "id": picture.id,
        "seed": picture.seed,
        "width": picture.width,
        "height": picture.height,
        "starred": picture.starred,
        "kept": picture.path is not None,
        "parent": picture.parent,
        "edit": picture.edit,
        "details": {"Seed": picture.seed, "Size": f"{picture.width} × {picture.height}", **details},
    }


def _details(told: Mapping[str, Any]) -> dict[str, str]:
    details = {label: told[name] for label, name in DETAILS.items() if told.get(name) is not None}
    if "Image strength" in details:
        details["Image strength"] = f"{round((1 - float(details['Image strength'])) * 100)} %"
    details |= _sampler(told.get("scheduler"))
    details |= {BY_NAME[name].label: plain_words(name, told[name]) for name in BY_NAME if told.get(name) is not None}
    return {label: str(value) for label, value in details.items()}


def _sampler(name: object) -> dict[str, str]:
    """The sampler by the panel's two menus."""
    if not name:
        return {}
    return dict(zip((LABELS["scheduler"], "Noise schedule"), sampler_words(name), strict=False))
