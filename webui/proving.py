"""Making a picture again on request: step by step told to the page, given up as soon as nobody waits for it."""

from __future__ import annotations

import base64
import html
import inspect
import io
import logging
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from PIL import Image

from pipelines.errors import ReverieError
from pipelines.events import GenerationEvent, StepCompleted
from pipelines.hashes import WeightsHashes
from pipelines.images import open_upload
from pipelines.models import ModelInfo
from pipelines.request import GenerationRequest

from .backend import Backend
from .library.prove import Proof, prove
from .wording import page_words

log = logging.getLogger(__name__)

LONG_SIDE: Final = 640
"""Pixels of the two pictures that are shown beside each other."""

QUALITY: Final = 92
PATIENCE: Final = 0.5
"""Seconds after which it is looked whether anybody still waits."""

BROKEN: Final = "It could not be made again, for a reason that only the studio's log tells."


@dataclass
class Watched:
    """A back end that reports its steps and ends early when it is told to; all else is the other's.

    Attributes:
        inner: What makes pictures.
        owner: On whose behalf, so that the steps are shared fairly.
        report: Called with the number of steps done and of all.
        stopped: Set = make no further step.
    """

    inner: Backend
    owner: str
    report: Callable[[int, int], None]
    stopped: threading.Event

    def generate(self, request: GenerationRequest) -> Iterator[GenerationEvent]:
        """Makes the picture; ends without one when it is stopped."""
        more: dict[str, Any] = {}
        if "owner" in inspect.signature(self.inner.generate).parameters:
            more["owner"] = self.owner
        for event in self.inner.generate(request, **more):
            if self.stopped.is_set():
                return
            if isinstance(event, StepCompleted):
                self.report(event.step, event.total_steps)
            yield event

    def models(self) -> list[ModelInfo]:
        """What the other has."""
        return self.inner.models()

    def status(self) -> str:
        """What the other says."""
        return self.inner.status()

    def warm_up(self) -> None:
        """Left to the other's owner."""

    def close(self) -> None:
        """Left to the other's owner."""

    def __getattr__(self, name: str) -> Any:
        """What some back ends have besides: ``machine``."""
        return getattr(self.inner, name)


@dataclass
class Proofs:
    """The proofs under way, at most one for each open page.

    Attributes:
        manager: Makes the pictures.
        weights: Knows the hashes of models' weights.
    """

    manager: Backend
    weights: WeightsHashes
    _running: dict[str, threading.Event] = field(default_factory=dict)

    def stop(self, page: str) -> None:
        """Gives up what is being made for a page; its picture is of no interest any more."""
        stopped = self._running.pop(page, None)
        if stopped is not None:
            stopped.set()

    def run(
        self, page: str, owner: str, path: str, *, image: Image.Image | None, mask_image: Image.Image | None
    ) -> Iterator[str]:
        """Makes a picture again on a thread of its own; ends early, and takes back what it said, when it is stopped.

        Args:
            page: Which open page asks.
            owner: Whose visit it is.
            path: The picture.
            image: The picture it began with, where the form has one.
            mask_image: The mask, where the form has one.

        Yields:
            What to show, as HTML: how far it is, in the end what came of it.
        """
        self.stop(page)
        stopped = self._running[page] = threading.Event()
        news: queue.SimpleQueue[str | None] = queue.SimpleQueue()  # None = that was all
        watched = Watched(self.manager, owner, lambda step, steps: news.put(busy(step, steps)), stopped)

        def work() -> None:
            try:
                proof = prove(path, watched, image=image, mask_image=mask_image, weights=self.weights)
                news.put(verdict(proof, path))
            except ReverieError as error:
                news.put(_told("Not possible", (str(error),)))
            except Exception:
                log.exception("A proof failed.")
                news.put(_told("Not possible", (BROKEN,)))
            finally:
                news.put(None)

        threading.Thread(target=work, name="reverie-proof", daemon=True).start()
        try:
            yield busy()
            while not stopped.is_set():
                try:
                    said = news.get(timeout=PATIENCE)
                except queue.Empty:
                    continue
                if said is None:
                    return
                if not stopped.is_set():
                    yield said
            yield ""  # Gradio says once more what was said last, and by then another picture may be there
        finally:
            stopped.set()  # nothing slower: it may be the server's own thread that ends this
            if self._running.get(page) is stopped:
                del self._running[page]


def busy(step: int = 0, steps: int = 0) -> str:
    """That it is under way, as HTML."""
    words = f"Making it again, step {step} of {steps}" if steps else "Making it again"
    share = round(100 * step / steps) if steps else 0
    return f'<div class="proof busy"><p>{words} …</p><i style="--done: {share}%"></i></div>'


def verdict(proof: Proof, path: str) -> str:
    """What came of it, as HTML; a different picture is shown beside the old one.

    Args:
        proof: The outcome.
        path: The picture as it was.
    """
    if proof.outcome == "identical":
        more = "Even the file is the same, byte for byte." if proof.same_file else "Every pixel came out as it was."
        return _told("Identical", (more,), kind="good")
    if proof.outcome == "not_possible":
        return _told("Not possible", proof.reasons)
    off = f"{proof.share:.1%} of the pixels differ, by up to {proof.largest_difference} of 255 levels."
    if proof.outcome == "same":
        return _told("The same to the eye", (off, *proof.reasons), kind="good")
    pair = "" if proof.image is None else _beside(open_upload(path).image, proof.image)
    return _told("Different", (off, *proof.reasons), more=pair)


def _told(title: str, sentences: tuple[str, ...], *, kind: str = "bad", more: str = "") -> str:
    lines = "".join(f"<p>{html.escape(page_words(sentence))}</p>" for sentence in sentences)
    return f'<div class="proof {kind}" role="status"><h4>{title}</h4>{lines}{more}</div>'


def _beside(before: Image.Image, after: Image.Image) -> str:
    figures = (("Then", before), ("Now", after))
    shown = (
        f'<figure><img src="{_uri(image)}" alt="{name}"><figcaption>{name}</figcaption></figure>'
        for name, image in figures
    )
    return f'<div class="pair">{"".join(shown)}</div>'


def _uri(image: Image.Image) -> str:
    small, file = image.copy(), io.BytesIO()
    small.thumbnail((LONG_SIDE, LONG_SIDE))
    small.save(file, "JPEG", quality=QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode("ascii")
