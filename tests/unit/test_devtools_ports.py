"""Ports in use are noticed, and others are chosen."""

import socket
from collections.abc import Iterator

import pytest

from devtools import ports


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that a server listens on."""
    with socket.socket() as server:
        server.bind((ports.LOOPBACK, 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_port_that_is_listened_on_is_not_free(taken: int) -> None:
    """Both sides see it: one cannot bind, another can connect."""
    assert not ports.is_free(taken)
    assert ports.accepts(taken)


def test_a_port_is_free_again_after_its_server_ended_with_connections(taken: int) -> None:
    """Or a second run right after the first would wander to other ports."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((ports.LOOPBACK, 0))
        server.listen()
        port = server.getsockname()[1]
        client = socket.create_connection((ports.LOOPBACK, port))
        connection, _ = server.accept()
        connection.close()  # the server closes first: its side lingers in TIME_WAIT
        client.close()
    assert ports.is_free(port)
    assert not ports.accepts(port)


def test_free_preferred_ports_are_chosen_and_taken_ones_replaced(taken: int) -> None:
    """Each for itself: a free one stays even when its neighbour is taken."""
    [free] = ports.choose([0])
    assert ports.choose([free, taken])[0] == free
    other = ports.choose([free, taken])[1]
    assert other not in (free, taken)
    assert ports.is_free(other)


def test_chosen_ports_differ_from_each_other() -> None:
    """Port 0 and a port that is named twice get any free one."""
    [free] = ports.choose([0])
    chosen = ports.choose([free, free, 0, 0, 0])
    assert len(set(chosen)) == 5


def test_waiting_ends_with_the_first_yes_or_with_the_time() -> None:
    """It says which of the two it was."""
    answers = iter([False, False, True])
    assert ports.wait_until(lambda: next(answers), timeout=5, interval=0.001)
    assert not ports.wait_until(lambda: False, timeout=0.01, interval=0.001)
