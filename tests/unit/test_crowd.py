"""What the benchmark of a crowd counts, and what it says of it."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from benchmarks import _budget
from benchmarks._task_hub import Work, work
from benchmarks.crowd import Cost, Costs, Times, bounds, report

NOTHING = Work(0, 0)


def _costs(approved: int) -> Costs:
    some = Cost(app=4, host=10, work=Work(5, 9), seconds=1.0)
    return Costs(500, some, Cost(approved, 0, NOTHING, 30.0), some, some, some)


def test_activities_and_steps_are_counted_in_a_copy_of_the_task_hub(tmp_path: Path) -> None:
    """Each row of the history is a step of a run; two activities were started in these."""
    file = tmp_path / "state.db"
    with contextlib.closing(sqlite3.connect(file)) as hub:
        hub.execute("CREATE TABLE history (events TEXT)")
        hub.execute('INSERT INTO history VALUES (\'{"EventType":4},{"EventType":4},{"EventType":1}\')')
        hub.execute("INSERT INTO history VALUES ('{\"EventType\":5}')")
        hub.commit()
    assert work(file) == Work(activities=2, steps=2)
    assert work(file).since(Work(1, 1)) == Work(1, 1)


def test_each_bound_is_held_by_itself() -> None:
    """Requests are those of 1,000 invoices, however many were opened; the ratio is that of the medians."""
    timed = Times(alone=[1.0, 0.5, 9.0], behind=[1.5, 2.0, 2.5])
    cost = _costs(approved=_budget.BEFORE.approved // 2)
    assert timed.ratio == 2.0
    assert all(bound.is_kept for bound in bounds(timed, cost))

    slower = Times(timed.alone, [2.01])
    dearer = _costs(approved=_budget.BEFORE.approved // 2 + 1)
    broken = [bound.what for bound in bounds(slower, dearer) if not bound.is_kept]
    assert broken == ["report of 44 behind the crowd / alone", "requests, 1,000 opened, people told"]


def test_report_says_what_was_found_and_whether_it_is_kept() -> None:
    """A row for each bound, and one for the work behind the costs."""
    said = report(Times([1.0], [3.0]), _costs(approved=10))
    assert "| report of 44 behind the crowd / alone | 2.00 | 3.00 | NO |" in said
    assert "| requests, 1,000 opened, people told | 33,046 | 20 | yes |" in said
    assert "| 500 opened for approval, people told | 0 | 0 | 10 | 30.0 |" in said
