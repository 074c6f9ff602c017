"""What differs between versions 1.x and 2.x of the SDK holds with both; stand-ins are like objects of 2.x."""

from __future__ import annotations

import ast
import pkgutil
from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

import invoicing.records
from invoicing.failures import Cause
from invoicing.records.base import Record
from orchestrators.retry import ActivityGaveUp, call_children_with_retry, call_with_retry
from orchestrators.sdk import failure_of, is_done, wait_for_all, wait_for_any
from orchestrators.waiting import any_done_before
from triggers.durable_client import history_of, statuses_begun
from web.views.runs import family, is_part
from web.views.timeline import timeline

ROOT = Path(__file__).resolve().parents[2]
START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Details:
    """`FailureDetails` of 2.x."""

    message: str
    error_type: str
    inner_failure: Details | None = None


class TaskFailedError(Exception):
    """What 2.x raises for a failed activity: the text names no type of an error."""

    def __init__(self, details: Details) -> None:
        super().__init__(f"b1: Activity task #3 failed: {details.message}")
        self.details = details


class Task:
    """A task of 2.x."""

    def __init__(self, *, done: bool = False, answer: Any = None) -> None:
        self.is_complete = done
        self.answer = answer


class Context:
    """A context of 2.x, where a wait for no task never ends; each timer fires at once."""

    version = "1.3"

    current_utc_datetime = START

    def __init__(self) -> None:
        self.pauses: list[timedelta] = []

    def call_activity(self, name: str, value: Any) -> Task:
        return Task()

    def call_sub_orchestrator(self, name: str, value: Any, instance: str | None) -> Task:
        return Task()

    def create_timer(self, at: datetime) -> Task:
        self.pauses.append(at - self.current_utc_datetime)
        self.current_utc_datetime = at
        return Task(done=True)

    def task_all(self, tasks: list[Task]) -> Task:
        assert tasks, "this would never end"
        return Task(done=True)

    def task_any(self, tasks: list[Task]) -> Task:
        assert tasks, "this would never end"
        return Task(done=True, answer=next(task for task in tasks if task.is_complete))


def _drive(context: Context, steps: Generator[Any, Any, Any], answers: list[Any]) -> Any:
    """Answer each open task with the next answer (errors are raised), and what is done with its own."""
    given = iter(answers)
    try:
        task = next(steps)
        while True:
            answer = task.answer if task.is_complete else next(given)
            task = steps.throw(answer) if isinstance(answer, Exception) else steps.send(answer)
    except StopIteration as end:
        return end.value


def _failed(error_type: str, message: str, *, around: int = 0) -> TaskFailedError:
    details = Details(message, error_type)
    for _ in range(around):
        details = Details("b1: Activity task #1 failed: …", "durabletask.task.TaskFailedError", details)
    return TaskFailedError(details)


# ---------------------------------------------------------------- failures


@pytest.mark.parametrize(
    ("error", "text", "cause"),
    [
        (_failed("StorageUnavailable", "read x"), "StorageUnavailable: read x", "outage"),
        (_failed("adapters.settings.SettingError", "x"), "SettingError: x", "outage"),
        (
            _failed("ValueError", "it said SettingError: mend it"),
            "ValueError: it said SettingError: mend it",
            "fault",
        ),
        (_failed("StorageUnavailable", "read x", around=2), "StorageUnavailable: read x", "outage"),
        (_failed("builtins.ValueError", "boom\nstack"), "ValueError: boom", "fault"),
        (_failed("(unknown)", "python3 exited with code 137"), "python3 exited with code 137", "lost"),
        (
            _failed("ValueError", "python3 exited with code 137"),
            "ValueError: python3 exited with code 137",
            "fault",
        ),
        (_failed("durabletask.task.NonDeterminismError", "x"), "NonDeterminismError: x", "lost"),
        (
            Exception("Activity function 'a' failed:  ValueError: SettingError: x \n {stack}"),
            "Activity function 'a' failed:  ValueError: SettingError: x",
            "fault",
        ),
        (
            Exception("Activity function 'a' failed:  SettingError: x \n {stack}"),
            "Activity function 'a' failed:  SettingError: x",
            "outage",
        ),
    ],
)
def test_cause_is_told_by_the_type_of_the_error(error: Exception, text: str, cause: Cause) -> None:
    """Where the SDK gives the type apart, the text is not asked; what an error quotes tells nothing."""
    failure = failure_of(error)
    assert (failure.text, failure.cause) == (text, cause)


def test_an_outage_is_waited_for() -> None:
    """Not given up after three attempts, as a fault is."""
    context = Context()
    failures = [_failed("StorageUnavailable", "read x")] * 12
    steps = call_with_retry(cast(Any, context), "check", 1)
    assert _drive(context, steps, [*failures, "done"]) == "done"
    assert context.pauses[-1] == timedelta(minutes=5)


def test_a_fault_gives_up_with_the_words_of_the_error() -> None:
    """Not with the ids of the host around them."""
    context = Context()
    steps = call_with_retry(cast(Any, context), "check", 1)
    with pytest.raises(ActivityGaveUp, match=r"^ValueError: boom$"):
        _drive(context, steps, [_failed("ValueError", "boom")] * 3)


def test_a_child_that_was_lost_is_called_again() -> None:
    """The wait for all is over with the first failure; each child is looked at."""
    context = Context()
    children = [("part", 1, None), ("part", 2, None)]
    steps = call_children_with_retry(cast(Any, context), children)
    lost = _failed("(unknown)", "python3 exited with code 137", around=1)
    assert _drive(context, steps, ["one", lost, "two"]) == ["one", "two"]


# ---------------------------------------------------------------- tasks


@pytest.mark.parametrize("name", ["is_completed", "is_complete"])
@pytest.mark.parametrize("done", [True, False])
def test_a_task_says_whether_it_has_ended(name: str, done: bool) -> None:
    """Each version has its own word for it."""
    assert is_done(SimpleNamespace(**{name: done})) is done


def test_a_wait_until_a_moment_ends_with_its_timer() -> None:
    """The task is still open then."""
    context = Context()
    steps = any_done_before(cast(Any, context), [Task()], START + timedelta(hours=1))
    assert _drive(context, steps, []) is False


def test_a_wait_for_nothing_does_not_hang() -> None:
    """All of nothing has ended; the first of nothing never comes, and says so."""
    context = cast(Any, Context())
    assert list(wait_for_all(context, [])) == []
    with pytest.raises(ValueError, match="no task"):
        next(wait_for_any(context, []))


def test_a_child_without_children_answers_at_once() -> None:
    """No call, no wait."""
    context = Context()
    with pytest.raises(StopIteration) as end:
        next(call_children_with_retry(cast(Any, context), []))
    assert end.value.value == []


# ---------------------------------------------------------------- what workflows keep to


def _calls(path: Path) -> set[str]:
    tree = ast.parse(path.read_bytes())
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {call.attr for call in calls if isinstance(call, ast.Attribute)}


WORKFLOWS = sorted((ROOT / "orchestrators").glob("*.py"))
#: Names of the SDK that are not the same in both versions, and where they may be written.
APART = {"task_all": "sdk.py", "task_any": "sdk.py"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_that_continues_as_new_waits_for_no_event(path: Path) -> None:
    """2.x would lose the events that came in the same batch."""
    assert not {"continue_as_new", "wait_for_external_event"} <= _calls(path)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_ask_in_one_place_for_what_differs(path: Path) -> None:
    """Whoever adds a wait finds its traps there."""
    calls = _calls(path)
    assert {name for name, home in APART.items() if name in calls and path.name != home} == set()
    if path.name != "sdk.py":
        source = path.read_text("utf-8")
        assert "is_completed" not in source
        assert "str(error)" not in source, "ask `failure_of`: the text of a failure differs"


def _records() -> list[type[Record]]:
    for module in pkgutil.iter_modules(invoicing.records.__path__):
        import_module(f"invoicing.records.{module.name}")
    found: list[type[Record]] = []
    left: list[type[Record]] = [Record]
    while left:
        found += (more := left.pop().__subclasses__())
        left += more
    return [record for record in found if record.__module__.startswith("invoicing.")]


def test_no_record_has_a_field_that_fails_an_orchestration() -> None:
    """The SDK takes `__class__` in a payload for the name of a class to make, in both versions."""
    names = {
        field.serialization_alias or field.alias or name
        for record in _records()
        for name, field in record.model_fields.items()
    }
    assert names
    assert names & {"__class__", "__module__", "__data__"} == set()


# ---------------------------------------------------------------- runs, looked at from outside


class Client:
    """A durable client of 2.x: it lists all instances, and takes no beginning of ids."""

    async def get_status_by(
        self, created_time_from: Any = None, created_time_to: Any = None, runtime_status: Any = None
    ) -> list[Any]:
        return [SimpleNamespace(instance_id=one) for one in ("b1", "b1:0002", "i1")]


class OldClient:
    """A durable client of 1.x."""

    def __init__(self) -> None:
        self.prefix: str | None = "not asked"

    async def get_status_by(
        self,
        created_time_from: Any = None,
        created_time_to: Any = None,
        runtime_status: Any = None,
        instance_id_prefix: str | None = None,
    ) -> list[Any]:
        self.prefix = instance_id_prefix
        return [SimpleNamespace(instance_id="b1")]


async def test_runs_are_listed_by_the_beginning_of_their_ids() -> None:
    """By the host where it can, else here."""
    found = await statuses_begun(cast(Any, Client()), START, START, "b1")
    assert [one.instance_id for one in found] == ["b1", "b1:0002"]
    old = OldClient()
    assert len(await statuses_begun(cast(Any, old), START, START, "b1")) == 1
    assert old.prefix == "b1"
    await statuses_begun(cast(Any, old), START, START)
    assert old.prefix is None


@pytest.mark.parametrize("name", ["historyEvents", "history"])
def test_history_is_found_under_both_names(name: str) -> None:
    """A status without a history has none."""
    event = {"EventType": "ExecutionStarted", "Timestamp": "2026-01-01T00:00:00Z"}
    assert history_of(SimpleNamespace(**{name: [event]})) == [event]
    assert history_of(SimpleNamespace()) == []


def test_timeline_says_why_a_step_failed() -> None:
    """2.x tells type, message and stack apart."""
    failed = {
        "EventType": "TaskFailed",
        "Timestamp": "2026-01-01T00:00:01Z",
        "FunctionName": "check",
        "FailureDetails": {"ErrorType": "ValueError", "ErrorMessage": "boom", "StackTrace": "line 1"},
    }
    line = timeline(history_of(SimpleNamespace(history=[failed])), START)
    assert line is not None
    assert [bar.detail for bar in line.bars] == ["ValueError: boom\nline 1"]


@pytest.mark.parametrize(
    ("instance", "of"),
    [
        ("0123456789abcdef0123456789abcdef:1a", "0123456789abcdef0123456789abcdef:"),
        ("b1:0002", "b1:"),
        ("b1:0002:00ff", "b1:0002:"),
        ("b1-approvals", None),
        ("b1/17", None),
        ("order:late", None),
    ],
)
def test_parts_are_known_by_their_ids(instance: str, of: str | None) -> None:
    """1.x makes them of the execution of the parent, 2.x of its id."""
    assert family(instance) == of
    assert is_part(instance) is (of is not None)
