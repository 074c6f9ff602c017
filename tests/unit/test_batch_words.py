"""What the pages call the states and steps of a batch."""

from __future__ import annotations

from typing import get_args

from invoicing.records.answers.batches import BatchState
from invoicing.records.batch_steps import Phase
from web.views.batches import PHASES, STATUSES


def test_every_state_has_a_word() -> None:
    """No page of a batch fails for one that it does not know."""
    assert set(STATUSES) == set(get_args(BatchState))


def test_every_phase_has_words() -> None:
    """A batch that waits for people said "Approval"."""
    assert set(get_args(Phase)) <= set(PHASES)
    assert PHASES["approval"] == "Waiting for approvals"
