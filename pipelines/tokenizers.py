"""The tokenizer of a single file, which holds none: from a folder at hand, else fetched once and kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from huggingface_hub import hf_hub_download

from .component_configs import ComponentConfigs
from .errors import ModelError
from .models import ModelInfo
from .parts import INDEX, Part, read_json

FOLDER: Final = "tokenizers"
"""Folder among the models where somebody without a network can lay a vocabulary, under its name."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """A published vocabulary.

    Attributes:
        name: Its folder under ``tokenizers``.
        called: For people.
        repository: Where it is on the Hub.
        files: What of it is needed.
        size: Words in it.
    """

    name: str
    called: str
    repository: str
    files: tuple[str, ...]
    size: int


VOCABULARIES: Final = {
    "CLIPTokenizer": Vocabulary("clip", "CLIP's", "openai/clip-vit-large-patch14", ("vocab.json", "merges.txt"), 49408),
    "T5Tokenizer": Vocabulary("t5", "T5's", "google-t5/t5-base", ("tokenizer.json",), 32100),
}
"""By tokenizer class. OpenCLIP's encoders read CLIP's words, T5 version 1.1 those of the first T5."""

MEANS: Final = ({"tokenizer.json"}, {"vocab.json", "merges.txt"})
"""Files of which one set is enough."""


def tokenizer_for(part: Part, configs: ComponentConfigs, info: ModelInfo) -> Any:
    """Makes a single file's tokenizer: with the model's own settings and a vocabulary from wherever it is found.

    Looked at in this order: the model's own configuration; ``tokenizers/clip`` and ``tokenizers/t5`` among the
    models; the tokenizers of models in diffusers' layout there; the Hub's cache; the Hub.

    Args:
        part: Which tokenizer.
        configs: The model's configurations; its ``tokenizer_config.json`` has the settings.
        info: The model.

    Raises:
        ModelError: The vocabulary is nowhere; the sentence says which files are missing and where they belong.
    """
    own = configs.folder(part.name) / part.name
    if _is_complete(own):
        return part.kind.from_pretrained(own, local_files_only=True)
    known = VOCABULARIES.get(part.kind.__name__.removesuffix("Fast"))
    if known is None:
        raise ModelError(
            f"its {part.label} is a {part.kind.__name__}, which has to lie in {own.parent.name}/{own.name}"
        )
    settings = {
        key: value for key, value in read_json(own / "tokenizer_config.json").items() if key != "tokenizer_class"
    }
    for folder in _at_hand(known, info):
        with suppress(OSError, ValueError, KeyError, TypeError):  # the next may be whole
            made = part.kind.from_pretrained(folder, local_files_only=True, **settings)
            if len(made) == known.size:
                return made
    return part.kind.from_pretrained(_fetched(known, info), local_files_only=True, **settings)


def models_root(info: ModelInfo) -> Path:
    """The folder that a single file's id is told from."""
    assert info.file is not None
    depth = min(len(Path(info.id).parts), len(info.file.parents)) - 1
    return info.file.parents[depth]


def clip_at_hand(info: ModelInfo) -> Path | None:
    """The folder of a whole CLIP tokenizer beside a single file, or in the Hub's cache; None where there is none."""
    known = VOCABULARIES["CLIPTokenizer"]
    found = next(_at_hand(known, info), None)
    if found is None:
        with suppress(OSError, ValueError):
            found = Path(hf_hub_download(known.repository, known.files[0], local_files_only=True)).parent
            found = found if _is_complete(found) else None
    return found


def _at_hand(known: Vocabulary, info: ModelInfo) -> Iterator[Path]:
    root = models_root(info)
    places = [root, root.parent] if root.parent.name.lower() == "models" else [root]
    for place in places:
        if _is_complete(place / FOLDER / known.name):
            yield place / FOLDER / known.name
    for place in places:
        for depth in ("*", "*/*", "*/*/*"):
            for index in sorted(place.glob(f"{depth}/{INDEX}")):
                yield from (folder for folder in sorted(index.parent.glob("tokenizer*")) if _is_kin(folder, known))


def _is_complete(folder: Path) -> bool:
    return any(all((folder / name).is_file() for name in files) for files in MEANS)


def _is_kin(folder: Path, known: Vocabulary) -> bool:
    """Whether a folder holds a tokenizer of this kind, as far as its small configuration tells."""
    with suppress(OSError, ValueError):
        told = str(read_json(folder / "tokenizer_config.json").get("tokenizer_class", ""))
        return _is_complete(folder) and VOCABULARIES.get(told.removesuffix("Fast")) is known
    return False


def _fetched(known: Vocabulary, info: ModelInfo) -> Path:
    """The folder of the Hub's cache with a vocabulary, which is fetched where it is not there yet."""
    for offline in (True, False):
        try:
            paths = [hf_hub_download(known.repository, name, local_files_only=offline) for name in known.files]
            return Path(paths[0]).parent
        except (OSError, ValueError) as error:  # the Hub's errors are of both kinds
            failure = error
    files = " and ".join(known.files)
    raise ModelError(
        f"model {info.id!r} needs {known.called} tokenizer, which is not on this machine and could not be fetched from "
        f"huggingface.co/{known.repository} ({type(failure).__name__}); connect once, or copy {files} from there into "
        f"the folder {FOLDER}/{known.name} in {models_root(info).name!r}."
    ) from failure
