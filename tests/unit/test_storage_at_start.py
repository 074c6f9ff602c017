"""What the app needs in the storage is made when the host starts; a storage that is away stops nothing."""

from __future__ import annotations

import logging
import os
import uuid
from dataclasses import replace
from typing import Any, cast

import azure.functions as func
import pytest
from azure.storage.queue import QueueClient

from adapters import services, starts
from adapters.services import Services
from adapters.settings import Settings, from_environment
from stores.blobs import AzureBlobs, StorageUnavailable
from tests.fakes.memory_blobs import MemoryBlobs
from tests.unit.page_requests import handler, local_run
from triggers import storage_at_start

_TIMER = cast(func.TimerRequest, None)


async def _start(here: Services) -> None:
    with services.replaced_by(here):
        await handler(storage_at_start.make_storage)(_TIMER)


async def test_queue_and_container_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """One request each."""
    made: list[Settings] = []
    monkeypatch.setattr(starts, "make_queue", made.append)
    with local_run() as here:
        blobs = MemoryBlobs()
        await _start(replace(here, blobs=blobs))
        assert made == [here.settings]
        assert blobs.calls == [("make", "")]


@pytest.mark.parametrize("away", ["queue", "container"])
async def test_storage_that_is_away_is_one_line_and_the_other_part_is_made(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, away: str
) -> None:
    """The function does not fail, so the host shows no error of ours."""
    made: list[str] = []

    def queue(settings: Settings) -> None:
        if away == "queue":
            raise StorageUnavailable("make queue: no answer")
        made.append("queue")

    monkeypatch.setattr(starts, "make_queue", queue)
    with local_run() as here:
        blobs = MemoryBlobs()
        if away == "container":
            blobs.go_away()
        with caplog.at_level(logging.INFO):
            await _start(replace(here, blobs=blobs))
        other_part = made == ["queue"] if away == "container" else blobs.calls == [("make", "")]
    assert other_part
    lines = [record for record in caplog.records if record.name == "root"]
    assert [record.levelname for record in lines] == ["WARNING"]
    assert "made on first use" in lines[0].getMessage()


async def test_what_was_made_is_there_on_a_real_storage_and_may_be_made_again() -> None:
    """Twice, as each instance of a deployed app does."""
    connection = os.environ.get("SETTLE_TEST_STORAGE")
    if not connection:
        pytest.skip("SETTLE_TEST_STORAGE names no storage account")
    name = f"t{uuid.uuid4().hex[:12]}"
    settings = from_environment({"AzureWebJobsStorage": connection, "SETTLE_CONTAINER": name})
    checker: Any = lambda: None  # noqa: E731
    for _ in range(2):
        await _start(Services(settings, AzureBlobs(connection, name), checker))
    with QueueClient.from_connection_string(connection, settings.starts_queue) as queue:
        assert queue.get_queue_properties().approximate_message_count == 0
        queue.delete_queue()
    assert list(AzureBlobs(connection, name, owned=False).list("")) == []


def test_trigger_runs_at_the_start_and_importing_it_does_nothing() -> None:
    """An import that waits for a storage takes every function of the app with it when the storage is away."""
    trigger = storage_at_start.make_storage._function.get_trigger()  # type: ignore[attr-defined]
    assert trigger.get_dict_repr()["runOnStartup"] is True
