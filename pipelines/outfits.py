"""What each picture of a request is told, and wears: one for all, or several where chance is in prompts."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import partial
from typing import Any

from .caches import TensorCache
from .denoiser import Lane
from .fitting import Fitter, Fitting
from .loading import LoadedModel
from .lora_tags import read_tags
from .prompt_encoding import takes_weights
from .prompt_syntax import prompt_notices
from .prompts import Conditioning
from .refining import Refining
from .request import GenerationRequest
from .request_stages import Stage
from .wildcards import Wildcards, draw


class Outfit:
    """What pictures with the same words have in common.

    Args:
        request: With the prompts of these pictures.
        fitting: What they wear.
        load: Loads their LoRAs in a lane.

    Attributes:
        request: As given.
        fitting: As given.
        embeddings: Their prompts, once :meth:`prepare` was called.
        refining: Who takes over for the last steps, knowing the prompts; None = nobody.
    """

    def __init__(self, request: GenerationRequest, fitting: Fitting, load: Callable[[Lane], None]) -> None:
        self.request, self.fitting, self._load = request, fitting, load
        self.embeddings = Conditioning({})
        self.refining: Refining | None = None

    def prepare(
        self,
        model: LoadedModel,
        lane: Lane,
        cache: TensorCache,
        refining: Refining | None,
        *,
        steps_follow: bool = True,
    ) -> None:
        """Loads and encodes what the pictures need.

        Args:
            model: The networks.
            lane: Where they are called.
            cache: Texts that need not be encoded again.
            refining: Who takes over for the last steps; None = nobody.
            steps_follow: Whether this lane's first step comes next.
        """
        self._load(lane)
        encode: Any = partial(self.fitting.embeddings, model, self.request, cache)
        self.embeddings = lane.run(encode, between_steps=steps_follow and refining is None)
        if refining is not None:
            tell = partial(refining.told, self.fitting.prompt, self.request, cache)
            self.refining = lane.run(tell, between_steps=steps_follow)


@contextlib.contextmanager
def outfits_for(fitter: Fitter, model: LoadedModel, requests: Sequence[GenerationRequest]) -> Iterator[list[Outfit]]:
    """Finds what pictures wear and keeps it while the context is open.

    Args:
        fitter: Finds it.
        model: The networks.
        requests: One for each picture, from :func:`drawn_requests`; equal words share an outfit.

    Raises:
        InvalidRequest: A LoRA is named that is not there.
        ModelError: A file cannot be used; it is named.
    """
    made: dict[Hashable, Outfit] = {}
    with contextlib.ExitStack() as held:
        for request in requests:
            words = _words(request)
            if words not in made:
                made[words] = Outfit(request, *held.enter_context(fitter.fitted(model, request)))
        yield [made[_words(request)] for request in requests]


def _words(request: GenerationRequest) -> Hashable:
    return request.prompt, request.negative_prompt, request.stages


def drawn_requests(
    request: GenerationRequest, seeds: Sequence[int], wildcards: Wildcards
) -> tuple[GenerationRequest, ...]:
    """Draws the prompts of each picture from its own seed.

    Args:
        request: What is asked for.
        seeds: Of its pictures.
        wildcards: What is drawn from.

    Returns:
        A request for each picture; the one given where nothing is left to chance.

    Raises:
        InvalidRequest: A wildcard is missing, or choices are too many.
    """
    if request.prompt_syntax == "plain":
        return (request,) * len(seeds)
    return tuple(_drawn(request, seed, wildcards) for seed in seeds)


def drawn_words(asked: GenerationRequest, drawn: GenerationRequest) -> dict[str, str]:
    """The prompts as they run, where chance decided in them; else nothing."""
    if (asked.prompt, asked.negative_prompt) == (drawn.prompt, drawn.negative_prompt):
        return {}
    return {"prompt": drawn.prompt, "negative_prompt": drawn.negative_prompt}


def notices_for(model: LoadedModel, requests: Sequence[GenerationRequest]) -> tuple[str, ...]:
    """What an artist should be told of their prompts, each sentence once."""
    weights = takes_weights(model.pipeline(requests[0].task, scheduler=None))
    told = (
        prompt_notices(
            read_tags(request.prompt)[0],
            request.negative_prompt,
            request.prompt_syntax,
            weights=weights,
            model=model.info.name,
        )
        for request in {(one.prompt, one.negative_prompt): one for one in requests}.values()
    )
    return tuple(dict.fromkeys(sentence for sentences in told for sentence in sentences))


def _drawn(request: GenerationRequest, seed: int, wildcards: Wildcards) -> GenerationRequest:
    drawn: dict[str, Any] = _drawn_words(request, seed, wildcards)
    before = tuple(stage.model_copy(update=_drawn_words(stage, seed, wildcards)) for stage in request.stages)
    same = before == request.stages and all(getattr(request, name) == text for name, text in drawn.items())
    return request if same else request.model_copy(update=drawn | {"stages": before})


def _drawn_words(told: GenerationRequest | Stage, seed: int, wildcards: Wildcards) -> dict[str, str]:
    return {name: draw(getattr(told, name), seed, wildcards, name) for name in ("prompt", "negative_prompt")}
