"""What one request's pictures wear besides the model: its LoRAs, learnt words and VAE, found by their names."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from .adapters import Adapter, AdapterSet
from .caches import TensorCache
from .denoiser import Lane
from .embeddings import Vocabulary, Word, read_word, words_in
from .errors import InvalidRequest, ModelError
from .extras import ExtraFile
from .hashes import SHORT, WeightsHashes
from .larger_rules import wants_hires
from .loading import LoadedModel
from .lora_hash import lora_hash
from .lora_tags import LoraWeights, merge_uses, read_tags
from .models import Catalogue
from .prompts import Conditioning, encode_request
from .request import GenerationRequest, ImageToImageRequest
from .scheduling import timesteps_of
from .staged_prompts import check_last_stage, check_stages, join_stages
from .tiny_vaes import TINY_VAE
from .vaes import VaeShelf
from .wildcards import Wildcards, wildcards_beside


@dataclass(frozen=True)
class Fitting:
    """What one request's pictures wear.

    Attributes:
        worn: The LoRAs.
        prompt: The request's, without its tags.
        vae: In place of the model's own; None = that one.
        vae_key: What tells its results from another's.
        vocabulary: The learnt words in both prompts.
        files: Hashes of the files, as :class:`~pipelines.events.ImageFinished` tells them.
    """

    worn: AdapterSet
    prompt: str
    vae: torch.nn.Module | None = None
    vae_key: Hashable = None
    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    files: Mapping[str, str] = field(default_factory=dict)

    def embeddings(self, model: LoadedModel, request: GenerationRequest, cache: TensorCache) -> Conditioning:
        """Encodes the prompts; call it on the engine's thread."""
        pipeline = model.pipeline(request.task, scheduler=None)
        tokenizers = self.vocabulary.tokenizers(pipeline)
        if tokenizers:
            pipeline = model.pipeline(request.task, scheduler=None, **tokenizers)
        check_stages(request, pipeline)
        key = (model.key, self.worn.text_encoder, self.vocabulary.key)
        with self.worn.on_text_encoders(), self.vocabulary.laid_over(pipeline, tokenizers):
            spell = self.vocabulary.spell

            def encode(prompt: str, avoided: str, guidance: float, steps: int, steps_before: int = 0) -> Conditioning:
                return encode_request(
                    pipeline,
                    spell(prompt),
                    spell(avoided),
                    guidance,
                    cache,
                    key,
                    syntax=request.prompt_syntax,
                    clip_skip=request.clip_skip,
                    steps=steps,
                    steps_before=steps_before,
                )

            own = (self.prompt, request.negative_prompt, request.guidance_scale)
            first = encode(*own, steps_run(request))
            if request.stages:
                return self._staged(model, request, encode, first)
            later = getattr(request, "hires_steps", None) or request.num_inference_steps
            if not wants_hires(request):
                return first
            return replace(first, second=encode(*own, later, request.num_inference_steps))

    def _staged(
        self,
        model: LoadedModel,
        request: GenerationRequest,
        encode: Callable[..., Conditioning],
        last: Conditioning,
    ) -> Conditioning:
        """The prompts of a branched picture; what its words wear holds for all of it."""
        total = len(timesteps_of(model, request))
        check_last_stage(request, total)
        told = [
            (
                stage.until,
                encode(
                    read_tags(stage.prompt)[0],
                    stage.negative_prompt,
                    stage.guidance_scale,
                    steps_run(request),
                ),
            )
            for stage in request.stages
        ]
        return join_stages(told, last, total)


def steps_run(request: GenerationRequest) -> int:
    """How many of a request's steps are run, which prompt editing counts: image-to-image leaves some out."""
    if isinstance(request, ImageToImageRequest):
        return max(1, int(request.schedule_steps * request.strength))
    return request.num_inference_steps


class Fitter:
    """Finds and loads what requests name.

    Args:
        catalogue: Where the files are found.
        constructing: Opens a context in which nobody else constructs networks: diffusers patches torch meanwhile.
    """

    def __init__(
        self, catalogue: Catalogue, constructing: Callable[[], contextlib.AbstractContextManager[Any]]
    ) -> None:
        self._catalogue, self._constructing = catalogue, constructing
        self._vaes = VaeShelf(catalogue, constructing)
        self._lora_hashes: dict[Hashable, str] = {}
        self._own_hashes = WeightsHashes()

    def clear(self) -> None:
        """Forgets the VAEs that were chosen lately."""
        self._vaes.clear()

    @property
    def wildcards(self) -> Wildcards:
        """The lists that prompts draw from: those in the models' folders, then ours."""
        return wildcards_beside(self._catalogue.folders)

    @property
    def _weights(self) -> WeightsHashes:
        return self._catalogue.hashes or self._own_hashes

    @contextlib.contextmanager
    def fitted(
        self, model: LoadedModel, request: GenerationRequest
    ) -> Iterator[tuple[Fitting, Callable[[Lane], None]]]:
        """Finds what a request names and keeps it while the context is open.

        Yields:
            The fitting, and what loads its LoRAs in a lane, to be called before the first step.

        Raises:
            InvalidRequest: A LoRA is named that is not there.
            ModelError: A file cannot be used; it is named.
        """
        prompt, tags = read_tags(request.prompt)
        adapters = self._adapters(merge_uses(request.loras, tags), model)
        place = self._vaes.find(request.vae, model)
        vae, vae_key = (None, None) if place is None else self._vaes.network(place, model)
        vocabulary = self._vocabulary(model, request, prompt)
        with model.adapters.hold(adapters) as worn:
            yield (
                Fitting(worn, prompt, vae, vae_key, vocabulary, self._hashes(adapters, place)),
                lambda lane: self._load(model, request, adapters, lane),
            )

    def _load(self, model: LoadedModel, request: GenerationRequest, adapters: list[Adapter], lane: Lane) -> None:
        if model.adapters.has(adapters):
            return
        with self._constructing():
            import peft  # noqa: F401 - seconds, which the engine's thread need not spend

            pipeline = model.pipeline(request.task, scheduler=None)
            lane.run(lambda: model.adapters.load(pipeline, adapters, model.info.id))

    def _adapters(self, uses: Iterable[LoraWeights], model: LoadedModel) -> list[Adapter]:
        """One for each file, also where it was called by several names; those of no weight are left out."""
        found: dict[Hashable, Adapter] = {}
        for one in (self._adapter(use, model) for use in uses):
            before = found.get(one.identity)
            found[one.identity] = before.plus(one) if before else one
        return [one for one in found.values() if one.denoiser or one.text_encoder]

    def _adapter(self, use: LoraWeights, model: LoadedModel) -> Adapter:
        found = self._catalogue.find_lora(use.name)
        if found.problem:
            raise ModelError(found.problem)
        if found.family is not None and found.family != model.info.family:
            raise InvalidRequest(
                "loras",
                f"loras has {use.name!r}, which is for {found.family}, and model {model.info.id!r} is "
                f"{model.info.family}; choose another of the two.",
            )
        try:
            state = found.path.stat()
        except OSError as error:
            raise ModelError(f"LoRA {use.name!r} cannot be read ({error.strerror}); copy its file again.") from error
        identity = (str(found.path), state.st_size, state.st_mtime_ns)
        return Adapter(found.name, found.path, found.family, use.denoiser, use.text_encoder, identity)

    def _hashes(self, adapters: Iterable[Adapter], vae: Path | None) -> dict[str, str]:
        """Read once for each state of a file; a second for each gigabyte."""
        found = {}
        for one in adapters:
            if one.identity not in self._lora_hashes:
                self._lora_hashes[one.identity] = lora_hash(one.path)
            if known := self._lora_hashes[one.identity]:
                found[f"lora:{one.name}"] = known
        if vae is not None:
            whole = self._weights.of(vae) if vae.is_file() else None
            found[f"vae:{vae.stem if vae.is_file() else TINY_VAE}"] = (whole or "")[:SHORT]
        return found

    def misfits(self, model: LoadedModel, requests: Iterable[GenerationRequest]) -> tuple[str, ...]:
        """What to tell of embeddings that stand in the prompts and are for encoders of another kind.

        Raises:
            InvalidRequest: A text has ``embedding:name`` for which there is no file.
            ModelError: An embedding that stands in a prompt cannot be used.
        """
        read = {
            file.name: word
            for request in {(one.prompt, one.negative_prompt): one for one in requests}.values()
            for file, word in self._words(model, request, read_tags(request.prompt)[0])
        }
        return tuple(
            f"Embedding {name!r} is for another kind of model than {model.info.name!r}; it is read as plain words."
            for name, word in read.items()
            if word is None
        )

    def _vocabulary(self, model: LoadedModel, request: GenerationRequest, prompt: str) -> Vocabulary:
        return Vocabulary([word for _, word in self._words(model, request, prompt) if word is not None])

    def _words(
        self, model: LoadedModel, request: GenerationRequest, prompt: str
    ) -> list[tuple[ExtraFile, Word | None]]:
        """The embeddings in both prompts and in those of the steps before; None where one is for other encoders."""
        before = [text for stage in request.stages for text in (stage.prompt, stage.negative_prompt)]
        files = words_in((prompt, request.negative_prompt, *before), self._catalogue.embeddings())
        if not files:
            return []
        pipeline = model.pipeline(request.task, scheduler=None)
        return [(file, read_word(file, pipeline)) for file in files]
