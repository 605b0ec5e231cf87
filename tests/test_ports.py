"""Finding a port, with real sockets in the way."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from webui import ports
from webui.refusal import CannotStart


@pytest.fixture
def run_of_ports(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The first of a few ports in a row that were free a moment ago, as the usual ones."""
    monkeypatch.setattr(ports, "MORE", 2)
    for first in range(23_000, 60_000, 50):
        if all(ports._is_free("127.0.0.1", port) for port in range(first, first + 3)):
            monkeypatch.setattr(ports, "FIRST_PORT", first)
            yield first
            return


def listen(stack: ExitStack, port: int) -> None:
    taken = stack.enter_context(closing(socket.socket()))
    taken.bind(("127.0.0.1", port))
    taken.listen()


def test_the_usual_one_when_it_is_free(run_of_ports: int) -> None:
    assert ports.free_port("127.0.0.1", None) == run_of_ports


def test_the_next_free_one_otherwise(run_of_ports: int) -> None:
    with ExitStack() as stack:
        listen(stack, run_of_ports)
        listen(stack, run_of_ports + 1)
        assert ports.free_port("127.0.0.1", None) == run_of_ports + 2


def test_all_taken_says_which(run_of_ports: int) -> None:
    with ExitStack() as stack:
        for port in range(run_of_ports, run_of_ports + 3):
            listen(stack, port)
        with pytest.raises(CannotStart, match=f"{run_of_ports} to {run_of_ports + 2} are all taken.*--port"):
            ports.free_port("127.0.0.1", None)


def test_the_one_asked_for_or_none(run_of_ports: int) -> None:
    with ExitStack() as stack:
        listen(stack, run_of_ports)
        with pytest.raises(CannotStart, match=f"Port {run_of_ports} is taken"):
            ports.free_port("127.0.0.1", run_of_ports)


def test_a_port_taken_on_one_address_is_taken_on_all(run_of_ports: int) -> None:
    with ExitStack() as stack:
        listen(stack, run_of_ports)
        assert ports.free_port("0.0.0.0", None) == run_of_ports + 1


def test_an_address_of_somebody_else_is_refused() -> None:
    with pytest.raises(CannotStart, match="not an address of this machine"):
        ports.free_port("192.0.2.1", None)
