"""The page's addresses for other machines."""

from __future__ import annotations

import socket

import pytest

from webui import network


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "192.168.7.7"])
def test_a_page_on_one_address_has_no_other(host: str) -> None:
    assert network.addresses(host, 7860) == []


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "[::]"])
def test_a_page_on_every_address_tells_the_machines_own(host: str) -> None:
    own = network.own_address()
    assert network.addresses(host, 7861) == ([f"http://{own}:7861/"] if own else [])


def test_the_own_address_can_be_listened_on() -> None:
    own = network.own_address()
    if own is not None:
        with socket.socket() as listener:
            listener.bind((own, 0))
            assert not own.startswith("127.")


def test_a_machine_without_a_network_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object) -> None:
        raise OSError("Network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", unreachable)
    monkeypatch.setattr(socket, "gethostbyname_ex", lambda name: (name, [], ["127.0.1.1"]))
    assert network.own_address() is None
