"""Styles from A1111's file, several at once, and as files of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import PresetError
from pipelines.preset import Style, load_styles
from pipelines.styles_csv import apply_styles, read_styles_csv, save_style, take_styles_off

CSV = (
    "name,prompt,negative_prompt\r\n"
    "None,,\r\n"
    'Ink,"{prompt}, ink on paper, ""rough""",colour\r\n'
    "Öl & Leinwand,oil on canvas,\r\n"
    'Only avoids,,"fog,\nrain"\r\n'
    "Ink,another {prompt},\r\n"
    "Twice,{prompt} and {prompt},\r\n"
).encode()


def test_a1111s_file() -> None:
    styles, problems = read_styles_csv(CSV, taken=["ol-leinwand"])
    assert [(style.id, style.label) for style in styles] == [
        ("ink", "Ink"), ("ol-leinwand-2", "Öl & Leinwand"), ("only-avoids", "Only avoids"), ("ink-2", "Ink"),
    ]  # fmt: skip
    assert styles[0].prompt == '{prompt}, ink on paper, "rough"'
    assert styles[1].prompt == "{prompt}, oil on canvas"
    assert (styles[2].prompt, styles[2].negative_prompt) == ("{prompt}", "fog,\nrain")
    assert [str(problem) for problem in problems] == [
        "styles.csv has 'Twice', which cannot be used (it must have {prompt} in it exactly once); change it."
    ]


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
def test_older_files_and_those_of_windows(start: bytes) -> None:
    (style,), problems = read_styles_csv(start + b"name,text\nInk,ink on paper\n")
    assert (style.prompt, problems) == ("{prompt}, ink on paper", [])


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"colour,size\nred,1\n", "lacks the columns name, prompt and negative_prompt"),
        (b"x" * (4 << 20) + b"x", "give at most 4,194,304"),
        (b'name,prompt\n"' + b"a" * 200_000 + b'",b\n', "is no table"),
    ],
)  # fmt: skip
def test_what_is_no_such_file_is_said(data: bytes, sentence: str) -> None:
    with pytest.raises(PresetError, match=sentence):
        read_styles_csv(data)


@given(st.binary(max_size=300))
def test_any_file_is_read_or_refused_by_our_own_error(data: bytes) -> None:
    for start in (b"", b"name,prompt,negative_prompt\n"):
        try:
            styles, _ = read_styles_csv(start + data)
        except PresetError:
            continue
        assert len({style.id for style in styles}) == len(styles)


def test_several_lie_over_each_other_and_come_off_again() -> None:
    ink = Style(id="ink", label="Ink", prompt="{prompt}, ink", negative_prompt="colour")
    old = Style(id="old", label="Old", prompt="{prompt}, old")
    worn = apply_styles([ink, old], "a boat", "fog")
    assert worn == ("a boat, ink, old", "fog, colour")
    assert take_styles_off([ink, old], *worn) == ("a boat", "fog")
    assert take_styles_off([old, ink], *worn) is None, "in another order it is another text"
    assert take_styles_off([], "a boat", "") == ("a boat", "")


@pytest.mark.parametrize("count", [2, 3, 17])
def test_any_of_ours_come_off_together(count: int) -> None:
    styles = load_styles()[0][:count]
    worn = apply_styles(styles, "a boat, at sea", "fog")
    assert take_styles_off(styles, *worn) == ("a boat, at sea", "fog")


def test_dream_studios_seventeen_are_there() -> None:
    styles, problems = load_styles()
    assert problems == ()
    assert [style.id for style in styles] == [
        "enhance", "anime", "photographic", "digital-art", "comic-book", "fantasy-art", "analog-film", "neon-punk",
        "isometric", "low-poly", "origami", "line-art", "modeling-compound", "cinematic", "3d-model", "pixel-art",
        "tile-texture",
    ]  # fmt: skip


def test_a_saved_style_is_read_back(tmp_path: Path) -> None:
    style = Style(id="ink", label="Tusche — 墨", prompt="{prompt}, ink", negative_prompt="colour")
    path = save_style(style, tmp_path / "new" / "styles")
    assert load_styles(path.parent) == ((style,), ())
    assert [one.name for one in path.parent.iterdir()] == ["ink.json"]
    (tmp_path / "file").write_text("")
    with pytest.raises(PresetError, match="could not be saved"):
        save_style(style, tmp_path / "file")
