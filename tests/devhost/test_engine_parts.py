"""The small parts of the engine: mailboxes, timers, dispatch, pacing, versions, refusals."""

import threading
from collections.abc import Callable

import pytest

from devhost import timestamps
from devhost.app.settings import DurableSettings
from devhost.engine.dispatch import ActivityDispatcher
from devhost.engine.live import Live, LiveInstances
from devhost.engine.mailboxes import Mailbox, Mailboxes, Message
from devhost.engine.models import RuntimeStatus
from devhost.engine.pacing import Pacing
from devhost.engine.ports import ActivityOutcome
from devhost.engine.timer_heap import TimerHeap, in_whole_seconds
from devhost.orchestration.actions import Command
from devhost.orchestration.history import Event, EventType, History
from devhost.orchestration.refusals import refusal
from devhost.orchestration.versions import compare, mismatch
from devhost.state.records import ActivityTask, InstanceRecord, entity_id, split_entity_id
from devhost.state.store import Store
from tests.devhost.engine_kit import App, AppCatalog
from tests.devhost.shim_kit import completed, raised, scheduled

# -- timers


def test_timers_are_taken_in_the_order_of_their_times() -> None:
    """Equal times in the order of arming, each with what it carries; later ones stay."""
    heap = TimerHeap()
    for key, due in (("c", 30), ("a", 10), ("b", 10), ("later", 99)):
        heap.arm("owner", key, due, key.upper())
    assert heap.take(50) == [("a", "A"), ("b", "B"), ("c", "C")]
    assert heap.next_due() == 99
    assert len(heap) == 1


def test_timers_of_the_same_time_may_be_ranked_otherwise() -> None:
    """A test wants to see both orders."""
    ranks = iter([2, 1, 0])
    heap = TimerHeap(tie=lambda: next(ranks))
    for key, due in (("a", 10), ("b", 10), ("first", 5)):
        heap.arm("owner", key, due)
    assert [key for key, _ in heap.take(10)] == ["first", "b", "a"]


def test_a_disarmed_timer_never_fires() -> None:
    """One by its key, all by their owner; others stay."""
    heap = TimerHeap()
    for owner, key in (("x", 1), ("x", 2), ("x", 3), ("y", 4)):
        heap.arm(owner, key, key)
    heap.disarm(1)
    heap.disarm("unknown")
    heap.disarm_all("x")
    assert heap.take(100) == [(4, None)]
    assert heap.next_due() is None


def test_a_timer_armed_again_moves() -> None:
    """It fires once, at the new time."""
    heap = TimerHeap()
    heap.arm("x", 1, 10, "first")
    heap.arm("x", 1, 20, "second")
    assert heap.take(10) == []
    assert heap.take(20) == [(1, "second")]


@pytest.mark.parametrize(
    ("now", "fire_at", "fires"), [(0.25, 3.0, 2.25), (0.25, 3.25, 3.25), (5.0, 5.9, 5.0), (5.0, 4.0, 5.0)]
)
def test_a_timer_may_be_fired_as_early_as_a_queue_of_whole_seconds_does(
    now: float, fire_at: float, fires: float
) -> None:
    """The rest of a second is cut; what is in the past fires at once."""
    ticks = [int(seconds * timestamps.SECOND) for seconds in (now, fire_at, fires)]
    assert in_whole_seconds(ticks[0], ticks[1]) == ticks[2]


def test_disarmed_timers_do_not_pile_up() -> None:
    """A host that arms and cancels a timer of days for each approval must not grow."""
    heap = TimerHeap()
    for n in range(10_000):
        heap.arm("x", n, 10**15 + n)
        heap.disarm(n)
    assert len(heap._heap) < 200


# -- mailboxes


def test_a_mailbox_is_emptied_in_the_order_of_arrival() -> None:
    """And the instance that waits longest is first."""
    boxes = Mailboxes()
    messages = [Message(raised(name)) for name in "abc"]
    for message in messages:
        boxes.put("i1", message)
    boxes.put("i2", Message(raised("x")))
    assert [name for name, _ in boxes.ready()] == ["i1", "i2"]
    assert boxes.take("i1") == messages
    assert boxes.take("i1") == []


def test_messages_that_are_held_come_before_newer_ones_and_wait() -> None:
    """A step that failed is tried again later, in order."""
    boxes = Mailboxes()
    old, new, newest = (Message(raised(name)) for name in ("old", "new", "newest"))
    boxes.put("i1", new)
    boxes.hold("i1", [old])
    boxes.put("i1", newest)
    assert len(boxes) == 0
    boxes.release("i1")
    assert boxes.take("i1") == [old, new, newest]


def test_nothing_is_held_of_an_instance_that_is_gone() -> None:
    """Its messages must not come back with the next one of that id."""
    boxes = Mailboxes()
    boxes.hold("i1", [Message(raised("old"))])
    boxes.forget("i1")
    boxes.release("i1")
    assert len(boxes) == 0


def test_a_parked_instance_is_looked_at_again_when_a_message_comes() -> None:
    """Nothing of what was parked is lost."""
    boxes = Mailboxes()
    parked, terminate = Message(raised("a")), Message(raised("b"))
    boxes.park("i1", [parked])
    assert len(boxes) == 0
    boxes.put("i1", terminate)
    assert boxes.take("i1") == [parked, terminate]


# -- dispatch


class _Workers:
    """Activities that end when the test says so."""

    def __init__(self, limit: int):
        self.started: list[int] = []
        self.done: dict[int, Callable[[ActivityOutcome], None]] = {}
        self.reported: list[int] = []
        self.idle = 0
        self.dispatcher = ActivityDispatcher(self._submit, self._report, self._idle, limit)

    def _submit(self, task: ActivityTask, done: Callable[[ActivityOutcome], None]) -> None:
        self.started.append(task.task_id)
        self.done[task.task_id] = done

    def _report(self, task: ActivityTask, outcome: ActivityOutcome) -> None:
        self.reported.append(task.task_id)

    def _idle(self) -> None:
        self.idle += 1


def _tasks(count: int, instance_id: str = "i1") -> list[ActivityTask]:
    return [ActivityTask(instance_id, "e1", n, "A", "null") for n in range(count)]


def test_no_more_activities_run_than_the_limit() -> None:
    """The end of one starts the next, in order."""
    workers = _Workers(limit=2)
    workers.dispatcher.add(_tasks(4))
    assert workers.started == [0, 1]
    workers.done[0](ActivityOutcome("1"))
    assert workers.started == [0, 1, 2]
    assert workers.reported == [0]
    assert workers.dispatcher.running == 2


def test_the_dispatcher_tells_when_it_is_idle() -> None:
    """Once the last one has ended."""
    workers = _Workers(limit=1)
    assert workers.dispatcher.idle
    workers.dispatcher.add(_tasks(2))
    workers.done[0](ActivityOutcome())
    assert (workers.idle, workers.dispatcher.idle) == (0, False)
    workers.done[1](ActivityOutcome())
    assert (workers.idle, workers.dispatcher.idle) == (1, True)


def test_activities_of_a_cancelled_instance_are_not_started() -> None:
    """Those of others are."""
    workers = _Workers(limit=1)
    workers.dispatcher.add([*_tasks(3), ActivityTask("i2", "e1", 9, "A", None)])
    workers.dispatcher.cancel("i1")
    workers.done[0](ActivityOutcome())
    assert workers.started == [0, 9]


def test_a_closed_dispatcher_starts_nothing() -> None:
    """What runs may still end."""
    workers = _Workers(limit=1)
    workers.dispatcher.add(_tasks(2))
    workers.dispatcher.close()
    workers.done[0](ActivityOutcome())
    assert workers.started == [0]
    assert workers.dispatcher.idle


def test_thousands_of_activities_that_end_at_once_do_not_nest() -> None:
    """A runner may call back before it returns."""
    ended: list[int] = []
    dispatcher = ActivityDispatcher(
        lambda task, done: done(ActivityOutcome()),
        lambda task, _: ended.append(task.task_id),
        lambda: None,
        3,
    )
    dispatcher.add(_tasks(5000))
    assert ended == list(range(5000))


def test_each_activity_is_started_once_whichever_thread_ends_another() -> None:
    """Ends come from many threads at a time."""
    started: list[int] = []
    all_done = threading.Event()
    lock = threading.Lock()

    def submit(task: ActivityTask, done: Callable[[ActivityOutcome], None]) -> None:
        with lock:
            started.append(task.task_id)
        threading.Thread(target=done, args=(ActivityOutcome(),)).start()

    dispatcher = ActivityDispatcher(submit, lambda *_: None, all_done.set, 8)
    dispatcher.add(_tasks(300))
    assert all_done.wait(10)
    assert sorted(started) == list(range(300))


# -- pacing


def _live(events: list[Event]) -> Live:
    record = InstanceRecord("i1", "e1", "O", None, RuntimeStatus.RUNNING, None, None, None, 0, 0)
    return Live(record, events)


def _box(messages: list[Event], since: float = 0.0) -> Mailbox:
    box = Mailboxes(now=lambda: since)
    for one in messages:
        box.put("i1", Message(one))
    return next(box.ready())[1]


def test_a_short_history_is_replayed_at_once() -> None:
    """Waiting would only cost time."""
    live = _live([scheduled(n) for n in range(10)])
    assert Pacing().wait(_box([completed(0)]), live, 0.0) <= 0


def test_a_long_history_waits_for_more_results_as_long_as_a_replay_takes() -> None:
    """A thousand children that end one by one are a few replays, not a thousand."""
    live, pacing = _live([scheduled(n) for n in range(1000)]), Pacing()
    first = pacing.wait(_box([completed(0)]), live, 0.0)
    assert 0.01 < first < 0.2
    assert pacing.wait(_box([completed(0)]), live, first) <= 0


def test_nothing_waits_when_all_results_are_there_or_something_else_came() -> None:
    """An event of the outside is answered at once."""
    live, pacing = _live([scheduled(n) for n in range(1000)]), Pacing()
    assert pacing.wait(_box([completed(n) for n in range(1000)]), live, 0.0) <= 0
    assert pacing.wait(_box([completed(0), raised("E")]), live, 0.0) <= 0
    assert pacing.wait(_box([completed(0)]), None, 0.0) <= 0


def test_the_cost_of_an_event_is_learned() -> None:
    """Slow orchestrators wait longer, yet never more than a second."""
    live, pacing = _live([scheduled(n) for n in range(1000)]), Pacing()
    before = pacing.wait(_box([completed(0)]), live, 0.0)
    for _ in range(20):
        pacing.learn(1000, 5.0)
    after = pacing.wait(_box([completed(0)]), live, 0.0)
    assert before < after <= 1.0


# -- memory


def test_instances_are_forgotten_when_histories_grow_too_large_and_read_again() -> None:
    """The least used goes first."""
    store = Store.open(None)
    three = History().append([scheduled(0), scheduled(1), scheduled(2), completed(1)])
    for name in ("i1", "i2"):
        with store.transaction() as transaction:
            transaction.put_instance(
                InstanceRecord(name, "e1", "O", None, RuntimeStatus.RUNNING, None, None, None, 0, 0)
            )
            transaction.append_history(name, three)
    live = LiveInstances(store, limit=5)
    for name in ("i1", "i2"):
        one = live.get(name)
        assert one is not None
        live.put(one)
    assert live.cached("i1") is None
    again = live.get("i1")
    assert again is not None
    assert again.open_tasks == {0, 2}


# -- versions


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("1.9", "1.10", -1),
        ("2.0", "1.10.5", 1),
        ("1.0", "1.0.0", -1),
        ("", "0.1", -1),
        ("1.0", "1.0", 0),
        ("Beta", "alpha", 1),
        ("beta", "BETA", 0),
    ],
)
def test_versions_compare_by_number_or_else_by_letters(left: str, right: str, expected: int) -> None:
    """Empty comes before any."""
    assert compare(left, right) == expected
    assert compare(right, left) == -expected


@pytest.mark.parametrize(
    ("version", "own", "strategy", "runs"),
    [
        ("1.0", "2.0", "CurrentOrOlder", True),
        ("2.1", "2.0", "CurrentOrOlder", False),
        ("", "2.0", "CurrentOrOlder", True),
        ("1.0", "2.0", "Strict", False),
        ("2.0", "2.0", "Strict", True),
        ("9.9", "2.0", "None", True),
        ("9.9", None, "Strict", True),
    ],
)
def test_an_instance_runs_only_where_its_version_fits(
    version: str, own: str | None, strategy: str, runs: bool
) -> None:
    """Without a version of its own the host runs everything."""
    settings = DurableSettings(default_version=own, version_match_strategy=strategy)
    assert (mismatch(version, settings) is None) == runs


# -- refusals and entity ids


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (Command(EventType.TaskScheduled, 0, "known"), None),
        (Command(EventType.TaskScheduled, 0, "KNOWN"), None),
        (Command(EventType.TaskScheduled, 0, "BuiltIn::HttpActivity"), None),
        (
            Command(EventType.TaskScheduled, 0, "nope"),
            "The function 'nope' doesn't exist, is disabled, or is not an activity function. "
            "Additional info: The following are the known activity functions: 'known'.",
        ),
        (
            Command(EventType.SubOrchestrationInstanceCreated, 0, "nope", target="c1"),
            "The function 'nope' doesn't exist, is disabled, or is not an orchestrator function. "
            "Additional info: No orchestrator functions are currently registered!",
        ),
        (
            Command(EventType.EventSent, 0, "op", target="@nope@k"),
            "The function 'nope' doesn't exist, is disabled, or is not an entity function. "
            "Additional info: No entity functions are currently registered!",
        ),
    ],
)
def test_a_call_of_an_unknown_function_is_refused(command: Command, text: str | None) -> None:
    """In the words of the real host, and naming what there is."""
    app = App()
    app.activities["known"] = str
    assert refusal([command], AppCatalog(app), "i1", None) == text


@pytest.mark.parametrize("child_id", ["@x", "i1", "p1"])
def test_a_child_cannot_have_the_id_of_an_entity_of_its_parent_or_of_itself(child_id: str) -> None:
    """It would wait for itself."""
    app = App()
    app.orchestrators["C"] = str
    command = Command(EventType.SubOrchestrationInstanceCreated, 0, "C", target=child_id)
    assert refusal([command], AppCatalog(app), "i1", "p1") is not None


def test_an_entity_id_is_split_at_its_second_mark() -> None:
    """The name counts in lower case, the key as it is; a key may hold the mark."""
    assert entity_id("Counter", "K@1") == "@counter@K@1"
    assert split_entity_id("@counter@K@1") == ("counter", "K@1")
