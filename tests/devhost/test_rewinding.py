"""What a rewind takes out of a history."""

from devhost.orchestration.history import Event, EventType, event
from devhost.orchestration.rewinding import Child, Rewound, rewind, was_rewound
from tests.devhost.shim_kit import (
    STARTED,
    begin,
    child_created,
    child_failed,
    completed,
    scheduled,
    task_failed,
    timer_created,
    timer_fired,
)

_END = event(
    EventType.ExecutionCompleted, 0, 9, OrchestrationStatus="Failed", Result="x", FailureDetails=None
)


def _rewind(*events: Event, child: Child = Child.FAILED) -> Rewound:
    return rewind([begin(), STARTED, *events, _END], lambda _: child)


def _kept(rewound: Rewound) -> list[tuple[int, int]]:
    """Type and number of what is left after the start."""
    return [
        (one["EventType"], one.get("TaskScheduledId", one.get("TimerId", one["EventId"])))
        for one in rewound.events[2:]
    ]


def test_a_failed_activity_is_taken_out_with_its_call_and_what_was_done_stays() -> None:
    """The replay schedules it again, under the same number."""
    assert _kept(_rewind(scheduled(0), completed(0), scheduled(1), task_failed(1))) == [(4, 0), (5, 0)]


def test_in_a_fan_out_only_the_failed_ones_run_again() -> None:
    """Also when others ended after the failure."""
    rewound = _rewind(scheduled(0), scheduled(1), scheduled(2), task_failed(0), completed(1), task_failed(2))
    assert _kept(rewound) == [(4, 1), (5, 1)]


def test_a_failure_that_the_code_handled_is_taken_out_too() -> None:
    """So the replay waits for it where the history has more: it is not deterministic then."""
    rewound = _rewind(scheduled(0), task_failed(0), scheduled(1), completed(1))
    assert _kept(rewound) == [(4, 1), (5, 1)]


def test_every_attempt_of_a_retry_is_taken_out_but_the_timers_between_them() -> None:
    """The replay differs from its history again."""
    rewound = _rewind(
        scheduled(0), task_failed(0), timer_created(1), timer_fired(1), scheduled(2), task_failed(2)
    )
    assert _kept(rewound) == [(10, 1), (11, 1)]


def test_a_failed_child_keeps_its_place_and_is_rewound_itself() -> None:
    """Its own work is not done twice. The parent waits for it."""
    rewound = _rewind(child_created(0), child_failed(0))
    assert _kept(rewound) == [(7, 0)]
    assert rewound.children == ["c1"]
    assert not rewound.wakes
    assert was_rewound(rewound.events)


def test_a_child_that_failed_twice_is_rewound_once() -> None:
    """It was called again under its id."""
    rewound = _rewind(child_created(0), child_failed(0), child_created(1), child_failed(1))
    assert _kept(rewound) == [(7, 0), (7, 1)]
    assert rewound.children == ["c1"]


def test_a_child_that_goes_on_is_left_alone() -> None:
    """It was rewound by itself."""
    rewound = _rewind(child_created(0), child_failed(0), child=Child.LEFT_ALONE)
    assert _kept(rewound) == [(7, 0)]
    assert rewound.children == []
    assert not rewound.wakes


def test_the_child_of_another_is_called_again() -> None:
    """Its id was in use: it never was ours."""
    rewound = _rewind(child_created(0), child_failed(0), child=Child.FOREIGN)
    assert _kept(rewound) == []
    assert rewound.children == []
    assert rewound.wakes


def test_what_is_open_stays() -> None:
    """Its end comes, or came while the instance was Failed and is lost."""
    rewound = _rewind(scheduled(0), timer_created(1), child_created(2))
    assert _kept(rewound) == [(4, 0), (10, 1), (7, 2)]
    assert rewound.children == []


def test_without_a_failed_task_only_the_end_is_taken_out() -> None:
    """The code itself raised, or its worker died: it is run again over the same history."""
    rewound = _rewind(scheduled(0), completed(0))
    assert _kept(rewound) == [(4, 0), (5, 0)]
    assert rewound.wakes
