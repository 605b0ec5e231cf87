"""Grids: values as A1111 writes them, one picture for each combination, and a sheet with labels."""

from __future__ import annotations

import contextlib
import random

import numpy as np
import pytest
from PIL import Image

from pipelines.errors import InvalidRequest
from pipelines.grid import Cell, Words, fields_told, parse_flag, plan_grid
from pipelines.grid_axes import axis_kinds, find_kind, read_axis
from pipelines.grid_sheet import LONGEST_SIDE, MOST_PIXELS, Edges, draw_sheet
from pipelines.grid_values import read_numbers, read_orders, read_replacements, read_texts
from pipelines.request import ImageToImageRequest, InpaintRequest, TextToImageRequest

BASE = TextToImageRequest(prompt="a red boat at dusk", seed=7, width=256, height=256)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("1, 2,3", [1, 2, 3]),
        ("1-5", [1, 2, 3, 4, 5]),
        ("1-10 (+2)", [1, 3, 5, 7, 9]),
        ("1-10 (2)", [1, 3, 5, 7, 9]),
        ("10-1 (-3)", [10, 7, 4, 1]),
        ("1-10 [5]", [1, 3, 5, 7, 10]),
        ("5 - 7, 20, 30-31", [5, 6, 7, 20, 30, 31]),
        ("-1, -1", [-1, -1]),
        ("4.0", [4]),
    ],
)
def test_whole_numbers_are_read_as_a1111_reads_them(text: str, numbers: list[int]) -> None:
    read = read_numbers(text, whole=True)
    assert read == numbers
    assert all(type(number) is int for number in read)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("0.5, 1", [0.5, 1.0]),
        ("1-3", [1.0, 2.0, 3.0]),
        ("0-1 (+0.25)", [0.0, 0.25, 0.5, 0.75, 1.0]),
        ("0-0.3 (+0.1)", [0.0, 0.1, 0.2, 0.3]),
        ("0-1 [5]", [0.0, 0.25, 0.5, 0.75, 1.0]),
        ("7-7 [1]", [7.0]),
        (".5-1.5 (.5)", [0.5, 1.0, 1.5]),
    ],
)
def test_numbers_are_read_as_a1111_reads_them(text: str, numbers: list[float]) -> None:
    assert read_numbers(text, whole=False) == pytest.approx(numbers, abs=1e-9)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has no values"),
        (" , ,", "has no values"),
        ("ten", "has 'ten', which is no whole number"),
        ("1.5", "has '1.5', which is no whole number"),
        ("1-1000000", "comes to 1000000 values; an axis holds 100."),
        ("5-1", "never comes to its end"),
        ("1-5 (0)", "never comes to its end"),
        ("1-5 [0]", "asks for no values"),
        ("nan", "no whole number"),
    ],
)
def test_values_that_are_no_numbers_are_named(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=r"^(has|comes)") as refusal:
        read_numbers(text, whole=True)
    assert words in str(refusal.value)


def test_texts_and_replacements_are_csv() -> None:
    assert read_texts('a, "b, c" ,d') == ["a", "b, c", "d"]
    assert read_replacements("red, blue , green") == ["red", "blue", "green"]
    assert read_replacements('"red boat", "blue, long ship"') == ["red boat", "blue, long ship"]
    assert read_replacements(' red,""') == ["red", ""]
    assert len(read_orders("a, b, c")) == 6
    for bad in ("red", "", '"",x'):
        with pytest.raises(ValueError, match="needs the words"):
            read_replacements(bad)


def test_odd_values_never_raise_anything_else() -> None:
    chance = random.Random(3)
    kinds = axis_kinds(InpaintRequest)
    for _ in range(3000):
        text = "".join(chance.choice('0123456789-+.()[], "abxé\n') for _ in range(chance.randint(0, 24)))
        with contextlib.suppress(ValueError):
            read_axis(chance.choice(kinds), text, {}, InpaintRequest)


def test_every_number_of_every_task_is_an_axis() -> None:
    text, image, paint = (
        {kind.id for kind in axis_kinds(task)} for task in (TextToImageRequest, ImageToImageRequest, InpaintRequest)
    )
    assert {"seed", "num_inference_steps", "guidance_scale", "width", "hires_scale", "hires_steps", "clip_skip"} <= text
    assert {"variation_strength", "eta", "rho", "schedule", "model", "style", "prompt_sr", "tiling"} <= text
    assert {"strength", "tile_overlap", "resize_mode", "tile_upscaler"} <= image
    assert "strength" not in text
    assert {"mask_blur", "padding_mask_crop", "masked_content"} <= paint
    assert find_kind(TextToImageRequest, "cfg scale").id == find_kind(TextToImageRequest, "guidance_scale").id
    with pytest.raises(InvalidRequest, match="A grid cannot vary 'Loudness'; choose one of Seed, "):
        find_kind(TextToImageRequest, "Loudness")


def test_a_grid_is_every_combination_and_all_else_is_shared() -> None:
    grid = plan_grid(BASE, [("Steps", "5,10"), ("Sampler", "Euler a, DDIM"), ("Prompt S/R", "red, blue, green")])
    assert len(grid.cells) == 12
    requests = [grid.request(cell) for cell in grid.cells]
    told = {(one.num_inference_steps, one.scheduler, one.prompt) for one in requests}
    assert len(told) == 12
    assert {one.prompt for one in requests} == {f"a {word} boat at dusk" for word in ("red", "blue", "green")}
    changed = {"num_inference_steps", "scheduler", "prompt", "num_images_per_prompt"}
    for request in requests:
        assert request.model_dump(exclude=changed) == BASE.model_dump(exclude=changed)
    assert [title for _, title in grid.sheets()] == [f"Prompt S/R: {word}" for word in ("red", "blue", "green")]
    assert grid.edge(0) == ("Steps: 5", "Steps: 10")


def test_one_random_seed_is_drawn_for_all_cells_and_each_of_a_seed_axis_its_own() -> None:
    drawn = plan_grid(BASE.model_copy(update={"seed": -1}), [("Steps", "5,6,7")])
    seeds = {drawn.request(cell).seed for cell in drawn.cells}
    assert len(seeds) == 1
    assert seeds != {-1}
    axis = plan_grid(BASE, [("Seed", "-1,-1,3"), ("Steps", "5,6")])
    columns = [{axis.request(cell).seed for cell in axis.cells if cell.x == x} for x in range(3)]
    assert all(len(column) == 1 for column in columns)
    assert columns[2] == {3}
    assert columns[0] != columns[1]
    assert axis.notes()["Fixed X Values"].split(", ")[2] == "3"


def test_what_must_be_loaded_changes_as_seldom_as_can_be() -> None:
    names = {"model": [("a", "Model A"), ("b", "Model B")]}
    grid = plan_grid(BASE, [("Checkpoint name", "model a, b"), ("Steps", "5,6,7")], names=names)
    models = [grid.request(cell).model for cell in grid.cells]
    assert models == ["a", "a", "a", "b", "b", "b"]
    everything = plan_grid(BASE, [("Checkpoint name", "")], names=names)
    assert [everything.request(cell).model for cell in everything.cells] == ["a", "b"]


def test_sampler_and_schedule_are_two_axes() -> None:
    grid = plan_grid(BASE, [("Schedule type", "Karras, Automatic"), ("Sampler", "DPM++ 2M, Euler")])
    found = {grid.request(cell).scheduler for cell in grid.cells}
    assert found == {"DPM++ 2M Karras", "Euler Karras", "DPM++ 2M", "Euler"}


def test_styles_are_laid_over_the_artists_own_words() -> None:
    words = Words("a boat", "rain", lambda style, prompt, negative: (f"{style or 'form'}: {prompt}", negative))
    grid = plan_grid(BASE, [("Styles", "film, anime"), ("Prompt S/R", "boat, ship")], words=words)
    assert {grid.request(cell).prompt for cell in grid.cells} == {
        "film: a boat", "film: a ship", "anime: a boat", "anime: a ship",
    }  # fmt: skip
    plainly = plan_grid(BASE, [("Steps", "5")], words=words)
    assert plainly.request(Cell(0, 0, 0)).prompt == "form: a boat"


def test_words_are_put_into_every_order() -> None:
    base = BASE.model_copy(update={"prompt": "red, long boat"})
    grid = plan_grid(base, [("Prompt order", "red, long")])
    assert [grid.request(cell).prompt for cell in grid.cells] == ["red, long boat", "long, red boat"]


@pytest.mark.parametrize(
    ("axes", "sentence"),
    [
        ([("", "1")], "The grid varies nothing"),
        ([("Steps", "0,5")], "X axis (Steps) at '0': num_inference_steps is 0"),
        ([("Nothing", ""), ("CFG Scale", "7, 99")], "Y axis (CFG Scale) at '99': guidance_scale is 99.0"),
        ([("Steps", "a")], "X axis (Steps) has 'a', which is no whole number"),
        ([("Steps", "5"), ("steps", "6")], "The grid varies Steps on two axes"),
        ([("Seed", "1-20"), ("Steps", "1-20")], "comes to 20 × 20 = 400 pictures; 256 are the most."),
        ([("Prompt S/R", "green, blue")], "X axis (Prompt S/R) looks for 'green', which is in neither prompt"),
        ([("Sampler", "Oiler")], "X axis (Sampler) at 'Oiler': scheduler is 'Oiler', which no sampler is called"),
        ([("Checkpoint name", "c")], "X axis (Checkpoint name) has 'c', which is not there; there is Model A."),
        ([("Size", "256")], "X axis (Size) has '256', which is no size; write one as 512x768."),
        ([("Width", "100")], "X axis (Width) at '100': width is 100"),
        ([("Tiling", "maybe")], "X axis (Tiling) has 'maybe'; write on or off."),
    ],
)
def test_a_grid_that_cannot_be_names_its_axis(axes: list[tuple[str, str]], sentence: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        plan_grid(BASE, axes, names={"model": [("a", "Model A")]})
    assert sentence in str(refusal.value)


def test_a_grids_notes_are_a1111s_and_read_back() -> None:
    axes = [("Steps", "5, 10"), ("Prompt S/R", 'red, "deep blue"')]
    notes = plan_grid(BASE, axes).notes()
    assert notes["Script"] == "X/Y/Z plot"
    assert notes["X Values"] == "5, 10"
    assert notes["Size"] == "256x256"
    assert fields_told(notes) == [*axes, ("", "")]
    assert parse_flag("Steps: 10,20") == ("Steps", "10,20")
    with pytest.raises(InvalidRequest, match="has no colon"):
        parse_flag("Steps 10")


def cell(colour: tuple[int, int, int], size: tuple[int, int] = (96, 64)) -> Image.Image:
    return Image.new("RGB", size, colour)


def test_a_sheet_shows_each_picture_in_its_place_with_labels_around() -> None:
    pictures = {(x, y): cell((80 * x, 100 * y, 200)) for x in range(3) for y in range(2)}
    del pictures[2, 1]
    edges = Edges([f"Steps: {n}" for n in (5, 10, 20)], ["Sampler: Euler a", "Sampler: DDIM"], "CFG Scale: 7")
    sheet = np.asarray(draw_sheet(pictures, edges, gap=4))
    for (x, y), picture in pictures.items():
        colour = np.asarray(picture)[0, 0]
        rows, columns = np.nonzero((sheet == colour).all(axis=2))
        assert len(rows) == 96 * 64, (x, y)
        assert np.ptp(rows) == 63
        assert np.ptp(columns) == 95
    lefts = [np.nonzero((sheet == np.asarray(pictures[x, 0])[0, 0]).all(axis=2))[1].min() for x in range(3)]
    assert np.diff(lefts).tolist() == [100, 100]
    ink = (sheet.sum(axis=2) < 200).any(axis=1)
    first_row = np.nonzero((sheet == np.asarray(pictures[0, 0])[0, 0]).all(axis=2))[0].min()
    assert ink[:first_row].any()
    assert (sheet[:, : lefts[0]].sum(axis=2) < 200).any(), "rows are named at the left"


def test_large_and_odd_sheets_stay_within_bounds() -> None:
    large = draw_sheet({(x, y): cell((9, 9, 9), (2048, 1024)) for x in range(10) for y in range(10)},
                       Edges([str(n) for n in range(10)], [str(n) for n in range(10)]))  # fmt: skip
    assert max(large.size) <= LONGEST_SIDE
    assert large.width * large.height <= MOST_PIXELS
    alone = draw_sheet({(0, 0): cell((1, 2, 3))}, Edges([""], [""]))
    assert alone.size == (96, 64)
    assert alone.getpixel((5, 5)) == (1, 2, 3)
    mixed = draw_sheet({(0, 0): cell((1, 2, 3)), (1, 0): cell((4, 5, 6), (32, 128))},
                       Edges(["a" * 3000, "مرحبا 世界 🙂"], ["one " * 300]))  # fmt: skip
    assert mixed.width < 1000
    assert mixed.height < 600
