"""An approval on a host that dies at every commit in turn: the end is the same, and all of it once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from invoicing.approval import names
from tests.orchestrators.approval_kit import ANN, BOB, CARLA, INVOICE, Office, clerk, manager

APPROVAL = names.approval_id(INVOICE)
STAGES = (clerk(approvers=[ANN, BOB], quorum=2, remind_after="P1D"), manager())


def _life(here: Office) -> list[Callable[[], object]]:
    """What happens to one invoice, step by step; each step can be taken again."""
    end = here.host.now + timedelta(days=1, hours=1)
    return [
        lambda: here.host.instances(INVOICE) or here.bring(),
        lambda: here.host.advance(max(timedelta(0), end - here.host.now)),
        lambda: _decide_once(here, ANN),
        lambda: _decide_once(here, BOB),
        lambda: _decide_once(here, CARLA),
    ]


def _decide_once(here: Office, who: str) -> None:
    """Who got no answer looks whether the decision is there before clicking again; the sweep wakes."""
    if not any(entry.who == who for entry in here.entries()):
        here.write(who, "approve")
    here.wake()


@pytest.mark.parametrize("when", ["before", "after"])
def test_host_that_dies_at_any_commit_ends_with_the_same_ledger(tmp_path: Path, when: str) -> None:
    """Killed right before or after each commit, and started again: no entry twice, one payable."""
    expected = [
        "opened",
        "stage_opened",
        "reminder",
        "approve",
        "approve",
        "stage_opened",
        "approve",
        "closed",
        "booked",
    ]
    crash, crashed = 0, True
    while crashed:
        crash += 1
        with Office(*STAGES, state=tmp_path / f"{when}-{crash}.db").at_work() as here:
            here.host.crash_at(crash, when)
            crashed = here.live(_life(here))
            assert here.status().output["status"] == "booked", f"crash {when} commit {crash}"
            assert here.kinds() == expected, f"crash {when} commit {crash}"
            assert len(here.payables()) == 1
            kinds = {kind for kind, _ in here.told_kinds()}
            assert kinds == {"request", "reminder", "decided"}
    assert crash > 30, "so few commits cannot be all"
