"""Failures as the durable host tells them, and what each tells about whether trying again may help.

With version 1.x of the SDK a failed activity or sub-orchestration is a text only:

    Activity function 'check_chunk' failed:  StorageUnavailable: read x: no answer
    Orchestrator function 'approval' failed: ... python3 exited with code 137
    Non-Deterministic workflow detected: A previous execution of this orchestration scheduled ...

With 2.x the text names no type, and the type and the message of the error stand beside it:

    b1f: Activity task #3 failed: read x: no answer

The words of an error may quote anything, also what a stranger sent. So only the head of the first line
counts: what failed, and the type of its error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Cause = Literal["outage", "lost", "fault"]
"""``outage``: the surroundings failed, not what the step was given. ``lost``: the process that ran the step
died. ``fault``: anything else; it may be the input's fault."""

#: Types of errors that speak of the surroundings: a person can mend them while a workflow waits.
OUTAGES = frozenset(
    {
        "StorageUnavailable",
        "StorageRefused",
        "RulesMissing",
        "CheckerUnavailable",
        "SettingError",
        "PolicyInvalid",
        "ChecksInvalid",
    }
)

_STEP = re.compile(
    r"(?:Orchestrator|Activity|Entity) function '[^'\n]{1,200}' failed:[ \t]*"
    r"|(?:[^\s']{1,200}: )?(?:Activity|Sub-orchestration) task #[0-9]{1,10} failed:[ \t]*",
    re.IGNORECASE,
)
_TYPE = re.compile(r"([A-Za-z_][A-Za-z0-9_.]{0,199}):")
_EXITED = re.compile(r"\bpython[0-9.]{0,8}(?:\.exe)? exited with code -?\d")
# An activity has no version: while two versions of the app are deployed side by side, a new step can come to
# a worker that does not have it yet. It is there once the old workers are gone.
_NOT_THERE = re.compile(r"Activity function '[^'\n]{1,200}' does not exist\.")
_REPLAY = "Non-Deterministic workflow detected"
#: The type of the same failure in version 2.x of the SDK.
_REPLAY_ERROR = "NonDeterminismError"
_LONGEST = 500


@dataclass(frozen=True)
class Failure:
    """Why a step or a run failed: a text of one line for people, and what it tells."""

    text: str
    cause: Cause


def failure_of_text(text: str) -> Failure:
    """The failure that a text of the host tells of."""
    return Failure(first_line(text), cause_of(text))


def failure_of_details(error_type: str, message: str) -> Failure:
    """The failure that the type and the message of an error tell of; the type may have its module."""
    name = error_type.rpartition(".")[2]
    # The host's word for an error without a type is no name: "(unknown)".
    if not name.isidentifier():
        return failure_of_text(message)
    return Failure(first_line(f"{name}: {message}"), _cause(name, message))


def first_line(failure: str) -> str:
    """The failure's first line, at most 500 characters.

    What follows is the host's serialised exception with its stack.
    """
    return failure.strip().split("\n", 1)[0].strip()[:_LONGEST]


def error_type(failure: str) -> str | None:
    """The type of the error at the head of a failure text, without its module; None where it names none."""
    found = _TYPE.match(_innermost(failure))
    return found[1].rpartition(".")[2] if found else None


def cause_of(failure: str) -> Cause:
    """Say what a failure text tells."""
    return _cause(error_type(failure), _innermost(failure))


def _cause(named: str | None, message: str) -> Cause:
    if named == _REPLAY_ERROR or (named is None and message.startswith(_REPLAY)):
        return "lost"
    if named in OUTAGES:
        return "outage"
    if named is None and _NOT_THERE.match(message):
        return "outage"
    # A worker that died raised nothing, so no type of an error stands before the host's words.
    if named is None and _EXITED.search(message):
        return "lost"
    return "fault"


def _innermost(failure: str) -> str:
    """The first line without what failed around the error: a run failed because a step of it failed."""
    rest = first_line(failure)
    while found := _STEP.match(rest):
        rest = rest[found.end() :]
    return rest
