"""What a failure text of the durable host tells: an outage, a lost worker process, or a fault."""

from __future__ import annotations

import pytest

from invoicing.failures import Cause, cause_of, error_type, first_line

REPLAY = (
    "Non-Deterministic workflow detected: A previous execution of this orchestration scheduled an activity "
    "task with sequence ID 3 and name 'check' (version ''), but the current replay execution hasn't (yet?) "
    "scheduled this task. Was a change made to the orchestrator code after this instance had started?"
)
CAUSES: list[tuple[str, Cause]] = [
    ("Activity function 'check' failed:  StorageUnavailable: read x: no answer \n {}", "outage"),
    ("Activity function 'check' failed:  stores.blobs.StorageRefused: HTTP 403", "outage"),
    ("Activity function 'check' failed:  RulesMissing: run the fetch", "outage"),
    ("Activity function 'check' failed:  ValueError: boom \n {details}", "fault"),
    ("Activity function 'check' failed: python exited with code 137 (0x89), SIGKILL", "lost"),
    ("Orchestrator function 'approval' failed: python3 exited with code 137", "lost"),
    (
        "Orchestrator function 'p' failed: Orchestrator function 'c' failed: python3.11 exited with code -9",
        "lost",
    ),
    ("Activity function 'new' failed: Activity function 'new' does not exist.", "outage"),
    ("Activity function 'a' failed:  KeyError: Activity function 'a' does not exist.", "fault"),
    ("Orchestrator function 'p' failed: One or more errors occurred. (python3 exited with code 137)", "lost"),
    (REPLAY, "lost"),
    (f"Orchestrator function 'p' failed: {REPLAY}", "lost"),
    ("Timeout value of 00:10:00 was exceeded by function: Functions.check", "fault"),
    ("", "fault"),
]
QUOTES = (
    "Activity function 'check' failed:  ValueError: the supplier wrote SettingError: mend it",
    "Activity function 'check' failed:  ValueError: python3 exited with code 137",
    "Activity function 'check' failed:  KeyError: 'StorageUnavailable: x'",
    f"Activity function 'check' failed:  ValueError: {REPLAY}",
    "Activity function 'check' failed:  ValueError: x \n StorageUnavailable: in the stack",
)


@pytest.mark.parametrize(("failure", "cause"), CAUSES)
def test_cause_is_read_from_the_head_of_the_first_line(failure: str, cause: Cause) -> None:
    """What failed around the error does not matter, nor what follows the first line."""
    assert cause_of(failure) == cause


@pytest.mark.parametrize("failure", QUOTES)
def test_words_that_an_error_quotes_tell_nothing(failure: str) -> None:
    """A stranger's text in an error must not have it tried for a day."""
    assert cause_of(failure) == "fault"


def test_type_of_the_error_has_no_module() -> None:
    """The host writes some types with their module and some without."""
    assert error_type("Activity function 'a' failed:  stores.blobs.StorageRefused: x") == "StorageRefused"
    assert error_type("no type here") is None


def test_first_line_is_cut() -> None:
    """A megabyte of text is no message."""
    assert len(first_line("x" * 10_000)) == 500


def test_long_text_is_read_in_linear_time() -> None:
    """Only its head is looked at, whatever it repeats."""
    assert cause_of("Activity function 'a' failed: " * 100_000) == "fault"
