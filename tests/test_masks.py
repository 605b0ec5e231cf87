import base64
import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pipelines.errors import InvalidRequest
from webui.masks import EASEL_SIDE, LARGEST_BRUSHED, PREFIX, brushed_mask, uploaded_mask


def painted(size=(512, 512), box=(128, 128, 255, 255), alpha=255) -> str:
    image = Image.new("RGBA", size, (0, 0, 0, 0))
    ImageDraw.Draw(image).rectangle(box, fill=(139, 108, 246, alpha))
    png = io.BytesIO()
    image.save(png, "PNG")
    return PREFIX + base64.b64encode(png.getvalue()).decode()


def test_what_is_painted_is_repainted_and_nothing_else():
    mask = np.asarray(brushed_mask(painted(), (512, 512)))
    assert set(np.unique(mask)) == {0, 255}
    assert mask[128:256, 128:256].min() == 255
    assert mask.sum() == 255 * 128 * 128


@pytest.mark.parametrize("size", [(128, 128), (1024, 1024), (200, 100)])
def test_a_mask_is_brought_to_the_pictures_size(size):
    mask = np.asarray(brushed_mask(painted(), size))
    assert mask.shape == size[::-1]
    assert set(np.unique(mask)) == {0, 255}
    assert mask.mean() / 255 == pytest.approx(1 / 16, rel=0.05)


def test_the_easels_scale_keeps_every_cell_of_a_small_picture():
    chequers = np.indices((128, 128)).sum(axis=0) % 2 * 255
    large = np.kron(chequers, np.ones((8, 8))).astype(np.uint8)
    image = Image.fromarray(np.dstack([large * 0, large * 0, large * 0 + 246, large]), "RGBA")
    png = io.BytesIO()
    image.save(png, "PNG")
    value = PREFIX + base64.b64encode(png.getvalue()).decode()
    assert np.array_equal(np.asarray(brushed_mask(value, (128, 128))), chequers)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("", "mask_image is empty"),
        (None, "mask_image is empty"),
        ("data:image/svg+xml;base64,AAAA", "not what the brush makes"),
        (PREFIX + "A" * LARGEST_BRUSHED, "not what the brush makes"),
        (PREFIX + "!!!!", "damaged"),
        (PREFIX + base64.b64encode(b"\x89PNG\r\n\x1a\nnothing").decode(), "mask_image is not a picture"),
        ({"path": "/etc/passwd"}, "not what the brush makes"),
    ],
)
def test_what_is_no_mask_is_refused_in_a_sentence(value, words):
    with pytest.raises(InvalidRequest, match=words) as caught:
        brushed_mask(value, (64, 64))
    assert caught.value.parameter == "mask_image"


def test_a_mask_that_would_be_huge_is_refused_before_it_is_decoded():
    png = io.BytesIO()
    Image.new("1", (12_000, 12_000)).save(png, "PNG")
    value = PREFIX + base64.b64encode(png.getvalue()).decode()
    with pytest.raises(InvalidRequest, match="mask_image has 12000 × 12000 pixels"):
        brushed_mask(value, (64, 64))


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "RGBA", "P", "I;16"])
def test_an_uploaded_mask_of_any_kind_goes_onto_the_easel(tmp_path, mode):
    values = np.zeros((96, 160), np.uint8)
    values[:, :80] = 255
    image = Image.fromarray(values)
    if mode == "I;16":
        image = Image.fromarray(values.astype(np.uint16) * 257)
    elif mode != "L":
        image = image.convert(mode)
    image.save(tmp_path / "mask.png")
    mask = np.asarray(brushed_mask(uploaded_mask(str(tmp_path / "mask.png")), (160, 96)))
    assert np.array_equal(mask, values)


def test_transparent_parts_of_an_uploaded_mask_are_kept(tmp_path):
    image = Image.new("RGBA", (64, 64), (255, 255, 255, 0))
    image.paste((255, 255, 255, 255), (0, 0, 32, 64))
    image.save(tmp_path / "mask.png")
    mask = np.asarray(brushed_mask(uploaded_mask(str(tmp_path / "mask.png")), (64, 64)))
    assert mask[:, :32].min() == 255
    assert mask[:, 32:].max() == 0


def test_a_large_uploaded_mask_is_brought_down_to_the_easel(tmp_path):
    Image.new("L", (3000, 1500), 255).save(tmp_path / "mask.png")
    value = uploaded_mask(str(tmp_path / "mask.png"))
    with Image.open(io.BytesIO(base64.b64decode(value[len(PREFIX) :]))) as image:
        assert image.size == (EASEL_SIDE, EASEL_SIDE // 2)


def test_a_black_mask_and_a_file_that_is_none_are_refused(tmp_path):
    Image.new("L", (64, 64), 0).save(tmp_path / "black.png")
    with pytest.raises(InvalidRequest, match="no white in it"):
        uploaded_mask(str(tmp_path / "black.png"))
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(InvalidRequest, match="mask_image is not a picture"):
        uploaded_mask(str(tmp_path / "text.png"))
