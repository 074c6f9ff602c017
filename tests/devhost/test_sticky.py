"""Instances whose generators are kept: what is kept, for how long, and what an honest check finds."""

from __future__ import annotations

import contextlib
import functools
import itertools
import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import azure.durable_functions as df
import pytest

from devhost import testing
from devhost.engine.faults import HostCrash
from devhost.engine.models import RuntimeStatus
from devhost.orchestration import keeping, sdk_probe
from devhost.orchestration.keeping import StickySettings, sticky_decider
from devhost.orchestration.sticky import StickyInstances
from tests.devhost import engine_kit
from tests.devhost.engine_kit import App, Host
from tests.devhost.sample_app import add_functions

# What "the rest of the world" tells an orchestrator that does not keep to the rules.
OUTSIDE = itertools.count()


class Keeping:
    """Makes deciders for the hosts of a test, and remembers them."""

    def __init__(self) -> None:
        self.settings = StickySettings()
        self.now = 0.0
        self.made: list[StickyInstances] = []

    def __call__(self, handle_of: Any, plain: Any) -> StickyInstances:
        made = StickyInstances(plain, handle_of, self.settings, now=lambda: self.now)
        self.made.append(made)
        return made

    @property
    def alive(self) -> int:
        return sum(one.alive for one in self.made)


@pytest.fixture
def sticky(monkeypatch: pytest.MonkeyPatch) -> Keeping:
    """Have the hosts of the test keep generators."""
    made = Keeping()
    monkeypatch.setattr(engine_kit, "DECIDER", made)
    return made


@pytest.fixture
def host(sticky: Keeping) -> Iterator[Host]:
    """A host with the sample functions, and with others that break the rules."""
    with Host(_app()) as host:
        yield host


def _app() -> App:
    app = add_functions(App())
    for orchestrator in (waits, other_input, other_output, other_status, other_path, catches_exit):
        app.orchestrates(orchestrator)
    return app


def waits(context):
    """Wait for events for ever, and count them."""
    for number in itertools.count():
        context.set_custom_status({"events": number})
        yield context.wait_for_external_event("go")


def other_input(context):
    """Hand an activity something else at each replay."""
    yield context.call_activity("echo", "always the same")
    yield context.call_activity("echo", next(OUTSIDE))
    return "done"


def other_output(context):
    """Return something else at each replay."""
    yield context.call_activity("echo", 1)
    return next(OUTSIDE)


def other_status(context):
    """Tell something else at each replay."""
    context.set_custom_status(f"status {next(OUTSIDE)}")
    yield context.call_activity("echo", 1)


def other_path(context):
    """Take another way at a replay: a call becomes a timer."""
    if next(OUTSIDE) % 2:
        yield context.create_timer(context.current_utc_datetime)
    else:
        yield context.call_activity("echo", 1)


def catches_exit(context):
    """Leave in a way that the SDK does not catch."""
    yield context.call_activity("echo", 1)
    raise SystemExit(3)


# -- what is kept


def test_user_code_runs_once_and_is_replayed_once_at_the_end(host: Host) -> None:
    """Nineteen steps are taken without a replay; one replay checks them."""
    assert host.output("steps", 20) == list(range(20))
    assert host.app.replays == 1


def test_what_waits_is_kept_and_what_has_ended_is_not(host: Host, sticky: Keeping) -> None:
    """An end frees the generator."""
    instance = host.start("waits")
    host.output("chain")
    assert sticky.alive == 1
    host.engine.terminate(instance)
    host.engine.run_until_idle()
    assert sticky.alive == 0


def test_no_more_are_kept_than_allowed_and_dropped_ones_go_on_by_a_replay(
    sticky: Keeping,
) -> None:
    """The least used goes first; what it does next is what it would have done."""
    sticky.settings = StickySettings(most=2)
    with Host(_app()) as host:
        started = [host.start("waits") for _ in range(5)]
        host.engine.run_until_idle()
        assert sticky.alive == 2
        for instance in started:
            host.engine.raise_event(instance, "go")
            host.engine.run_until_idle()
        assert sticky.alive == 2
        assert {host.status(one).custom_status for one in started} == {'{"events":1}'}


def test_an_instance_that_is_not_used_is_dropped(sticky: Keeping) -> None:
    """When another is used after the time that one may be idle."""
    sticky.settings = StickySettings(idle_seconds=60)
    with Host(_app()) as host:
        host.run("waits")
        sticky.now = 61
        host.run("waits")
        assert sticky.alive == 1


def test_after_a_step_that_was_not_written_the_generator_is_not_used_again(sticky: Keeping) -> None:
    """It has gone on, the history has not: the step is taken again from a replay."""
    fails: list[int] = []

    def hook(when: str, number: int) -> None:
        if when == "before" and fails:
            fails.pop()
            raise OSError("the disk is full")

    with Host(_app(), hook=hook) as host:
        instance = host.run("waits").instance_id
        host.engine.raise_event(instance, "go")
        fails.append(1)
        with contextlib.suppress(TimeoutError):
            host.engine.run_until_idle(0.2)
        assert fails == []
        assert host.status(instance).custom_status == '{"events":0}'
        host.engine.advance(timedelta(seconds=10))
        assert host.status(instance).custom_status == '{"events":1}'


def test_a_host_that_dies_anywhere_comes_to_the_same_end(sticky: Keeping, tmp_path: Path) -> None:
    """Killed before or after each commit of a workflow in turn, and started again."""
    for when in ("before", "after"):
        for commit in range(2, 9):
            path = tmp_path / f"{when}-{commit}.db"

            def hook(moment: str, number: int, at: tuple[str, int] = (when, commit)) -> None:
                if (moment, number) == at:
                    raise HostCrash

            first = Host(_app(), path, hook=hook)
            try:
                instance = first.start("steps", 4, "the-instance")
                first.engine.run_until_idle()
            except HostCrash:
                instance = "the-instance"
            first.close()
            with Host(_app(), path) as second:
                second.engine.run_until_idle()
                assert second.status(instance).payload()["output"] == [0, 1, 2, 3], (when, commit)


def test_what_escapes_the_sdk_ends_the_instance_in_the_words_of_a_replay(host: Host) -> None:
    """With the traceback of a replay, and no other error in it."""
    status = host.run("catches_exit")
    assert status.status is RuntimeStatus.FAILED
    assert "Exception: SystemExit: 3" in (status.output or "")
    assert "During handling" not in (status.output or "")


def test_an_eternal_orchestration_is_kept_within_each_generation(host: Host, sticky: Keeping) -> None:
    """Continue-as-new drops the generator with the history."""
    assert "eternal" not in host.app.orchestrators
    host.app.orchestrates(eternal)
    assert host.output("eternal", 0) == 3
    assert sticky.alive == 0


def eternal(context):
    """Count to three, one generation each."""
    number = context.get_input()
    yield context.call_activity("echo", number)
    if number < 3:
        context.continue_as_new(number + 1)
        return None
    return number


# -- honesty


@pytest.mark.parametrize(
    ("name", "difference", "line"),
    [
        (
            "other_input",
            "scheduled CallActivity 'echo' (action 1), but a replay of its history schedules the same with ",
            "call_activity",
        ),
        ("other_output", "gave one output, ", None),
        ("other_status", "gave one custom status, ", None),
    ],
)
def test_an_orchestration_that_a_replay_contradicts_fails_with_the_place(
    host: Host, caplog: pytest.LogCaptureFixture, name: str, difference: str, line: str | None
) -> None:
    """The text says what differs, and the log has it too."""
    status = host.run(name)
    assert status.status is RuntimeStatus.FAILED
    text = status.output or ""
    assert text.startswith("Non-Deterministic workflow detected: A previous execution of this orchestration ")
    assert difference in text
    assert "but a replay of its history " in text
    assert text in caplog.text
    if line is not None:
        number = int(text.partition("The place: line ")[2].split()[0])
        assert line in Path(__file__).read_text().splitlines()[number - 1]
        assert f"in {name}" in text


def test_what_follows_from_is_replaying_is_as_azure_shows_it(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    """All replays agree, so nothing is wrong with the history; a replay has the last word."""

    def once(context: Any) -> Any:
        if not context.is_replaying:
            context.set_custom_status("seen once")
        yield context.call_activity("echo", 1)

    host.app.orchestrates(once)
    status = host.run("once")
    assert (status.status, status.custom_status) == (RuntimeStatus.COMPLETED, None)
    assert "depends on whether it is replayed" in caplog.text


def test_a_departure_from_the_history_has_the_real_hosts_text_first(host: Host) -> None:
    """And then the place."""
    text = next(
        status.output or ""
        for status in (host.run("other_path") for _ in range(4))
        if status.status is RuntimeStatus.FAILED
    )
    assert "but the current orchestration replay instead produced a " in text
    assert "The place: " in text


def test_a_long_running_instance_is_checked_on_its_way(sticky: Keeping) -> None:
    """Not only at its end: this one has none."""
    sticky.settings = StickySettings(check_every=3)
    with Host(_app()) as host:
        host.app.orchestrates(waits_and_tells)
        instance = host.run("waits_and_tells").instance_id
        for _ in range(10):
            if host.status(instance).status.finished:
                break
            host.engine.raise_event(instance, "go")
            host.engine.run_until_idle()
        assert "gave one custom status" in (host.status(instance).output or "")


def waits_and_tells(context):
    """Wait for ever, and tell something else at each replay."""
    context.set_custom_status(next(OUTSIDE) + 1)
    while True:
        yield context.wait_for_external_event("go")


def test_checks_become_rarer_as_a_history_grows(host: Host) -> None:
    """A thousand steps cost a few replays, not one for each hundred steps."""
    assert len(host.output("steps", 1000)) == 1000
    assert 4 <= host.app.replays <= 9


# -- the fall-back


def test_another_version_of_the_sdk_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """However well it behaves."""
    monkeypatch.setattr(sdk_probe.metadata, "version", lambda _: "2.0.0")
    assert (
        sdk_probe.problem.__wrapped__() == "azure-functions-durable 2.0.0 has not been tried (known: 1.7.x)."
    )


@pytest.mark.parametrize(
    "broken",
    [
        ("_executor", "TaskOrchestrationExecutor.process_event"),
        ("_context", "DurableOrchestrationContext.new_uuid"),
    ],
    ids=lambda one: one[1],
)
def test_an_sdk_that_behaves_otherwise_is_found_out(
    monkeypatch: pytest.MonkeyPatch, broken: tuple[str, str]
) -> None:
    """Here: one that keeps something from call to call."""
    from azure.durable_functions.models.DurableOrchestrationContext import DurableOrchestrationContext
    from azure.durable_functions.models.TaskOrchestrationExecutor import TaskOrchestrationExecutor

    if broken[0] == "_context":
        monkeypatch.setattr(DurableOrchestrationContext, "new_uuid", lambda self: str(next(OUTSIDE)))
    else:
        original = TaskOrchestrationExecutor.process_event

        def stamped(self: Any, event: Any) -> None:
            self.context.set_custom_status(len(self.context._histories) + id(self) % 1000)
            original(self, event)

        monkeypatch.setattr(TaskOrchestrationExecutor, "process_event", stamped)
    assert "differs from a replay" in (sdk_probe.problem.__wrapped__() or "")


def test_without_a_known_sdk_everything_is_replayed_and_the_log_says_so_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One line, with the reason."""
    monkeypatch.setattr(keeping, "_problem", lambda: "it is another one.")
    log = logging.getLogger("devhost.test")
    assert sticky_decider(lambda name: None, StickySettings(), log) is None
    assert caplog.messages == [
        "Running orchestrations are replayed at each step, not kept in memory: it is another one."
    ]


def test_the_installed_sdk_is_one_of_those() -> None:
    """Else all of the above would be for nothing."""
    assert sdk_probe.problem() is None


# -- the host for tests


def test_a_test_host_keeps_generators_when_asked_to() -> None:
    """`sticky=True`; without it each step is a replay."""
    assert _runs_of_user_code(sticky=False) == 4
    assert _runs_of_user_code(sticky=True) == 2


def _runs_of_user_code(*, sticky: bool) -> int:
    runs: list[int] = []
    blueprint = df.Blueprint()

    @blueprint.orchestration_trigger(context_name="context")
    def three(context: Any) -> Any:
        runs.append(1)
        for number in range(3):
            yield context.call_activity("step", number)

    with testing.Host(blueprint, activities={"step": None}, sticky=sticky) as host:
        assert host.run("three").runtime_status == "Completed"
    return len(runs)


def test_a_function_that_is_no_generator_runs_as_ever(host: Host) -> None:
    """There is nothing to keep."""

    def plain(context: Any) -> Any:
        return "at once"

    host.app.orchestrates(plain)
    assert host.output("plain") == "at once"


def test_the_settings_reach_the_kept_ones() -> None:
    """The decider is made of the plain replay, by the engine."""
    made = sticky_decider(lambda name: None, StickySettings(most=7), logging.getLogger("devhost.test"))
    assert isinstance(made, functools.partial)
    assert made.keywords["settings"].most == 7
