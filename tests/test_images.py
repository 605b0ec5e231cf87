"""Pictures people really have become plain RGB; hostile ones become one sentence."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from pipelines.errors import InvalidRequest
from pipelines.images import cover, open_upload, pad_to_multiple, paste_back, soften_mask, to_rgb


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def test_transparent_parts_lie_on_the_background_chosen() -> None:
    image = Image.new("RGBA", (8, 8), (10, 20, 30, 0))
    image.putpixel((0, 0), (200, 100, 50, 255))
    shown = open_upload(encoded(image), background="#00ff00").image
    assert shown.getpixel((0, 0)) == (200, 100, 50)
    assert shown.getpixel((1, 1)) == (0, 255, 0)


def test_a_transparent_palette_colour_lies_on_the_background() -> None:
    image = Image.new("P", (4, 4), 0)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putpixel((0, 0), 1)
    shown = open_upload(encoded(image, transparency=0), background="#ffffff").image
    assert shown.getpixel((0, 0)) == (0, 0, 255) and shown.getpixel((1, 1)) == (255, 255, 255)


def test_sixteen_bits_keep_their_brightness() -> None:
    ramp = np.linspace(0, 65535, 64, dtype=np.uint16).reshape(8, 8)
    shown = np.asarray(open_upload(encoded(Image.fromarray(ramp))).image)[..., 0]
    assert np.abs(shown.astype(float) - ramp / 257).max() <= 1


def test_cmyk_becomes_rgb() -> None:
    shown = open_upload(encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG")).image
    red, green, blue = shown.getpixel((4, 4))
    assert red > 200 and green < 60 and blue < 60


def test_exif_rotation_is_applied_and_metadata_dropped() -> None:
    image = Image.new("RGB", (20, 10), "white")
    image.paste("black", (0, 0, 10, 10))  # left half
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera lay on its side: turn clockwise
    exif[0x8825] = {1: "N"}
    shown = open_upload(encoded(image, "JPEG", exif=exif, quality=95)).image
    assert shown.size == (10, 20)
    assert shown.getpixel((5, 2))[0] < 60 and shown.getpixel((5, 17))[0] > 200
    assert not shown.info and not dict(shown.getexif())


def test_an_animation_gives_its_first_frame_and_says_so() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "lime")]
    upload = open_upload(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert upload.image.getpixel((0, 0)) == (255, 0, 0)
    assert "3 frames" in upload.notices[0] and "first" in upload.notices[0]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "I", "F", "RGBA", "CMYK", "YCbCr", "LAB", "HSV", "P"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    image = Image.new("RGB", (8, 8), (200, 200, 200)).convert("L" if mode in ("I", "F", "1", "LA") else "RGB")
    if mode == "LAB":
        image = Image.new("LAB", (8, 8), (200, 128, 128))
    elif mode != image.mode:
        image = image.convert(mode)
    assert to_rgb(image).mode == "RGB"
    assert min(to_rgb(image).getpixel((4, 4))) > 150


def huge_png(width: int, height: int) -> bytes:
    """A header that promises a picture of this size, without its pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 10)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"%PDF-1.4 not a picture", "not a picture"),
        (b"", "not a picture"),
        (encoded(Image.effect_noise((64, 64), 90))[:900], "damaged"),
        (huge_png(20_000, 20_000), "4096"),
        (huge_png(5_000, 4_000), "5000 × 4000"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture"),
    ],
)
def test_hostile_files_are_one_sentence(data: bytes, word: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        open_upload(data)
    assert word in str(caught.value) and str(caught.value).startswith("image ")


def test_a_cut_file_is_told_without_the_decoders_words() -> None:
    with pytest.raises(InvalidRequest, match=r"^image is damaged or incomplete; save it again and retry\.$"):
        open_upload(encoded(Image.effect_noise((64, 64), 90))[:900])


def test_cover_keeps_a_picture_of_the_right_size_bit_for_bit() -> None:
    image = Image.effect_noise((40, 24), 80).convert("RGB")
    assert cover(image, (40, 24)).tobytes() == image.tobytes()
    assert cover(image, (16, 16)).size == (16, 16)


def test_padding_repeats_the_edge_and_keeps_the_picture() -> None:
    image = Image.effect_noise((13, 9), 80).convert("RGB")
    padded = pad_to_multiple(image)
    assert padded.size == (16, 16)
    assert padded.crop((0, 0, 13, 9)).tobytes() == image.tobytes()
    assert padded.getpixel((15, 3)) == image.getpixel((12, 3))


def test_a_soft_edge_never_leaves_the_mask() -> None:
    mask = Image.new("L", (64, 64))
    mask.paste(255, (16, 16, 48, 48))
    soft = np.asarray(soften_mask(mask, 6))
    hard = np.asarray(mask)
    assert (soft[hard == 0] == 0).all()
    assert soft[32, 32] == 255 and 0 < soft[32, 17] < 255
    row = soft[32, 16:24].astype(int)
    assert (np.diff(row) >= 0).all(), "the edge must rise inwards"


def test_a_mask_that_touches_the_border_is_not_softened_there() -> None:
    mask = Image.new("L", (32, 32))
    mask.paste(255, (0, 0, 16, 32))
    soft = np.asarray(soften_mask(mask, 8))
    assert soft[16, 0] == 255 and soft[16, 15] < 255
    whole = np.asarray(soften_mask(Image.new("L", (32, 32), 255), 8))
    assert (whole == 255).all()


def test_pasting_back_touches_only_the_mask() -> None:
    original = Image.effect_noise((32, 32), 80).convert("RGB")
    edited = Image.new("RGB", (32, 32), "red")
    mask = Image.new("L", (32, 32))
    mask.paste(255, (8, 8, 24, 24))
    result = np.asarray(paste_back(original, edited, mask))
    outside = np.asarray(mask) == 0
    assert (result[outside] == np.asarray(original)[outside]).all()
    assert (result[~outside] == (255, 0, 0)).all()


def test_a_damaged_avif_is_told_in_a_sentence() -> None:
    """Pillow's decoder raises RuntimeError for it."""
    whole = io.BytesIO()
    Image.effect_noise((64, 64), 60).convert("RGB").save(whole, "avif")
    refused = 0
    for place in range(0, len(whole.getvalue()), 9):
        data = bytearray(whole.getvalue())
        data[place : place + 5] = b"\xff\x00\x80\x7f\x01"
        try:
            open_upload(io.BytesIO(bytes(data)))
        except InvalidRequest:
            refused += 1
    assert refused > 0
