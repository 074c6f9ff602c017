"""The time-outs of host.json: long enough for their renewal, short enough for people who wait."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXTENSIONS: dict[str, Any] = json.loads((ROOT / "host.json").read_text("utf-8"))["extensions"]
STORAGE = EXTENSIONS["durableTask"]["storageProvider"]
#: The host makes a message's time longer when this much of it is left.
RENEWED_BEFORE = timedelta(seconds=30)


def _span(text: str) -> timedelta:
    hours, minutes, seconds = map(int, text.split(":"))
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


@pytest.mark.parametrize("name", ["controlQueueVisibilityTimeout", "workItemQueueVisibilityTimeout"])
def test_work_returns_within_a_minute_and_is_not_renewed_all_the_time(name: str) -> None:
    """Between the renewals lies some time; with 30 seconds there would be one every five."""
    hidden = _span(STORAGE[name])
    assert RENEWED_BEFORE + timedelta(seconds=10) <= hidden <= timedelta(minutes=1)
    assert f"`{name}`" in (ROOT / "docs" / "core-tools.md").read_text("utf-8")


def test_a_message_that_failed_is_tried_again_over_minutes() -> None:
    """Its tries are not used up by an outage of a second."""
    queues = EXTENSIONS["queues"]
    whole = _span(queues["visibilityTimeout"]) * (queues["maxDequeueCount"] - 1)
    assert timedelta(minutes=1) <= whole <= timedelta(minutes=5)


def test_workflows_have_a_version_that_a_worker_compares() -> None:
    """Instances keep the version of their start; one of a newer version waits for a newer worker."""
    durable = EXTENSIONS["durableTask"]
    assert re.fullmatch(r"[0-9]+\.[0-9]+", durable["defaultVersion"]), "compared by number, so of two numbers"
    assert durable["versionMatchStrategy"] == "CurrentOrOlder"
    assert durable["versionFailureStrategy"] == "Reject"
