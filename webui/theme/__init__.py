"""How the page looks: one dark Gradio theme, its style sheet and its scripts, all served from this machine."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from typing import Final

import gradio as gr

from webui.languages import language_names

HERE: Final = Path(__file__).resolve().parent

SCRIPTS: Final = (
    "reverie.js",
    "language.js",
    "look.js",
    "connection.js",
    "draft.js",
    "listening.js",
    "forming.js",
    "notice.js",
    "deeds.js",
    "tiles.js",
    "feed.js",
    "shelf.js",
    "choosing.js",
    "downloading.js",
    "enlarging.js",
    "replaying.js",
    "begun.js",
    "compare.js",
    "trash.js",
    "results.js",
    "viewer.js",
    "easel_mask.js",
    "easel_view.js",
    "easel_pointers.js",
    "easel_keys.js",
    "easel_kept.js",
    "easel_soft.js",
    "easel.js",
    "sizes.js",
    "seed.js",
    "steps.js",
    "printing.js",
    "palette.js",
    "settings.js",
    "drop.js",
    "extras.js",
    "models.js",
    "rooms.js",
)
"""Loaded in this order; the first makes the ``reverie`` object that the others add to."""

STYLES: Final = (
    "tokens.css",
    "panel.css",
    "extras.css",
    "grid.css",
    "finer.css",
    "words.css",
    "results.css",
    "library.css",
    "viewer.css",
    "steps.css",
    "replaying.css",
    "printing.css",
    "palette.css",
    "library_room.css",
    "settings.css",
    "easel.css",
    "picture_info.css",
    "phone.css",
    "models.css",
)

INK: Final = "#ecebf2"
MUTED: Final = "#a7a3b8"
BRAND: Final = "#6d45e8"
BRAND_HOVER: Final = "#7c57f2"
PANEL: Final = "#16151d"
FIELD: Final = "#201e2a"
LINE: Final = "#2d2a3a"


def make_theme() -> gr.themes.Base:
    """Makes the theme of the page's own colours (``tokens.css``), which follow the look that is chosen."""
    violet = gr.themes.Color(
        "#f3f0ff", "#e5deff", "#cfc3ff", "#b8a6ff", "#9a82fb", BRAND_HOVER, BRAND, "#5a35cc", "#4829a6", "#38217f",
        "#241552", name="reverie",
    )  # fmt: skip
    ink = gr.themes.Color(
        "#f7f6fa", INK, "#d3d0de", "#bdb9cc", MUTED, "#7a768c", "#55516a", "#3a3649", LINE, FIELD, PANEL, name="ink"
    )
    theme = gr.themes.Base(
        primary_hue=violet,
        secondary_hue=violet,
        neutral_hue=ink,
        radius_size=gr.themes.sizes.radius_md,
        spacing_size=gr.themes.sizes.spacing_md,
        text_size=gr.themes.sizes.text_sm,
        font=[gr.themes.LocalFont("IBM Plex Sans", weights=(400, 700)), "system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    )
    values = {
        "body_background_fill": "var(--floor)",
        "body_text_color": "var(--ink)",
        "body_text_color_subdued": "var(--muted)",
        "background_fill_primary": "var(--side)",
        "background_fill_secondary": "var(--raised)",
        "block_background_fill": "transparent",
        "block_border_color": "transparent",
        "block_label_background_fill": "transparent",
        "block_label_text_color": "var(--muted)",
        "block_title_text_color": "var(--muted)",
        "block_title_background_fill": "transparent",
        "block_info_text_color": "var(--muted)",
        "block_shadow": "none",
        "border_color_primary": "var(--line)",
        "border_color_accent": "var(--brand)",
        "border_color_accent_subdued": "var(--line)",
        "color_accent_soft": "var(--chosen)",
        "link_text_color": "var(--soft)",
        "link_text_color_hover": "var(--soft)",
        "link_text_color_active": "var(--soft)",
        "link_text_color_visited": "var(--soft)",
        "panel_background_fill": "transparent",
        "panel_border_color": "transparent",
        "input_background_fill": "var(--raised)",
        "input_background_fill_focus": "var(--raised)",
        "input_background_fill_hover": "var(--raised)",
        "input_border_color": "var(--line)",
        "input_border_color_focus": "var(--glow)",
        "input_border_color_hover": "var(--line-strong)",
        "input_placeholder_color": "var(--faint)",
        "input_shadow": "none",
        "input_shadow_focus": "none",
        "slider_color": "var(--glow)",
        "checkbox_background_color": "var(--raised)",
        "checkbox_background_color_selected": "var(--brand)",
        "checkbox_border_color": "var(--edge)",
        "checkbox_border_color_selected": "var(--brand)",
        "checkbox_label_background_fill": "transparent",
        "checkbox_label_background_fill_hover": "transparent",
        "checkbox_label_background_fill_selected": "transparent",
        "checkbox_label_border_color": "transparent",
        "checkbox_label_text_color": "var(--ink)",
        "checkbox_label_text_color_selected": "var(--ink)",
        "button_primary_background_fill": "var(--brand)",
        "button_primary_background_fill_hover": "var(--brand-hover)",
        "button_primary_text_color": "#ffffff",
        "button_primary_text_color_hover": "#ffffff",
        "button_primary_border_color": "transparent",
        "button_primary_border_color_hover": "transparent",
        "button_secondary_background_fill": "var(--raised)",
        "button_secondary_background_fill_hover": "var(--hover)",
        "button_secondary_text_color": "var(--ink)",
        "button_secondary_text_color_hover": "var(--strong)",
        "button_secondary_border_color": "transparent",
        "button_secondary_border_color_hover": "transparent",
    }
    lone = {
        "block_border_width": "0px",
        "block_padding": "0px",
        "block_title_text_size": "13px",
        "block_label_text_size": "13px",
        "block_title_text_weight": "400",
        "block_label_text_weight": "400",
        "form_gap_width": "0px",
        "layout_gap": "12px",
        "panel_border_width": "0px",
        "button_large_radius": "8px",
        "button_small_radius": "6px",
        "button_large_text_weight": "600",
        "button_transition": "background-color .15s, color .15s",
    }
    return theme.set(**lone, **values, **{f"{name}_dark": value for name, value in values.items()})


def stylesheet() -> str:
    """Our own CSS, all files as one.

    It goes into the head: Gradio's ``css`` option adds every rule a second time with a longer selector, after which
    the order of ours means nothing.
    """
    return "\n".join((HERE / name).read_text(encoding="utf-8") for name in STYLES)


def head() -> str:
    """What goes into the page's head: our styles and scripts inline, so that the page asks nobody else for anything."""
    scripts = "\n".join((HERE / name).read_text(encoding="utf-8") for name in SCRIPTS)
    return (
        '<meta name="color-scheme" content="dark light"><meta name="theme-color" content="#121118">'
        f'<meta name="reverie-languages" content="{escape(json.dumps(list(language_names())))}">'
        f"<style>{stylesheet()}</style><script>{scripts}</script>"
    )
