"""Runs ``venv`` and ``pip``, and turns what goes wrong there into one sentence."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from .refusal import CannotStart

LOG: Final = "install.log"
"""pip's own full account, inside the environment."""

UNREACHABLE: Final = (
    "NewConnectionError",
    "NameResolutionError",
    "name resolution",
    "Failed to establish",
    "timed out",
    "ProxyError",
    "Max retries",
    "Network is unreachable",
    "Connection refused",
)
"""Any of these in pip's complaints says that there is no way to the package index."""


def python_of(venv: Path) -> Path:
    """The Python of a virtual environment."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def make_venv(venv: Path) -> None:
    """Makes a virtual environment from the running Python, over whatever is there.

    Raises:
        CannotStart: The folder cannot be written, or this Python came without ``venv``.
    """
    if not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
        short = f"{sys.version_info[0]}.{sys.version_info[1]}"
        raise CannotStart(
            "This Python came without its venv module; install it (on Debian and Ubuntu: "
            f"sudo apt install python{short}-venv) and run this again."
        )
    command = [sys.executable, "-m", "venv", str(venv)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode or not works(venv):
        why = (done.stdout.strip().splitlines() or ["it does not run"])[-1]
        raise CannotStart(
            f"The environment {venv} could not be made ({why.rstrip('.')}); make sure that its folder can be "
            "written and has room, then run this again."
        )


def works(venv: Path) -> bool:
    """Tells whether an environment has a Python with a pip that runs."""
    command = [str(python_of(venv)), "-I", "-m", "pip", "--version"]
    try:
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    except OSError:
        return False
    return done.returncode == 0


def pip_install(venv: Path, arguments: list[str]) -> None:
    """Installs packages into an environment; pip's own lines and bars are shown.

    Args:
        venv: The environment.
        arguments: What follows ``pip install``.

    Raises:
        CannotStart: pip did not succeed.
    """
    command = [
        *(str(python_of(venv)), "-I", "-m", "pip", "install"),
        *("--disable-pip-version-check", "--no-input", "--retries", "3", "--log", str(venv / LOG)),
        *arguments,
    ]
    # "user = true" in somebody's pip configuration would make pip refuse to work inside an environment.
    quiet = {"PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0", "PYTHONWARNINGS": "ignore"}
    with subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        env={**os.environ, **quiet},
        text=True,
        encoding="utf-8",
        errors="replace",
    ) as pip:
        assert pip.stderr
        complaints = pip.stderr.read()
    if pip.returncode:
        raise CannotStart(explain(complaints, venv / LOG))


def explain(complaints: str, log: Path) -> str:
    """Words pip's complaints as one sentence with the way out.

    Args:
        complaints: What pip wrote to its error stream.
        log: Where its full account is.
    """

    def says(*signs: str) -> bool:
        return any(sign.lower() in complaints.lower() for sign in signs)

    again = "and run this again."
    if says("No space left", "Errno 28", "not enough space", "Disk quota exceeded"):
        return f"The disk is full: Reverie's packages need about 3 GB; make room {again}"
    if says("Permission denied", "Read-only file system", "Access is denied"):
        return f"Reverie's packages cannot be written to {log.parent}; make that folder writable {again}"
    if says("CERTIFICATE_VERIFY_FAILED", "SSLError"):
        return (
            "The package index could not be trusted (its certificate was refused); set your network's "
            f"certificate with PIP_CERT=FILE {again}"
        )
    if says(*UNREACHABLE):
        return (
            "The packages could not be fetched, because the package index does not answer; connect to the "
            f"network (behind a proxy, set HTTPS_PROXY) {again}"
        )
    errors = [line.partition("ERROR:")[2].strip() for line in complaints.splitlines() if "ERROR:" in line]
    why = f" ({errors[-1].rstrip('.')})" if errors else ""
    return f"pip could not install Reverie's packages{why}; read its full account in {log}, mend that {again}"
