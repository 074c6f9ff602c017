"""Entities on the engine."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from devhost.clock import VirtualClock
from devhost.engine.entities import run_batch
from devhost.engine.models import EntityFilter, InstanceFilter, RuntimeStatus
from devhost.errors import InvalidInstanceId, UnknownFunction
from tests.devhost.engine_kit import START, App, AppCatalog, Host
from tests.devhost.sample_app import add_functions


@pytest.fixture
def host() -> Iterator[Host]:
    """A host with the sample functions."""
    with Host(add_functions(App())) as host:
        yield host


def _add(host: Host, key: str, value: int) -> None:
    host.engine.signal_entity("Counter", key, "add", json.dumps(json.dumps(value)))


def test_signals_change_the_state_in_order(host: Host) -> None:
    """The name counts in lower case."""
    _add(host, "k", 3)
    _add(host, "k", 4)
    assert host.engine.read_entity("counter", "k") is None
    host.engine.run_until_idle()
    assert host.engine.read_entity("counter", "k") == "7"
    assert host.engine.read_entity("COUNTER", "k") == "7"
    assert host.engine.read_entity("counter", "K") is None


def test_an_orchestration_calls_and_signals_an_entity(host: Host) -> None:
    """Results and errors come back to it."""
    assert host.output("use_entity") == [7, "entity broke"]


def test_an_operation_that_raises_does_not_stop_the_others(host: Host) -> None:
    """Nor is the state taken back."""
    _add(host, "k", 1)
    host.engine.signal_entity("counter", "k", "explode")
    _add(host, "k", 2)
    host.engine.run_until_idle()
    assert host.engine.read_entity("counter", "k") == "3"


def test_a_signal_to_an_unknown_entity_is_refused(host: Host) -> None:
    """The known ones are named."""
    with pytest.raises(UnknownFunction, match="known entity functions: 'counter'"):
        host.engine.signal_entity("nobody", "k", "add")


def test_a_key_that_no_url_can_hold_is_refused(host: Host) -> None:
    """As an instance id is."""
    with pytest.raises(InvalidInstanceId, match="Entity keys must not contain"):
        host.engine.signal_entity("counter", "a/b", "add")


def test_a_scheduled_signal_is_delivered_at_its_time_even_after_a_restart(tmp_path: Path) -> None:
    """The SDK has no call for it, but the protocol has."""
    signal = {
        "actionType": 10,
        "instanceId": "@counter@k",
        "operation": "add",
        "input": "5",
        "fireAt": "2024-01-01T01:00:00.000000Z",
    }
    app = add_functions(App())
    app.orchestrators["raw"] = lambda _: json.dumps({"isDone": True, "actions": [[signal]], "output": 1})
    with Host(app, tmp_path / "state.db") as host:
        assert host.output("raw") == 1
        host.engine.advance(timedelta(minutes=59))
        assert host.engine.read_entity("counter", "k") is None
    with Host(app, tmp_path / "state.db", clock=VirtualClock(START + timedelta(minutes=59))) as host:
        host.engine.advance(timedelta(minutes=1))
        assert host.engine.read_entity("counter", "k") == "5"
        assert host.store.messages() == []


def test_a_deleted_entity_does_not_exist(host: Host) -> None:
    """It is no longer listed among the entities."""
    _add(host, "k", 1)
    host.engine.signal_entity("counter", "k", "delete")
    host.engine.run_until_idle()
    assert host.engine.read_entity("counter", "k") is None
    assert host.engine.list_entities(EntityFilter()).entities == []


def test_entities_are_listed_with_their_state_on_request(host: Host) -> None:
    """Page by page."""
    for key in ("a", "b", "c"):
        _add(host, key, 5)
    host.engine.run_until_idle()
    first = host.engine.list_entities(EntityFilter(name="counter", top=2, fetch_state=True))
    assert [one.payload() for one in first.entities] == [
        {
            "entityId": {"name": "counter", "key": key},
            "lastOperationTime": "2024-01-01T00:00:00Z",
            "state": 5,
        }
        for key in ("a", "b")
    ]
    last = host.engine.list_entities(EntityFilter(top=2, token=first.token))
    assert [(one.key, one.state) for one in last.entities] == [("c", None)]
    late = EntityFilter(last_operation_from=START + timedelta(days=1))
    assert host.engine.list_entities(late).entities == []


def test_an_entity_is_listed_among_the_instances_too_and_can_be_purged(host: Host) -> None:
    """As a running instance with an id of its kind."""
    _add(host, "k", 1)
    host.engine.run_until_idle()
    page = host.engine.list_instances(InstanceFilter(prefix="@"))
    assert [one.instance_id for one in page.instances] == ["@counter@k"]
    assert page.instances[0].status is RuntimeStatus.RUNNING
    assert page.instances[0].payload()["customStatus"] == {"entityExists": True}
    assert host.engine.purge("@counter@k") == 1
    assert host.engine.read_entity("counter", "k") is None


def test_a_batch_is_limited_and_the_rest_follows() -> None:
    """maxEntityOperationBatchSize."""
    app = add_functions(App())
    sizes: list[int] = []
    plain = app.entities["counter"]
    app.entities["counter"] = lambda text: (sizes.append(len(json.loads(text)["batch"])), plain(text))[1]
    with Host(app, max_entity_operation_batch_size=2) as host:
        for _ in range(5):
            _add(host, "k", 1)
        host.engine.run_until_idle()
        assert sizes == [2, 2, 1]
        assert host.engine.read_entity("counter", "k") == "5"


def test_a_broken_entity_function_answers_every_call_with_an_error() -> None:
    """The state stays as it was."""
    app = App()

    def broken(_: str) -> str:
        raise RuntimeError("broke inside")

    app.entities["broken"] = broken
    app.entities["nonsense"] = lambda _: '{"results": []}'
    requests = [{"op": "a"}, {"op": "b"}]
    batch = run_batch("@broken@k", "5", requests, app, AppCatalog(app))
    assert batch.results == [('"broke inside"', True)] * 2
    assert (batch.state, batch.changed) == ("5", False)
    text, is_error = run_batch("@nonsense@k", None, requests, app, AppCatalog(app)).results[0]
    assert is_error
    assert "0 results for 2 operations" in text
    text, is_error = run_batch("@gone@k", None, requests, app, AppCatalog(app)).results[0]
    assert is_error
    assert "'gone' doesn't exist" in text
