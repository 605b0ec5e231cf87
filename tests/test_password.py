"""Who is asked for a password."""

from __future__ import annotations

import pytest

from webui.flags import Flags
from webui.password import USER, access, loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "localhost", "LocalHost", "::1", "[::1]"])
def test_this_machine_alone_needs_none(host: str) -> None:
    assert loopback(host)
    assert access(Flags(host=host)).accounts == ()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "127.0.0.1.example.org", "localhost.example.org", ""])
def test_anything_else_gets_one(host: str) -> None:
    assert not loopback(host)
    made = access(Flags(host=host))
    assert made.accounts == ((USER, made.made),)


def test_a_public_link_gets_one_that_cannot_be_guessed() -> None:
    made = {access(Flags(share=True)).made for _ in range(50)}
    assert len(made) == 50
    assert all(password is not None and len(password) >= 16 for password in made)


def test_the_given_accounts_are_used_and_none_is_made() -> None:
    flags = Flags(share=True, auth=(("anna", "secret"), ("ben", "x")))
    assert access(flags) == access(Flags(auth=flags.auth))
    assert access(flags).accounts == flags.auth
    assert access(flags).made is None


def test_nobody_is_asked_when_the_owner_says_so_or_on_a_space() -> None:
    assert access(Flags(share=True, no_auth=True)).accounts == ()
    assert access(Flags(host="0.0.0.0"), space=True).accounts == ()
    assert access(Flags(auth=(("a", "b"),)), space=True).accounts == (("a", "b"),)
