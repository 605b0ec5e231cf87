"""Many pictures: the form's settings for each of several uploads, as one series of jobs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import gradio as gr
from PIL import Image

from pipelines.errors import InvalidRequest, ReverieError
from pipelines.images import FORMATS, check_pixels

from .looping import asks_for_loops
from .masks import transparent_mask
from .origin import Origin
from .series import Made, Plan

if TYPE_CHECKING:
    from pipelines.request import GenerationRequest

MOST_FILES: Final = 100
NAMED: Final = 3
TASKS: Final = ("image_to_image", "inpaint")

Make = Callable[[Mapping[str, Any]], "GenerationRequest"]


def lay_out_many() -> dict[str, gr.components.Component]:
    """Lays out the upload for several files, folded up."""
    with gr.Accordion("Many pictures", open=False, elem_id="many-section"):
        files = gr.File(
            file_count="multiple", label="Pictures to go through one after another", elem_id="files", height=150,
            buttons=[],
        )  # fmt: skip
    return {"files": files}


class FilesPlan(Plan):
    """A request for each file, made when its turn comes; a file that cannot be read keeps back none of the others.

    Args:
        files: Paths, of which at least one can be read.
        make: Makes a request of the form's values.
        values: The form's values; ``source`` is each file in turn. Where nothing was brushed, what is transparent in
            a file is its mask.
        style: Id of the style laid over the prompt.

    Attributes:
        unread: Why files could not be used, by their names.
    """

    kind = "files"

    def __init__(self, files: Sequence[Path], make: Make, values: Mapping[str, Any], style: str | None = None) -> None:
        self.unread: dict[str, str] = {}
        self._make, self._values, self._style = make, dict(values), style
        self._files = [path for path in files if self._opens(path)]
        self.count = len(self._files)
        self._next = 0  # index of the first file that no request was made of yet
        self._at: dict[int, GenerationRequest] = {}  # the newest, by its number in the series

    def next_request(self, made: Made) -> GenerationRequest | None:
        """The request for the next file that can be read; the same one again while there is no room for it."""
        number = len(made)
        while number not in self._at and self._next < len(self._files):
            path = self._files[self._next]
            self._next += 1
            try:
                self._at = {number: self._make(self._with(path))}
            except InvalidRequest as error:
                if not made and error.parameter not in ("image", "mask_image"):
                    raise  # it is the form that is wrong
                self.unread[path.name] = str(error)
                self.count -= 1
        return self._at.get(number)

    def origin(self, made: Made) -> Origin:  # noqa: ARG002
        """The style; what a file was before it came, nobody knows."""
        return Origin(style=self._style)

    def finish(self, owner: str, made: Made) -> str | None:  # noqa: ARG002
        """Says which files were left out."""
        return self.left_out()

    def left_out(self) -> str | None:
        """Which files could not be used, and why the first could not, as a sentence."""
        if not self.unread:
            return None
        names = ", ".join(list(self.unread)[:NAMED]) + (" …" if len(self.unread) > NAMED else "")
        first = next(iter(self.unread.values()))
        return f"Left out: {names}; {first}"

    def _with(self, path: Path) -> dict[str, Any]:
        values = {**self._values, "source": str(path), "parent": ""}
        if values["task"] == "inpaint" and not values.get("mask"):
            values["mask"] = transparent_mask(str(path))
        return values

    def _opens(self, path: Path) -> bool:
        """Looks at a file's first bytes only, so that a hundred are looked at in no time."""
        try:
            with Image.open(path, formats=FORMATS) as image:
                check_pixels(image)
        except ReverieError as error:
            self.unread[path.name] = str(error)
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
            self.unread[path.name] = "image is not a picture Reverie can read; use PNG, JPEG, WebP or another of those."
        else:
            return True
        return False


def files_asked(values: Mapping[str, Any], make: Make, style: str | None) -> FilesPlan | None:
    """The series, where the form has several files on a tab that takes pictures.

    Args:
        values: The form's values by name.
        make: Makes a request of them.
        style: Id of the style laid over the prompt.

    Raises:
        InvalidRequest: They are too many, none can be read, or loopback is wanted of them besides.
    """
    given = values.get("files") if values["task"] in TASKS else None
    files = [Path(str(path)) for path in given] if isinstance(given, (list, tuple)) else []
    if not files:
        return None
    if len(files) > MOST_FILES:
        raise InvalidRequest("image", f"image has {len(files)} files; give at most {MOST_FILES} at once.")
    if asks_for_loops(values):
        raise InvalidRequest(
            "loops", "loops is more than 1 and many pictures are given; set Loops to 1, or take the pictures away."
        )
    plan = FilesPlan(files, make, values, style)
    if not plan.count:
        raise InvalidRequest("image", next(iter(plan.unread.values())))
    return plan
