"""The flags, and the page that explains them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipelines.plans import Wishes
from tests.studio import ROOT
from webui.flags import Flags, parse, parser
from webui.memory_wishes import wishes_of
from webui.refusal import CannotStart


def actions() -> dict[str, str]:
    """Long flag → its sentence."""
    return {action.option_strings[-1]: action.help or "" for action in parser()._actions}


def test_the_documented_table_is_the_parser() -> None:
    text = (ROOT / "docs" / "flags.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(--[a-z0-9-]+)[^`]*` \| (.+) \|$", text, re.MULTILINE)
    assert dict(rows) == actions()
    assert len(rows) == len(actions())


def test_every_flag_has_a_sentence() -> None:
    for flag, sentence in actions().items():
        assert re.fullmatch(r"[A-Z].+\.", sentence), flag


def test_nothing_said_means_the_defaults() -> None:
    assert parse([]) == Flags()


def test_everything_said_arrives() -> None:
    said = parse(
        [
            *("--host", "::1", "--port", "80", "--share", "--auth", "a:b", "--auth", "c:d:e", "--open"),
            *("--models-dir", "m1", "--models-dir", "m2", "--outputs-dir", "o", "--device", "mps"),
            *("--torch-index", "file:///wheels", "--at-once", "3"),
            *("--precision", "bf16", "--offload", "group", "--attention", "xformers", "--vae-tiling", "on"),
            *("--fp8", "--compile", "--models-memory", "1.5"),
        ]
    )
    assert said == Flags(
        host="::1",
        port=80,
        share=True,
        auth=(("a", "b"), ("c", "d:e")),
        models_dir=(Path("m1"), Path("m2")),
        outputs_dir=Path("o"),
        device="mps",
        at_once=3,
        precision="bf16",
        offload="group",
        attention="xformers",
        vae_tiling="on",
        fp8=True,
        compile=True,
        models_memory=1.5,
        torch_index="file:///wheels",
        open=True,
    )


@pytest.mark.parametrize("port", ["0", "65536", "-1", "8.5", "", "٣"])
def test_a_port_is_a_number_of_a_port(port: str) -> None:
    with pytest.raises(CannotStart, match="--port"):
        parse([f"--port={port}"])


@pytest.mark.parametrize("count", ["0", "65", "-1", "2.5", "", "many", "٣"])
def test_how_many_at_once_is_a_number_that_makes_sense(count: str) -> None:
    with pytest.raises(CannotStart, match=r"--at-once.*from 1 to 64"):
        parse([f"--at-once={count}"])


@pytest.mark.parametrize("size", ["-1", "nan", "inf", "4097", "", "much"])
def test_memory_for_models_is_a_size(size: str) -> None:
    with pytest.raises(CannotStart, match=r"--models-memory.*gigabytes from 0 to 4096"):
        parse([f"--models-memory={size}"])


def test_the_manager_is_told_what_the_flags_say() -> None:
    said = ["--precision", "bf16", "--offload", "group", "--fp8", "--compile", "--models-memory", "2"]
    assert wishes_of(parse(said)) == Wishes("bfloat16", "group", "auto", "auto", True, True, 2.0)
    assert wishes_of(parse([])) == Wishes()


@pytest.mark.parametrize("account", ["anna", "anna:", ":secret", ":"])
def test_an_account_has_both_parts(account: str) -> None:
    with pytest.raises(CannotStart, match="--auth"):
        parse(["--auth", account])


def test_a_torch_index_is_an_address() -> None:
    with pytest.raises(CannotStart, match="--torch-index"):
        parse(["--torch-index", "cu130"])
