"""The embedded host shows what the real one showed: own app, own words, facts as they were recorded."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.storage.queue import QueueServiceClient

from tests.conformance.player import Player
from tests.devhost.server_kit import IN_ONE_WORKER, ROOT, Server

HERE = Path(__file__).parent
STORAGE = os.environ.get("SETTLE_TEST_STORAGE", "")
FACTS: list[dict[str, Any]] = json.loads((HERE / "facts.json").read_text(encoding="utf-8"))["facts"]


@pytest.fixture(scope="module", params=[(), IN_ONE_WORKER], ids=["in the host", "in a worker"])
def host(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[tuple[Server, dict[str, str]]]:
    """One host of the app for all facts, its functions in the host or in worker processes.

    With the names of its queues, which no other run uses.
    """
    work = tmp_path_factory.mktemp("facts")
    mark = uuid.uuid4().hex[:10]
    queues = {name: f"{mark}-{name}" for name in ("letters", "answers", "letters-poison")}
    environment = {
        "AzureWebJobsStorage": STORAGE,
        "LETTERS": queues["letters"],
        "ANSWERS": queues["answers"],
    }
    account = QueueServiceClient.from_connection_string(STORAGE) if STORAGE else None
    if account is not None:
        account.create_queue(queues["letters"])
    options = ("--state", str(work / "state.db"), *request.param)
    with Server(HERE / "app", work, *options, environment=environment) as running:
        yield running, queues
    if account is not None:
        for queue in account.list_queues(name_starts_with=mark):
            account.delete_queue(queue.name)


@pytest.mark.parametrize("fact", FACTS, ids=[one["fact"] for one in FACTS])
def test_fact(fact: dict[str, Any], host: tuple[Server, dict[str, str]]) -> None:
    """Each step of the fact shows what it has to."""
    if fact.get("needs") == "storage" and not STORAGE:
        pytest.skip("SETTLE_TEST_STORAGE names no storage account")
    server, queues = host
    Player(server, queues, STORAGE).play(fact)


def test_differences_are_told_in_the_documentation() -> None:
    """Where the host differs on purpose, docs/devhost.md says so and why."""
    differs = [one["fact"] for one in FACTS if "differs" in one]
    text = (ROOT / "docs" / "devhost.md").read_text(encoding="utf-8")
    assert differs == ["the call of an unknown activity fails the instance"]
    assert "The call of an unknown activity" in text.partition("## What differs, and why")[2]
