"""A large picture painted over in tiles that a model knows the size of, for prints."""

from __future__ import annotations

import numpy as np
from PIL import Image

from .framing import Frame, frame_for
from .hires import Enlarging, Painter
from .larger_rules import result_size
from .loading import LoadedModel
from .request import ImageToImageRequest
from .step_tally import OnStep, StepTally
from .upscaling.tiles import Blend, Box, Pixels, plan_tiles, work_in_tiles


def tiles_of(request: ImageToImageRequest, frame: Frame, model: LoadedModel) -> list[Box]:
    """Where the tiles of a request's finished picture are, row by row.

    Args:
        request: What is asked for.
        frame: That of the picture given.
        model: Its native size is a tile's side where the request names none.
    """
    size = result_size(request, frame.size)
    side = request.tile_size or max(model.info.native_size, 2 * request.tile_overlap)
    return plan_tiles(size, (min(side, size[0]), min(side, size[1])), request.tile_overlap)


def tile_request(request: ImageToImageRequest, image: Image.Image) -> ImageToImageRequest:
    """The image-to-image request that one tile is: by hand it gives the same bits.

    Args:
        request: What is asked for.
        image: The tile, enlarged.
    """
    return request.model_copy(update={"image": image, "width": image.width, "height": image.height, "tile_scale": 1.0})


def tile_frame(request: ImageToImageRequest, box: Box, model: LoadedModel) -> tuple[ImageToImageRequest, Frame]:
    """One tile's request and frame, with an empty picture: for counting."""
    one = tile_request(request, Image.new("RGB", (box.right - box.left, box.bottom - box.top)))
    return one, frame_for(one, model.info.native_size, model.size_step)


def paint_tiled(
    request: ImageToImageRequest,
    frame: Frame,
    model: LoadedModel,
    paint: Painter,
    enlarging: Enlarging,
    on_step: OnStep,
    steps: int,
) -> Image.Image:
    """Enlarges a picture and paints it over tile by tile; all tiles begin with noise from the picture's one seed.

    Args:
        request: What is asked for.
        frame: That of the picture given.
        model: The networks.
        paint: Paints one tile.
        enlarging: How the picture is made larger before.
        on_step: Told steps done, steps of all tiles, and the clean guess of the tile.
        steps: Of one tile.
    """
    assert frame.image is not None
    size = result_size(request, frame.size)
    boxes = tiles_of(request, frame, model)
    larger = enlarging(frame.image, request.tile_upscaler, size)
    tally, painted = StepTally([steps] * len(boxes), on_step), 0

    def work(box: Box) -> Pixels:
        nonlocal painted
        one = tile_request(request, larger.crop(box))
        made = paint(one, frame_for(one, model.info.native_size, model.size_step), tally.of(painted))
        painted += 1
        return np.asarray(made, np.float32)

    return Image.fromarray(work_in_tiles(size, boxes, work, Blend(request.tile_overlap)), "RGB")
