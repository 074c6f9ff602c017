"""A thousand runs of one workflow, each with another order of things and other faults."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import azure.durable_functions as df
import pytest

from devhost.errors import RequestError
from devhost.orchestration import episode, sdk_speed
from devhost.testing import Host
from devhost.testing.simulation import SEED_VARIABLE, Chaos, explore
from tests.devhost import tour
from tests.devhost.server_kit import ROOT

pytest_plugins = ["devhost.pytest_plugin", "pytester"]

SEEDS = 1000
ROUGH = Chaos(racing=0.2, slow=0.4, duplicate=0.3, lost_worker=0.3, storage_error=0.1, crash=0.15)
ROUNDS = 2


@pytest.fixture(autouse=True)
def _no_log() -> Iterator[None]:
    logging.disable(logging.ERROR)  # thousands of lines on faults that are meant to be
    yield
    logging.disable(logging.NOTSET)


# ---------------------------------------------------------------- the tour


def tour_host(chaos: Chaos, effects: tour.Effects, *, sticky: bool | None = None) -> Host:
    """A host with a tour that has begun. Every other seed keeps generators alive."""
    sticky = chaos.seed % 2 == 1 if sticky is None else sticky
    host = Host(tour.app(), activities=effects.activities(), chaos=chaos, sticky=sticky)
    host.start("tour", tour.order("a", ROUNDS), instance_id="a")
    return host


def take_tour(host: Host) -> None:
    """Answer once each time the tour asks, and let time pass until it is over."""
    answered: set[int] = set()
    for _ in range(2000):
        status = host.status("a")
        if status.finished:
            return
        waiting = (status.custom_status or {}).get("waiting")
        if waiting is not None and waiting not in answered:
            answered.add(waiting)
            host.raise_event("a", f"answer-{waiting}", "yes")
        host.advance(minutes=7)
    raise AssertionError(f"the tour does not end: {host.status('a', history=True)}")


def check_tour(chaos: Chaos) -> list[str]:
    """Take a tour, hold what it came to against the model, and return what happened on the way."""
    effects = tour.Effects()
    with tour_host(chaos, effects) as host:
        take_tour(host)
        host.check_invariants()
        status = host.status("a")
        assert status.runtime_status == "Completed", status
        assert status.output == tour.expected_output("a", ROUNDS, status.output)
        assert host.entity("ledger", "a") == tour.expected_total("a", ROUNDS)
        assert [host.entity("ledger", f"looks-a-{n}") for n in range(ROUNDS)] == [1] * ROUNDS
        assert set(effects.counts) == tour.expected_effects("a", ROUNDS)
        if not {"crash", "lost_worker"} & set(chaos.faults):
            assert set(effects.counts.values()) == {1}
        return host.trace


def _kind(line: str) -> str:
    return line.partition(" ")[0] if not line.startswith("commit") else "storage error"


def check_seeds(first: int, last: int) -> Counter[str]:
    """Take the tours of some seeds; returns how often what happened on them."""
    logging.disable(logging.ERROR)
    sdk_speed.install()  # as a host does at its start
    happened: Counter[str] = Counter()
    explore(lambda chaos: happened.update(map(_kind, check_tour(chaos))), ROUGH, range(first, last))
    return happened


@pytest.mark.slow
def test_a_thousand_seeds_of_a_tour_come_to_what_the_model_says() -> None:
    """Whatever the order and the faults: output, totals and effects are right, and no history is broken."""
    step = SEEDS // 20
    happened: Counter[str] = Counter()
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        for found in pool.map(check_seeds, range(0, SEEDS, step), range(step, SEEDS + step, step)):
            happened += found
    if SEED_VARIABLE not in os.environ:
        assert min(happened[kind] for kind in ("crash", "storage error", "event", "end")) > SEEDS / 10, (
            happened
        )


@pytest.mark.parametrize("fault", ROUGH.faults)
def test_each_fault_alone_is_survived(fault: str) -> None:
    """Some faults hide others, so each has its own runs."""
    for seed in range(10):
        check_tour(Chaos(seed, **{fault: getattr(ROUGH, fault)}))


@pytest.mark.parametrize("seed", range(30))
def test_kept_generators_change_nothing(seed: int) -> None:
    """A run with sticky instances is the run without them: move by move, event by event."""
    runs = []
    for sticky in (False, True):
        with tour_host(ROUGH.some(seed), tour.Effects(), sticky=sticky) as host:
            take_tour(host)
            runs.append(
                (host.trace, [host.status(one.instance_id, history=True) for one in host.instances()])
            )
    assert runs[0] == runs[1]


_reader = df.Blueprint()


@_reader.orchestration_trigger(context_name="context")
def flags(context):
    """Note at each step whether it is replayed."""
    seen = [context.is_replaying]
    for _ in range(2):
        yield context.create_timer(context.current_utc_datetime)
        seen.append(context.is_replaying)
    return seen


@_reader.orchestration_trigger(context_name="context")
def dice(context):
    """Come to something else in each replay."""
    yield context.create_timer(context.current_utc_datetime)
    return random.random()


def test_what_depends_on_replaying_is_taken_from_a_replay() -> None:
    """As on Azure, where all is replayed; what depends on chance is none the less told."""
    with Host(_reader, sticky=True) as host:
        assert host.run("flags").output == [True, True, False]
        assert host.run("dice").output.startswith("Non-Deterministic workflow detected")


# ---------------------------------------------------------------- what the simulation is worth


def test_the_same_seed_gives_the_same_run() -> None:
    """Move by move, and event by event; another seed gives another run."""
    runs = []
    for seed in (7, 7, 8):
        with tour_host(ROUGH.some(seed), tour.Effects()) as host:
            take_tour(host)
            runs.append((host.trace, host.status("a", history=True)))
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


def test_the_same_seed_gives_the_same_run_in_another_process() -> None:
    """Nothing depends on the hashes of texts, which differ from process to process."""
    script = (
        "import logging, warnings; warnings.simplefilter('ignore'); logging.disable(50)\n"
        "from tests.devhost.test_simulation import ROUGH, check_tour\n"
        "print(*[check_tour(ROUGH.some(seed)) for seed in range(5)], sep='\\n')"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", script],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hashes},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hashes in ("1", "2")
    }
    assert len(outputs) == 1
    assert "crash" in outputs.pop()


def test_an_activity_is_in_flight_while_time_passes() -> None:
    """And what is not slow ends before the time moves."""
    with Host(tour.app(), activities=tour.Effects().activities(), chaos=Chaos(1, slow=0.9)) as host:
        host.start("inspect", ["x", tour.PACE], instance_id="i")
        assert host.status("i").runtime_status == "Running"
        host.advance(hours=1)
        assert host.calls == [("look", "x")]
        assert host.status("i").runtime_status == "Completed"


def test_a_racing_event_finds_the_work_half_done() -> None:
    """With a racing chaos a request returns before all that it causes is done."""

    def half_done(seed: int) -> bool:
        with Host(tour.app(), activities=tour.Effects().activities(), chaos=Chaos(seed, racing=0.5)) as host:
            host.start("inspect", ["x", tour.PACE], instance_id="i")
            before = host.status("i").runtime_status
            host.run_until_idle()
            assert host.status("i").runtime_status == "Completed"
            return before in ("Pending", "Running")

    assert {half_done(seed) for seed in range(20)} == {True, False}


def test_a_lost_worker_fails_the_activity_in_each_of_its_ways() -> None:
    """Before its code ran, after it, and by the time-out: the app sees a failure each time."""
    seen: set[tuple[str, int]] = set()
    for seed in range(40):
        effects = tour.Effects()
        with Host(tour.app(), activities=effects.activities(), chaos=Chaos(seed, lost_worker=0.9)) as host:
            host.start("tour", tour.order("a", 1), instance_id="a")
            host.advance(hours=1)
            failures = [
                e for e in host.status("a", history=True).history or [] if e["EventType"] == "TaskFailed"
            ]
            ran = min(effects.counts["reserve", "a-0"], 1)
            seen |= {(one["Reason"].partition(":")[2].split()[0], ran) for one in failures[:1]}
    assert {text for text, _ in seen} == {"python3", "Timeout"}
    assert {ran for _, ran in seen} == {0, 1}


@pytest.mark.parametrize("probability", [-0.1, 0.95, 1.0])
def test_a_probability_that_no_run_would_survive_is_refused(probability: float) -> None:
    """The field is named."""
    with pytest.raises(ValueError, match=r"crash is a probability from 0\.0 to 0\.9"):
        Chaos(1, crash=probability)


def test_some_seeds_have_some_faults_and_some_have_none() -> None:
    """So that one fault does not always hide another."""
    kinds = {tuple(ROUGH.some(seed).faults) for seed in range(300)}
    assert len(kinds) > 40
    assert () in kinds
    assert all(ROUGH.some(seed).crash <= ROUGH.crash for seed in range(300))


def _finds_it(seeds: int = 60) -> bool:
    try:
        explore(check_tour, ROUGH, range(seeds))
    except Exception as error:  # noqa: BLE001  any way of failing will do
        return "run again with DEVHOST_SEED=" in error.__notes__[0]
    return False


def test_a_host_that_takes_an_answer_twice_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A simulation that finds no planted fault would prove nothing."""
    monkeypatch.setattr(
        "devhost.engine.steps.accepted",
        lambda live, messages: [one.event for one in messages if live is not None],
    )
    assert _finds_it()


def test_a_host_that_forgets_activities_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """They would never end after a crash."""
    monkeypatch.setattr("devhost.state.store.Store.activities", lambda _: [])
    assert _finds_it()


def test_a_host_that_keeps_what_was_rolled_back_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a commit that failed, what is in memory is ahead of what is stored."""
    monkeypatch.setattr("devhost.engine.live.LiveInstances.forget", lambda *_: None)
    assert _finds_it()


def test_a_host_that_sends_before_the_commit_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """An entity would be told twice."""
    monkeypatch.setattr("devhost.engine.work.Work.consume", lambda *_: None)
    assert _finds_it()


# ---------------------------------------------------------------- requests at random

VERBS = ("suspend", "resume", "terminate", "rewind", "purge", "raise_event", "start", "advance", "restart")


def check_requests(chaos: Chaos) -> None:
    """Send requests of all kinds in any order; whatever they come to, the state holds together."""
    pick = random.Random(chaos.seed)
    with Host(tour.app(), activities=tour.Effects().activities(), chaos=chaos) as host:
        for _ in range(40):
            with contextlib.suppress(RequestError):  # refused: no such instance, or not in its state
                _request(host, pick.choice(VERBS), pick.choice("abc"))
        host.advance(days=1)
        host.check_invariants()


def _request(host: Host, verb: str, instance: str) -> None:
    if verb == "start":
        host.start("tour", tour.order(instance, ROUNDS), instance_id=instance)
    elif verb == "raise_event":
        host.raise_event(instance, "answer-0", 1)
    elif verb == "advance":
        host.advance(minutes=9)
    elif verb == "restart":
        host.restart()
    else:
        getattr(host, verb)(instance)


@pytest.mark.slow
def test_requests_of_all_kinds_leave_a_state_that_holds_together() -> None:
    """Suspended, rewound and purged instances too: histories are well-formed, nothing is left of the gone."""
    explore(check_requests, ROUGH, range(200))


# ---------------------------------------------------------------- the fixture


def test_a_failure_tells_the_seed_and_the_seed_gives_it_again(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line can be copied into a shell."""
    pytester.makepyfile(
        """
        pytest_plugins = ["devhost.pytest_plugin"]

        def test_fails(chaos):
            assert chaos(crash=0.1).seed == -1
        """
    )
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv(SEED_VARIABLE, raising=False)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "--rootdir", str(pytester.path))
    result.stdout.re_match_lines(
        [r"seed \d+; run again with DEVHOST_SEED=\d+ python -m pytest 'test_a_failure.*py::test_fails'"]
    )
    monkeypatch.setenv(SEED_VARIABLE, "123")
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "--rootdir", str(pytester.path))
    result.stdout.fnmatch_lines(["*assert 123 == -1*", "seed 123; run again with DEVHOST_SEED=123 *"])


def test_a_seed_that_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the name of the variable."""
    monkeypatch.setenv(SEED_VARIABLE, "twelve")
    with pytest.raises(ValueError, match="DEVHOST_SEED is 'twelve'"):
        explore(check_tour, ROUGH, range(1))


def test_episode_is_where_the_planted_fault_goes() -> None:
    """The name that a test above replaces is the one that the engine calls."""
    from devhost.engine import steps

    assert steps.accepted is episode.accepted
