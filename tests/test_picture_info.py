"""The Picture info tab in a real Chromium: what a picture tells is shown, fills the form, and is proved."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import Locator, Page, expect

from tests.studio import Studio
from tests.test_page import dream, open_advanced, open_page, said, set_number, wait_for_new
from webui.library.embed import encode_picture, read_recipe, read_stamp

A1111 = (
    "a castle ${alert(1)} {{x}} <b onclick=alert(2)>by the sea</b>\nNegative prompt: blurry, ugly\n"
    "Steps: 28, Sampler: DPM++ 2M Karras, CFG scale: 6.5, Seed: 1234567, Size: 515x768, Model hash: abcdef1234, "
    "Model: dreamshaper_8, Clip skip: 2, VAE: foo.pt, Version: v1.10.1"
)


@pytest.fixture
def at(page: Page, studio: str) -> Iterator[Page]:
    """The page, open; no script of it may fail, and no dialog come up."""
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("dialog", lambda dialog: troubles.append(dialog.message))
    open_page(page, studio)
    yield page
    assert troubles == []


def drag(page: Page, target: str, *kinds: str, files: tuple[Path, ...] = (), text: str = "") -> None:
    """Drags files or a text over a part of the page, as from the desktop, by Chromium's own input."""
    page.locator(target).scroll_into_view_if_needed()
    box = page.locator(target).bounding_box()
    assert box
    items = [{"mimeType": "text/plain", "data": text}] if text else []
    data = {"items": items, "files": [str(file) for file in files], "dragOperationsMask": 1}
    session = page.context.new_cdp_session(page)
    for kind in kinds or ("dragEnter", "dragOver", "drop"):
        place = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        session.send("Input.dispatchDragEvent", {"type": kind, **place, "data": data})


def head(page: Page) -> Locator:
    return page.locator("#info-heading h3")


def row(page: Page, part: str, name: str) -> Locator:
    """A row of the table: its value, with how it came about."""
    found = page.locator(f"#info-table .{part} tr").filter(has=page.get_by_role("rowheader", name=name, exact=True))
    return found.locator("td")


def newest_file(running: Studio) -> Path:
    return max(running.outputs.rglob("*.png"), key=lambda path: path.stat().st_mtime_ns)


def seed(page: Page) -> Locator:
    return page.locator("#seed input, #seed textarea").first


def steps(page: Page) -> Locator:
    return page.locator("#num_inference_steps input[type=number]")


def with_text(folder: Path, name: str, text: str) -> Path:
    info = PngInfo()
    info.add_text(name, text)
    path = folder / f"{name}.png"
    Image.linear_gradient("L").convert("RGB").resize((515, 768)).save(path, pnginfo=info)
    return path


def prove(page: Page) -> Locator:
    page.get_by_role("button", name="Prove it").click()
    expect(page.locator("#info-proof h4")).to_have_count(1)
    return page.locator("#info-proof")


def test_our_own_picture_fills_the_form_is_proved_and_gone_on_from(at: Page, running: Studio, tmp_path: Path) -> None:
    open_advanced(at)
    set_number(at, "num_inference_steps", 4)
    seed(at).fill("77")
    dream(at, "a red circle on a blue background")
    ours = newest_file(running)
    at.locator("#prompt textarea").fill("something else")
    seed(at).fill("5")
    set_number(at, "num_inference_steps", 9)
    set_number(at, "num_images_per_prompt", 3)

    drag(at, "#prompt textarea", text="only words")
    expect(at.locator("#prompt textarea")).to_have_value(re.compile("only words"))
    expect(at.get_by_role("tab", name="Text to image")).to_have_attribute("aria-selected", "true")
    drag(at, "#prompt textarea", "dragEnter", "dragOver", files=(ours,))
    expect(at.locator("#prompt-box.drop-here")).to_be_visible()
    drag(at, "#prompt textarea", "drop", files=(ours,))
    expect(head(at)).to_have_text("Made by Reverie")
    expect(at.get_by_role("tab", name="Picture info")).to_have_attribute("aria-selected", "true")
    expect(at.locator("#dream")).to_be_hidden()
    expect(row(at, "taken", "Generation steps")).to_have_text("4")
    expect(row(at, "taken", "Size")).to_have_text("128 × 128")
    expect(prove(at)).to_contain_text("Identical")

    at.get_by_role("button", name="Use these settings").click()
    expect(at.locator("#prompt textarea")).to_have_value("a red circle on a blue background")
    expect(at.get_by_role("tab", name="Text to image")).to_have_attribute("aria-selected", "true")
    expect(seed(at)).to_have_value("77")
    expect(steps(at)).to_have_value("4")
    expect(at.locator("#num_images_per_prompt input[type=number]")).to_have_value("3")  # no recipe names it
    said(at, "The form has these settings now.")

    stamp = read_stamp(ours)
    assert stamp is not None
    other = tmp_path / "other.png"
    other.write_bytes(encode_picture(Image.new("RGB", (128, 128), "teal"), stamp=stamp))
    at.get_by_role("tab", name="Picture info").click()
    drag(at, "#picture-info", files=(other,))
    expect(at.locator("#info-proof h4")).to_have_count(0)  # what was proved was another picture
    expect(at.locator("#info-picture img")).to_have_attribute("src", re.compile(r"other\.png"))
    expect(prove(at)).to_contain_text("Different")
    expect(at.locator("#info-proof figure img")).to_have_count(2)

    drag(at, "#picture-info", files=(ours,))
    expect(at.locator("#info-proof h4")).to_have_count(0)
    at.get_by_role("button", name="Start from this picture").click()
    expect(at.get_by_role("tab", name="Image to image")).to_have_attribute("aria-selected", "true")
    expect(at.locator("#source img")).to_be_visible()
    set_number(at, "num_images_per_prompt", 1)
    wait_for_new(at, at.locator("#dream").click)
    second = newest_file(running)
    recipe = read_recipe(second)
    assert recipe is not None
    assert (recipe.task, recipe.parent) == ("image_to_image", stamp.id)
    drag(at, "#prompt textarea", files=(second,))
    expect(row(at, "taken", "Image strength")).to_have_text("35 %")
    expect(row(at, "not", "Image")).to_contain_text("give it again")
    expect(prove(at)).to_contain_text("Identical")  # with the picture that the form has
    at.get_by_role("button", name="Use these settings").click()
    expect(at.get_by_role("tab", name="Image to image")).to_have_attribute("aria-selected", "true")
    expect(at.locator("#source img")).to_be_visible()
    at.locator("#source").get_by_role("button", name="Remove Image").click()
    expect(at.locator("#source img")).to_have_count(0)
    at.get_by_role("tab", name="Picture info").click()
    drag(at, "#picture-info", files=(second,))
    expect(at.locator("#info-proof h4")).to_have_count(0)
    expect(prove(at)).to_contain_text("Identical")  # with the copy that the library keeps


def test_a_stranger_s_picture_is_shown_in_three_parts_and_says_what_was_left_out(at: Page, tmp_path: Path) -> None:
    picture = with_text(tmp_path, "parameters", A1111)
    at.get_by_role("tab", name="Inpainting").click()
    open_advanced(at)
    seed(at).fill("5")
    at.get_by_role("tab", name="Picture info").click()
    at.locator("#info-picture input[type=file]").set_input_files(picture)
    expect(head(at)).to_have_text("Made by AUTOMATIC1111")
    expect(row(at, "taken", "Prompt")).to_have_text(A1111.split("\n", maxsplit=1)[0])  # as text, never as HTML
    expect(row(at, "taken", "Sampler")).to_have_text("K DPM++ 2M · Karras")
    expect(row(at, "near", "Width")).to_contain_text("512")
    expect(row(at, "near", "Width")).to_contain_text("515: sides are multiples of 8")
    expect(row(at, "not", "Model dreamshaper_8")).to_contain_text("not installed")
    expect(at.get_by_role("button", name="Prove it")).to_be_hidden()
    at.locator("#info-table summary").click()
    expect(at.locator("#info-table pre")).to_contain_text("Version: v1.10.1")

    at.get_by_role("button", name="Use the prompt only").click()
    expect(at.get_by_role("tab", name="Inpainting")).to_have_attribute("aria-selected", "true")
    expect(at.locator("#prompt textarea")).to_have_value(A1111.split("\n", maxsplit=1)[0])
    expect(at.locator("#negative-prompt textarea")).to_have_value("blurry, ugly")
    expect(seed(at)).to_have_value("5")
    said(at, "The form has this prompt now.")
    at.get_by_role("tab", name="Picture info").click()
    at.get_by_role("button", name="Use these settings").click()
    expect(at.get_by_role("tab", name="Text to image")).to_have_attribute("aria-selected", "true")
    expect(seed(at)).to_have_value("1234567")
    expect(at.locator("#schedule input")).to_have_value("Karras")
    expect(at.locator("#size").get_by_label("Width")).to_have_value("512")
    said(at, "Not filled: Model dreamshaper_8, VAE: foo.pt; Picture info says why.")


def test_a_pasted_text_is_read_and_what_is_no_recipe_says_so(at: Page, running: Studio, tmp_path: Path) -> None:
    kept = set(running.outputs.rglob("*.png"))
    at.get_by_role("tab", name="Picture info").click()
    give: Callable[[Path], None] = at.locator("#info-picture input[type=file]").set_input_files
    answer, picture = at.locator("#info-heading"), at.locator("#info-picture img")
    give(with_text(tmp_path, "Comment", "made by <i>hand</i>"))
    expect(answer).to_contain_text("The text inside is not a recipe that Reverie knows")
    expect(at.locator("#info-table pre")).to_have_text("Comment: made by <i>hand</i>")
    expect(at.get_by_role("button", name="Use these settings")).to_be_hidden()
    Image.new("RGB", (80, 60)).save(tmp_path / "bare.jpg")
    give(tmp_path / "bare.jpg")
    expect(answer).to_contain_text("Nothing inside tells how it was made.")
    (tmp_path / "none.png").write_bytes(b"this is no picture")
    give(tmp_path / "none.png")
    expect(answer).to_contain_text("The file is no picture that can be read")
    expect(picture).to_have_count(0)
    Image.new("1", (4200, 4200)).save(tmp_path / "huge.png")
    give(tmp_path / "huge.png")
    expect(answer).to_contain_text("scale it down to at most 4096 × 4096")
    expect(picture).to_have_count(0)

    give(tmp_path / "bare.jpg")
    expect(picture).to_have_count(1)
    at.context.grant_permissions(["clipboard-read", "clipboard-write"])
    at.evaluate("text => navigator.clipboard.writeText(text)", A1111)
    at.locator("#info-paste .label-wrap").click()
    at.locator("#info-text textarea").press("Control+V")
    expect(head(at)).to_have_text("Made by AUTOMATIC1111")
    expect(picture).to_have_count(0)  # the answer is about one of the two
    expect(row(at, "taken", "Seed")).to_have_text("1234567")
    at.locator("#info-text textarea").fill("hello")
    at.get_by_role("button", name="Read the text").click()
    expect(answer).to_contain_text("This text is not a recipe")
    at.locator("#info-text textarea").fill("")
    at.locator("#info-text textarea").press("Control+Enter")
    expect(answer).to_contain_text("There is no text yet")
    expect(at.locator("article.row.live")).to_have_count(0)  # nothing was dreamt
    assert set(running.outputs.rglob("*.png")) == kept
