"""A studio without a password cannot be reached by a name that somebody else gave this machine."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from webui.hosts import ThisMachineOnly


@pytest.fixture
def client() -> TestClient:
    async def hello(_request: object) -> PlainTextResponse:
        return PlainTextResponse("hello")

    return TestClient(Starlette(routes=[Route("/", hello)], middleware=[Middleware(ThisMachineOnly)]))


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:7860", "localhost:1", "LOCALHOST", "127.9.9.9:80", "[::1]:7860", "me.localhost:80"]
)
def test_this_machines_own_names_are_answered(client: TestClient, host: str) -> None:
    assert client.get("/", headers={"host": host}).text == "hello"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:7860",
        "192.168.0.4:7860",
        "localhost.evil.example",
        "",
        "[fe80::1]:80",
        "127.0.0.1.nip.io",
    ],
)
def test_other_names_are_told_the_way_in(client: TestClient, host: str) -> None:
    answer = client.get("/", headers={"host": host})
    assert answer.status_code == 421
    assert "--auth NAME:PASSWORD" in answer.text
