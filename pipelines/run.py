"""One request on its way: loads its model, opens a lane for each picture, and reports what happens."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import torch

from .caches import TensorCache
from .control import Control
from .denoiser import Engine, Lane
from .drawing import PreviewChoice, preview_drawer
from .enlargement import plan_enlargement
from .errors import Cancelled, GenerationError, OutOfMemory, ReverieError
from .events import (
    GenerationEvent,
    GenerationFinished,
    GenerationStarted,
    ImageFinished,
    ImageSkipped,
    ModelLoading,
    StepCompleted,
)
from .fitting import Fitter
from .framing import Frame, frame_for
from .kept_models import Progress, Stopped
from .larger_rules import enlarges_only
from .loading import LoadedModel
from .memory import smaller_size
from .models import STARTER_ID
from .outfits import Outfit, drawn_requests, drawn_words, notices_for, outfits_for
from .passes import Passes, plan_passes
from .picture import OnStep, paint
from .refining import Refining
from .request import GenerationRequest, ImageToImageRequest
from .seeds import PictureSeeds, seeds_of
from .step_memory import remembering
from .upscaling.upscalers import Upscalers

PIXELS_TOGETHER: Final = 8 * 512 * 512
"""Most pixels one request paints at once: eight pictures of SD 1.5's size, two of SDXL's."""


class Run:
    """Drives one request on threads of its own; whoever iterates :meth:`events` may stop at any time.

    Args:
        engine: Where the networks live.
        lend: Lends the loaded model, telling how its loading goes; called on the run's thread.
        request: What is asked for.
        cache: Results that need not be made twice.
        steps: What the denoiser answered at the steps of pictures made lately.
        fitter: Finds the LoRAs, words and VAE that it names.
        upscalers: Enlarge pictures on the way.
        owner: On whose behalf the engine is used.
        control: Wishes to heed on the way.
        previews: Whether steps carry a preview; ``fine`` = by the model's small decoder, where it has one.
        lend_refiner: Lends the model that takes over for the last steps; None = none does.
    """

    def __init__(
        self,
        engine: Engine,
        lend: Callable[[Progress, Stopped], contextlib.AbstractContextManager[LoadedModel]],
        request: GenerationRequest,
        cache: TensorCache,
        steps: TensorCache,
        fitter: Fitter,
        upscalers: Upscalers,
        *,
        owner: str = "",
        control: Control | None = None,
        previews: PreviewChoice = True,
        lend_refiner: Callable[[Progress, Stopped], contextlib.AbstractContextManager[LoadedModel]] | None = None,
    ) -> None:
        self._lend_refiner = lend_refiner
        self._refining: Refining | None = None
        self._engine, self._lend, self._request, self._cache = engine, lend, request, cache
        self._steps = steps
        self._fitter, self._upscalers = fitter, upscalers
        self._owner, self._control, self._previews = owner, control or Control(), previews
        self._events: queue.SimpleQueue[GenerationEvent | ReverieError] = queue.SimpleQueue()
        self._stopped = False
        self._lanes: dict[int, Lane] = {}
        self._size = (0, 0)
        self._thread = threading.Thread(target=self._conduct, name="reverie-run", daemon=True)

    def events(self) -> Iterator[GenerationEvent]:
        """Starts the run and yields its events; closing the iterator cancels it and returns at once.

        Raises:
            ReverieError: The run failed; the sentence says why.
        """
        self._thread.start()
        try:
            while True:
                event = self._events.get()
                if isinstance(event, ReverieError):
                    raise event
                yield event
                if isinstance(event, GenerationFinished):
                    return
        finally:
            self._stopped = True
            self._heed()

    def _heed(self) -> None:
        """Passes wishes on to the lanes that are open now; called from any thread, never waits."""
        for index, lane in list(self._lanes.items()):
            if self._stopped or index in self._control.skipped:
                lane.cancel()
            self._engine.pause(lane.convoy, paused=self._control.paused and not self._stopped)

    def _conduct(self) -> None:
        began = time.perf_counter()
        try:
            if enlarges_only(self._request):
                self._enlarge()
                self._events.put(GenerationFinished(time.perf_counter() - began))
                return
            with contextlib.ExitStack() as lent:
                model = lent.enter_context(self._lend(self._tell_loading, self._is_unwanted))
                if self._lend_refiner is not None:
                    refiner = lent.enter_context(self._lend_refiner(self._tell_loading, self._is_unwanted))
                    self._refining = Refining(refiner, self._request.refiner_switch)
                self._paint_all(model)
            self._events.put(GenerationFinished(time.perf_counter() - began))
        except OutOfMemory:
            self._events.put(OutOfMemory(self._too_large_for_memory()))
        except ReverieError as error:
            self._events.put(error)
        except BaseException as error:  # noqa: BLE001 - told to whoever watches; the next run is not concerned
            failure = GenerationError(f"The picture could not be made ({type(error).__name__}: {error}).")
            failure.__cause__ = error
            self._events.put(failure)

    def _enlarge(self) -> None:
        """No model is needed, nor loaded."""
        request = self._request
        assert isinstance(request, ImageToImageRequest)
        enlargement = plan_enlargement(request, self._upscalers)
        self._size = enlargement.size
        pictures = seeds_of(request)
        self._events.put(GenerationStarted(tuple(one.seed for one in pictures), enlargement.tiles))
        self._open_lanes(range(1))
        lane = self._lanes[0]

        def on_tile(done: int) -> None:
            self._events.put(StepCompleted(done, enlargement.tiles, None, 0))

        try:
            image = enlargement.make(lane.run, on_tile)
            for index, one in enumerate(pictures):  # all alike, as an upscaler draws nothing
                self._events.put(ImageFinished(index, image, one.seed, variation_seed=one.variation))
        except Cancelled:
            if self._stopped:
                raise
            self._events.put(ImageSkipped(0))
        finally:
            lane.close()

    def _tell_loading(self, done: float, what: str) -> None:
        self._control.tell_loading(ModelLoading(self._request.model or STARTER_ID, done, what))

    def _is_unwanted(self) -> bool:
        """Whether nobody waits for any picture of this request."""
        return self._stopped or len(self._control.skipped) >= self._request.num_images_per_prompt

    def _too_large_for_memory(self) -> str:
        width, height = self._size
        less = smaller_size(width, height)
        return (
            f"There was not enough memory for {width} × {height} pixels, also in the thriftiest way; "
            f"give width {less[0]} and height {less[1]}."
        )

    def _paint_all(self, model: LoadedModel) -> None:
        frame = frame_for(self._request, model.info.native_size, model.size_step)
        passes = plan_passes(model, self._request, frame, self._upscalers, self._refining)
        self._size = passes.working_size
        pictures = seeds_of(self._request)
        seeds = tuple(one.seed for one in pictures)
        requests = drawn_requests(self._request, seeds, self._fitter.wildcards)
        notices = (*notices_for(model, requests), *self._fitter.misfits(model, requests))
        self._events.put(GenerationStarted(seeds, passes.total_steps, notices))
        with outfits_for(self._fitter, model, requests) as outfits:
            self._paint_waves(model, passes, pictures, outfits)

    def _paint_waves(
        self, model: LoadedModel, passes: Passes, seeds: Sequence[PictureSeeds], outfits: Sequence[Outfit]
    ) -> None:
        together = pictures_together(passes.working_size, len(seeds), self._engine.largest_batch)
        for first in range(0, len(seeds), together):
            indices = range(first, min(first + together, len(seeds)))
            self._open_lanes(indices)
            try:
                if first == 0:
                    distinct = list(dict.fromkeys(outfits))
                    for one in distinct:
                        known = (model, self._lanes[first], self._cache, self._refining)
                        one.prepare(*known, steps_follow=one is distinct[-1])
                self._paint_wave(model, passes, seeds, outfits)
            finally:
                for lane in self._lanes.values():
                    lane.close()

    def _open_lanes(self, indices: range) -> None:
        """One convoy for all, or a convoy each where no picture may share a step."""
        if self._request.deterministic:
            lanes = [self._engine.open_lanes(object(), 1, owner=self._owner, alone=True)[0] for _ in indices]
        else:
            lanes = self._engine.open_lanes(object(), len(indices), owner=self._owner)
        self._lanes = dict(zip(indices, lanes, strict=True))
        self._control.follow(self._heed)

    def _paint_wave(
        self, model: LoadedModel, passes: Passes, seeds: Sequence[PictureSeeds], outfits: Sequence[Outfit]
    ) -> None:
        failures: list[BaseException] = []

        def paint_one(index: int, lane: Lane) -> None:
            draw = preview_drawer(model, self._previews, lane)

            def on_step(step: int, total_steps: int, guess: torch.Tensor) -> None:
                self._events.put(StepCompleted(step, total_steps, draw(guess), index))

            try:
                picture, outfit = seeds[index], outfits[index]
                fitting, embeddings = outfit.fitting, outfit.embeddings
                drawn = drawn_words(self._request, outfit.request)

                def one_pass(
                    request: GenerationRequest, frame: Frame, told: OnStep, over: dict[str, Any] | None = None, /
                ) -> Any:
                    given = (picture, lane, self._cache, told, fitting)
                    alone = over is None and outfit.refining is None
                    memory = remembering(self._steps, model, outfit.request, picture, fitting) if alone else None
                    more: dict[str, Any] = {"refining": outfit.refining, "over": over, "memory": memory}
                    return paint(model, request, frame, embeddings, *given, **more)

                image = passes.paint(one_pass, self._upscalers, lane.run, on_step)
                self._events.put(ImageFinished(index, image, picture.seed, fitting.files, picture.variation, drawn))
            except Cancelled as stop:
                if index in self._control.skipped and not self._stopped:
                    self._events.put(ImageSkipped(index))
                else:
                    failures.append(stop)
            except BaseException as error:  # noqa: BLE001 - raised again below, on the conducting thread
                failures.insert(0, error)
            finally:
                lane.close()

        threads = [
            threading.Thread(target=paint_one, args=item, name=f"reverie-picture-{item[0]}", daemon=True)
            for item in self._lanes.items()
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]


def pictures_together(size: tuple[int, int], pictures: int, largest_batch: int) -> int:
    """How many pictures of one request, all of one size, are painted at once."""
    return max(1, min(pictures, largest_batch, PIXELS_TOGETHER // (size[0] * size[1])))
