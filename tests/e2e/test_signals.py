"""Signals over HTTP, by Event Grid's webhook and by the queue, on any host."""

from __future__ import annotations

import base64
import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from azure.storage.queue import QueueServiceClient

from tests.e2e import calls

LINE = {"line": "1", "quantity": 12.5, "unit": "KGM", "by": "scale 3"}


def _key() -> str:
    return f"PO {uuid.uuid4().hex[:12]}"


def _send(base_url: str, key: str, body: Any = LINE, **headers: str) -> requests.Response:
    address = f"{base_url}/api/signals/goods-received/{requests.utils.quote(key, safe='')}"  # pyright: ignore
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return calls.post(address, json=body, headers=sent)


def test_signal_is_taken_once(base_url: str) -> None:
    """202, then 200; also many at the same time, and with a slash in the key."""
    key = f"{_key()}/7"
    answers = [_send(base_url, key, Idempotency_Key="1") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 200]
    assert answers[0].json() == answers[1].json() | {"waiting": 0}
    assert (answers[0].json()["key"], answers[0].json()["id"]) == (key, "1")
    with ThreadPoolExecutor(8) as pool:
        several = [pool.submit(_send, base_url, key, LINE | {"id": str(n % 8)}) for n in range(16)]
        statuses = [one.result().status_code for one in several]
    assert sorted(statuses) == [200] * 9 + [202] * 7


@pytest.mark.parametrize(
    ("key", "body", "expected"),
    [
        ("x" * 2048, LINE, (400, "bad_key")),
        ("PO-1", {"__class__": "x"}, (400, "bad_signal")),
        ("PO-1", [1], (400, "bad_signal")),
        ("PO-1", LINE | {"note": "x" * 20_000}, (413, "body_too_large")),
        ("PO-1", LINE | {"colour": "red"}, (400, "bad_signal")),
    ],
)
def test_bad_signal_is_told_what_to_do(base_url: str, key: str, body: Any, expected: tuple[int, str]) -> None:
    """4xx, in the one shape of errors."""
    answer = _send(base_url, key, body)
    assert (answer.status_code, answer.json()["error"]["code"]) == expected


def test_event_grid_asks_and_sends(base_url: str) -> None:
    """Both handshakes, then an event, which is the same signal when it comes again."""
    address, key = f"{base_url}/api/events", _key()
    origin = {"WebHook-Request-Origin": "eventgrid.azure.net"}
    allowed = calls.request("OPTIONS", address, headers=origin)
    assert (allowed.status_code, allowed.headers["WebHook-Allowed-Origin"]) == (200, "eventgrid.azure.net")

    kind = "Microsoft.EventGrid.SubscriptionValidationEvent"
    question = [{"id": "1", "eventType": kind, "data": {"validationCode": "c0de"}}]
    answer = calls.post(address, json=question, headers={"aeg-event-type": "SubscriptionValidation"})
    assert answer.json() == {"validationResponse": "c0de"}

    event = {"specversion": "1.0", "type": "x.goods-received", "source": "/d", "subject": key, "id": "1"}
    body = json.dumps([event | {"data": LINE}])
    batch = {"Content-Type": "application/cloudevents-batch+json"}
    assert calls.post(address, data=body, headers=batch).json()["taken"] == 1
    assert _send(base_url, key, Idempotency_Key="/d#1").status_code == 200


def test_message_of_the_queue_is_a_signal_and_a_poison_one_holds_up_nothing(
    base_url: str, storage: str | None, app_container: str
) -> None:
    """The good one that comes after it is gone from the queue soon, which it is when it was taken in."""
    if storage is None:
        pytest.skip("another's host keeps its storage to itself")
    with QueueServiceClient.from_connection_string(storage) as service:
        queue = service.get_queue_client(f"{app_container}-signals")
        message = {"kind": "goods-received", "key": _key(), "id": "1", "payload": LINE}
        for data in (b"no json", json.dumps(message).encode()):
            queue.send_message(base64.b64encode(data).decode())
        deadline = time.monotonic() + 20
        while int(queue.get_queue_properties().approximate_message_count or 0) > 1:
            assert time.monotonic() < deadline, "the good message waits behind the bad one"
            time.sleep(0.2)
        queue.clear_messages()
    assert _send(base_url, message["key"], Idempotency_Key="1").status_code == 200
