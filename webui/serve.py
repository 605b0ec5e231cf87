"""Puts the manager, the page and the server together, and runs them until somebody stops them."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import tempfile
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .cuda_advice import cuda_advice
from .flags import Flags
from .network import addresses
from .password import USER, Access, access, exposed
from .places import models_dirs, on_space, outputs_dir
from .ports import free_port
from .refusal import CannotStart

if TYPE_CHECKING:
    from gradio import Blocks

    from .app import Page
    from .backend import Backend

SPACE_HOST, SPACE_PORT = "0.0.0.0", 7860  # noqa: S104 - where a Space's own proxy looks for the app

LONGEST_QUEUE: Final = 64
"""Clicks that may wait at once on a page that others can reach; the pictures' own queue comes after it."""


LONGEST_FAREWELL: Final = 3.0
"""Seconds that the manager has to end what is running."""


def serve(flags: Flags) -> int:
    """Serves the page until Ctrl-C or SIGTERM; the model is loaded behind it once it is up.

    Args:
        flags: The command line.

    Returns:
        The exit code, 0.

    Raises:
        CannotStart: A port, a folder or an address cannot be used.
    """
    space = on_space()
    host = SPACE_HOST if space else flags.host
    port = free_port(host, SPACE_PORT if space else flags.port)
    outputs, models = outputs_dir(flags.outputs_dir), models_dirs(flags.models_dir)
    allowed = access(flags, space=space)
    shared = space or exposed(flags) or bool(flags.auth)  # who has to log in is not alone
    with _temporary_folder() as temporary, _asked_to_stop() as stop:
        _settle_environment(temporary)
        gc.disable()  # nothing that is imported now is garbage, and looking for some takes an eighth of the start
        manager = _backend(models, flags, shared=shared)
        guarded = space or bool(allowed.accounts)
        page, options = _page(manager, outputs, shared=shared, guarded=guarded, at_once=flags.at_once)
        try:
            _launch(page, options, host=host, port=port, share=flags.share and not space, allowed=allowed)
            gc.enable()
            near = [] if space else addresses(host, port)
            address = _announce(page, allowed, near, share=flags.share and not space, outputs=outputs)
            if unmade := page.studio.queue.start():
                print(f"Jobs that were not made last time go on: {unmade}.", flush=True)
            threading.Thread(target=_warm_up, args=(manager,), name="warm-up", daemon=True).start()
            if flags.open:
                webbrowser.open(address)
            while not stop.wait(1.0):  # waits in pieces, because on Windows an unbroken wait does not hear Ctrl-C
                pass
            print("Stopping.", flush=True)
        finally:
            closed = _close(page, manager)
    if not closed:
        os._exit(0)  # torch is still being imported, and Python would wait for that or trip over it
    return 0


def _backend(models: list[Path], flags: Flags, *, shared: bool) -> Backend:
    from pipelines.errors import ReverieError
    from pipelines.hub import Hub

    if os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true") and find_spec("spaces"):
        from .zero_gpu import ZeroGpuBackend

        return ZeroGpuBackend(models)
    from pipelines.manager import PipelineManager

    from .memory_wishes import wishes_of

    # A stranger's word should fill nobody's disk, nor use the access that somebody was given to a model.
    hub = None if flags.no_hub else Hub(downloads=flags.allow_downloads or not shared)
    try:
        return PipelineManager(models_dirs=models, device=flags.device, wishes=wishes_of(flags), hub=hub)
    except ReverieError as error:
        raise CannotStart(str(error)) from error


def _page(manager: Backend, outputs: Path, *, shared: bool, guarded: bool, at_once: int) -> tuple[Page, dict[str, Any]]:
    from .app import build_app, launch_options

    page = build_app(manager, outputs, shared, at_once=at_once)
    if shared:  # the queue Gradio makes by itself has no end, which is right for one person, and is there already
        page.queue(max_size=LONGEST_QUEUE)
    page.hurry_less()
    return page, launch_options(shared, guarded=guarded)


def _launch(page: Blocks, options: dict[str, Any], *, host: str, port: int, share: bool, allowed: Access) -> None:
    fixed: dict[str, Any] = {
        "ssr_mode": False,
        "quiet": True,
        "prevent_thread_lock": True,
        "inbrowser": False,
        "run_history": False,
    }
    if allowed.accounts:
        fixed["auth"] = list(allowed.accounts)
    try:
        page.launch(**{**fixed, **options}, server_name=host, server_port=port, share=share)
    except OSError as error:
        raise CannotStart(
            f"The page cannot be served on {host}, port {port} ({error}); give another --port."
        ) from error


def _announce(page: Blocks, allowed: Access, near: list[str], *, share: bool, outputs: Path) -> str:
    """Prints what a person needs to know, and gives the page's address on this machine."""
    address, link = str(page.local_url), getattr(page, "share_url", None)
    print(f"Reverie is at {address}", flush=True)
    for other in near:
        print(f"From other machines in your network: {other}", flush=True)
    if link:
        print(f"Public link, for up to a week: {link}", flush=True)
    elif share:
        print(
            "The public link could not be made, as Gradio's tunnel does not answer; try again later.",
            flush=True,
        )
    if allowed.made:
        print(f"Log in as {USER} with the password {allowed.made}", flush=True)
    print(f"Pictures are kept in {outputs}. Ctrl-C stops.", flush=True)
    if advice := cuda_advice():
        print(advice, flush=True)
    return address


def _close(page: Blocks, manager: Backend) -> bool:
    """Closes both; tells whether that was done in time."""
    page.close(verbose=False)
    closing = threading.Thread(target=manager.close, name="close", daemon=True)
    closing.start()
    closing.join(LONGEST_FAREWELL)
    return not closing.is_alive()


def _warm_up(manager: Backend) -> None:
    from pipelines.errors import ReverieError

    try:
        manager.warm_up()
    except ReverieError as error:  # the page says it too, and another model may still work
        print(error, flush=True)


def _settle_environment(temporary: str) -> None:
    """Nothing is reported to anybody, uploads stay in a folder of ours, no proxy is asked for loopback."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    # Threads that wait for each other must not spin: browser and studio share the cores, and spinning starves both.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ["GRADIO_TEMP_DIR"] = temporary
    for name in ("no_proxy", "NO_PROXY"):
        os.environ[name] = ",".join(filter(None, (os.environ.get(name), "127.0.0.1,localhost,::1")))


@contextmanager
def _temporary_folder() -> Iterator[str]:
    """A folder that only this user can read, gone when the page is."""
    folder = tempfile.mkdtemp(prefix="reverie-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _asked_to_stop() -> Iterator[threading.Event]:
    """Turns the first Ctrl-C or SIGTERM into an event; a second one ends at once."""
    stop = threading.Event()
    before: dict[signal.Signals, Any] = {}

    def ask(_number: int, _frame: object) -> None:
        stop.set()
        for each, handler in before.items():
            signal.signal(each, handler)

    for number in (signal.SIGINT, signal.SIGTERM):
        before[number] = signal.signal(number, ask)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
