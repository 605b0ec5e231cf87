"""What the program chooses on which card: the tables of ``docs/memory.md`` and the README, made from the plans.

``python -m tests.memory_table`` writes them anew; ``tests/test_plans.py`` says when that was forgotten.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from pipelines.families import load_families
from pipelines.footprints import PUBLISHED
from pipelines.models import ModelInfo
from pipelines.plans import GIB, Machine, Plan, Wishes, plan_for

ROOT = Path(__file__).resolve().parent.parent
PAGES = {ROOT / "docs" / "memory.md": False, ROOT / "README.md": True}

CARDS = (4, 6, 8, 12, 16, 24)
TAKEN = GIB // 2
"""Of a card, by the system and the program itself."""

RAM = 32 * GIB

MODELS = {
    "stable-diffusion": "SD 1.x, 512²",
    "stable-diffusion-2": "SD 2.x, 768²",
    "stable-diffusion-xl": "SDXL, 1024²",
    "stable-diffusion-3": "SD 3 medium, 1024²",
    "flux": "Flux.1, 1024²",
    "qwen-image": "Qwen-Image, 1024²",
    "z-image": "Z-Image, 1024²",
}
SHORT = ("stable-diffusion", "stable-diffusion-xl", "stable-diffusion-3", "flux")

WAYS = {"none": "whole", "model": "network by network", "group": "layer by layer"}


def machines() -> dict[str, Machine]:
    """The cards, and a processor."""
    found = {
        f"{size} GB": Machine("cuda", f"{size} GB", size * GIB, size * GIB - TAKEN, RAM, has_bf16=size > 4)
        for size in CARDS
    }
    return {**found, "CPU, 32 GB": Machine("cpu", "CPU", RAM, RAM - 4 * GIB, RAM - 4 * GIB)}


def plan(family_id: str, machine: Machine, wishes: Wishes = Wishes()) -> Plan:  # noqa: B008 - frozen
    """The plan for a family's published checkpoint at its native size."""
    family = load_families()[0][family_id]
    side = int(re.findall(r"(\d+)²", MODELS[family_id])[0])
    info = ModelInfo(family_id, family.name, family_id, tuple(family.pipelines), side)
    return plan_for(info, family, machine, wishes, PUBLISHED[family_id])


def cell(chosen: Plan) -> str:
    """One cell: what is chosen, and the most memory it takes."""
    if not chosen.fits:
        return "does not fit, computed"
    way = WAYS[chosen.offload] + (", VAE in tiles" if chosen.vae == "tiled" else "")
    return f"{way}: {chosen.peak_bytes / GIB:.1f} GB, computed"


def table(*, short: bool) -> str:
    """The table in Markdown."""
    families = [name for name in MODELS if not short or name in SHORT]
    rows = [["your card", *(MODELS[name] for name in families)], ["---"] * (len(families) + 1)]
    rows += [[words, *(cell(plan(name, machine)) for name in families)] for words, machine in machines().items()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def written(text: str, *, short: bool) -> str:
    """A page with the table anew, between its two marks."""
    begin, end = "<!-- memory table -->", "<!-- end of memory table -->"
    return re.sub(f"{begin}.*?{end}", f"{begin}\n{table(short=short)}\n{end}", text, flags=re.DOTALL)


if __name__ == "__main__":
    for page, is_short in PAGES.items():
        page.write_text(written(page.read_text(encoding="utf-8"), short=is_short), encoding="utf-8")
    sys.exit(0)
