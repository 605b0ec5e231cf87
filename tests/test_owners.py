import asyncio
import re

import pytest

from webui.owners import COOKIE, OwnerCookie, cookies_of, owner_in

TOKEN = "0123456789abcdef" * 2


async def visit(*cookies: str, framed: bool = False):
    """One request; gives what the app saw and what the browser was told to keep."""
    seen, told = {}, []

    async def app(scope, receive, send):
        seen.update(cookies_of(scope))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x", b"y")]})

    async def send(message):
        told.extend(value.decode() for name, value in message["headers"] if name == b"set-cookie")

    headers = [(b"cookie", cookie.encode()) for cookie in cookies]
    await OwnerCookie(app, framed=framed)({"type": "http", "headers": headers}, None, send)
    return seen, told


def test_a_new_visitor_gets_a_token_that_the_same_request_already_sees():
    seen, told = asyncio.run(visit())
    assert re.fullmatch("[0-9a-f]{32}", seen[COOKIE])
    assert len(told) == 1
    assert told[0].startswith(f"{COOKIE}={seen[COOKIE]}; Path=/; ")
    assert {"HttpOnly", "SameSite=Lax"} <= set(told[0].split("; "))


def test_tokens_are_never_the_same():
    tokens = {asyncio.run(visit())[0][COOKIE] for _ in range(200)}
    assert len(tokens) == 200


def test_a_known_visitor_keeps_the_token_and_other_cookies():
    seen, told = asyncio.run(visit(f"a=b; {COOKIE}={TOKEN}"))
    assert (seen, told) == ({"a": "b", COOKIE: TOKEN}, [])


@pytest.mark.parametrize("wrong", ["", "short", "local", "../../etc", TOKEN.upper(), TOKEN + "0"])
def test_a_token_that_is_none_of_ours_is_replaced(wrong):
    seen, told = asyncio.run(visit(f"a=b; {COOKIE}={wrong}"))
    assert seen["a"] == "b"
    assert owner_in(seen) not in (None, wrong)
    assert len(told) == 1


def test_inside_another_sites_frame_the_cookie_is_allowed_to_travel_there_only():
    _, told = asyncio.run(visit(framed=True))
    assert {"SameSite=None", "Secure", "Partitioned", "HttpOnly"} <= set(told[0].split("; "))


def test_a_websocket_is_let_through():
    reached = []

    async def app(scope, receive, send):
        reached.append(scope["type"])

    asyncio.run(OwnerCookie(app)({"type": "websocket", "headers": []}, None, None))
    assert reached == ["websocket"]
