"""Detached starts: what is put into the queue, and that it starts one instance however often it comes."""

from __future__ import annotations

import base64
import json
import os
import uuid
from typing import Any

import azure.functions as func
import pytest
from azure.storage.queue import QueueClient

from adapters import starts
from adapters.settings import Settings, from_environment, starts_queue
from stores.blobs import StorageRefused, StorageUnavailable
from triggers.starts import start_detached

_handler = start_detached._function.get_user_function().__wrapped__  # type: ignore[attr-defined]


class Client:
    """The durable client's part that the trigger uses; `fails` is raised by starts."""

    def __init__(self) -> None:
        self.started: dict[str, tuple[str, Any]] = {}
        self.calls = 0
        self.fails: Exception | None = None
        self.appears = False

    async def get_status(self, instance: str) -> bool:
        """Falsy where there is no such instance."""
        return instance in self.started

    async def start_new(self, name: str, instance: str, value: Any) -> None:
        """Start it, or fail, perhaps after somebody else did."""
        self.calls += 1
        if self.appears:
            self.started[instance] = (name, value)
        if self.fails:
            raise self.fails
        self.started[instance] = (name, value)


def _message(text: str) -> func.QueueMessage:
    """A message as the host hands it over."""
    return func.QueueMessage(id="1", body=base64.b64decode(text))


async def _come(client: Client, text: str) -> None:
    await _handler(_message(text), client)


async def test_message_starts_what_it_names() -> None:
    """With its id and its input, whatever characters that has."""
    client, value = Client(), {"batch": "b1", "sender": "käthe@example.com"}
    await _come(client, starts.encode("batch_approvals", "b1-approvals", value))
    assert client.started == {"b1-approvals": ("batch_approvals", value)}


async def test_message_that_comes_twice_starts_once() -> None:
    """A queue delivers at least once; an instance that has ended is not started over again either."""
    client, text = Client(), starts.encode("deliver_notification", "n1", {})
    await _come(client, text)
    await _come(client, text)
    assert client.calls == 1


async def test_start_that_fails_is_tried_again_by_the_queue() -> None:
    """The error reaches the host, which shows the message again; unless another start came first."""
    client = Client()
    client.fails = RuntimeError("the host said 500")
    with pytest.raises(RuntimeError):
        await _come(client, starts.encode("deliver_notification", "n1", {}))
    client.appears = True
    await _come(client, starts.encode("deliver_notification", "n1", {}))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"orchestrator": "x", "instance": "y"}',
        b'{"orchestrator": 1, "instance": "y", "input": 0}',
        b'{"orchestrator": "", "instance": "y", "input": 0}',
        b'{"orchestrator": "x", "instance": "y", "input": 0, "more": 1}',
    ],
)
async def test_message_of_somebody_else_starts_nothing(body: bytes) -> None:
    """It raises, so that it ends in the poison queue where an operator sees it."""
    client = Client()
    with pytest.raises(ValueError, match=r"queue|Expecting"):
        await _come(client, base64.b64encode(body).decode())
    assert client.started == {}


def test_input_that_is_too_large_for_a_message_is_refused_at_once() -> None:
    """Big things travel by reference."""
    with pytest.raises(ValueError, match="holds 49,152"):
        starts.encode("x", "y", "z" * 49_152)


def test_queue_goes_with_the_container() -> None:
    """Two apps with containers of their own in one account do not start each other's work."""
    assert starts_queue({}) == "settle-starts"
    assert starts_queue({"SETTLE_CONTAINER": "mine1"}) == "mine1-starts"


def _settings(connection: str, **more: str) -> Settings:
    return from_environment({"AzureWebJobsStorage": connection} | more)


def test_queue_that_is_away_and_one_that_refuses_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the errors that the orchestrations decide by; the key of the account is in no text."""
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    secret = base64.b64encode(b"hush-hush-hush!!").decode()
    away = f"AccountName=a;AccountKey={secret};QueueEndpoint=http://127.0.0.1:9/a"
    with pytest.raises(StorageUnavailable) as caught:
        starts.enqueue(_settings(away), "x", "y", {})
    assert pauses, "it was tried again"
    assert secret not in str(caught.value)
    with pytest.raises(StorageRefused):
        starts.enqueue(_settings("no connection string"), "x", "y", {})


def test_message_on_a_real_queue_is_base64_json_that_does_not_expire() -> None:
    """The queue is made on first use; the trigger's host reads it with its default encoding."""
    connection = os.environ.get("SETTLE_TEST_STORAGE")
    if not connection:
        pytest.skip("SETTLE_TEST_STORAGE names no storage account")
    settings = _settings(connection, SETTLE_CONTAINER=f"t{uuid.uuid4().hex[:10]}")
    with QueueClient.from_connection_string(connection, settings.starts_queue) as queue:
        starts.enqueue(settings, "deliver_notification", "n1", {"a": "ü"})
        starts.enqueue(settings, "deliver_notification", "n1", {"a": "ü"})
        found = list(queue.receive_messages())
        queue.delete_queue()
    assert len(found) == 2
    assert json.loads(base64.b64decode(found[0].content)) == {
        "orchestrator": "deliver_notification",
        "instance": "n1",
        "input": {"a": "ü"},
    }
    assert found[0].expires_on
    assert found[0].expires_on.year > 9000
