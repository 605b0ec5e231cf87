"""Where the picture sits: given pictures are brought to a size the model can work at, results to the size asked."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from .images import cover, pad_to_multiple, paste_back, soften_mask
from .request import SIZE_STEP, GenerationRequest, ImageToImageRequest, InpaintRequest


@dataclass(frozen=True, slots=True)
class Frame:
    """The sizes and pictures of one request.

    Attributes:
        size: Width and height of the result.
        working_size: What the model paints: ``size``, each side raised to a multiple of ``step``.
        image: The given picture at ``size``; None for text-to-image.
        mask_image: The mask at ``size``, mode L, 255 = repaint; None unless inpainting.
        mask_blur: Pixels of soft edge inside the mask.
        step: What sides must be multiples of; 8, for transformers 16.
    """

    size: tuple[int, int]
    working_size: tuple[int, int]
    image: Image.Image | None = None
    mask_image: Image.Image | None = None
    mask_blur: int = 0
    step: int = SIZE_STEP

    @property
    def working_image(self) -> Image.Image | None:
        """The given picture at ``working_size``, its edge repeated where it had to grow."""
        return pad_to_multiple(self.image, self.step) if self.image else None

    @property
    def working_mask(self) -> Image.Image | None:
        """The mask at ``working_size``."""
        return pad_to_multiple(self.mask_image, self.step) if self.mask_image else None

    def finish(self, painted: Image.Image) -> Image.Image:
        """Cuts a painted picture to the size asked and, after inpainting, lays it into the original.

        Args:
            painted: Mode RGB, ``working_size``.

        Returns:
            Mode RGB, ``size``; every pixel outside the mask is the original's, bit for bit.
        """
        result = painted.crop((0, 0, *self.size)) if painted.size != self.size else painted
        if self.image is None or self.mask_image is None:
            return result
        return paste_back(self.image, result, soften_mask(self.mask_image, self.mask_blur))


def size_for(request: GenerationRequest, native_size: int) -> tuple[int, int]:
    """Decides width and height: what the request says, else the given picture's own, else the model's native square."""
    if request.width and request.height:
        return request.width, request.height
    return request.image.size if isinstance(request, ImageToImageRequest) else (native_size, native_size)


def frame_for(request: GenerationRequest, native_size: int, step: int = SIZE_STEP) -> Frame:
    """Fits the request's pictures to its size, and that to what the model can paint.

    Args:
        request: What is asked for.
        native_size: Side in pixels of the model's native square.
        step: What the sides of a picture must be multiples of for the model.
    """
    size = size_for(request, native_size)
    working = (-(-size[0] // step) * step, -(-size[1] // step) * step)
    if not isinstance(request, ImageToImageRequest):
        return Frame(size, working, step=step)
    image = cover(request.image, size)
    if not isinstance(request, InpaintRequest):
        return Frame(size, working, image, step=step)
    return Frame(size, working, image, cover(request.mask_image, size), request.mask_blur, step)
