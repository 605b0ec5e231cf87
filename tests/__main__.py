"""Checks everything: ``python -m tests`` brings what it needs on a machine with only Python, and runs it all.

``python -m tests --only pytest -k password`` runs one part; what is not known here is passed on to pytest.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

PARTS: dict[str, list[str]] = {
    "style": ["-m", "ruff", "check", "."],
    "format": ["-m", "ruff", "format", "--check", "."],
    "types": ["-m", "mypy"],
    "rooms": ["-c", "from importlinter.cli import lint_imports_command as run; run()"],
    "oldest": [
        "-c",
        "from vermin import main; main()",
        "--target=3.11-",
        "--no-tips",
        "--quiet",
        "--no-parse-comments",
        "--violations",
    ],
    "pytest": ["-m", "pytest", "--numprocesses", "3", "--dist", "loadfile", "--no-loadscope-reorder"],
}
"""Name → what Python is given; pytest is last, so that its summary is. Its processes: see :mod:`tests.dividing`."""

CHECKED = ("launch.py", "pipelines", "webui", "tests")
"""What the check for the oldest supported Python reads."""


def main(arguments: list[str]) -> int:
    """Runs the parts asked for, one after the other, all of them even where one fails.

    Returns:
        The exit code: 0 when every part passed.
    """
    parser = argparse.ArgumentParser(prog="python -m tests", description=__doc__, allow_abbrev=False)
    parser.add_argument("--only", action="append", choices=tuple(PARTS), help="a part to run; may be repeated")
    options, passed_on = parser.parse_known_args(arguments)
    parts = options.only or list(PARTS)

    sys.path.insert(0, str(ROOT))
    import launch

    if problem := launch.version_problem(sys.version_info[:2]):
        print(problem, file=sys.stderr)
        return 1
    from webui import environment
    from webui.refusal import CannotStart

    began = time.monotonic()
    try:
        environment.ensure(locks=("requirements.txt", "requirements-dev.txt"), extras=("dev",))
        if "pytest" in parts:
            from tests.chromium import NoChromium, bring_chromium

            try:
                print(f"Chromium: {bring_chromium()}", flush=True)
            except NoChromium as reason:
                raise CannotStart(str(reason)) from reason
    except CannotStart as reason:
        print(reason, file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="reverie-tests-") as caches:
        failed = [part for part in PARTS if part in parts and not run(part, passed_on, Path(caches))]
    print(f"\nTook {time.monotonic() - began:.0f} s" + (f"; FAILED: {', '.join(failed)}." if failed else "."))
    return 1 if failed else 0


def run(part: str, passed_on: list[str], caches: Path) -> bool:
    """Runs one part under a heading; tells whether it passed."""
    print(f"\n━━━ {part} {'━' * (70 - len(part))}", flush=True)
    more = {"pytest": passed_on, "oldest": list(CHECKED)}.get(part, [])
    began = time.monotonic()
    done = subprocess.run([sys.executable, *PARTS[part], *more], cwd=ROOT, env=clean_environment(caches), check=False)
    if part != "pytest":
        print(
            f"{'passed' if done.returncode == 0 else 'FAILED'} in {time.monotonic() - began:.1f} s",
            flush=True,
        )
    return done.returncode == 0


def clean_environment(caches: Path) -> dict[str, str]:
    """No hub is asked, nothing is reported, and no cache of this user is read or written."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GRADIO_", "SPACE"))}
    return kept | {
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "GRADIO_ANALYTICS_ENABLED": "False",
        "GRADIO_TEMP_DIR": str(caches / "gradio"),
        "HF_HOME": str(caches / "huggingface"),
        "TORCH_HOME": str(caches / "torch"),
        "XDG_CACHE_HOME": str(caches / "cache"),
        "PYTHONIOENCODING": "utf-8",
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
