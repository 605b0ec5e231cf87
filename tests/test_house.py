"""What holds the house together: the lock, the packages, the rules, and the words on the outside."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.studio import ROOT, clean_environment
from webui.requirements import has_exactly, is_met, missing, release

LOCKS = ("requirements.txt", "requirements-dev.txt")


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def pins(lock: str) -> dict[str, Requirement]:
    """Package → its pin, of one lock file."""
    lines = (ROOT / lock).read_text(encoding="utf-8").splitlines()
    found = [Requirement(line) for line in lines if line.strip() and line[0] not in "#-"]
    return {canonicalize_name(pin.name): pin for pin in found}


def all_pins() -> dict[str, Requirement]:
    return {name: pin for lock in LOCKS for name, pin in pins(lock).items()}


def test_every_pin_is_exact_and_names_no_place() -> None:
    for lock in LOCKS:
        for pin in pins(lock).values():
            assert re.fullmatch(r"==[0-9][0-9a-z.]*", str(pin.specifier)), f"{lock}: {pin}"
            assert pin.url is None
        assert "://" not in (ROOT / lock).read_text(encoding="utf-8")


@pytest.mark.parametrize(("lock", "extras"), [("requirements.txt", ()), ("requirements-dev.txt", ("dev",))])
def test_the_lock_meets_what_the_project_asks_for(lock: str, extras: tuple[str, ...]) -> None:
    table = project()["project"]
    lines = table["dependencies"] if not extras else table["optional-dependencies"][extras[0]]
    for line in lines:
        asked = Requirement(line)
        pin = pins(lock).get(canonicalize_name(asked.name))
        assert pin, f"{lock} lacks {asked}"
        assert asked.specifier.contains(str(pin.specifier).removeprefix("==")), f"{lock}: {pin} is not {asked}"


def test_the_lock_is_whole() -> None:
    """Nothing comes along that is not pinned, but for the CUDA libraries, which torch pins by itself."""
    pinned = all_pins()
    for name in pinned:
        try:
            needs = importlib.metadata.distribution(name).requires or ()
        except importlib.metadata.PackageNotFoundError:
            continue  # for another system
        for need in map(Requirement, needs):
            if need.marker is None or need.marker.evaluate({"extra": ""}):
                own = name == "torch" and re.match(r"nvidia-|cuda-|triton", need.name)
                assert own or canonicalize_name(need.name) in pinned, f"{name} needs {need}, which no lock has"


def test_what_is_installed_is_what_is_locked() -> None:
    assert [lock for lock in LOCKS if not has_exactly(ROOT / lock)] == []
    assert missing(ROOT / "pyproject.toml", ("dev",)) == []


def test_every_dependency_says_what_it_is_for() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    table = project()["project"]
    extras = table["optional-dependencies"]
    for asked in [*table["dependencies"], *(line for extra in extras.values() for line in extra)]:
        lines = re.findall(rf'^.*"{re.escape(asked)}".*$', text, re.MULTILINE)
        assert lines, asked
        assert all(re.search(r"[,\]]  # \w", line) for line in lines), f"{asked} has no reason beside it"


def test_every_package_is_listed_and_no_other() -> None:
    listed = set(project()["tool"]["setuptools"]["packages"])
    found = {
        path.parent.relative_to(ROOT).as_posix().replace("/", ".")
        for room in ("pipelines", "webui")
        for path in (ROOT / room).rglob("__init__.py")
    }
    assert listed == found | {"presets"}


def test_our_packages_win_over_strangers_of_the_same_name(tmp_path: Path) -> None:
    """There are packages called webui, pipelines and presets that anybody may have installed."""
    for name in ("webui", "pipelines", "presets"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise ImportError('a stranger')\n", encoding="utf-8")
    program = (
        "import runpy, sys; runpy.run_path('launch.py'); import launch, webui.flags, pipelines.errors;"
        "print(webui.__file__, pipelines.__file__, sep='\\n')"
    )
    environment = clean_environment(tmp_path) | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, cwd=ROOT, check=True
    )
    assert all(Path(line).is_relative_to(ROOT) for line in done.stdout.split())
    done = subprocess.run(
        [sys.executable, str(ROOT / "launch.py"), "--version"],
        capture_output=True,
        text=True,
        env=environment,
        cwd=tmp_path,
        check=True,
    )
    assert done.stdout.startswith("Reverie ")


def test_nothing_installed_is_called_like_our_rooms() -> None:
    for name in ("webui", "pipelines", "presets"):
        with pytest.raises(importlib.metadata.PackageNotFoundError):
            importlib.metadata.distribution(name)


def python_files() -> list[Path]:
    return [
        ROOT / "launch.py",
        *(path for room in ("pipelines", "webui", "tests") for path in (ROOT / room).rglob("*.py")),
    ]


def test_no_room_uses_global() -> None:
    for path in python_files():
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        assert not [node for node in ast.walk(tree) if isinstance(node, ast.Global)], path


def test_no_file_is_a_warehouse() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in python_files()
        if "tests" not in path.parts and (lines := len(path.read_text(encoding="utf-8").splitlines())) > 300
    }
    assert not long


def test_the_readme_is_a_spaces_front_page() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    front = dict(re.findall(r"^(\w+): (.+)$", text.split("---")[1], re.MULTILINE))
    assert front["sdk"] == "gradio"
    assert front["app_file"] == "launch.py"
    assert front["license"] == "apache-2.0"
    assert f"gradio=={front['sdk_version']}" in str(pins("requirements.txt")["gradio"])
    python = release(front["python_version"].strip('"'))
    assert (3, 11) <= python <= (3, 13)


def test_the_readme_and_docs_link_to_what_is_there() -> None:
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_version_is_in_the_changelog() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## {project()['project']['version']}" in changes
    assert changes.index("## Unreleased") < changes.index(f"## {project()['project']['version']}")


def test_the_licence_is_apache() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_the_presets_are_json() -> None:
    files = list((ROOT / "presets").rglob("*.json"))
    assert files
    for path in files:
        json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("requirement", "met"),
    [
        ("packaging>=20", True),
        ("packaging>=20,<21", False),
        ("packaging>=9999", False),
        ("no-such-package-here", False),
        ("torch==2.13", True),  # 2.13.0+cpu is 2.13
    ],
)
def test_requirements_are_compared_as_numbers(requirement: str, met: bool) -> None:
    assert is_met(requirement) is met
