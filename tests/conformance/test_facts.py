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
from tests.devhost.server_kit import ROOT, Server

HERE = Path(__file__).parent
STORAGE = os.environ.get("SETTLE_TEST_STORAGE", "")
FACTS: list[dict[str, Any]] = json.loads((HERE / "facts.json").read_text(encoding="utf-8"))["facts"]


@pytest.fixture(scope="module")
def queues() -> dict[str, str]:
    """Names of queues that no other run uses."""
    mark = uuid.uuid4().hex[:10]
    return {name: f"{mark}-{name}" for name in ("letters", "answers", "letters-poison")}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, queues: dict[str, str]) -> Iterator[Server]:
    """One host of the app for all facts."""
    work = tmp_path_factory.mktemp("facts")
    environment = {
        "AzureWebJobsStorage": STORAGE,
        "LETTERS": queues["letters"],
        "ANSWERS": queues["answers"],
    }
    account = QueueServiceClient.from_connection_string(STORAGE) if STORAGE else None
    if account is not None:
        account.create_queue(queues["letters"])
    with Server(HERE / "app", work, "--state", str(work / "state.db"), environment=environment) as running:
        yield running
    if account is not None:
        for queue in account.list_queues(name_starts_with=queues["letters"][:10]):
            account.delete_queue(queue.name)


@pytest.mark.parametrize("fact", FACTS, ids=[one["fact"] for one in FACTS])
def test_fact(fact: dict[str, Any], server: Server, queues: dict[str, str]) -> None:
    """Each step of the fact shows what it has to."""
    if fact.get("needs") == "storage" and not STORAGE:
        pytest.skip("SETTLE_TEST_STORAGE names no storage account")
    Player(server, queues, STORAGE).play(fact)


def test_differences_are_told_in_the_documentation() -> None:
    """Where the host differs on purpose, docs/devhost.md says so and why."""
    differs = [one["fact"] for one in FACTS if "differs" in one]
    text = (ROOT / "docs" / "devhost.md").read_text(encoding="utf-8")
    assert differs == ["the call of an unknown activity fails the instance"]
    assert "The call of an unknown activity" in text.partition("## What differs, and why")[2]
