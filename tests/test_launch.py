"""``launch.py`` as people run it: real processes, real environments, nothing simulated but the missing network."""

from __future__ import annotations

import ast
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

import launch
from tests.offline import REPORT
from tests.studio import ROOT, Studio, clean_environment, popen_launch, start_studio
from webui.network import own_address


def run_launch(folder: Path, *flags: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs ``launch.py`` to its end; both streams come in ``stdout``."""
    process = popen_launch(folder, *flags, **environment)
    try:
        output, _ = process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return subprocess.CompletedProcess(flags, process.returncode, stdout=output)


def assert_one_sentence(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """It ended with code 1 and one line that has the words and an end."""
    assert done.returncode == 1, done.stdout
    assert len(done.stdout.strip().splitlines()) == 1, done.stdout
    assert done.stdout.rstrip().endswith((".", "launch.py"))
    for word in words:
        assert word in done.stdout


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13)])
def test_supported_pythons_are_accepted(version: tuple[int, int]) -> None:
    assert launch.version_problem(version) is None


@pytest.mark.parametrize("version", [(2, 7), (3, 6), (3, 9), (3, 10), (3, 14), (4, 0)])
def test_other_pythons_are_told_what_to_do(version: tuple[int, int]) -> None:
    problem = launch.version_problem(version)
    assert f"this is Python {version[0]}.{version[1]};" in problem
    assert "Python 3.11 to 3.13" in problem


def test_an_old_python_can_read_launch_and_ends_with_the_sentence(tmp_path: Path) -> None:
    source = (ROOT / "launch.py").read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 6))
    assert len(source.splitlines()) <= 60
    pretend = (
        "import runpy, sys; sys.version_info = (3, 8, 0, 'final', 0);"
        f"runpy.run_path({str(ROOT / 'launch.py')!r}, run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", pretend], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert_one_sentence(subprocess.CompletedProcess((), done.returncode, done.stdout + done.stderr), "Python 3.8;")


def test_the_supported_pythons_are_those_of_the_project() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    oldest, newest = launch.OLDEST[1], launch.NEWEST[1]
    assert f'requires-python = ">=3.{oldest},<3.{newest + 1}"' in project
    assert re.findall(r"Python :: 3\.(\d+)", project) == [str(minor) for minor in range(oldest, newest + 1)]


def test_a_taken_port_is_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert_one_sentence(run_launch(tmp_path, "--port", port), f"Port {port} is taken", "--port")


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--bogus",), ("--bogus", "--help")),
        (("--port", "lots"), ("'lots'", "1 to 65535")),
        (("--auth", "anna"), ("colon", "password")),
        (("--auth", "a:b", "--no-auth"), ("--auth", "--no-auth")),
        (("--host", "a..b"), ("a..b", "127.0.0.1")),
        (("--models-dir", "nowhere"), ("nowhere", "--models-dir")),
        (("--device", "abacus"), ("abacus", "cuda")),
    ],
)
def test_a_wrong_flag_is_one_sentence(tmp_path: Path, flags: tuple[str, ...], words: tuple[str, ...]) -> None:
    assert_one_sentence(run_launch(tmp_path, *flags, PYTHONPATH=""), *words)


def test_outputs_that_cannot_be_written_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    done = run_launch(tmp_path, "--outputs-dir", str(tmp_path / "file" / "outputs"))
    assert_one_sentence(done, "Pictures cannot be kept", "--outputs-dir")


def test_the_page_is_up_before_torch_and_ends_cleanly_while_torch_comes(tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    places = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary))
    studio = start_studio(tmp_path, interpreter=("-X", "importtime"), **places)
    before = studio.text.split("Reverie is at")[0]
    assert re.search(r"\| +gradio$", before, re.MULTILINE), "the listing of imports is missing"
    early = re.findall(r"\| +((?:torch|diffusers|transformers)(?:\.\S+)?)$", before, re.MULTILINE)
    assert not early, f"imported before the page was up: {early[:5]}"
    assert list(temporary.glob("reverie-*"))
    studio.wait_for(r"\| +torch\.")  # so it does come, and the listing would have shown it
    assert studio.get() == 200
    assert studio.stop(signal.SIGINT) == 0, studio.text
    assert "Stopping." in studio.text
    assert "Traceback" not in studio.text
    assert not list(temporary.glob("reverie-*"))


def test_only_this_machine_is_asked_for_anything(running: Studio) -> None:
    assert running.get("gradio_api/info") == 200
    assert not (running.outputs.parent / "home" / REPORT).exists()
    outwards = "import socket; socket.create_connection(('192.0.2.1', 80))"  # so an attempt would have been seen
    folder = running.outputs.parent / "other"
    environment = clean_environment(folder)
    assert subprocess.run([sys.executable, "-c", outwards], env=environment, stderr=subprocess.DEVNULL, check=False)
    assert "192.0.2.1" in (folder / "home" / REPORT).read_text(encoding="utf-8")


def test_others_in_the_network_need_the_password_that_is_printed(new_studio: Callable[..., Studio]) -> None:
    open_to_all = new_studio("--host", "0.0.0.0")
    password = open_to_all.wait_for(r"Log in as dream with the password (\S{16})")[1]
    assert open_to_all.get("gradio_api/info") == 401
    assert log_in(open_to_all, "dream", "guess") == 400
    assert log_in(open_to_all, "dream", password) == 200
    assert open_to_all.text.count(password) == 1
    own = own_address()
    port = urllib.parse.urlsplit(open_to_all.url).port
    assert (own is None) == ("other machines" not in open_to_all.text)
    assert own is None or f"From other machines in your network: http://{own}:{port}/" in open_to_all.text
    open_to_all.kill()


def log_in(studio: Studio, user: str, password: str) -> int:
    """Sends the login form; returns the HTTP status."""
    form = urllib.parse.urlencode({"username": user, "password": password}).encode()
    try:
        with urllib.request.urlopen(f"{studio.url}login", data=form, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_the_checkout_wins_where_python_leaves_the_script_folder_out(tmp_path: Path) -> None:
    done = run_launch(tmp_path, "--version", PYTHONSAFEPATH="1")
    assert (done.returncode, done.stdout) == (0, f"Reverie {version()}\n")


def version() -> str:
    found = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert found
    return found[1]


def test_a_busy_machine_still_answers_help_without_any_package(tmp_path: Path) -> None:
    bare = [sys.executable, "-S", "-E", str(ROOT / "launch.py"), "--help"]
    began = time.monotonic()
    done = subprocess.run(bare, capture_output=True, text=True, env=clean_environment(tmp_path), check=True)
    assert "--outputs-dir" in done.stdout
    assert time.monotonic() - began < 30
