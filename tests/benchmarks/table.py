"""The figures as a table: on the screen, and in ``docs/performance.md``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.figures import Figure
from tests.studio import ROOT

DOCUMENT: Final = ROOT / "docs" / "performance.md"

BEGINS: Final = "<!-- figures: written by `python -m tests.benchmarks --write-docs` -->\n"
ENDS: Final = "<!-- end of figures -->\n"


def on_screen(name: str, benchmark: Mapping[str, Any]) -> str:
    """A benchmark's figures in lines of plain text."""
    lines = [f"{name}  ({benchmark['seconds']:.0f} s{_others(benchmark)})"]
    if benchmark.get("skipped"):
        lines.append(f"  left out: {benchmark['skipped']}")
    for figure in _figures(benchmark):
        verdict = {True: "ok  ", False: "MISS", None: "    "}[figure.met]
        lines.append(f"  {verdict} {figure.what:<62} {_value(figure):>16}  {_bar(figure):<9} {_spread(figure)}")
    return "\n".join(lines)


def in_markdown(results: Mapping[str, Any]) -> str:
    """A whole results file as a Markdown table with its circumstances."""
    machine, benchmarks = results["machine"], results["benchmarks"]
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    where = machine.get("accelerator") or machine["processor"]
    lines = [
        f"{where}, {machine['cores']} cores, {machine['memory_gib']} GiB; Python {machine['python']}; {packages}.",
        "",
        "| benchmark | figure | value | bar | met | middle half |",
        "|---|---|---|---|---|---|",
    ]
    for name, benchmark in benchmarks.items():
        if benchmark.get("skipped"):
            lines.append(f"| {name} | left out: {benchmark['skipped']} | | | | |")
        for figure in _figures(benchmark):
            met = {True: "yes", False: "**no**", None: ""}[figure.met]
            what = f"{figure.what} ({figure.note})" if figure.note else figure.what
            lines.append(f"| {name} | {what} | {_value(figure)} | {_bar(figure)} | {met} | {_spread(figure)} |")
    lines += ["", *_circumstances(benchmarks.values())]
    return "\n".join(lines) + "\n"


def documented(text: str) -> str:
    """The part of a document between the two marks."""
    return text.split(BEGINS, 1)[1].split(ENDS, 1)[0]


def write_document(results: Path, document: Path = DOCUMENT) -> None:
    """Puts the table of a results file between the document's marks."""
    text = document.read_text(encoding="utf-8")
    before, rest = text.split(BEGINS, 1)
    table = describe_file(results)
    document.write_text(before + BEGINS + table + ENDS + rest.split(ENDS, 1)[1], encoding="utf-8")


def describe_file(results: Path) -> str:
    """What stands between the marks for a results file: its name and its table."""
    data = json.loads(results.read_text(encoding="utf-8"))
    return f"\nFrom `tests/benchmarks/results/{results.name}`:\n\n{in_markdown(data)}\n"


def _figures(benchmark: Mapping[str, Any]) -> list[Figure]:
    return [Figure.from_data(data) for data in benchmark["figures"]]


def _circumstances(benchmarks: Iterable[Mapping[str, Any]]) -> list[str]:
    commands = sorted({benchmark["command"] for benchmark in benchmarks})
    busy = [benchmark for benchmark in benchmarks if benchmark["busy"]]
    lines = ["Made by " + ", ".join(f"`{command}`" for command in commands) + "."]
    if busy:
        cores = max(benchmark["others_cores"] or 0.0 for benchmark in busy)
        lines.append(
            f"The machine was busy: other programs held up to {cores:g} cores, so these figures are uncertain."
        )
    return lines


def _others(benchmark: Mapping[str, Any]) -> str:
    cores = benchmark["others_cores"]
    return "" if cores is None else f"; others held {cores:g} cores" + (": BUSY" if benchmark["busy"] else "")


def _value(figure: Figure) -> str:
    number = f"{figure.value:.4g}" if figure.value < 1000 else f"{figure.value:.0f}"
    return f"{number} {figure.unit}".strip()


def _bar(figure: Figure) -> str:
    if figure.at_most is not None:
        return f"≤ {figure.at_most:g}"
    return "" if figure.at_least is None else f"≥ {figure.at_least:g}"


def _spread(figure: Figure) -> str:
    return "" if figure.spread is None else f"{figure.spread.quartiles[0]:.4g} … {figure.spread.quartiles[1]:.4g}"
