"""Plays a fact of facts.json against a host: does what its steps say, and looks for what they say is seen.

A step does one of these: ``do`` a request; ``run`` or ``start`` an orchestration through the client of the
app; wait ``until`` the status of the instance has something (``until_events``: its history, ``until_state``:
the entity of that key); ``send`` a message to a queue, or take a ``message`` from one. What else it has is
what must be seen. ``{id}`` is a new id for each fact, ``{token}`` the continuation token that came last.
"""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

import requests
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import QueueClient

from tests.devhost.server_kit import Server

RUNTIME = "/runtime/webhooks/durabletask"
_FINISHED = ("Completed", "Failed", "Terminated")
_SECONDS = 30
_SAME = 0.5  # seconds between two times that are meant to be the same, on whatever host


class Player:
    """Plays one fact. ``queues`` are the real names of its queues, ``storage`` a connection string."""

    def __init__(self, server: Server, queues: dict[str, str], storage: str):
        self._server = server
        self._queues = queues
        self._storage = storage
        self._names = {
            "id": f"f-{uuid.uuid4().hex[:12]}",
            "base": server.base,
            "runtime": RUNTIME,
            "token": "",
        }

    def play(self, fact: dict[str, Any]) -> None:
        """Play all steps. Raises AssertionError at the first that shows something else."""
        steps = fact.get("steps") or [
            {**one, "run": fact["run"], "as": f"{{id}}-{number}"} for number, one in enumerate(fact["each"])
        ]
        for step in steps:
            self._play(self._filled(step))

    def _filled(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._filled(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self._filled(one) for one in value]
        if isinstance(value, str):
            for name, text in self._names.items():
                value = value.replace(f"{{{name}}}", text)
        return value

    def _play(self, step: dict[str, Any]) -> None:
        instance = step.get("as", self._names["id"])
        if "do" in step:
            self._look_at_answer(step, self._do(step))
        elif "run" in step or "start" in step:
            self._begin(step, instance)
        elif "until" in step:
            status = self._wait(lambda: self._has(step["until"], instance), step)
            self._look_at_status(step, status)
        elif "until_events" in step:
            self._wait(lambda: _counts(self._status(instance)) >= Counter(step["until_events"]), step)
        elif "until_state" in step:
            path = f"{RUNTIME}/entities/till/{instance}"
            self._wait(lambda: self._server.http("GET", path).text == json.dumps(step["until_state"]), step)
        elif "send" in step:
            self._queue(step["send"]).send_message(base64.b64encode(step["text"].encode()).decode())
        else:
            text = self._wait(lambda: self._taken(step["message"]), step)
            assert text == step["body"] if "body" in step else json.loads(text) == step["json"]

    # -- requests

    def _do(self, step: dict[str, Any]) -> requests.Response:
        method, path = step["do"].split(" ", 1)
        options: dict[str, Any] = {"headers": step.get("headers")}
        if "json_body" in step:
            options["json"] = step["json_body"]
        elif "text" in step:
            options["data"] = step["text"].encode()
        answer = self._server.http(method, path, **options)
        self._names["token"] = answer.headers.get("x-ms-continuation-token", "")
        return answer

    def _look_at_answer(self, step: dict[str, Any], answer: requests.Response) -> None:
        shown = f"{step['do']}: {answer.status_code} {answer.text[:500]}"
        assert answer.status_code == step.get("status", answer.status_code), shown
        for name, value in step.get("header", {}).items():
            assert answer.headers.get(name) == value, (shown, dict(answer.headers))
        if "body" in step:
            assert answer.content.decode() == step["body"], shown
        if "json" in step:
            assert answer.json() == step["json"], shown
        if "keys" in step:
            assert sorted(answer.json()) == step["keys"], shown
        if "ids" in step:
            assert [one["instanceId"] for one in answer.json()] == step["ids"], shown
        if "more" in step:
            assert bool(self._names["token"]) == step["more"], shown
        if "event_keys" in step:
            assert [sorted(event) for event in answer.json()["historyEvents"]] == step["event_keys"], shown
        if "has" in step or "begins" in step:
            self._look_at_status(step, answer.json())

    # -- orchestrations

    def _begin(self, step: dict[str, Any], instance: str) -> None:
        path = f"/api/post/{step.get('run') or step['start']}?id={instance}"
        options = {"json": step["input"]} if "input" in step else {}
        assert self._server.http("POST", path, **options).status_code == 202, step
        wanted = _FINISHED if "run" in step else ("Running", *_FINISHED)

        def there() -> dict[str, Any] | None:
            status = self._status(instance)
            return status if status["runtimeStatus"] in wanted else None

        self._look_at_status(step, self._wait(there, step))

    def _status(self, instance: str) -> dict[str, Any]:
        query = "showHistory=true&showHistoryOutput=true"
        return self._server.http("GET", f"{RUNTIME}/instances/{instance}?{query}").json()

    def _has(self, wanted: dict[str, Any], instance: str) -> dict[str, Any] | None:
        status = self._status(instance)
        return status if _part(wanted, status) == wanted else None

    def _look_at_status(self, step: dict[str, Any], status: dict[str, Any]) -> None:
        wanted = step.get("has", {})
        assert _part(wanted, status) == wanted
        for name, text in step.get("begins", {}).items():
            assert status[name].startswith(text), status[name]
        if "events" in step:
            assert [event["EventType"] for event in status["historyEvents"]] == step["events"]
        if "same_time" in step:
            times = [
                _seconds(event)
                for event in status["historyEvents"]
                if event["EventType"] in step["same_time"]
            ]
            assert len(times) == len(step["same_time"])
            assert max(times) - min(times) < _SAME
        if "count" in step:
            assert _counts(status) >= Counter(step["count"])

    # -- queues

    def _queue(self, name: str) -> QueueClient:
        return QueueClient.from_connection_string(self._storage, self._queues[name])

    def _taken(self, name: str) -> str | None:
        queue = self._queue(name)
        try:
            for message in queue.receive_messages():
                queue.delete_message(message)
                return base64.b64decode(message.content).decode()
        except ResourceNotFoundError:
            return None  # the host makes it when it needs it
        return None

    def _wait(self, look: Callable[[], Any], step: dict[str, Any]) -> Any:
        end = time.monotonic() + _SECONDS
        while not (found := look()):
            assert time.monotonic() < end, f"it never came to {step}; {self._status(self._names['id'])}"
            time.sleep(0.02)
        return found


def _seconds(event: dict[str, Any]) -> float:
    return datetime.fromisoformat(event["Timestamp"]).timestamp()


def _part(wanted: dict[str, Any], status: dict[str, Any]) -> dict[str, Any]:
    return {name: status.get(name) for name in wanted}


def _counts(status: dict[str, Any]) -> Counter[str]:
    return Counter(event["EventType"] for event in status.get("historyEvents", []))
