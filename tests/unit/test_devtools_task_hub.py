"""After Core Tools were killed, `dev.py` waits until their hold on the workflows has ended."""

from __future__ import annotations

import io
import os
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from devtools import task_hub
from devtools.console import Console
from devtools.project import Project
from devtools.task_hub import Lease, TableAccount

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
ME = "this-machine"


def _lease(owner: str, seconds: float) -> Lease:
    return Lease("hub-control-00", owner, NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("held", "left"),
    [
        ([], 0),
        ([_lease(ME, -1)], 0),
        ([_lease("another", 30)], 0),
        ([_lease(ME.upper(), 12), _lease(ME, 25.5), _lease("another", 50)], 25.5),
    ],
)
def test_only_what_this_machine_still_holds_is_waited_for(held: list[Lease], left: float) -> None:
    """Another machine's hold is no trouble: it is taken over when it ends."""
    assert task_hub.seconds_left(held, ME, NOW) == left


def test_the_task_hub_is_that_of_the_host(tmp_path: Path) -> None:
    """By host.json, or by the variable that overrides it; a placeholder names none outright."""
    assert task_hub.hub_name(Project.here().root, {}) == "SettleHub"
    override = {"AzureFunctionsJobHost__extensions__durableTask__hubName": "Other"}
    assert task_hub.hub_name(Project.here().root, override) == "Other"
    assert task_hub.hub_name(tmp_path, {}) is None
    (tmp_path / "host.json").write_text('{"extensions": {"durableTask": {"hubName": "%HUB%"}}}')
    assert task_hub.hub_name(tmp_path, {}) is None
    (tmp_path / "host.json").write_text("[]")
    assert task_hub.hub_name(tmp_path, {}) is None


def test_the_tables_of_an_account_are_found_by_its_connection_string() -> None:
    """Azurite names the address, Azure has it made of the account's name; without a key nothing is asked."""
    local = "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=a2V5;TableEndpoint=http://127.0.0.1:1/a;"
    assert task_hub.table_account(local) == TableAccount("a", b"key", "http://127.0.0.1:1/a")
    cloud = task_hub.table_account("AccountName=a;AccountKey=a2V5;EndpointSuffix=core.windows.net")
    assert cloud == TableAccount("a", b"key", "https://a.table.core.windows.net")
    assert task_hub.table_account("UseDevelopmentStorage=true") is None
    assert task_hub.table_account("BlobEndpoint=https://a;SharedAccessSignature=x=y") is None


class Waiting:
    """A wait that takes no time, and what it said."""

    def __init__(self, connection: str, hub: str) -> None:
        self._connection, self._hub = connection, hub
        self.slept: list[float] = []
        self.said = ""

    def __call__(self) -> None:
        stream = io.StringIO()
        task_hub.wait_for_leases(
            Console(stream, terminal=False),
            self._connection,
            self._hub,
            machine=ME,
            now=lambda: datetime.now(UTC) + timedelta(seconds=sum(self.slept)),
            sleep=self._sleep,
        )
        self.said = stream.getvalue()

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def test_a_storage_that_does_not_answer_is_told_and_keeps_nobody_from_starting() -> None:
    """The host will say more, where it needs it."""
    waiting = Waiting("AccountName=a;AccountKey=a2V5;TableEndpoint=http://127.0.0.1:9/a", "Hub")
    waiting()
    assert waiting.slept == []
    assert "could not see whether Core Tools were killed" in waiting.said


@pytest.fixture
def connection() -> str:
    """The connection string of a storage with tables."""
    connection = os.environ.get("SETTLE_TEST_STORAGE")
    if not connection:
        pytest.skip("no storage to test against: SETTLE_TEST_STORAGE is not set (dev.py test sets it)")
    return connection


@pytest.fixture
def hub(connection: str) -> Iterator[str]:
    """A task hub with a table of partitions, as Core Tools make it."""
    account, name = _account(connection), f"Hub{uuid.uuid4().hex[:12]}"
    task_hub.request(account, "POST", "Tables", {"TableName": f"{name}Partitions"})
    yield name
    task_hub.request(account, "DELETE", f"Tables('{name}Partitions')")


def _account(connection: str) -> TableAccount:
    account = task_hub.table_account(connection)
    assert account is not None
    return account


def _hold(connection: str, hub: str, owner: str | None, seconds: float) -> None:
    expires = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")
    entity = {
        "PartitionKey": "",
        "RowKey": f"{hub.lower()}-control-{uuid.uuid4().hex[:4]}",
        "ExpiresAt": expires,
        "ExpiresAt@odata.type": "Edm.DateTime",
        "IsDraining": False,
    }
    if owner is not None:
        entity["CurrentOwner"] = owner
    task_hub.request(_account(connection), "POST", f"{hub}Partitions", entity)


def test_what_a_killed_host_holds_is_waited_for(connection: str, hub: str) -> None:
    """It is said once, with the seconds; what was given back, or another machine holds, does not count."""
    _hold(connection, hub, None, 60)
    _hold(connection, hub, "another", 60)
    waiting = Waiting(connection, hub)
    waiting()
    assert (waiting.slept, waiting.said) == ([], "")
    _hold(connection, hub, ME, 20)
    waiting()
    assert 18 < sum(waiting.slept) < 22
    assert len(waiting.slept) <= 6
    assert waiting.said.count("Core Tools were killed here a moment ago") == 1


def test_a_hold_that_is_renewed_is_another_hosts(connection: str, hub: str) -> None:
    """Somebody lives: after more than the longest hold nobody waits any more."""
    _hold(connection, hub, ME, 3600)
    waiting = Waiting(connection, hub)
    waiting()
    assert 69 < sum(waiting.slept) < 77
    assert "another host works on this storage" in waiting.said


def test_a_task_hub_that_was_never_used_holds_nothing(connection: str) -> None:
    """The first start has nothing to wait for."""
    assert task_hub.leases(_account(connection), f"Hub{uuid.uuid4().hex[:12]}") == []


def test_a_wrong_key_is_told(connection: str, hub: str) -> None:
    """With what the service says."""
    parts = [part for part in connection.split(";") if not part.startswith("AccountKey=")]
    waiting = Waiting(";".join([*parts, "AccountKey=d3Jvbmc="]), hub)
    waiting()
    assert "could not see whether" in waiting.said
    assert "403" in waiting.said
