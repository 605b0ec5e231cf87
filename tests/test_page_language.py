"""The page in other languages: every text of it is told, people's own words stay, and Arabic is read from the right."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.studio import ROOT
from tests.test_page import dream, newest, open_page, set_number
from tests.tour import places, unfold_all
from webui.languages import language_names, translation

ISSUED: Final = ("ar", "de", "es", "fr", "ja", "zh")

NAMES: Final = re.compile(
    r"Reverie( starter.*)?|PNG|JPEG|TIFF|WebP|AVIF|Eta|Rho|FreeU.*|Lanczos|Nearest|Bicubic|fp32|VAE|CPU|PyTorch's own"
    r"|v-prediction|\d+ × \d+ (px|pixels)|[\d.]+ [MG]B(, computed)?|queue: .*|processing.*"
)
"""Names, and figures with their units, which are the same in every language; what Gradio says of its queue."""

GRADIOS_OWN: Final = re.compile(r"Laden.*|(- )?oder( -)?|Hochladen|Optionsfeld|.* ablegen")
"""Gradio speaks the browser's language itself."""

ENGLISH: Final = re.compile(r"a boat at dusk.*|float32: .*", re.DOTALL)
"""An example of prompts, and why a model is run as it is."""


@pytest.fixture
def visit(chromium: Browser, studio: str) -> Iterator[object]:
    pages = []

    def go(locale: str, **more: object) -> Page:
        page = chromium.new_context(locale=locale, **more).new_page()  # type: ignore[arg-type]
        pages.append(page)
        open_page(page, studio)
        return page

    yield go
    for page in pages:
        page.context.close()


@pytest.mark.parametrize("code", ISSUED)
def test_every_language_has_every_text(code: str) -> None:
    words, german = translation(code), translation("de")
    assert sorted(language_names()) == sorted(ISSUED)
    assert set(words) == set(german)
    assert words["@direction"] == ("rtl" if code == "ar" else "ltr")
    for english, told in words.items():
        assert told.strip(), english
        assert sorted(re.findall(r"\{\d\}", told)) == sorted(re.findall(r"\{\d\}", english)), english


def test_the_document_names_them() -> None:
    text = (ROOT / "docs" / "languages.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| (\w+)", text, re.MULTILINE))
    assert rows == {"en": "English", **language_names()}


def test_every_text_of_the_page_is_told(visit) -> None:
    page = visit("de-AT")
    expect(page.locator("#dream")).to_have_text("Träumen")
    set_number(page, "num_images_per_prompt", 2)
    dream(page, "Dream", count=2)
    expect(page.locator("article.row[data-row] .row-prompt").first).to_have_text("Dream")  # somebody's own word
    newest(page).locator(".open").first.click()
    page.get_by_role("slider", name="Schritt").fill("8")
    page.get_by_role("button", name="Hier abzweigen").click()
    expect(page.locator("#branch-chip")).to_contain_text("Zweig nach Schritt 8")
    page.get_by_role("button", name="Breite und Höhe festlegen").first.click()
    expect(page.locator("#size")).to_contain_text("Eigene Größe")
    for place in places(page):
        told = page.evaluate("[...reverie.language.missing]")
        known = (NAMES, GRADIOS_OWN, ENGLISH)
        assert [one for one in told if not any(words.fullmatch(one) for words in known)] == [], place


def test_arabic_is_read_from_the_right_and_fits_a_phone(visit) -> None:
    wide = visit("ar", viewport={"width": 1440, "height": 900})
    expect(wide.locator("html")).to_have_attribute("dir", "rtl")
    expect(wide.locator("html")).to_have_attribute("lang", "ar")
    panel, results = wide.locator("#panel").bounding_box(), wide.locator("#results").bounding_box()
    assert panel
    assert results
    assert panel["x"] > results["x"] + results["width"] - 20
    narrow = visit("ar", viewport={"width": 360, "height": 740})
    unfold_all(narrow)
    assert narrow.evaluate("document.documentElement.scrollWidth") <= 360
    box = narrow.locator("#dream").bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["y"] + box["height"] <= 740


def test_a_language_is_chosen_in_the_settings_and_kept(visit) -> None:
    page = visit("en-GB")
    page.locator("#prompt textarea").fill("a boat")
    page.locator(".rooms button[data-to=settings]").click()
    with page.expect_navigation():
        page.locator("#settings-room select").select_option("ja")
    page.wait_for_function("document.body.matches('.restored')")
    expect(page.locator("html")).to_have_attribute("lang", "ja")
    expect(page.locator("#settings-room h2")).to_have_text(translation("ja")["Settings"])
    expect(page.locator("#prompt textarea")).to_have_value("a boat")
    page.locator(".rooms button[data-to=settings]").click()
    with page.expect_navigation():
        page.locator("#settings-room select").select_option("")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator("#settings-room h2")).to_have_text("Settings")
