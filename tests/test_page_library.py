"""The library on the page, in a real Chromium on a real Reverie: found again, kept in order, given away, scrolled."""

from __future__ import annotations

import io
import json
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.benchmarks.library import fill, own
from tests.studio import Studio, start_studio
from tests.test_page import dream, newest, open_advanced, open_page, set_number
from webui.library.embed import read_recipe
from webui.owners import LOCAL_OWNER

SCROLL = """() => {
    document.querySelector('#stage').scrollBy(0, 3000);
    return new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)));
}"""
SETTLED = "!document.querySelector('article.row.live')"


@pytest.fixture
def at(page: Page, studio: str) -> Page:
    """The studio, quick: few steps."""
    open_page(page, studio)
    open_advanced(page)
    set_number(page, "num_inference_steps", 3)
    return page


def ids(page: Page) -> list[str]:
    found: list[str] = page.eval_on_selector_all(
        "figure.tile[data-picture]", "all => all.map(one => one.dataset.picture)"
    )
    return found


def test_a_picture_is_there_after_a_reload_is_found_by_its_words_and_fills_the_form(at: Page) -> None:
    row = dream(at, "a lilac lighthouse in the fog", count=2)
    seeds = row.locator(".tile").evaluate_all("all => all.map(one => one.dataset.seed)")
    at.reload()
    at.wait_for_function("document.body.classList.contains('restored')")
    open_advanced(at)

    expect(newest(at)).to_have_attribute("aria-label", "a lilac lighthouse in the fog")
    expect(at.locator(".feed .day").first).to_have_text("Today")
    search = at.get_by_role("searchbox", name="Search your pictures")
    search.press_sequentially("LIGHT fo")
    expect(at.locator("article.row[data-row]")).to_have_count(1)
    search.fill("zeppelin")
    expect(at.get_by_text("No picture answers this search.")).to_be_visible()
    at.get_by_role("button", name="Clear", exact=True).click()
    expect(newest(at)).to_have_attribute("aria-label", "a lilac lighthouse in the fog")

    at.locator("#prompt textarea").fill("something else")
    tile = newest(at).locator(".tile").nth(1)
    tile.hover()
    tile.get_by_role("button", name="Reuse everything").click()
    expect(at.locator("#prompt textarea")).to_have_value("a lilac lighthouse in the fog")
    expect(at.locator("#seed input, #seed textarea").first).to_have_value(seeds[1])
    tile.locator(".open").click()
    at.get_by_role("button", name="Remix: all but the seed").click()
    expect(at.locator("#seed input, #seed textarea").first).to_have_value("")


def test_pictures_are_starred_deleted_brought_back_and_given_away(at: Page) -> None:
    dream(at, "three grey cats", count=3)
    before = ids(at)
    tiles = newest(at).locator(".tile")
    tiles.nth(1).hover()
    tiles.nth(1).get_by_role("button", name="Star").click()
    expect(tiles.nth(1)).to_have_class("tile starred")
    at.get_by_role("button", name="Only pictures with a star").click()
    expect(at.locator("figure.tile")).to_have_count(1)
    at.get_by_role("button", name="Only pictures with a star").click()
    at.wait_for_function("many => document.querySelectorAll('figure.tile').length >= many", arg=3)

    for number in (0, 2):
        tiles.nth(number).hover()
        tiles.nth(number).get_by_role("checkbox").click()
    chosen = at.get_by_role("toolbar", name="Selected pictures")
    expect(chosen).to_contain_text("2 pictures selected")
    chosen.get_by_role("button", name="Download ZIP").click()
    with at.expect_download() as download:
        at.get_by_role("dialog").get_by_role("button", name="Download").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert len(archive.namelist()) == 2
        for name in archive.namelist():
            recipe = read_recipe(io.BytesIO(archive.read(name)).getvalue())
            assert recipe is not None
            assert recipe.request["prompt"] == "three grey cats"
    chosen.get_by_role("button", name="Delete").click()
    expect(tiles).to_have_count(1)
    at.get_by_role("button", name="Undo").click()
    expect(tiles).to_have_count(3)
    assert ids(at) == before

    tiles.nth(0).hover()
    tiles.nth(0).get_by_role("button", name="Delete").click()
    expect(tiles).to_have_count(2)
    at.get_by_role("button", name="Trash", exact=True).click()
    at.get_by_role("dialog", name="Trash").get_by_role("button", name="Restore").first.click()
    expect(tiles).to_have_count(3)


def test_a_variation_knows_its_parent_and_its_recipe_holds(at: Page) -> None:
    row = dream(at, "an orange moon", count=1)
    parent = str(row.locator(".tile").get_attribute("data-picture"))
    row.locator(".tile").hover()
    before = newest(at).get_attribute("data-row")
    row.get_by_role("button", name="Variations").click()
    at.wait_for_function(
        f"before => document.querySelector('article.row[data-row]').dataset.row !== before && {SETTLED}", arg=before
    )
    expect(newest(at).locator(".tile")).to_have_count(4)
    newest(at).locator(".open").first.click()
    viewer = at.get_by_role("dialog", name="Picture")
    expect(viewer).to_contain_text("Made from (Variation)")
    viewer.get_by_role("button", name="Compare").click()
    compare = at.get_by_role("dialog", name="Compare two pictures")
    expect(compare.locator(".below")).to_have_attribute("src", f"{at.url.rstrip('/')}/reverie/picture/{parent}")
    compare.get_by_role("slider").fill("20")
    expect(compare.locator(".compare-frame")).to_have_attribute("style", "--cut: 20%; --shape: 1;")
    compare.get_by_role("button", name="Close").click()
    viewer.get_by_role("button", name="Prove it").click()
    expect(viewer.locator(".verdict strong")).to_contain_text("Proven")
    at.keyboard.press("ArrowRight")
    expect(viewer).to_contain_text("Made from (Variation)")
    viewer.locator(".thumb").first.click()
    expect(at.locator(f'dialog.viewer .viewer-picture img[src$="{parent}"]')).to_be_visible()
    expect(at.locator("dialog.viewer .thumbs .thumb")).to_have_count(4)


def test_only_the_pages_own_script_changes_anything_and_only_its_owners_pictures(
    new_studio: Callable[..., Studio], chromium: Browser
) -> None:
    shared = new_studio("--auth", "ann:long-password", "--auth", "ben:long-password")
    pages = []
    for name in ("ann", "ben"):
        page = chromium.new_context(locale="en-US").new_page()
        page.goto(shared.url)
        page.locator("input").nth(0).fill(name)
        page.locator("input").nth(1).fill("long-password")
        page.get_by_role("button", name="Login").click()
        page.wait_for_function("document.body.classList.contains('ready')")
        pages.append(page)
    ann, ben = pages
    open_advanced(ann)
    set_number(ann, "num_inference_steps", 2)
    dream(ann, "a secret of Ann's", count=1)
    (secret,) = ids(ann)

    asked = """async ([path, header, body]) => {
        const method = body ? 'POST' : 'GET', headers = header ? {'x-reverie': '1'} : {};
        const answer = await fetch(path, {method, headers, body});
        return [answer.status, await answer.text()];
    }"""
    body = json.dumps({"ids": [secret]})
    for path in ("/reverie/star", "/reverie/delete", "/reverie/trash/empty", "/reverie/restore"):
        assert ben.evaluate(asked, [path, True, body])[1] == '{"ids":[],"notice":null,"gone":[]}'
        assert ann.evaluate(asked, [path, False, body])[0] == 403
    for path in ("picture", "thumbnail", "row", "lineage", "steps", "replay"):
        assert ben.evaluate(asked, [f"/reverie/{path}/{secret}", True, None])[0] == 404
    assert ben.evaluate(asked, [f"/reverie/download?ids={secret}", True, None])[0] == 404
    assert ben.evaluate(asked, [f"/reverie/prove/{secret}", True, "{}"])[0] == 404
    assert json.loads(ben.evaluate(asked, ["/reverie/feed", True, None])[1]) == {"rows": [], "after": None}
    assert ids(ann) == [secret]
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(f"{shared.url}reverie/facets")
    for page in pages:
        page.context.close()


@pytest.mark.parametrize("pictures", [400, pytest.param(50_000, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])])
def test_scrolling_to_the_end_and_back_keeps_only_what_is_near(page: Page, tmp_path: Path, pictures: int) -> None:
    (tmp_path / "outputs").mkdir()
    fill(tmp_path / "outputs", pictures, LOCAL_OWNER)
    studio = start_studio(tmp_path)
    try:
        open_page(page, studio.url)
        first = ids(page)
        seen: set[str] = set(first)
        most = heap = 0
        while page.locator(".results .end").is_visible():
            page.evaluate(SCROLL)
            now = ids(page)
            seen.update(now)
            most = max(most, len(now))
            heap = max(heap, page.evaluate("performance.memory.usedJSHeapSize"))
        page.evaluate("document.querySelector('#stage').scrollTo(0, 1e9)")
        page.wait_for_function('id => document.querySelector(`[data-picture="${id}"]`)', arg=f"{1:032x}")
        seen.update(ids(page))
        print(f"{pictures} pictures: at most {most} tiles at once, JavaScript's heap at most {heap / 1e6:.0f} MB")
        assert len(seen) > own(pictures) * 0.9
        assert most < 360
        page.evaluate("document.querySelector('#stage').scrollTo(0, 0)")
        page.wait_for_function('id => document.querySelector(`[data-picture="${id}"]`)', arg=first[0])
        assert ids(page)[: len(first)] == first
    finally:
        studio.stop()


def test_a_picture_given_away_carries_only_what_was_chosen(at: Page, tmp_path: Path) -> None:
    dream(at, "a private dream", count=1)
    newest(at).locator(".open").first.click()
    viewer = at.get_by_role("dialog", name="Picture")
    for label, kind in (("Nothing", "webp"), ("All but the words", "png")):
        viewer.get_by_role("button", name="Download as…").click()
        dialog = at.get_by_role("dialog", name="Download")
        dialog.get_by_label(label).check()
        dialog.get_by_role("combobox").select_option(kind)
        with at.expect_download() as download:
            dialog.get_by_role("button", name="Download").click()
        assert download.value.suggested_filename.endswith(kind)
        data = Path(download.value.path()).read_bytes()
        assert b"private dream" not in data
        with Image.open(io.BytesIO(data)) as image:
            assert image.format == kind.upper()
            assert image.size == (128, 128)
            assert ("parameters" in image.info) == (kind == "png")


def test_a_picture_whose_file_has_gone_is_told_of_and_the_studio_stays(at: Page, running: Studio) -> None:
    row = dream(at, "a picture that somebody moves", count=1)
    max(running.outputs.glob("*/*.png"), key=lambda path: path.stat().st_mtime_ns).unlink()
    row.locator(".tile").hover()
    row.locator(".tile").get_by_role("button", name="Download").click()
    expect(at.get_by_text("its file was moved or deleted")).to_be_visible()
    expect(at.locator("#dream")).to_be_visible()
    expect(at.get_by_label("a picture that somebody moves", exact=True)).to_have_count(0)


def test_the_viewer_leaves_a_picture_whose_file_has_gone(at: Page, running: Studio) -> None:
    dream(at, "a picture that stays", count=1)
    row = dream(at, "a picture that somebody deletes", count=1)
    picture = row.locator(".open img").element_handle()
    at.wait_for_function("picture => picture.naturalWidth > 0", arg=picture)  # else it is missed before it is opened
    max(running.outputs.glob("*/*.png"), key=lambda path: path.stat().st_mtime_ns).unlink()
    newest(at).locator(".open").click()
    expect(at.get_by_text("its file was moved or deleted")).to_be_visible()
    expect(at.locator("dialog.viewer")).to_have_count(0)
    expect(at.get_by_label("a picture that somebody deletes", exact=True)).to_have_count(0)

    newest(at).locator(".open").click()
    viewer = at.locator("dialog.viewer")
    shown = viewer.locator(".viewer-prompt")
    expect(shown).to_have_text("a picture that stays")
    last = at.locator("article.row[data-row]").last.get_attribute("aria-label")
    at.keyboard.press("End")
    expect(shown).to_have_text(str(last))
    at.keyboard.press("Home")
    expect(shown).to_have_text("a picture that stays")


def test_a_styled_picture_gives_back_the_own_words_and_the_style_and_a_second_tab_shows_it(at: Page) -> None:
    other = at.context.new_page()
    open_page(other, at.url)
    at.locator("#style input").click()
    at.get_by_role("option", name="Pixel art").click()
    row = dream(at, "an olive pear", count=1)
    expect(row).to_have_attribute("aria-label", "an olive pear")
    expect(newest(other)).to_have_attribute("aria-label", "an olive pear")

    at.locator("#prompt textarea").fill("something else")
    at.locator("#style .token-remove").first.click()
    row.locator(".tile").hover()
    row.get_by_role("button", name="Reuse everything").click()
    expect(at.locator("#prompt textarea")).to_have_value("an olive pear")
    expect(at.locator("#style .token")).to_have_text(["Pixel art"])
    row.locator(".tile").hover()
    row.get_by_role("button", name="Delete").click()
    expect(other.get_by_label("an olive pear", exact=True)).to_have_count(0)
    other.close()


def test_a_picture_the_disk_did_not_take_says_so_as_long_as_it_is_there(
    page: Page, new_studio: Callable[..., Studio]
) -> None:
    studio = new_studio()
    today = datetime.now().astimezone()
    for day in (today, today + timedelta(days=1)):
        (studio.outputs / f"{day:%Y-%m-%d}").write_text("a file where the day's folder should be")
    open_page(page, studio.url)
    row = dream(page, "a homeless picture", count=1)
    expect(page.get_by_text("so this picture is not saved").first).to_be_visible()
    expect(row.get_by_text("Not saved", exact=True)).to_be_visible()
    row.locator(".tile").hover()
    row.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("it has no star and no trash")).to_be_visible()
    row.locator(".open").click()
    expect(page.get_by_role("dialog", name="Picture").get_by_text("This picture is not saved")).to_be_visible()
