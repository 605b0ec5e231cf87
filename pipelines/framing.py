"""Where the picture sits: given pictures are brought to a size the model can work at, results to the size asked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from PIL import Image, ImageOps

from .colour_correction import match_colours
from .images import pad_to_multiple, paste_back, soften_mask
from .masked_content import fill_from_surroundings
from .only_masked import Region, region_for
from .request import SIZE_STEP, GenerationRequest, ImageToImageRequest, InpaintRequest, MaskedContent
from .resizing import resize

SEAM: Final = 8
"""Most pixels over which soft inpainting is laid over the original: one latent. Its softness is in the steps."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The sizes and pictures of one request.

    Attributes:
        size: Width and height of what is painted; of the result, too, but for a ``region``.
        working_size: What the model paints: ``size``, each side raised to a multiple of ``step``.
        image: The given picture at ``size``; None for text-to-image.
        mask_image: The mask at ``size``, mode L, 255 = repaint; None unless inpainting.
        mask_blur: Pixels of soft edge inside the mask.
        step: What sides must be multiples of; 8, for transformers 16.
        color_correction: Whether the result gets the given picture's colours.
        masked_content: What the masked part shows at first.
        latent_source: The given picture at its own size, where its latents are to be stretched.
        change_map: How much each pixel may change, mode L, at ``size``; None unless inpainting softly.
        region: The part of ``whole`` that is painted; None = all of it.
        whole: The whole picture and its mask; None without a region.
    """

    size: tuple[int, int]
    working_size: tuple[int, int]
    image: Image.Image | None = None
    mask_image: Image.Image | None = None
    mask_blur: int = 0
    step: int = SIZE_STEP
    color_correction: bool = False
    masked_content: MaskedContent = "original"
    latent_source: Image.Image | None = None
    change_map: Image.Image | None = None
    region: Region | None = None
    whole: tuple[Image.Image, Image.Image] | None = None

    @property
    def working_image(self) -> Image.Image | None:
        """What the model is given, at ``working_size``: the edge repeated where it had to grow, the mask filled in
        where it is to be.
        """
        image, mask = self.working_original, self.working_mask
        if image is None or mask is None or self.masked_content != "fill":
            return image
        return fill_from_surroundings(image, mask.point(lambda level: 255 * (level > 0)))

    @property
    def working_original(self) -> Image.Image | None:
        """The given picture at ``working_size``, nothing filled in."""
        return pad_to_multiple(self.image, self.step) if self.image else None

    @property
    def working_mask(self) -> Image.Image | None:
        """The mask at ``working_size``."""
        return pad_to_multiple(self.mask_image, self.step) if self.mask_image else None

    @property
    def working_change_map(self) -> Image.Image | None:
        """How much each pixel may change, at ``working_size``."""
        return pad_to_multiple(self.change_map, self.step) if self.change_map else None

    def finish(self, painted: Image.Image) -> Image.Image:
        """Cuts a painted picture to the size asked and, after inpainting, lays it into the original.

        Args:
            painted: Mode RGB, ``working_size``.

        Returns:
            Mode RGB, of the result's size; every pixel outside the mask is the original's, bit for bit.
        """
        result = painted.crop((0, 0, *self.size)) if painted.size != self.size else painted
        if self.image is not None and self.color_correction:
            result = match_colours(result, self.image)
        if self.image is None or self.mask_image is None:
            return result
        original, mask = self.whole or (self.image, self.mask_image)
        if self.region is not None:
            result = self.region.lay(result, original)
        return paste_back(original, result, soften_mask(mask, self.mask_blur))


def size_for(request: GenerationRequest, native_size: int) -> tuple[int, int]:
    """Decides width and height: what the request says, else the given picture's own, else the model's native square.

    Where only a part of the picture is painted, its own size does not matter.
    """
    if request.width and request.height:
        return request.width, request.height
    if isinstance(request, ImageToImageRequest) and request.is_whole_painted:
        return request.image.size
    return native_size, native_size


def frame_for(request: GenerationRequest, native_size: int, step: int = SIZE_STEP) -> Frame:
    """Fits the request's pictures to its size, and that to what the model can paint.

    Args:
        request: What is asked for.
        native_size: Side in pixels of the model's native square.
        step: What the sides of a picture must be multiples of for the model.
    """
    size = size_for(request, native_size)
    working = (-(-size[0] // step) * step, -(-size[1] // step) * step)
    frame = Frame(size, working, step=step)
    if not isinstance(request, ImageToImageRequest):
        return frame
    frame = replace(frame, color_correction=request.color_correction)
    if isinstance(request, InpaintRequest):
        return _with_mask(frame, request)
    return replace(frame, image=resize(request.image, size, request.resize_mode), latent_source=_source(request, frame))


def _with_mask(frame: Frame, request: InpaintRequest) -> Frame:
    frame = replace(frame, mask_blur=request.mask_blur, masked_content=request.masked_content)
    image, mask = request.image, request.mask_image
    if request.invert_mask:
        mask = ImageOps.invert(mask)
    if request.is_whole_painted:
        fit = Image.Resampling.LANCZOS if request.resize_mode == "crop" else Image.Resampling.BILINEAR
        image, mask = (
            resize(image, frame.size, request.resize_mode),
            resize(mask, frame.size, request.resize_mode, fit),
        )
        frame = replace(frame, latent_source=_source(request, frame))
    changes: Image.Image | None = None
    if request.soft_inpainting:
        changes = soften_mask(mask, request.mask_blur)
        mask = mask.point(lambda level: 255 * (level > 0))
        frame = replace(frame, mask_blur=min(request.mask_blur, SEAM))
    if request.padding_mask_crop is None:
        return replace(frame, image=image, mask_image=mask, change_map=changes)
    region = region_for(mask, request.padding_mask_crop, frame.size)
    return replace(
        frame,
        image=region.cut(image),
        mask_image=region.cut(mask, Image.Resampling.BILINEAR),
        change_map=changes and region.cut(changes, Image.Resampling.BILINEAR),
        region=region,
        whole=(image, mask),
    )


def _source(request: ImageToImageRequest, frame: Frame) -> Image.Image | None:
    """The picture whose latents are stretched, its sides raised or lowered to the nearest that latents can have."""
    if request.resize_mode != "latent" or request.image.size == frame.size:
        return None
    width, height = (max(1, round(side / frame.step)) * frame.step for side in request.image.size)
    return resize(request.image, (width, height), "resize")
