"""A disk that is full, for real: SQLite itself refuses to write, and what it says is what users read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from devhost.testing import Host
from tests.devhost import tour
from tests.devhost.test_mgmt_api import Api, parsed


@contextmanager
def _full(host: Host) -> Iterator[None]:
    """Let the state file grow no more, as if there were no room."""
    connection = host._store._connection
    [pages] = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    yield
    connection.execute("PRAGMA max_page_count = 1000000")


def _order(name: str) -> dict[str, object]:
    return tour.order(name, 1, {**tour.PACE, "padding": "x" * 20_000})  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("again", [False, True])
def test_work_waits_for_room_and_loses_nothing(
    tmp_path: Path, again: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says what is wrong; with room again, or after a restart, the tour goes on."""
    effects = tour.Effects()
    with Host(tour.app(), activities=effects.activities(), state=tmp_path / "state.db") as host:
        with host.held():
            for number in range(5):
                host.start("tour", _order(f"n{number}"), instance_id=f"n{number}")
        with _full(host):
            host.advance(hours=1)
            waiting = [one for one in host.instances("n") if not one.finished]
            assert waiting
        assert "the state cannot be written (database or disk is full)" in caplog.text
        if again:
            host.restart()
        host.advance(hours=3)
        for number in range(5):
            output = host.status(f"n{number}").output
            assert output == tour.expected_output(f"n{number}", 1, output)
            assert host.entity("ledger", f"n{number}") == tour.expected_total(f"n{number}", 1)
        host.check_invariants()


def test_a_request_that_finds_no_room_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    """Its caller can send it again later."""
    with Host(tour.app(), activities=tour.Effects().activities(), state=tmp_path / "state.db") as host:
        with _full(host), pytest.raises(sqlite3.OperationalError, match="database or disk is full"):
            host.start("tour", _order("n"), instance_id="n")
        assert host.instances() == []
        host.start("tour", _order("n"), instance_id="n")
        host.check_invariants()


def test_the_management_api_tells_the_reason(tmp_path: Path) -> None:
    """As a server error, with the text of SQLite in it."""
    with Host(tour.app(), activities=tour.Effects().activities(), state=tmp_path / "state.db") as host:
        api = Api(host)
        with _full(host):
            answer = api("POST", "orchestrators/tour/n", _order("n"))
        assert answer.status == 500
        assert parsed(answer)["ExceptionMessage"] == "database or disk is full"
