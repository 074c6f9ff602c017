"""Seeded worlds in which worker processes die with steps of orchestrations, besides all other faults.

The invariants are those of the worlds without losses: no decision and no message is lost, none counts twice.
A thousand of each kind, by command:

    SETTLE_LOST_WORLDS=1000 python3 dev.py test tests/orchestrators/test_lost_worlds.py
"""

from __future__ import annotations

import os

import pytest

from tests.orchestrators import approval_model, message_model
from tests.orchestrators.lost_batches import CheckedBatch, DecidedBatch
from tests.orchestrators.worlds import live_many

pytestmark = pytest.mark.usefixtures("quick_and_quiet")

#: How many worlds of each kind.
WORLDS = int(os.environ.get("SETTLE_LOST_WORLDS", "40"))
PART = 20


@pytest.mark.parametrize("first", range(0, WORLDS, PART))
def test_approvals_survive_lost_steps(first: int) -> None:
    """Whatever is lost: the ledger proves right, the outcome is what it says, and one payable comes of it."""
    live_many(approval_model.LosingWorld, range(first, min(first + PART, WORLDS)))


@pytest.mark.parametrize("first", range(0, WORLDS, PART))
def test_messages_survive_lost_steps(first: int) -> None:
    """Whatever is lost: each message goes out, and twice only where a process died right after sending."""
    live_many(message_model.LosingWorld, range(first, min(first + PART, WORLDS)))


@pytest.mark.parametrize("first", range(0, WORLDS, PART))
def test_batches_survive_lost_steps(first: int) -> None:
    """Whatever is lost: all documents are in the report, each of them is decided once, and booked once."""
    live_many(CheckedBatch, range(first, min(first + PART, WORLDS)))
    live_many(DecidedBatch, range(first, min(first + PART, WORLDS), 4))  # they take long


def test_worlds_lose_steps_of_all_kinds() -> None:
    """Among these worlds each orchestration was started again."""
    worlds = [
        *live_many(approval_model.LosingWorld, range(8)),
        *live_many(message_model.LosingWorld, range(8)),
        *live_many(DecidedBatch, range(3)),
    ]
    text = "\n".join(line for world in worlds for line in world.trace)
    for name in ("process_invoice", "deliver_digest", "batch_approvals", "batch_document"):
        assert f"started again: {name}" in text, name
