"""Signals by a queue, by Event Grid and by a device hub: what is taken, and where goes what cannot be."""

from __future__ import annotations

import base64
import json
import logging
from types import SimpleNamespace
from typing import Any

import azure.durable_functions as df
import azure.functions as func
import pytest

from adapters import signal_queue
from adapters.setting_values import SettingError
from adapters.signal_settings import DeviceHub, device_hub, signals_queue
from devhost.app.index import index_app
from devhost.app.settings import load_settings
from invoicing.records.answers.signals import EventsTaken, ValidationAnswer
from invoicing.signals.arriving import MOST_EVENTS, of_device, of_message
from invoicing.signals.errors import SignalInvalid
from invoicing.signals.taking_in import NewSignal
from stores import signals as store
from stores.blobs import StorageUnavailable
from tests.unit.page_requests import BASE, Client, handler, local_run
from tests.unit.test_routes import ROOT
from triggers import device_hub as hub
from triggers import event_grid
from triggers import signal_queue as queue
from usecases.refusals import NotDone

KIND = "goods-received"
LINE = {"line": "1", "quantity": 5}
CLOUD = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"


def _kept(blobs: Any) -> list[tuple[str, str, str]]:
    """Kind, key and id of all signals that are stored."""
    found = [one for folder in store.folders(blobs) for one in folder.came.values()]
    return sorted((one.kind, one.key, one.id) for one in found)


# ---------------------------------------------------------------- the queue


def _message(value: Any) -> Any:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return func.QueueMessage(id="m1", body=data)


async def _queued(value: Any) -> None:
    await handler(queue.take_queued_signal)(_message(value), Client())


async def test_message_of_the_queue_is_a_signal() -> None:
    """With its id or without one; twice counts once."""
    with local_run() as used:
        for _ in range(2):
            await _queued({"kind": KIND, "key": "PO-1", "id": "7", "payload": LINE})
            await _queued({"kind": KIND, "key": "PO-1", "payload": LINE})
        assert [signal_id[:7] for _, _, signal_id in _kept(used.blobs)] == ["7", "content"]


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"no json",
        b"\xff",
        b"[" * 50_000,
        [],
        {},
        {"kind": KIND, "key": "PO-1"},
        {"kind": KIND, "key": "PO-1", "payload": [1]},
        {"kind": KIND, "key": "PO-1", "payload": {"__class__": "x"}},
        {"kind": KIND, "key": "x" * 2048, "payload": LINE},
        {"kind": KIND, "key": "\ud800", "payload": LINE},
        {"kind": "other", "key": "PO-1", "payload": LINE},
        {"kind": KIND, "key": "PO-1", "payload": LINE, "more": 1},
        {"kind": KIND, "key": "PO-1", "payload": LINE, "id": 7},
        {"kind": KIND, "key": "PO-1", "payload": LINE | {"note": "x" * 40_000}},
    ],
)
async def test_poison_message_says_where_it_goes(message: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The host tries it five times; it raises at once, so it holds up nothing."""
    with local_run() as used, caplog.at_level(logging.ERROR):
        with pytest.raises((SignalInvalid, NotDone)):
            await _queued(message)
        assert _kept(used.blobs) == []
    assert "settle-signals-poison" in caplog.text


async def test_storage_that_is_away_is_no_poison(caplog: pytest.LogCaptureFixture) -> None:
    """The queue gives the message again."""
    with local_run() as used:
        used.blobs.go_away()  # pyright: ignore[reportAttributeAccessIssue] - the fake has it
        with pytest.raises(StorageUnavailable):
            await _queued({"kind": KIND, "key": "PO-1", "payload": LINE})
    assert "poison" not in caplog.text


def test_queue_goes_with_the_container() -> None:
    """Two apps in one account share none."""
    assert signals_queue({}) == "settle-signals"
    assert signals_queue({"SETTLE_CONTAINER": "mine1"}) == "mine1-signals"


def test_message_is_read_with_its_digits() -> None:
    """A scale says 12.50."""
    new = of_message(b'{"kind": "k", "key": "1", "payload": {"quantity": 12.50}}')
    assert str(new.payload["quantity"]) == "12.50"


# ---------------------------------------------------------------- Event Grid


def _cloud(event_id: str = "1", **changes: Any) -> dict[str, Any]:
    event = {
        "specversion": "1.0",
        "type": f"com.example.{KIND}",
        "source": "/docks/2",
        "subject": "PO-1",
        "id": event_id,
        "time": "2026-05-04T12:00:00Z",
        "data": LINE,
    }
    return {name: value for name, value in (event | changes).items() if value is not None}


def _grid(event_id: str = "1", **changes: Any) -> dict[str, Any]:
    event = {
        "id": event_id,
        "topic": "/subscriptions/s/topics/t",
        "subject": "PO-1",
        "eventType": KIND,
        "eventTime": "2026-05-04T12:00:00Z",
        "dataVersion": "1",
        "metadataVersion": "1",
        "data": LINE,
    }
    return {name: value for name, value in (event | changes).items() if value is not None}


async def _events(body: Any, media: str = CLOUD, **headers: str) -> tuple[int, dict[str, Any]]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"content-type": media} | {name.replace("_", "-"): value for name, value in headers.items()}
    req = func.HttpRequest("POST", f"{BASE}/api/events", headers=sent, body=data)
    answer = await handler(event_grid.take_events)(req=req, client=Client())
    return answer.status_code, json.loads(answer.get_body())


async def test_events_are_signals_in_both_schemas_and_count_once() -> None:
    """One alone, several, and again: source and id tell them apart."""
    with local_run() as used:
        for _ in range(2):
            assert (await _events(_cloud()))[0] == 200
            status, told = await _events([_cloud("1"), _cloud("2"), _cloud("1", source="/docks/3")], BATCH)
            assert (status, EventsTaken.model_validate(told).taken) == (200, 3)
            status, _ = await _events([_grid()], "application/json", aeg_event_type="Notification")
            assert status == 200
        assert [signal_id for _, _, signal_id in _kept(used.blobs)] == [
            "/docks/2#1",
            "/docks/2#2",
            "/docks/3#1",
            "/subscriptions/s/topics/t#1",
        ]
        assert {(kind, key) for kind, key, _ in _kept(used.blobs)} == {(KIND, "PO-1")}


async def test_data_may_come_as_base64() -> None:
    """As CloudEvents has it for bytes."""
    packed = base64.b64encode(json.dumps(LINE).encode()).decode()
    with local_run() as used:
        assert (await _events(_cloud(data=None, data_base64=packed)))[0] == 200
        assert len(_kept(used.blobs)) == 1


async def test_message_of_a_device_may_come_by_event_grid() -> None:
    """As an IoT Hub hands it on: the body as JSON, or as base64."""
    packed = base64.b64encode(json.dumps(LINE).encode()).decode()
    with local_run() as used:
        for event_id, content in (("1", LINE), ("2", packed)):
            data = {
                "properties": {"kind": KIND, "key": "PO-1"},
                "systemProperties": {"iothub-connection-device-id": "scale-3"},
                "body": content,
            }
            kind = "Microsoft.Devices.DeviceTelemetry"
            assert (await _events(_cloud(event_id, type=kind, data=data)))[0] == 200
        assert [signal_id for _, _, signal_id in _kept(used.blobs)] == ["scale-3/1", "scale-3/2"]


@pytest.mark.parametrize(
    "bad",
    [
        7,
        {},
        _cloud(specversion="0.3"),
        _cloud(subject=None),
        _cloud(subject="x" * 2048),
        _cloud(id=None),
        _cloud(type="com.example.other"),
        _cloud(data=None),
        _cloud(data={"__class__": "x"}),
        _cloud(data=None, data_base64="no base64!"),
        _grid(data=[1]),
        _cloud(type="Microsoft.Devices.DeviceTelemetry", data={"body": LINE}),
        _cloud(
            type="Microsoft.Devices.DeviceTelemetry",
            data={
                "body": LINE,
                "properties": {"kind": "goods-received", "key": "1", "id": "\ud800" * 300},
                "systemProperties": {},
            },
        ),
    ],
)
async def test_one_bad_event_costs_the_others_nothing(bad: Any) -> None:
    """400, so that Event Grid puts what was sent into its dead-letter place; the others are taken."""
    with local_run() as used:
        status, told = await _events([_cloud("good"), bad, _cloud("too")], BATCH)
        assert (status, told["error"]["code"]) == (400, "events_rejected")
        detail = told["error"]["detail"]
        assert (detail["taken"], [one["place"] for one in detail["rejected"]]) == (2, ["event 2"])
        assert len(_kept(used.blobs)) == 2


@pytest.mark.parametrize(
    ("body", "media", "status"),
    [
        (b"no json", CLOUD, 400),
        (b"[" * 50_000, BATCH, 400),
        ([{}] * (MOST_EVENTS + 1), BATCH, 400),
        (b" " * (1024 * 1024 + 1), BATCH, 413),
        (_cloud(), "text/plain", 415),
        (_cloud(), "application/x-www-form-urlencoded", 415),
    ],
)
async def test_body_that_holds_no_events_is_refused(body: Any, media: str, status: int) -> None:
    """With what to send."""
    with local_run() as used:
        assert (await _events(body, media))[0] == status
        assert _kept(used.blobs) == []


async def test_storage_that_is_away_makes_the_sender_come_again() -> None:
    """503, which Event Grid repeats for a day."""
    with local_run() as used:
        used.blobs.go_away()  # pyright: ignore[reportAttributeAccessIssue] - the fake has it
        assert (await _events(_cloud()))[0] == 503


async def test_question_of_event_grid_is_answered_with_its_code() -> None:
    """Nothing is taken in by it; one without a code is refused."""
    kind = "Microsoft.EventGrid.SubscriptionValidationEvent"
    asked = [_grid(eventType=kind, data={"validationCode": "512d38b6-c7b8-40c8-89fe-f46f9e9622b6"})]
    with local_run() as used:
        header = {"aeg_event_type": "SubscriptionValidation"}
        status, told = await _events(asked, "application/json", **header)
        assert status == 200
        assert ValidationAnswer.model_validate(told).validationResponse.startswith("512d")
        for bad in ([], {}, [_grid()], [_grid(eventType=kind, data={})], [_grid(eventType=kind)], [7]):
            assert (await _events(bad, "application/json", **header))[0] == 400
        assert _kept(used.blobs) == []


async def test_sender_of_cloud_events_is_allowed_when_it_asks() -> None:
    """The handshake of CloudEvents' webhooks; a header that is none is refused."""
    with local_run():
        for origin, status in (("eventgrid.azure.net", 200), ("", 400), ("a b", 400), ("x" * 300, 400)):
            headers = {"webhook-request-origin": origin, "webhook-request-rate": "100"}
            req = func.HttpRequest("OPTIONS", f"{BASE}/api/events", headers=headers, body=b"")
            answer = await handler(event_grid.allow_events)(req=req)
            assert answer.status_code == status
            allowed = answer.headers.get("WebHook-Allowed-Origin")
            assert allowed == (origin if status == 200 else None)


# ---------------------------------------------------------------- devices


def _device_events(*bodies: bytes, **properties: str) -> list[Any]:
    metadata = {
        "PropertiesArray": [{"kind": KIND, "key": "PO-1"} | properties for _ in bodies],
        "SystemPropertiesArray": [
            {"iothub-connection-device-id": "scale-3", "SequenceNumber": n, "EnqueuedTimeUtc": "t"}
            for n, _ in enumerate(bodies)
        ],
    }
    return [SimpleNamespace(metadata=metadata, get_body=lambda body=body: body) for body in bodies]


async def test_messages_of_devices_are_signals_and_bad_ones_are_put_aside(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The hub gives what failed again and again, and all behind it waits: so a bad one must not fail."""
    aside: list[bytes] = []
    monkeypatch.setattr(signal_queue, "put_aside", lambda settings, data: aside.append(data))
    good = json.dumps(LINE).encode()
    with local_run() as used:
        for _ in range(2):
            await hub.take_messages(_device_events(good, b"no json", b'{"line": "1"}', good), Client())  # pyright: ignore
        assert [signal_id for _, _, signal_id in _kept(used.blobs)] == ["scale-3/#0@t", "scale-3/#3@t"]
        await hub.take_messages(_device_events(good, kind="other"), Client())  # pyright: ignore
    assert aside == [b"no json", b'{"line": "1"}'] * 2 + [good]


async def test_damaged_record_of_a_signal_holds_up_no_other_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was raised, so the hub gave the same messages again for ever, and nothing behind them came."""
    aside: list[bytes] = []
    monkeypatch.setattr(signal_queue, "put_aside", lambda settings, data: aside.append(data))
    first, second = json.dumps(LINE).encode(), json.dumps(LINE | {"quantity": 6}).encode()
    with local_run() as used:
        await hub.take_messages(_device_events(first), Client())  # pyright: ignore
        (damaged,) = used.blobs.names("signals/")  # pyright: ignore[reportAttributeAccessIssue]
        used.blobs.write(damaged, b"{}")
        await hub.take_messages(_device_events(first, second), Client())  # pyright: ignore
        assert [signal_id for _, _, signal_id in _kept(used.blobs)] == ["scale-3/#1@t"]
    assert aside == [first]


async def test_message_without_properties_is_put_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody said what it is."""
    aside: list[bytes] = []
    monkeypatch.setattr(signal_queue, "put_aside", lambda settings, data: aside.append(data))
    with local_run():
        event = SimpleNamespace(metadata=None, get_body=lambda: b"{}")
        await hub.take_messages([event], Client())  # pyright: ignore
    assert aside == [b"{}"]


async def test_hub_gives_again_what_came_while_the_storage_was_away() -> None:
    """The function fails, and its retry policy repeats it."""
    with local_run() as used:
        used.blobs.go_away()  # pyright: ignore[reportAttributeAccessIssue] - the fake has it
        with pytest.raises(StorageUnavailable):
            await hub.take_messages(_device_events(json.dumps(LINE).encode()), Client())  # pyright: ignore


def test_device_names_its_message_itself_or_its_place_does() -> None:
    """So that a message that is given twice counts once."""
    body, properties = json.dumps(LINE).encode(), {"kind": KIND, "key": "PO-1"}
    named: NewSignal = of_device(body, properties, {"iothub-connection-device-id": "d", "message-id": "m"})
    assert named.id == "d/m"
    assert of_device(body, properties | {"id": "own"}, {}).id == "device/own"


def test_hub_is_heard_only_where_a_setting_says_so() -> None:
    """With a connection string or an identity; without the name of the hub it says what to set."""
    secret = "Endpoint=sb://x/;SharedAccessKey=s"
    assert device_hub({}) is None
    assert device_hub({"SETTLE_DEVICE_HUB": f"{secret};EntityPath=hub-1"}) == DeviceHub(
        "SETTLE_DEVICE_HUB", "hub-1", "$Default"
    )
    identity = {"SETTLE_DEVICE_HUB__fullyQualifiedNamespace": "x.servicebus.windows.net"}
    named = device_hub(identity | {"SETTLE_DEVICE_HUB_NAME": "hub-2", "SETTLE_DEVICE_HUB_GROUP": "settle"})
    assert named == DeviceHub("SETTLE_DEVICE_HUB", "hub-2", "settle")
    with pytest.raises(SettingError, match="SETTLE_DEVICE_HUB_NAME"):
        device_hub({"SETTLE_DEVICE_HUB": secret})
    assert hub.registered(None) is None


def test_embedded_host_says_that_it_does_not_hear_the_hub_and_serves_the_rest() -> None:
    """It must not fall over a trigger that it does not have."""
    app = df.DFApp()
    made = hub.registered(DeviceHub("SETTLE_DEVICE_HUB", "hub-1", "$Default"))
    assert made is not None
    app.register_functions(made)
    index = index_app(app, load_settings(ROOT))
    (function,) = index.functions.values()
    assert function.trigger.type == "eventHubTrigger"
    assert any("eventHubTrigger" in text for text in index.warnings)
