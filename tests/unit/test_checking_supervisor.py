"""What becomes of documents whatever they do to the process that checks them, on processes that are none."""

from __future__ import annotations

import re
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.checking import supervisor
from adapters.checking.budget import MIB, Budget
from adapters.checking.frames import Request
from adapters.checking.supervisor import CheckerUnavailable, Done, GivenUp, Result, Supervisor
from invoicing.rules.folder import RulesMissing
from tests.fakes.pretended_process import Machine

BUDGET = Budget(cpu=20.0, memory=1024 * MIB)


def _requests(*texts: str) -> deque[Request]:
    return deque(Request(n, f"{n}.xml", None, text.encode()) for n, text in enumerate(texts, 1))


def _run(machine: Machine, *texts: str) -> list[Result]:
    return Supervisor(machine.start, BUDGET, machine.clock).run(_requests(*texts))


def _reason(result: Result) -> str:
    assert isinstance(result, GivenUp)
    return result.reason


def test_documents_are_answered_in_order_by_one_process() -> None:
    """Nothing special happens, and a few documents are always on their way."""
    machine = Machine()
    results = _run(machine, *(["done"] * 30))
    assert results == [Done(n, "valid", f"{n}.xml".encode()) for n in range(1, 31)]
    assert len(machine.processes) == 1
    assert machine.processes[0].most == supervisor.IN_FLIGHT


def test_large_documents_are_not_sent_ahead() -> None:
    """They would only lie in memory twice."""
    machine = Machine()
    large = "done 0.1" + " " * 700_000
    waiting = _requests(large, large, large)
    Supervisor(machine.start, BUDGET, machine.clock).run(waiting)
    assert machine.processes[0].most == 1


@pytest.mark.parametrize(
    ("bad", "within", "words"),
    [
        ("spins", 21.0, "more than 20 seconds of processor time. .* SETTLE_DOCUMENT_SECONDS"),
        ("waits", 41.0, "more than 40 seconds. .* SETTLE_DOCUMENT_SECONDS"),
        ("eats", 2.0, "more than 1,024 MiB of memory. .* SETTLE_DOCUMENT_MIB"),
        ("crashes", 2.0, "was ended by SIGSEGV, twice"),
        ("overruns", 1.0, "more than 20 seconds of processor time"),
        ("raises", 1.0, r"an error of Settle's own \(ValueError\)"),
        ("no-memory", 1.0, "more than 1,024 MiB of memory"),
        ("babbles", 1.0, "gave no answer that can be read, twice"),
        ("answers-another", 1.0, "gave no answer that can be read, twice"),
    ],
)
def test_bad_document_is_given_up_and_its_neighbours_go_on(bad: str, within: float, words: str) -> None:
    """Whatever it does, whoever came before or after it has a result, in the same call and in time."""
    machine = Machine()
    results = _run(machine, "done", "done", bad, "done", "done", "done", "done", "done")
    assert [type(result) for result in results] == [Done, Done, GivenUp, Done, Done, Done, Done, Done]
    assert [result.n for result in results] == list(range(1, 9))
    assert re.search(words, _reason(results[2]))
    assert machine.now - 1000.0 < within
    assert machine.running == 1


@pytest.mark.parametrize("bad", ["spins", "waits"])
def test_document_that_takes_too_long_is_not_tried_again(bad: str) -> None:
    """Its time was its own: another process would not be quicker."""
    machine = Machine()
    _run(machine, "done", bad)
    assert len(machine.processes) == 1


def test_document_in_a_used_process_has_its_memory_once_more_in_a_new_one() -> None:
    """What others left behind is not its fault; the same for a crash, which may have begun before."""
    machine = Machine()
    assert all(isinstance(one, Done) for one in _run(machine, "done", "eats-what-is-left", "done"))
    assert len(machine.processes) == 2
    machine = Machine()
    assert all(isinstance(one, Done) for one in _run(machine, "done", "crashes-once", "done"))
    assert len(machine.processes) == 2


def test_document_that_is_tried_again_goes_alone() -> None:
    """So that nothing else can be to blame for what happens."""
    machine = Machine()
    _run(machine, "done", "crashes", "done", "done")
    assert machine.processes[1].most == 1


def test_tries_of_a_document_share_its_time() -> None:
    """The process ends after 30 seconds each time: within a minute the document is given up all the same."""
    machine = Machine()
    results = _run(machine, "done", "waits-crashes 30", "done")
    assert "more than 40 seconds" in _reason(results[1])
    assert machine.now - 1000.0 < 42.0


def test_clock_of_a_busy_machine_is_no_documents_fault() -> None:
    """35 seconds by the clock, of which the document had the processor for half, are within the budget."""
    machine = Machine()
    assert all(isinstance(result, Done) for result in _run(machine, *(["shares 35"] * 3)))
    assert len(machine.processes) == 1


def test_process_that_kept_much_memory_is_replaced_before_the_next_documents() -> None:
    """It would be the next one's, and is given back to the machine as well."""
    machine = Machine()
    supervised = Supervisor(machine.start, BUDGET, machine.clock)
    supervised.run(_requests("done"))
    machine.processes[0].memory = BUDGET.renewal + 1
    supervised.run(_requests("done"))
    assert machine.running == 0
    supervised.run(_requests("done"))
    assert (len(machine.processes), machine.running) == (2, 1)


def test_process_that_ended_between_two_documents_is_replaced() -> None:
    """Nobody is to blame, and nothing is tried twice."""
    machine = Machine()
    supervised = Supervisor(machine.start, BUDGET, machine.clock)
    supervised.run(_requests("done"))
    machine.processes[0].running = False
    assert supervised.run(_requests("done")) == [Done(1, "valid", b"1.xml")]
    assert len(machine.processes) == 2


def test_caller_may_end_early_after_one_document_at_least() -> None:
    """What was sent is waited for, what was not stays with the caller."""
    machine = Machine()
    waiting = _requests(*(["done"] * 10))
    results = Supervisor(machine.start, BUDGET, machine.clock).run(waiting, lambda: True)
    assert [result.n for result in results] == [1, 2, 3, 4]
    assert [request.n for request in waiting] == [5, 6, 7, 8, 9, 10]


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("impossible", "cannot be started: no processes left"),
        ("dies", "ended at its start with code 1. ModuleNotFoundError: No module named 'lxml'"),
        ("babbles", "does not talk to Settle"),
        ("mute", "is not up after 60 seconds"),
    ],
)
def test_process_that_does_not_start_is_a_fault_of_the_installation(how: str, words: str) -> None:
    """No document is given up for it; the next call tries again."""
    machine = Machine(starting=[how])
    supervised = Supervisor(machine.start, BUDGET, machine.clock)
    waiting = _requests("done")
    with pytest.raises(CheckerUnavailable, match=words):
        supervised.run(waiting)
    assert (len(waiting), machine.running) == (1, 0)
    assert supervised.run(waiting) == [Done(1, "valid", b"1.xml")]


@pytest.mark.parametrize("at", ["start", "document"])
def test_missing_rules_are_told_as_such(at: str) -> None:
    """Where they are gone at the start, and where they go later."""
    machine = Machine(starting=["unusable"] if at == "start" else [])
    with pytest.raises(RulesMissing, match="The rules are gone"):
        _run(machine, "done", "rules-gone")
    assert machine.running == 0


def test_caller_that_is_interrupted_leaves_no_answers_behind() -> None:
    """They would be taken for those of the next caller."""
    machine = Machine()
    supervised = Supervisor(machine.start, BUDGET, machine.clock)

    def interrupt() -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        supervised.run(_requests("done", "done", "done", "done", "done"), interrupt)
    assert machine.running == 0


@given(st.lists(st.sampled_from(["done", "done 3", "crashes", "crashes-once", "eats", "raises", "babbles"])))
def test_whatever_comes_each_document_has_one_result_in_its_order(texts: list[str]) -> None:
    """Good ones are done, bad ones are given up, in any mixture."""
    machine = Machine()
    results = _run(machine, *texts)
    assert [result.n for result in results] == list(range(1, len(texts) + 1))
    good = [text.startswith("done") or text == "crashes-once" for text in texts]
    assert [isinstance(result, Done) for result in results] == good
    assert machine.running <= 1
