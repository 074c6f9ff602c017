"""Steps that run elsewhere while the engine goes on: order, limits, answers that are late or never come."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import azure.durable_functions as df
import pytest

from devhost.clock import SystemClock, VirtualClock
from devhost.engine.models import RuntimeStatus
from devhost.engine.ports import ActivityError, NotStarted, StepKind, TimedOut, WorkerLost
from devhost.orchestration.history import EventType
from tests.devhost import engine_kit
from tests.devhost.engine_kit import App, HeldStep, Host, StepsElsewhere

LOST = WorkerLost("python3 exited with code 137 (0x89)")
LATE = TimedOut("Timeout value of 00:00:10 was exceeded by function: Functions.collect")
NONE = NotStarted("no worker process is running; the log says why")


class Elsewhere:
    """A host whose steps are held until the test ends them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **options: Any):
        made: list[StepsElsewhere] = []

        def make(app: App) -> StepsElsewhere:
            made.append(StepsElsewhere(app))
            made[-1].holds = True
            return made[-1]

        monkeypatch.setattr(engine_kit, "STEP_RUNNER", make)
        self.app = _app()
        self.host = Host(self.app, **options)
        self.engine = self.host.engine
        self.steps = made[0]
        self.held = self.steps.held

    def work(self) -> None:
        """Do what can be done without an answer."""
        while self.engine.step():
            pass

    def end(self, place: int = 0, error: ActivityError | None = None) -> None:
        """End one of the held steps, the oldest unless told otherwise, and go on."""
        self.held.pop(place).end(error)
        self.work()

    def end_all(self) -> None:
        """End steps, the oldest first, until there are none."""
        while self.held:
            self.end()

    def skip(self) -> None:
        """Let time pass to the next timer."""
        assert isinstance(self.host.clock, VirtualClock)
        self.host.clock.jump(self.engine.next_due() or 0)
        self.work()

    def start(self, name: str, instance_id: str, value: Any = None) -> None:
        self.host.start(name, value, instance_id)
        self.work()

    def status(self, instance_id: str) -> RuntimeStatus:
        return self.host.status(instance_id).status

    def output(self, instance_id: str) -> Any:
        return self.host.status(instance_id).payload()["output"]


def _app() -> App:
    app = App()

    @app.orchestrates
    def collect(context: df.DurableOrchestrationContext) -> Any:
        letters = []
        for _ in range(3):
            letters.append((yield context.wait_for_external_event("letter")))
        return letters

    @app.orchestrates
    def chain(context: df.DurableOrchestrationContext) -> Any:
        one = yield context.call_activity("add", 1)
        return (yield context.call_activity("add", one))

    @app.orchestrates
    def ask(context: df.DurableOrchestrationContext) -> Any:
        return (yield context.call_entity(df.EntityId("journal", "j"), "write", context.instance_id))

    @app.activity
    def add(value: int) -> int:
        return value + 1

    @app.entity_of
    def journal(context: df.DurableEntityContext) -> None:
        lines = context.get_state(list)
        lines.append(context.get_input())
        context.set_state(lines)
        context.set_result(len(lines))

    return app


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[Elsewhere]:
    """One host of that kind."""
    made = Elsewhere(monkeypatch)
    yield made
    made.host.close()


def _new_letters(step: HeldStep) -> list[Any]:
    history = json.loads(step.text)["history"]
    last = max(n for n, one in enumerate(history) if one["EventType"] == EventType.OrchestratorStarted)
    return [one["Input"] for one in history[last:] if one["EventType"] == EventType.EventRaised]


def test_instances_do_not_wait_for_the_step_of_another(elsewhere: Elsewhere) -> None:
    """The oldest is answered last, and the others have run to their ends meanwhile."""
    elsewhere.start("collect", "slow")
    elsewhere.start("chain", "quick")
    while len(elsewhere.held) > 1:
        elsewhere.end(1)
    assert elsewhere.output("quick") == 3
    assert elsewhere.status("slow") is RuntimeStatus.PENDING
    elsewhere.end()
    assert elsewhere.status("slow") is RuntimeStatus.RUNNING


def test_what_comes_during_a_step_is_taken_by_the_next_one(elsewhere: Elsewhere) -> None:
    """All together, in their order. There is one step of an instance at a time."""
    elsewhere.start("collect", "one")
    for letter in ("a", "b", "c"):
        elsewhere.engine.raise_event("one", "letter", json.dumps(letter))
        elsewhere.work()
    assert len(elsewhere.held) == 1
    elsewhere.end()
    assert _new_letters(elsewhere.held[0]) == ['"a"', '"b"', '"c"']
    elsewhere.end()
    assert elsewhere.output("one") == ["a", "b", "c"]


def test_no_more_steps_are_under_way_than_the_settings_allow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Orchestrations and entities have a limit each; the next begins when one ends."""
    limits = {"max_concurrent_orchestrator_functions": 2, "max_concurrent_entity_functions": 1}
    elsewhere = Elsewhere(monkeypatch, **limits)
    for number in range(4):
        elsewhere.start("chain", f"chain-{number}")
        elsewhere.engine.signal_entity("journal", f"j{number}", "write", json.dumps(json.dumps("x")))
    elsewhere.work()
    kinds = [step.kind for step in elsewhere.held]
    assert sorted(kinds) == [StepKind.ENTITY, StepKind.ORCHESTRATOR, StepKind.ORCHESTRATOR]
    most = 0
    while elsewhere.held:
        elsewhere.end(len(elsewhere.held) - 1)
        most = max(most, len(elsewhere.held))
    assert most == 3
    assert [elsewhere.output(f"chain-{number}") for number in range(4)] == [3] * 4
    assert [elsewhere.engine.read_entity("journal", f"j{n}") for n in range(4)] == ['["x"]'] * 4


def test_the_engine_is_idle_when_no_step_is_under_way(elsewhere: Elsewhere) -> None:
    """It is not while one is: it waits for the answer."""
    elsewhere.start("chain", "one")
    waiting = threading.Thread(target=elsewhere.engine.run_until_idle)
    waiting.start()
    waiting.join(0.05)
    assert waiting.is_alive()
    while waiting.is_alive():
        if elsewhere.held:
            elsewhere.held.pop(0).end()
        waiting.join(0.01)
    assert elsewhere.output("one") == 3


def test_the_late_answer_to_a_deleted_instance_is_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its id was used again while its step was under way; the new one has a step of its own."""
    elsewhere = Elsewhere(monkeypatch, overridable_existing_instance_states="AnyState")
    elsewhere.start("collect", "one")
    elsewhere.start("chain", "one")
    assert [step.function for step in elsewhere.held] == ["collect", "chain"]
    elsewhere.end(0)
    assert elsewhere.status("one") is RuntimeStatus.PENDING
    elsewhere.end_all()
    assert elsewhere.output("one") == 3


def test_the_late_answer_to_a_purged_entity_is_nobodys(elsewhere: Elsewhere) -> None:
    """It stays deleted."""
    elsewhere.engine.signal_entity("journal", "j", "write", json.dumps(json.dumps("x")))
    elsewhere.work()
    elsewhere.end()
    elsewhere.engine.signal_entity("journal", "j", "write", json.dumps(json.dumps("y")))
    elsewhere.work()
    elsewhere.engine.purge("@journal@j")
    elsewhere.end()
    assert elsewhere.engine.read_entity("journal", "j") is None


def test_a_lost_step_fails_its_orchestration(elsewhere: Elsewhere) -> None:
    """What had come meanwhile is dropped with it, as for any finished instance."""
    elsewhere.start("collect", "one")
    elsewhere.engine.raise_event("one", "letter", '"a"')
    elsewhere.end(error=LOST)
    assert elsewhere.held == []
    assert elsewhere.output("one") == (
        "Orchestrator function 'collect' failed: One or more errors occurred. "
        "(python3 exited with code 137 (0x89))"
    )


def test_a_lost_later_step_differs_from_its_history(elsewhere: Elsewhere) -> None:
    """An empty reply where an activity had been scheduled."""
    elsewhere.start("chain", "one")
    elsewhere.end()
    elsewhere.end(error=LOST)
    assert elsewhere.output("one").startswith("Non-Deterministic workflow detected: ")


@pytest.mark.parametrize("error", [LATE, NONE])
def test_a_step_that_is_late_or_was_never_begun_is_tried_again(
    elsewhere: Elsewhere, error: ActivityError
) -> None:
    """After 2 s, then 4 s; its messages are kept, and what came meanwhile goes with them."""
    elsewhere.start("collect", "one")
    elsewhere.end()
    elsewhere.engine.raise_event("one", "letter", '"a"')
    elsewhere.work()
    for seconds in (2, 4, 8):
        elsewhere.end(error=error)
        elsewhere.engine.raise_event("one", "letter", json.dumps(seconds))
        elsewhere.work()
        assert elsewhere.held == []
        due = elsewhere.engine.next_due()
        assert due is not None
        assert due - elsewhere.host.clock.ticks() == seconds * 10_000_000
        elsewhere.engine.advance(timedelta(seconds=seconds - 0.1))
        assert elsewhere.held == []
        elsewhere.skip()
    assert _new_letters(elsewhere.held[0]) == ['"a"', "2", "4", "8"]
    elsewhere.end()
    assert elsewhere.output("one") == ["a", 2, 4]


def test_the_pauses_end_at_ten_minutes_and_begin_anew_after_a_success(elsewhere: Elsewhere) -> None:
    """As those of the real host's queue."""
    elsewhere.start("collect", "one")
    pauses = []
    for _ in range(11):
        elsewhere.end(error=LATE)
        due = elsewhere.engine.next_due()
        assert due is not None
        pauses.append((due - elsewhere.host.clock.ticks()) // 10_000_000)
        elsewhere.skip()
    assert pauses == [2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]
    elsewhere.end()
    elsewhere.engine.raise_event("one", "letter", '"a"')
    elsewhere.work()
    elsewhere.end(error=LATE)
    due = elsewhere.engine.next_due()
    assert due == elsewhere.host.clock.ticks() + 20_000_000


def test_an_instance_whose_step_hangs_can_be_terminated(elsewhere: Elsewhere) -> None:
    """As soon as the step has run into the time limit; the code has no say in it."""
    elsewhere.start("collect", "one")
    elsewhere.engine.terminate("one", "enough")
    elsewhere.end(error=LATE)
    elsewhere.skip()
    assert elsewhere.held == []
    assert elsewhere.status("one") is RuntimeStatus.TERMINATED


def test_a_lost_batch_of_an_entity_is_tried_again_in_its_order(elsewhere: Elsewhere) -> None:
    """With what came meanwhile; each operation counts once."""
    for text in "abc":
        elsewhere.engine.signal_entity("journal", "j", "write", json.dumps(json.dumps(text)))
    elsewhere.work()
    elsewhere.engine.signal_entity("journal", "j", "write", json.dumps(json.dumps("d")))
    elsewhere.end(error=LOST)
    assert elsewhere.held == []
    elsewhere.skip()
    elsewhere.end_all()
    assert json.loads(elsewhere.engine.read_entity("journal", "j") or "") == ["a", "b", "c", "d"]


def test_operations_beyond_the_size_of_a_batch_keep_their_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before those that came during the batch."""
    elsewhere = Elsewhere(monkeypatch, max_entity_operation_batch_size=2)
    for text in "abc":
        elsewhere.engine.signal_entity("journal", "j", "write", json.dumps(json.dumps(text)))
    elsewhere.engine.step()
    elsewhere.engine.signal_entity("journal", "j", "write", json.dumps(json.dumps("d")))
    elsewhere.work()
    elsewhere.end_all()
    assert json.loads(elsewhere.engine.read_entity("journal", "j") or "") == ["a", "b", "c", "d"]


def test_an_entity_that_runs_too_long_fails_its_operations(elsewhere: Elsewhere) -> None:
    """With a text that is no JSON, which the caller cannot read; the state stays."""
    elsewhere.start("ask", "one")
    elsewhere.end()
    assert [step.kind for step in elsewhere.held] == [StepKind.ENTITY]
    elsewhere.end(error=LATE)
    elsewhere.end_all()
    assert elsewhere.status("one") is RuntimeStatus.FAILED
    assert elsewhere.engine.read_entity("journal", "j") is None


@pytest.mark.parametrize("text", ["nonsense", "[]", "{}", '{"results": []}'])
def test_an_entity_that_answers_nonsense_fails_its_operations(elsewhere: Elsewhere, text: str) -> None:
    """As when it runs in the host."""
    elsewhere.app.entities["journal"] = lambda _: text
    elsewhere.start("ask", "one")
    elsewhere.end_all()
    assert elsewhere.status("one") is RuntimeStatus.FAILED


@pytest.mark.parametrize("text", ["nonsense", "[]"])
def test_an_orchestrator_that_answers_nonsense_fails(elsewhere: Elsewhere, text: str) -> None:
    """As when it runs in the host."""
    elsewhere.app.orchestrators["collect"] = lambda _: text
    elsewhere.start("collect", "one")
    elsewhere.end()
    assert "The orchestrator function did not return a JSON object" in elsewhere.output("one")


def test_an_answer_that_cannot_be_written_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk was full; the messages are kept, and nothing is sent twice."""
    full: list[str] = []

    def hook(when: str, _: int) -> None:
        if full and when == "before":
            raise sqlite3.OperationalError(full.pop())

    elsewhere = Elsewhere(monkeypatch, hook=hook)
    elsewhere.start("chain", "one")
    full.append("database or disk is full")
    elsewhere.end()
    assert elsewhere.status("one") is RuntimeStatus.PENDING
    elsewhere.skip()
    elsewhere.end_all()
    assert elsewhere.output("one") == 3
    assert len(elsewhere.app.ran) == 2


def test_a_step_that_cannot_be_sent_leaves_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried again, and its place is free."""
    elsewhere = Elsewhere(monkeypatch, max_concurrent_orchestrator_functions=1)
    elsewhere.steps.refuses = OSError("no pipe")
    elsewhere.start("chain", "one")
    elsewhere.steps.refuses = None
    elsewhere.start("chain", "two")
    elsewhere.end_all()
    assert elsewhere.output("two") == 3
    elsewhere.skip()
    elsewhere.end_all()
    assert elsewhere.output("one") == 3


def test_a_host_stops_while_steps_are_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their answers are nobody's; the next host begins them anew."""
    elsewhere = Elsewhere(monkeypatch, threaded=True, clock=SystemClock())
    elsewhere.host.start("chain", None, "one")
    while not elsewhere.held:
        threading.Event().wait(0.005)
    elsewhere.engine.stop(5)
    elsewhere.held.pop().end()
    assert elsewhere.engine.crashed is False
    assert elsewhere.status("one") is RuntimeStatus.PENDING
