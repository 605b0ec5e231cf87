"""The print desk: sizes, plans and files that a print shop's program reads as we mean them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from pypdf import PdfReader

from pipelines.errors import InvalidRequest
from webui.printing.files import FORMATS, PrintFormat, encode_print
from webui.printing.paper import MOST_PIXELS, Paper, load_products, read_size
from webui.printing.plan import lay_out, plan_print


def gradient(width: int, height: int) -> Image.Image:
    across, down = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return Image.fromarray(np.stack([across, down, np.full_like(across, 90)], axis=-1).astype(np.uint8))


def test_every_product_can_be_printed() -> None:
    products = load_products()
    assert {"shirt-front", "a2", "sticker"} <= {product.id for product in products}
    assert len({product.id for product in products}) == len(products)
    for product in products:
        paper = Paper(product.width_mm, product.height_mm, product.dpi, product.bleed_mm)
        assert paper.pixels[0] * paper.pixels[1] <= MOST_PIXELS


def test_paper_becomes_pixels() -> None:
    assert Paper(254, 127, 100).pixels == (1000, 500)
    assert Paper(50.8, 50.8, 300, 2.54).pixels == (660, 660)
    assert Paper(50.8, 50.8, 300, 2.54).bleed_pixels == 30
    assert Paper(210, 297, 300).pixels == (2480, 3508)
    assert Paper(210, 297).turned().pixels == (3508, 2480)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("30 x 40 cm", (300, 400)),
        ("30x40", (300, 400)),
        ("12 × 16 in", (304.8, 406.4)),
        ('2.5"', None),
        ('2.5 x 2.5"', (63.5, 63.5)),
        ("210 * 297 mm", (210, 297)),
        ("10,5 x 14,8 cm", (105, 148)),
        ("a4", None),
        ("30 x 40 miles", None),
        ("x" * 5000, None),
    ],
)
def test_sizes_of_ones_own_are_read(text: str, size: tuple[float, float] | None) -> None:
    if size is None:
        with pytest.raises(InvalidRequest, match=r"^size is .*such as 30 x 40 cm\.$"):
            read_size(text)
    else:
        assert read_size(text) == pytest.approx(size)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ((5, 100), "^width is 0.5 cm"),
        ((100, 3000), "^height is 300 cm"),
        ((float("nan"), 100), "^width is nan"),
        ((100, 100, 10), "^dpi is 10"),
        ((100, 100, 300, 60), "^bleed is 60 mm"),
        ((2000, 2000, 300), "^dpi is 300, which makes 23622 × 23622 pixels.* at most 139"),
    ],
)
def test_what_cannot_be_printed_is_one_sentence(values: tuple[float, ...], words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        Paper(*values)  # type: ignore[arg-type]


def test_the_most_that_is_offered_can_be_had() -> None:
    assert Paper(2000, 2000, 139).pixels[0] ** 2 <= MOST_PIXELS


def test_a_picture_fills_the_paper_from_its_middle() -> None:
    plan = plan_print((512, 512), Paper(100, 200, 254))
    assert plan.pixels == (1000, 2000)
    assert plan.crop == pytest.approx((128, 0, 384, 512))
    assert plan.scale == pytest.approx(3.90625)
    assert plan.own_dpi == 65
    assert "65 pixels an inch" in plan.sentence and "3.9 times" in plan.sentence
    sheet = np.asarray(lay_out(gradient(512, 512), Paper(100, 200, 254)))
    assert sheet.shape == (2000, 1000, 3)
    assert sheet[1000, 0, 0] == pytest.approx(64, abs=2)
    assert sheet[1000, -1, 0] == pytest.approx(191, abs=2)
    assert sheet[0, 500, 1] <= 1 and sheet[-1, 500, 1] >= 254


def test_a_whole_picture_has_white_beside_it() -> None:
    sheet = np.asarray(lay_out(gradient(512, 512), Paper(100, 200, 254), whole=True))
    assert (sheet[:499] == 255).all() and (sheet[1501:] == 255).all()
    assert (sheet[505:1495, :, 2] < 100).all()


def test_a_picture_that_is_fine_enough_is_not_called_enlarged() -> None:
    assert "as sharp as" in plan_print((4000, 4000), Paper(100, 100, 300)).sentence
    assert (
        "4x-tiny makes it 4 times larger, and Lanczos"
        in plan_print((128, 128), Paper(100, 100, 300), upscaler="4x-tiny").sentence
    )


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_file_says_how_large_it_is(file_format: PrintFormat) -> None:
    paper = Paper(50, 80, 300, 3)
    sheet = lay_out(gradient(128, 200), paper)
    data = encode_print(sheet, paper, file_format, infotext="a boat\nSteps: 4, Seed: 7, Size: 128x200")
    if file_format == "pdf":
        (page,) = PdfReader(io.BytesIO(data)).pages
        points = 72 / 25.4
        assert [float(side) for side in page.mediabox] == pytest.approx([0, 0, 56 * points, 86 * points], abs=0.01)
        trim = [3 * points, 3 * points, 53 * points, 83 * points]
        assert [float(side) for side in page.trimbox] == pytest.approx(trim, abs=0.01)
        assert page.bleedbox == page.mediabox
        image = page.images[0].image
        assert image is not None and image.size == sheet.size
        close = np.abs(np.asarray(image.convert("RGB"), int) - np.asarray(sheet, int))
        assert close.mean() < 3
        return
    with Image.open(io.BytesIO(data)) as image:
        assert image.size == paper.pixels == (661, 1016)
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.01)
        assert image.info["icc_profile"]
        difference = np.abs(np.asarray(image.convert("RGB"), int) - np.asarray(sheet, int))
        assert difference.max() == 0 if file_format != "jpeg" else difference.mean() < 2
        if file_format == "png":
            assert image.info["parameters"].startswith("a boat")
