"""Pictures as PNG, JPEG, WebP and AVIF: the recipe reads back equal from each, and copies carry what was chosen."""

from __future__ import annotations

import errno
import io
import zipfile
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from pipelines.errors import InvalidRequest
from pipelines.events import ImageFinished
from pipelines.request import ImageToImageRequest, TextToImageRequest
from tests.libraries import ids, opened, picture, smooth
from tests.test_infotext import AModel, requests
from webui.library import keeping
from webui.library.carried import texts_of
from webui.library.embed import Stamp, encode_picture, read_parameters, read_recipe, read_stamp
from webui.library.export import to_give_out
from webui.library.formats import ENDINGS, Saving, is_whole, media_type
from webui.library.infotext import write_infotext
from webui.library.names import Facts, name_for
from webui.library.recipe import RecipeError, write_recipe

FORMATS = ("png", "jpeg", "webp", "avif")
MOMENT = datetime(2026, 1, 31, 14, 25, 7, tzinfo=timezone.utc)


def round_trip(request, seed: int) -> None:
    image = Image.new("RGB", (16, 16), "teal")
    recipe = write_recipe(request, ImageFinished(0, image, seed), model=AModel(), parent="0" * 32, style="anime")
    infotext = write_infotext(recipe)
    stamp = Stamp(id=f"{seed:032x}", owner="1" * 32, created=MOMENT, recipe=recipe)
    for name in FORMATS:
        data = encode_picture(image, Saving(format=name), infotext=infotext, stamp=stamp)
        assert read_recipe(data) == recipe, name
        assert read_stamp(data) == stamp, name
        with Image.open(io.BytesIO(data)) as opened_by_others:
            assert read_recipe(opened_by_others) == recipe, name
        if name != "jpeg" or len(infotext) < 30_000:
            assert read_parameters(data) == infotext.rstrip("\0"), name


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(request=requests(), seed=st.integers(0, 2**32 - 1))
def test_every_request_reads_back_equal_from_every_format(request, seed):
    round_trip(request, seed)


@pytest.mark.slow
@settings(max_examples=5000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(request=requests(), seed=st.integers(0, 2**32 - 1))
def test_five_thousand_requests_read_back_equal_from_every_format(request, seed):
    round_trip(request, seed)


@pytest.mark.parametrize("letter", ["a", "é", "日", "😀", "\x00"])
def test_the_longest_prompts_fit_every_format(letter):
    round_trip(TextToImageRequest(prompt=letter * 20_000, negative_prompt=letter * 20_000), 7)


# ---- in the library


@pytest.mark.parametrize("name", FORMATS)
def test_a_library_keeps_every_format_and_finds_it_again(tmp_path, name):
    image = smooth()
    with opened(tmp_path, Saving(format=name, quality=95)) as library:
        saved = library.keep("ann", TextToImageRequest(prompt="a slope"), ImageFinished(0, image, 7))
        assert saved.path.suffix == Saving(format=name).ending
        assert saved.media_type == media_type(saved.path) == f"image/{name}"
        assert library.thumbnail(saved.id).startswith(b"\xff\xd8")
        assert library.recipe("ann", saved.id).seed == 7
        with Image.open(saved.path) as kept:
            assert kept.format.lower() == name
            off = np.abs(np.asarray(kept.convert("RGB"), dtype=int) - np.asarray(image)).mean()
            assert off == 0 if name == "png" else off < 4
    (tmp_path / ".library" / "index.sqlite3").unlink()
    with opened(tmp_path) as library:
        assert library.find("ann").pictures == (saved,)


@pytest.mark.parametrize("name", FORMATS)
def test_files_that_are_cut_off_are_not_whole(tmp_path, name):
    data = encode_picture(smooth(), Saving(format=name))
    path = tmp_path / f"a{Saving(format=name).ending}"
    path.write_bytes(data)
    assert is_whole(path)
    for length in (0, 1, 7, 20, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:length])
        assert not is_whole(path), length


def test_lossless_webp_keeps_every_pixel():
    image = picture().image
    data = encode_picture(image, Saving(format="webp", lossless=True))
    assert Image.open(io.BytesIO(data)).convert("RGB").tobytes() == image.tobytes()
    assert len(encode_picture(image, Saving(format="webp", quality=10))) < len(data)


@pytest.mark.parametrize(
    "wrong",
    [
        {"format": "gif"},
        {"quality": 0},
        {"quality": 101},
        {"quality": True},
        {"quality": 2.5},
        {"format": "jpeg", "lossless": True},
        {"format": "avif", "lossless": True},
        {"pattern": ""},
        {"pattern": "[nonsense]"},
        {"pattern": "x" * 401},
    ],
)
def test_what_cannot_be_written_is_refused_in_a_sentence(wrong):
    with pytest.raises(InvalidRequest, match=r"^\w+ (is|has) .*\.$"):
        Saving(**wrong)


@pytest.mark.parametrize("name", FORMATS)
def test_where_an_upload_was_taken_travels_into_no_format(name):
    exif = Image.Exif()
    exif[0x010F] = "GPSCANARY"
    exif.get_ifd(0x8825)[1] = "N"
    phone = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(
        phone, "JPEG", exif=exif, icc_profile=b"GPSCANARY", comment=b"GPSCANARY", xmp=b"<x>GPSCANARY</x>"
    )
    upload = Image.open(phone)
    upload.load()
    request = ImageToImageRequest(prompt="a cat", image=upload)
    result = upload.copy()
    result.info |= dict(upload.info)
    recipe = write_recipe(request, ImageFinished(0, result, 7))
    stamp = Stamp(id="0" * 32, owner="", created=MOMENT, recipe=recipe)
    data = encode_picture(result, Saving(format=name), infotext=write_infotext(recipe), stamp=stamp)
    assert b"GPSCANARY" not in data
    with Image.open(io.BytesIO(data)) as kept:
        assert 0x8825 not in kept.getexif()
        assert not kept.getexif().get_ifd(0x8825)
        assert "icc_profile" not in kept.info


# ---- copies


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("metadata", ["all", "no_prompt", "nothing"])
def test_a_copy_carries_what_was_chosen(tmp_path, name, metadata):
    request = TextToImageRequest(prompt="SECRETWORD", negative_prompt="SECRETWORD", seed=7)
    with opened(tmp_path) as library:
        parent = library.keep("ann", request, picture(1, 16))
        saved = library.keep("ann", request, ImageFinished(0, smooth(), 7), parent=parent.id)
        data, file = library.copy("ann", saved.id, metadata=metadata, saving=Saving(format=name))
    assert file.endswith(Saving(format=name).ending)
    assert (file.startswith(saved.path.stem), "secretword" in file) == (metadata == "all", metadata == "all")
    texts = texts_of(data)
    if metadata == "nothing":
        assert texts == {}
        return
    recipe = read_recipe(data)
    assert recipe.request["num_inference_steps"] == 20
    assert "Steps: 20" in read_parameters(data)
    if metadata == "all":
        assert recipe.request["prompt"] == "SECRETWORD"
        return
    assert "SECRETWORD" not in str(texts)
    assert recipe.request["prompt"] == recipe.request["negative_prompt"] == ""
    assert recipe.parent is None
    assert read_stamp(data).id != saved.id
    assert read_stamp(data).owner == ""


def test_a_copy_as_it_is_kept_is_the_very_file(tmp_path):
    with opened(tmp_path, Saving(format="jpeg")) as library:
        saved = library.keep("ann", TextToImageRequest(prompt="x"), picture())
        assert library.copy("ann", saved.id) == (saved.path.read_bytes(), saved.path.name)
        saved.path.unlink()
        assert library.copy("ann", saved.id) is None


@pytest.mark.parametrize("name", FORMATS)
def test_a_damaged_file_spoils_neither_zip_nor_page(tmp_path, name):
    with opened(tmp_path, Saving(format=name)) as library:
        broken, whole = (library.keep("ann", TextToImageRequest(prompt="x"), picture(seed)) for seed in (1, 2))
        data = broken.path.read_bytes()
        for harmed in (b"", b"no picture", data[:40], data[: len(data) // 2], data[: len(data) // 2] + bytes(999)):
            broken.path.write_bytes(harmed)
            assert library.thumbnail(broken.id) is None or len(harmed) > 40
            with suppress(OSError, RecipeError):
                library.copy("ann", broken.id, metadata="nothing")
            zipped = b"".join(library.export("ann", [broken.id, whole.id], metadata="nothing"))
            with zipfile.ZipFile(io.BytesIO(zipped)) as archive:
                assert archive.testzip() is None
                assert whole.path.suffix in archive.namelist()[-1] or archive.namelist()[-1] == "Left out.txt"
            assert library.copy("ann", whole.id)
        with zipfile.ZipFile(io.BytesIO(b"".join(library.export("ann", [broken.id], metadata="nothing")))) as archive:
            assert archive.namelist() in (["Left out.txt"], [f"reverie{broken.path.suffix}"])


def test_many_pictures_become_one_zip(tmp_path):
    with opened(tmp_path, Saving(pattern="[prompt_words]")) as library:
        kept = [library.keep("ann", TextToImageRequest(prompt="red"), picture(seed, 96)) for seed in range(8)]
        his = library.keep("ben", TextToImageRequest(prompt="red"), picture(9, 96))
        kept[3].path.unlink()
        wanted = [*ids(kept), his.id, kept[0].id, "no such picture"]
        pieces = list(library.export("ann", wanted))
        assert len(pieces) > 2, "it is sent while it is made"
        with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as archive:
            assert archive.testzip() is None
            assert archive.namelist() == [one.path.name for number, one in enumerate(kept) if number != 3]
            assert archive.read("red.png") == kept[0].path.read_bytes()
        bare = b"".join(library.export("ann", wanted, metadata="nothing", saving=Saving(format="webp")))
        with zipfile.ZipFile(io.BytesIO(bare)) as archive:
            assert all(texts_of(archive.read(name)) == {} for name in archive.namelist())
            names = ["reverie.webp", *(f"reverie-{number}.webp" for number in range(2, 8))]
            assert archive.namelist() == names, "a name tells no more than the file"


def test_a_picture_the_disk_did_not_take_is_given_out_as_asked(tmp_path, monkeypatch):
    def full(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(keeping, "write_new", full)
    with opened(tmp_path) as library:
        lost = library.keep("ann", TextToImageRequest(prompt="a secret"), picture(7, 96))
        assert lost.path is None
        zipped = b"".join(library.export("ann", [lost.id], unsaved={lost.id: lost}.get))
    with zipfile.ZipFile(io.BytesIO(zipped)) as archive:
        (name,) = archive.namelist()
        assert texts_of(archive.read(name)) == texts_of(lost.image)
    for metadata, kept in (("nothing", {}), ("no_prompt", None)):
        data, name = to_give_out(lost, metadata=metadata, saving=Saving(format="jpeg"))
        assert data.startswith(b"\xff\xd8")
        assert name.endswith(".jpg")
        assert b"secret" not in data
        assert kept is None or texts_of(data) == kept


def test_pictures_of_one_name_are_all_in_the_zip(tmp_path):
    with opened(tmp_path) as library:
        kept = [library.keep("ann", TextToImageRequest(prompt="red"), picture(seed, 8)) for seed in range(3)]
        for number, one in enumerate(kept):
            (tmp_path / str(number)).mkdir()
            one.path.rename(tmp_path / str(number) / "Sky.png")
    with opened(tmp_path) as library:
        data = b"".join(library.export("ann", ids(kept)))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.namelist() == ["Sky.png", "Sky-2.png", "Sky-3.png"]


# ---- names


def facts(prompt: str = "A red circle, really!", **more) -> Facts:
    request = ImageToImageRequest(
        prompt=prompt, image=Image.new("RGB", (64, 96)), scheduler="k_dpmpp_2m_ka", guidance_scale=7.5, strength=0.5
    )
    event = ImageFinished(1, Image.new("RGB", (64, 96)), 42)
    recipe = write_recipe(request, event, model=more.pop("model", AModel()), style=more.pop("style", None))
    return Facts(recipe, MOMENT, "ab" * 32, more.pop("count", 4))


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("[seed]-[steps]-[cfg]-[width]x[height]", "42-20-7.5-64x96"),
        ("[sampler] [scheduler]", "DPM++ 2M Karras"),
        ("[model_name]", AModel().name),
        ("[model_hash]_[image_hash]_[denoising]", "0123456789_ababababab_0.5"),
        ("[date]/[datetime<%H.%M>]/x", "2026-01-31/14.25/x"),
        ("[datetime]", "20260131142507"),
        ("[prompt]", "A red circle, really!"),
        ("[prompt_words]-[prompt_hash]", "a-red-circle-really-893bb165"),
        ("[batch_number]-[generation_number]", "2-2"),
        ("[styles]-[clip_skip]-[seed]", "1-42"),
        ("a-[styles]-[seed]", "a-42"),
        ("../../[seed]", "42"),
        ("/etc/[seed]", "etc/42"),
        ("a/b/c/d/[seed]", "a/b/42"),
        ("...", "42"),
        ("CON", "_CON"),
        ("nul.[seed]", "_nul.42"),
        ("[seed]. .", "42"),
        ("a\\b", "a/b"),
    ],
)
def test_placeholders_are_a1111s(pattern, name):
    assert str(name_for(pattern, facts())) == name


def test_a_picture_alone_has_no_number():
    assert str(name_for("[seed]-[batch_number]", facts(count=1))) == "42"


@settings(max_examples=300, deadline=None)
@given(
    pattern=st.text(min_size=1, max_size=120)
    | st.lists(
        st.sampled_from(
            ["[prompt]", "[prompt_words]", "[model_name]", "[datetime<%Q%e%n/%t>]", "/", "..", ".", "\\", "C:", "\0"]
        ),
        min_size=1,
        max_size=9,
    ).map("".join),
    prompt=st.text(min_size=1, max_size=300).filter(str.strip) | st.just("../" * 90 + "x"),
    copy=st.integers(1, 9999),
)
def test_no_name_leaves_the_folder_or_is_refused_by_a_system(pattern, prompt, copy):
    made = name_for(pattern, facts(prompt, model=AModel(name=prompt)), copy)
    assert not made.is_absolute()
    assert 1 <= len(made.parts) <= 3
    for part in made.parts:
        assert part not in (".", "..")
        assert 1 <= len(part.encode()) <= 110
        assert part == part.strip(" .")
        assert not set(part) & set('<>:"/\\|?*') and part.isprintable()
        assert part.split(".")[0].lower() not in ("con", "prn", "aux", "nul", "com1", "lpt9")
    assert (Path("/outputs") / made).resolve().is_relative_to("/outputs")


def test_a_pattern_names_the_files_of_a_library(tmp_path):
    with opened(tmp_path, Saving(pattern="[model_name]/[prompt]-[seed]")) as library:
        request = TextToImageRequest(prompt='../../"evil"\n<b>')
        one = library.keep("ann", request, picture(5, 8), model=AModel(name="a/../b"))
        two = library.keep("ann", request, picture(5, 8), model=AModel(name="a/../b"))
        assert one.path.relative_to(tmp_path).as_posix() == "a-..-b/evil- -b--5.png"
        assert two.path.stem == one.path.stem + "-2"
    assert set(ENDINGS.values()) == set(FORMATS)
