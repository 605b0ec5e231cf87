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
        working_size: What the model paints: ``size``, each side raised to a multiple of 8.
        image: The given picture at ``size``; None for text-to-image.
        mask_image: The mask at ``size``, mode L, 255 = repaint; None unless inpainting.
        mask_blur: Pixels of soft edge inside the mask.
    """

    size: tuple[int, int]
    working_size: tuple[int, int]
    image: Image.Image | None = None
    mask_image: Image.Image | None = None
    mask_blur: int = 0

    @property
    def working_image(self) -> Image.Image | None:
        """The given picture at ``working_size``, its edge repeated where it had to grow."""
        return pad_to_multiple(self.image, SIZE_STEP) if self.image else None

    @property
    def working_mask(self) -> Image.Image | None:
        """The mask at ``working_size``."""
        return pad_to_multiple(self.mask_image, SIZE_STEP) if self.mask_image else None

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


def frame_for(request: GenerationRequest, native_size: int) -> Frame:
    """Decides sizes: what the request says, else the given picture's own, else the model's native square."""
    asked = (request.width, request.height) if request.width and request.height else None
    if not isinstance(request, ImageToImageRequest):
        size = asked or (native_size, native_size)
        return Frame(size, size)
    size = asked or request.image.size
    working = (-(-size[0] // SIZE_STEP) * SIZE_STEP, -(-size[1] // SIZE_STEP) * SIZE_STEP)
    if not isinstance(request, InpaintRequest):
        return Frame(size, working, cover(request.image, size))
    return Frame(size, working, cover(request.image, size), cover(request.mask_image, size), request.mask_blur)
