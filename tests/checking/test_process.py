"""Real checker processes and documents that do them harm: each costs itself, and nothing is left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator

import psutil
import pytest

from adapters.checking.frames import Failed, Message
from adapters.checking.process import CheckerProcess, ProcessEnded
from adapters.checking.supervisor import CheckerUnavailable, Done, GivenUp, Supervisor
from tests.checking.kit import PROJECT, SMALL, odd, on_linux, reason, requests, said, supervised

linux_only = pytest.mark.skipif(not on_linux(), reason="only Linux enforces it")


@pytest.fixture
def checker() -> Iterator[Supervisor]:
    """A supervisor, whose process is ended after the test."""
    one = supervised()
    yield one
    one.end()


def _children() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


def test_documents_come_and_answers_go_in_order(checker: Supervisor) -> None:
    """Small ones and large ones, whose bytes do not fit into a pipe."""
    texts = ["a", "b" * 3_000_000, "c", "d" * 200_000, "e"]
    results = checker.run(requests(*(f"say {text}" for text in texts)))
    assert [said(result) for result in results] == texts


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        # By the processor or by the clock, as busy as the machine is: which is which, the supervisor's own
        # tests tell.
        ("spin", "SETTLE_DOCUMENT_SECONDS"),
        ("sleep", "more than 4 seconds"),
        ("eat", "more than 200 MiB of memory"),
        pytest.param("gulp", "more than 200 MiB of memory", marks=linux_only),
        ("segfault", "was ended by SIGSEGV, twice"),
        ("exit", "ended with exit code 3, twice"),
        ("garbage", "gave no answer that can be read, twice"),
        ("raise secret value", r"error of Settle's own (ValueError)"),
    ],
)
def test_bad_document_costs_itself_alone(checker: Supervisor, bad: str, words: str) -> None:
    """Its neighbours are done in the same call, and nothing is left running."""
    before = _children()
    began = time.monotonic()
    results = checker.run(requests("say a", "say b", bad, "say c", "say d", "say e"))
    assert time.monotonic() - began < 60
    assert words in reason(results.pop(2))
    assert [said(result) for result in results] == list("abcde")
    assert len(_children() - before) == 1
    checker.end()
    assert _children() - before == set()


def test_error_is_told_with_its_place_and_without_its_text(
    checker: Supervisor, caplog: pytest.LogCaptureFixture
) -> None:
    """The text may hold values of the invoice: it goes neither into the log nor anywhere else."""
    [result] = checker.run(requests("raise DE89370400440532013000"))
    assert "DE89" not in reason(result) + caplog.text
    assert "ValueError at tests/fakes/odd_child.py:" in caplog.text


def test_what_libraries_print_goes_nowhere(checker: Supervisor, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither to the standard error that is the host's log, nor among the answers."""
    assert [said(one) for one in checker.run(requests("print DE89370400440532013000", "say a"))][1] == "a"
    shown = capfd.readouterr()
    assert "DE89" not in shown.out + shown.err


def test_process_has_no_secrets_no_sockets_and_leaves_no_core(
    checker: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A document that takes it over finds nothing to talk to, and a crash writes no invoices to the disk."""
    monkeypatch.setenv("AzureWebJobsStorage", "AccountKey=secret")
    monkeypatch.setenv("SETTLE_LINK_KEY", "secret")
    with socket.socket() as one:
        one.set_inheritable(True)
        environment, files = (said(result) for result in checker.run(requests("environment", "files")))
    assert isinstance(environment, list)
    assert "PATH" in environment
    assert [name for name in environment if name.startswith(("Azure", "SETTLE", "FUNCTIONS"))] == []
    assert files == {"sockets": 0, "core": 0}


@linux_only
def test_kernel_ends_a_process_that_nobody_watches(checker: Supervisor) -> None:
    """At its limit of processor time, in the middle of a call."""
    process = CheckerProcess(odd())
    try:
        messages: list[Message] = []
        while not messages:
            messages += process.exchange(1.0)
        process.send(requests("spin")[0])
        with pytest.raises(ProcessEnded) as ended:
            process.exchange(120.0)
        assert ended.value.code == -signal.SIGXCPU
    finally:
        process.end()


@linux_only
@pytest.mark.parametrize("work", ["spin", "sleep", "say a"])
def test_process_ends_with_its_parent_however_that_dies(work: str) -> None:
    """`kill -9` of the parent while the process is in a long call, waits, or has nothing to do."""
    program = textwrap.dedent(
        f"""
        import sys, time
        sys.path.insert(0, {str(PROJECT)!r})
        from adapters.checking.budget import MIB, Budget
        from adapters.checking.process import CheckerProcess
        from tests.checking.kit import odd, requests
        process = CheckerProcess(odd(Budget(cpu=3600.0, memory=1024 * MIB)))
        while not process.exchange(1.0):
            pass
        process.send(requests({work!r})[0])
        process.exchange(0.5)
        print(process.pid, flush=True)
        time.sleep(600)
        """
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        assert child.is_running()
        parent.kill()
        child.wait(10)


@pytest.mark.parametrize(
    ("rules", "words"),
    [("import-error", "ended at its start with code 1. ImportError: libsomething.so"), ("mute", "is not up")],
)
def test_process_that_does_not_start_says_why(
    rules: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Python says of it before any document was read is in the error, so that somebody can mend it."""
    monkeypatch.setattr("adapters.checking.supervisor.START", 30.0 if rules == "import-error" else 0.5)
    before = _children()
    with pytest.raises(CheckerUnavailable, match=words):
        supervised(rules=rules).run(requests("say a"))
    assert _children() == before


def test_program_that_is_not_there_is_said_to_be() -> None:
    """An interpreter that was taken away under a running app."""
    before = set(os.listdir("/dev/fd"))
    supervisor = Supervisor(lambda: CheckerProcess(lambda lifeline: ["/nowhere/python"]), SMALL)
    with pytest.raises(CheckerUnavailable, match="cannot be started"):
        supervisor.run(requests("say a"))
    assert set(os.listdir("/dev/fd")) == before


def test_replaced_processes_leave_no_open_files(checker: Supervisor) -> None:
    """Pipes of those that ended are closed: an app runs for weeks."""
    checker.run(requests("say a"))
    before = len(os.listdir("/dev/fd"))
    for _ in range(3):
        results = checker.run(requests("exit", "say a"))
        assert [type(result) for result in results] == [GivenUp, Done]
    assert len(os.listdir("/dev/fd")) == before


def test_failed_message_has_no_text() -> None:
    """There is no field that could carry one."""
    assert Failed.__slots__ == ("n", "cpu", "error", "where")
