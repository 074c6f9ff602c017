"""What a rewind takes out of a history."""

from devhost.orchestration.history import Event, EventType, event
from devhost.orchestration.rewinding import Rewound, rewind
from tests.devhost.shim_kit import (
    STARTED,
    begin,
    child_created,
    child_failed,
    completed,
    raised,
    scheduled,
    task_failed,
    timer_created,
    timer_fired,
)

_END = event(
    EventType.ExecutionCompleted, 0, 9, OrchestrationStatus="Failed", Result="x", FailureDetails=None
)


def _rewind(*events: Event, child: str = "failed") -> Rewound:
    return rewind([begin(), STARTED, *events, _END], lambda _: child)


def _kept(rewound: Rewound) -> list[tuple[int, int]]:
    """Type and number of what is left after the start."""
    return [
        (one["EventType"], one.get("TaskScheduledId", one.get("TimerId", one["EventId"])))
        for one in rewound.events[2:]
    ]


def test_a_failed_activity_is_taken_out_and_what_was_done_stays() -> None:
    """The replay schedules it again, under the same number."""
    assert _kept(_rewind(scheduled(0), completed(0), scheduled(1), task_failed(1))) == [(4, 0), (5, 0)]


def test_in_a_fan_out_only_the_failed_ones_run_again() -> None:
    """Also when others ended after the failure."""
    rewound = _rewind(scheduled(0), scheduled(1), scheduled(2), task_failed(0), completed(1), task_failed(2))
    assert _kept(rewound) == [(4, 1), (5, 1)]


def test_a_failure_that_the_code_handled_stays() -> None:
    """More work followed it: it is not what ended the instance."""
    rewound = _rewind(scheduled(0), task_failed(0), scheduled(1), completed(1), scheduled(2), task_failed(2))
    assert _kept(rewound) == [(4, 0), (6, 0), (4, 1), (5, 1)]


def test_work_after_the_only_failure_is_undone_with_it() -> None:
    """The code compensated and then gave up: it starts from the failure again."""
    rewound = _rewind(scheduled(0), task_failed(0), scheduled(1), completed(1), raised("E"))
    assert _kept(rewound) == [(15, -1)]


def test_the_last_attempt_of_a_retry_runs_again() -> None:
    """Its closing timer goes with it."""
    rewound = _rewind(
        scheduled(0),
        task_failed(0),
        timer_created(1),
        timer_fired(1),
        scheduled(2),
        task_failed(2),
        timer_created(3),
        timer_fired(3),
    )
    assert _kept(rewound) == [(4, 0), (6, 0), (10, 1), (11, 1)]


def test_a_failed_child_keeps_its_place_and_is_rewound_itself() -> None:
    """Its own work is not done twice."""
    rewound = _rewind(child_created(0), child_failed(0))
    assert _kept(rewound) == [(7, 0)]
    assert rewound.children == ["c1"]


def test_a_child_that_is_gone_is_started_anew() -> None:
    """It was purged or terminated: there is nothing to rewind."""
    rewound = _rewind(child_created(0), child_failed(0), child="gone")
    assert _kept(rewound) == []
    assert rewound.children == []


def test_tasks_that_had_no_end_are_scheduled_again_but_living_children_are_kept() -> None:
    """The end of the instance dropped its activities and timers, not its children."""
    rewound = _rewind(scheduled(0), timer_created(1), child_created(2), child="alive")
    assert _kept(rewound) == [(7, 2)]


def test_without_a_failed_task_only_the_end_is_taken_out() -> None:
    """The code itself raised: it is run again over the same history."""
    assert _kept(_rewind(scheduled(0), completed(0))) == [(4, 0), (5, 0)]
