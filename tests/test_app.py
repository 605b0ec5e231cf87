"""The page as it is served: what it loads, who may see what, and how the stream tells of jobs."""

from __future__ import annotations

import http.cookiejar
import json
import re
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from pipelines.request import TextToImageRequest
from tests.studio import ROOT, Studio
from webui.library.search import EPOCH
from webui.owners import COOKIE

BUILD = """
import json, sys
from pathlib import Path
from pipelines.manager import PipelineManager
from webui.app import build_app, launch_options
page = build_app(PipelineManager(), Path(sys.argv[1]), shared=True)
events = [(fn.api_name, fn.api_visibility) for fn in page.fns.values() if fn.api_visibility != "private"]
options = launch_options(True)
listeners = [
    [*target, fn.trigger_mode] for fn in page.fns.values() if fn.fn is not None for target in fn.targets
]
print(json.dumps({
    "heavy": [name for name in ("torch", "diffusers", "transformers") if name in sys.modules],
    "public": events,
    "listeners": listeners,
    "head": options["head"],
    "theme": [getattr(font, "stylesheet", dict)().get("url") for font in options["theme"]._font],
    "options": {name: options[name] for name in ("footer_links", "run_history", "max_file_size", "ssr_mode", "pwa")},
}))
page.studio.queue.close(); page.studio.library.close()
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What is known of a page that was built by a process of its own."""
    command = [sys.executable, "-c", BUILD, str(tmp_path_factory.mktemp("outputs"))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def test_building_the_page_loads_nothing_heavy(built: dict[str, Any]) -> None:
    assert built["heavy"] == []


def test_only_the_three_endpoints_are_public(built: dict[str, Any]) -> None:
    assert built["public"] == [[name, "public"] for name in ("text_to_image", "image_to_image", "inpaint")]


def test_who_waits_for_the_newest_value_is_alone_with_its_event(built: dict[str, Any]) -> None:
    # Gradio answers all of an event's listeners again once one that waited is done: two that wait never stop.
    crowded = {(target, event) for target, event, mode in built["listeners"] if mode == "always_last"}
    for target, event in crowded:
        alike = [mode for one, what, mode in built["listeners"] if (one, what) == (target, event)]
        assert len(alike) == 1, (target, event, alike)
    assert len(crowded) >= 3


def test_the_page_names_no_other_address(built: dict[str, Any]) -> None:
    named = set(re.findall(r"https?://[^\s'\"]+", built["head"]))
    assert {address for address in named if not address.startswith("http://www.w3.org/2000/svg")} == set()
    assert set(built["theme"]) == {None}


def test_the_page_is_served_with_care(built: dict[str, Any]) -> None:
    assert built["options"] == {
        "footer_links": [],
        "run_history": False,
        "max_file_size": "20mb",
        "ssr_mode": False,
        "pwa": False,
    }


class Visitor:
    """A browser's way of asking: with a jar of cookies, without a page."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.jar = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))

    def ask(self, path: str, data: bytes | None = None, kind: str = "application/json") -> tuple[int, bytes]:
        request = urllib.request.Request(self.url + path, data, {"Content-Type": kind} if data is not None else {})
        try:
            with self.opener.open(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def log_in(self, password: str) -> None:
        form = urllib.parse.urlencode({"username": "dream", "password": password}).encode()
        status, _ = self.ask("login", form, "application/x-www-form-urlencoded")
        assert status == 200

    def dream(self, prompt: str) -> None:
        fields = {name: field.default for name, field in TextToImageRequest.model_fields.items()}
        values = list({**fields, "prompt": prompt, "num_inference_steps": 2}.values())
        _, told = self.ask("gradio_api/call/text_to_image", json.dumps({"data": values}).encode())
        _, said = self.ask(f"gradio_api/call/text_to_image/{json.loads(told)['event_id']}")
        assert b"event: complete" in said, said

    def feed(self) -> list[dict[str, Any]]:
        status, page = self.ask("reverie/feed")
        assert status == 200
        return json.loads(page)["rows"]

    def stream(self) -> list[tuple[str, dict[str, Any]]]:
        _, told = self.ask("reverie/live")
        events = [part.split("\n") for part in told.decode().strip().split("\n\n")]
        named = [(lines[0].removeprefix("event: ") if len(lines) > 1 else "message", lines[-1]) for lines in events]
        return [(name, json.loads(data.removeprefix("data: "))) for name, data in named]


@pytest.fixture(scope="module")
def shared(new_studio: Callable[..., Studio]) -> tuple[Studio, str]:
    """A studio that others can reach, and the password it made."""
    studio = new_studio("--host", "0.0.0.0")
    studio.url = re.sub(r"//[^:/]+", "//127.0.0.1", studio.url)
    return studio, re.search(r"password (\S+)", studio.text)[1] if "password" in studio.text else ""


def test_visitors_see_their_own_pictures_and_nobody_elses(shared: tuple[Studio, str]) -> None:
    studio, password = shared
    password = password or studio.wait_for(r"password (\S+)")[1]
    ada, bob, stranger = Visitor(studio.url), Visitor(studio.url), Visitor(studio.url)
    for path in (
        "reverie/live",
        "reverie/alive",
        "reverie/feed",
        "reverie/picture/" + "0" * 32,
        "reverie/thumbnail/" + "0" * 32,
    ):
        assert stranger.ask(path)[0] == 401
    ada.log_in(password)
    bob.log_in(password)
    ada.dream("a red circle")
    bob.dream("a blue star")
    [row] = ada.feed()
    assert row["prompt"] == "a red circle"
    assert [other["prompt"] for other in bob.feed()] == ["a blue star"]
    picture = row["pictures"][0]["id"]
    status, png = ada.ask(f"reverie/picture/{picture}")
    assert (status, png[:8]) == (200, b"\x89PNG\r\n\x1a\n")
    assert ada.ask(f"reverie/thumbnail/{picture}")[1][:2] == b"\xff\xd8"
    for visitor, expected in ((bob, 404), (stranger, 401)):
        assert visitor.ask(f"reverie/picture/{picture}")[0] == expected
        assert visitor.ask(f"reverie/thumbnail/{picture}")[0] == expected
    [kept] = [path for path in studio.outputs.glob("*/*.png") if path.read_bytes() == png]
    assert ada.ask(f"gradio_api/file={kept}")[0] in (403, 404)
    tokens = {cookie.value for visitor in (ada, bob) for cookie in visitor.jar if cookie.name == COOKIE}
    assert len(tokens) == 2
    assert not any(token in studio.text for token in tokens)


def test_the_stream_tells_of_a_job_from_wherever_it_is(studio: str) -> None:
    visitor = Visitor(studio)
    visitor.dream("a green triangle")
    events = visitor.stream()
    assert events[-1] == ("idle", {})
    name, first = events[0]
    assert name == "message"
    assert first["ready"]
    assert {"finished"} == {ending["state"] for ending in first["ended"] if ending["error"] is None} - {"cancelled"}
    assert visitor.feed()[0]["prompt"] == "a green triangle"


def test_feed_pages_follow_each_other(studio: str) -> None:
    visitor = Visitor(studio)
    rows = visitor.feed()
    place = next(place for place, row in enumerate(rows) if len(row["pictures"]) == 1)
    number = (datetime.fromisoformat(rows[place]["when"]) - EPOCH) // timedelta(microseconds=1)
    status, page = visitor.ask(f"reverie/feed?after={number}")
    assert status == 200
    older = rows[place + 1 :]
    assert json.loads(page)["rows"][: len(older)] == older
    status, page = visitor.ask(f"reverie/feed?upto={number}")
    assert json.loads(page) == {"rows": rows[: place + 1], "after": None}
    for nonsense in ("x", "../..", "%00", "'; DROP TABLE pictures; --"):
        status, page = visitor.ask("reverie/feed?after=" + urllib.parse.quote(nonsense))
        assert (status, json.loads(page)["rows"]) == (200, [])
        assert visitor.ask("reverie/picture/" + urllib.parse.quote(nonsense, safe=""))[0] == 404


def test_nothing_is_written_beside_the_sources() -> None:
    assert list((ROOT / "webui").rglob("*.pyi")) == []


def test_no_event_listens_to_a_crowd(studio: str) -> None:
    """Each time one of them changes Gradio looks for all the components that its event listens to; typing felt it."""
    status, told = Visitor(studio).ask("config")
    assert status == 200
    crowds = [dependency for dependency in json.loads(told)["dependencies"] if len(dependency["targets"]) > 16]
    assert [dependency["js"] or dependency["api_name"] for dependency in crowds] == []


def test_an_open_page_keeps_no_connection_for_itself(studio: str) -> None:
    """A browser has six for one address: with Gradio's heartbeat, which its ``State`` asks for, a seventh tab hangs."""
    status, told = Visitor(studio).ask("config")
    assert status == 200
    assert json.loads(told)["connect_heartbeat"] is False
