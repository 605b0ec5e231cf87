"""The first run, for real: ``venv`` and ``pip`` make ``.venv`` and ``launch.py`` starts over in it.

Only what is installed is small here: a wheel made on the spot stands where torch and the others would.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from tests.studio import ROOT
from webui.environment import STATE
from webui.installer import explain, python_of

SERVE = """
import importlib.metadata, sys
def serve(flags):
    print("serving from", sys.prefix, "with", importlib.metadata.version("reverie-probe"), flags.port)
    return 0
"""


class Checkout:
    """The part of Reverie that sets it up, in a folder of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "webui").mkdir()
        (root / "wheels").mkdir()
        shutil.copy(ROOT / "launch.py", root)
        for path in (ROOT / "webui").glob("*.py"):
            shutil.copy(path, root / "webui")
        (root / "webui" / "serve.py").write_text(SERVE, encoding="utf-8")
        (root / "pyproject.toml").write_text(
            '[project]\nname = "probe"\nversion = "7"\ndependencies = ["reverie-probe>=1"]\n', encoding="utf-8"
        )
        self.lock("1.0")

    def lock(self, version: str) -> None:
        """Pins another version of the one package, and makes it."""
        (self.root / "requirements.txt").write_text(f"reverie-probe=={version}\n", encoding="utf-8")
        info = f"reverie_probe-{version}.dist-info"
        files = {
            "reverie_probe.py": "",
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: reverie-probe\nVersion: {version}\n",
            f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        record = "".join(f"{name},sha256={fingerprint(text)},{len(text)}\n" for name, text in files.items())
        wheel = self.root / "wheels" / f"reverie_probe-{version}-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            for name, text in {**files, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
                archive.writestr(name, text)

    @property
    def venv(self) -> Path:
        return self.root / ".venv"

    def state(self) -> dict[str, object]:
        """What is kept about ``.venv``."""
        found: dict[str, object] = json.loads((self.venv / STATE).read_text(encoding="utf-8"))
        return found

    def start(self, *flags: str, python: str = "", **environment: str) -> subprocess.Popen[str]:
        """Starts it with the Python that has no packages, the one under the tests' own environment."""
        home = self.root / "home"
        home.mkdir(exist_ok=True)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON"))}
        return subprocess.Popen(
            [python or sys._base_executable, str(self.root / "launch.py"), *flags],  # type: ignore[attr-defined]
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=home,
            start_new_session=True,
            env=kept
            | {
                "HOME": str(home),
                "PIP_CONFIG_FILE": os.devnull,
                "PIP_NO_INDEX": "1",
                "PIP_FIND_LINKS": str(self.root / "wheels"),
            }
            | environment,
        )

    def run(self, *flags: str, python: str = "", **environment: str) -> str:
        """Runs it to its end; gives both streams, and the exit code as the last line."""
        process = self.start(*flags, python=python, **environment)
        output, _ = process.communicate(timeout=200)
        return f"{output}exit {process.returncode}\n"


def fingerprint(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def served(checkout: Checkout, version: str) -> str:
    return f"serving from {checkout.venv} with {version} 8123\nexit 0\n"


def test_the_first_run_sets_up_and_later_ones_start_at_once(checkout: Checkout) -> None:
    first = checkout.run("--port", "8123")
    assert first.startswith(f"Setting up Reverie's packages in {checkout.venv}")
    assert "Installing collected packages: reverie-probe" in first  # pip's own lines
    assert first.endswith(served(checkout, "1.0"))
    assert checkout.state()["making"] is False
    assert checkout.run("--port", "8123") == served(checkout, "1.0")

    checkout.lock("1.1")
    assert "Successfully installed reverie-probe-1.1" in checkout.run("--port", "8123")
    assert checkout.run("--port", "8123") == served(checkout, "1.1")
    assert checkout.run("--port", "8123", python=str(python_of(checkout.venv))) == served(checkout, "1.1")

    checkout.lock("1.2")
    shutil.rmtree(checkout.root / "wheels")  # an update that cannot be had does not take away what is there
    offline = checkout.run("--port", "8123")
    assert "Going on with the packages that are there" in offline
    assert offline.endswith(served(checkout, "1.1"))
    assert checkout.run("--port", "8123").endswith(served(checkout, "1.1"))

    (checkout.root / "wheels").mkdir()
    checkout.lock("2.0")
    (checkout.root / "pyproject.toml").write_text(
        '[project]\nname = "probe"\nversion = "7"\ndependencies = ["reverie-probe>=2"]\n', encoding="utf-8"
    )
    for pip in checkout.venv.rglob("site-packages/pip"):
        shutil.rmtree(pip)
    broken = checkout.run("--port", "8123").splitlines()
    assert broken[-2:] == [
        f"The pip in {checkout.venv} does not work; delete that folder and run this again.",
        "exit 1",
    ]


@pytest.mark.skipif(os.name != "posix", reason="ends a whole process group")
def test_a_cut_off_first_run_is_made_anew(checkout: Checkout) -> None:
    process = checkout.start("--port", "8123")
    end = time.monotonic() + 60
    while not python_of(checkout.venv).exists() and time.monotonic() < end:
        os.sched_yield()
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert checkout.state()["making"] is True
    (checkout.venv / "half a package").touch()
    assert checkout.run("--port", "8123").endswith(served(checkout, "1.0"))
    assert not (checkout.venv / "half a package").exists()


def test_no_network_on_the_first_run_is_one_sentence(checkout: Checkout) -> None:
    unreachable = {"PIP_NO_INDEX": "0", "PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_FIND_LINKS": ""}
    output = checkout.run("--port", "8123", **unreachable)
    assert output.splitlines()[-2:] == [
        explain("NewConnectionError", checkout.venv),
        "exit 1",
    ]
    assert "Traceback" not in output


def test_a_folder_that_cannot_be_written_is_one_sentence(checkout: Checkout) -> None:
    checkout.venv.write_text("in the way", encoding="utf-8")
    *_, sentence, code = checkout.run().splitlines()
    assert sentence.startswith(f"Reverie's packages cannot be put into {checkout.venv} (")
    assert code == "exit 1"


def test_a_python_without_its_venv_module_is_one_sentence(checkout: Checkout) -> None:
    program = checkout.root / "launch.py"
    pretend = (
        "import runpy, sys; sys.modules['ensurepip'] = None;"  # as Debian leaves it out
        f"sys.argv = ['launch.py']; runpy.run_path({str(program)!r}, run_name='__main__')"
    )
    done = subprocess.run(
        [sys._base_executable, "-c", pretend],  # type: ignore[attr-defined]
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": ""},
        check=False,
    )
    *_, sentence = done.stdout.splitlines()
    assert done.returncode == 1
    assert "sudo apt install python3." in sentence
    assert "Traceback" not in done.stdout


def test_an_environment_that_has_the_packages_is_used_as_it_is(checkout: Checkout, tmp_path: Path) -> None:
    with zipfile.ZipFile(checkout.root / "wheels" / "reverie_probe-1.0-py3-none-any.whl") as wheel:
        wheel.extractall(tmp_path / "theirs")
    output = checkout.run("--port", "8123", PYTHONPATH=str(tmp_path / "theirs"))
    assert output == f"serving from {sys.base_prefix} with 1.0 8123\nexit 0\n"
    assert not checkout.venv.exists()


@pytest.mark.parametrize(
    ("complaints", "says"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "full"),
        ("ERROR: Could not install packages: [Errno 13] Permission denied: '/x'", "cannot be written"),
        ("WARNING: Retrying ... NewConnectionError(': Failed to establish')\nERROR: No matching", "network"),
        ("WARNING: SSLError(SSLCertVerificationError('CERTIFICATE_VERIFY_FAILED'))", "certificate"),
        ("ERROR: No matching distribution found for torch==2.13.0\n", "torch==2.13.0"),
        ("", "install.log"),
    ],
)
def test_what_pip_complains_of_becomes_one_sentence(complaints: str, says: str) -> None:
    sentence = explain(complaints, Path("venv/install.log"))
    assert says in sentence
    assert sentence.endswith("run this again.")
    assert "\n" not in sentence
