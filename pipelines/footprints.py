"""How large a model is: numbers in each of its parts, and bytes of work for each pixel of a picture."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .families import Family
from .models import ModelInfo

if TYPE_CHECKING:
    from typing_extensions import Self

STEP_BYTES: Final = 1200
"""Memory of one guided picture for each of its pixels in float32, half of it in half precision: see ``capacity``."""

DECODE_BYTES: Final = 5000
"""Memory of decoding one picture for each of its pixels in float32, half of it in half precision.

Measured as the peak above the weights on a CPU, with a VAE in the shape of Stable Diffusion 1.x's and XL's: 308 MiB at
256 × 256 and 1058 MiB at 512 × 512, so 4900 and 4200 bytes; a little is added for the finished picture.
"""

TILE_PIXELS: Final = 512 * 512
"""What a VAE decodes at once where it works tile by tile."""

BYTES: Final[Mapping[str, int]] = {"float32": 4, "bfloat16": 2, "float16": 2, "float8": 1}

TEXT_FOLDERS: Final = ("text_encoder", "text_encoder_2", "text_encoder_3")
TEXT_KEYS: Final = ("cond_stage_model.", "conditioner.", "text_encoders.")
VAE_KEYS: Final = ("first_stage_model.", "vae.")
DENOISER_KEYS: Final = ("model.diffusion_model.", "double_blocks.", "single_blocks.", "joint_blocks.")


@dataclass(frozen=True, slots=True)
class Footprint:
    """Numbers (weights, of whatever precision) in a model's parts.

    Attributes:
        denoiser: In the U-Net or transformer.
        text: In all text encoders together.
        largest_text: In the largest of them.
        vae: In the VAE.
    """

    denoiser: int
    text: int
    largest_text: int
    vae: int

    @property
    def all(self) -> int:
        """In all parts."""
        return self.denoiser + self.text + self.vae

    def scaled(self, factor: float) -> Self:
        """The same proportions in another size."""
        parts = (self.denoiser, self.text, self.largest_text, self.vae)
        return type(self)(*(math.ceil(part * factor) for part in parts))


_KL_4, _KL_16 = 83_653_863, 83_819_683
_CLIP_L, _OPENCLIP_BIG_G, _T5_XXL = 123_060_480, 694_659_840, 4_762_310_656

PUBLISHED: Final[Mapping[str, Footprint]] = {
    "stable-diffusion": Footprint(859_520_964, _CLIP_L, _CLIP_L, _KL_4),
    "stable-diffusion-2": Footprint(865_910_724, 340_387_840, 340_387_840, _KL_4),
    "stable-diffusion-xl": Footprint(2_567_463_684, _CLIP_L + _OPENCLIP_BIG_G, _OPENCLIP_BIG_G, _KL_4),
    "stable-diffusion-3": Footprint(2_084_951_104, _CLIP_L + _OPENCLIP_BIG_G + _T5_XXL, _T5_XXL, _KL_16),
    "flux": Footprint(11_901_408_320, _CLIP_L + _T5_XXL, _T5_XXL, _KL_16),
    "qwen-image": Footprint(20_430_401_088, 8_292_166_656, 8_292_166_656, 126_892_531),
    "z-image": Footprint(6_154_908_736, 4_022_468_096, 4_022_468_096, _KL_16),
}
"""The families' published checkpoints, counted by building their networks without weights (``tests/test_plans.py``)."""


def footprint_of(info: ModelInfo, family: Family) -> Footprint:
    """Counts a model's numbers from its files' headers; where they tell nothing, from what its family usually has.

    Args:
        info: The model; nothing but the headers of its ``.safetensors`` files is read.
        family: Its family.
    """
    counted = _counted(info)
    usual = _usual(family, info.size_bytes)
    if counted.denoiser == 0:
        return usual
    return Footprint(  # a file that lacks a part takes it from elsewhere
        counted.denoiser,
        counted.text or usual.text,
        counted.largest_text or usual.largest_text,
        counted.vae or usual.vae,
    )


def step_bytes(pixels: int, dtype: str) -> int:
    """What one guided picture takes while it is painted, besides the weights."""
    return pixels * STEP_BYTES * BYTES[dtype] // BYTES["float32"]


def decode_bytes(pixels: int, dtype: str, *, tiled: bool) -> int:
    """What decoding one picture takes, besides the weights."""
    at_once = min(pixels, TILE_PIXELS) if tiled else pixels
    return at_once * DECODE_BYTES * BYTES[dtype] // BYTES["float32"] + pixels * 3 * 4


def _usual(family: Family, size_bytes: int) -> Footprint:
    known = PUBLISHED.get(family.id)
    if known is not None:
        return known
    numbers = size_bytes // 4 or PUBLISHED["stable-diffusion"].all
    return PUBLISHED["stable-diffusion"].scaled(numbers / PUBLISHED["stable-diffusion"].all)


def _counted(info: ModelInfo) -> Footprint:
    if info.file is not None:
        parts = {"denoiser": 0, "text": 0, "vae": 0}
        for key, numbers in _tensors(info.file):
            if part := _part_of(key):
                parts[part] += numbers
        return Footprint(parts["denoiser"], parts["text"], parts["text"], parts["vae"])
    texts = [_numbers_in(info.folder / name) for name in TEXT_FOLDERS]
    denoiser = _numbers_in(info.folder / "unet") or _numbers_in(info.folder / "transformer")
    return Footprint(denoiser, sum(texts), max(texts), _numbers_in(info.folder / "vae"))


def _part_of(key: str) -> str:
    if key.startswith(DENOISER_KEYS):
        return "denoiser"
    if key.startswith(TEXT_KEYS):
        return "text"
    return "vae" if key.startswith(VAE_KEYS) else ""


def _numbers_in(folder: Path) -> int:
    """Numbers in the weights that diffusers would load from a folder: not those of a second, smaller variant."""
    files = [path for path in folder.glob("*.safetensors") if not {"fp16", "non_ema"} & set(path.name.split("."))]
    files = files or list(folder.glob("*.safetensors"))
    return sum(numbers for path in files for _, numbers in _tensors(path))


def _tensors(path: Path) -> Iterator[tuple[str, int]]:
    """Each tensor's key and how many numbers it holds; nothing where the header cannot be read."""
    from .errors import ReverieError
    from .headers import read_header

    try:
        header: Any = read_header(path)
    except (OSError, ReverieError):
        return
    for key, told in header.tensors.items():
        yield key, math.prod(told.shape)
