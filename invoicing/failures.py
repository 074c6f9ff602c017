"""Failure texts of the durable host, and what each tells about whether trying again may help.

An orchestrator sees a failed activity or sub-orchestration as a text only:

    Activity function 'check_chunk' failed:  StorageUnavailable: read x: no answer
    Orchestrator function 'approval' failed: ... python3 exited with code 137
    Non-Deterministic workflow detected: A previous execution of this orchestration scheduled ...

The words of an error may quote anything, also what a stranger sent. So only the head of the first line
counts: what failed, and the type of its error.
"""

from __future__ import annotations

import re
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
    }
)

_STEP = re.compile(r"(?:Orchestrator|Activity|Entity) function '[^'\n]{1,200}' failed:[ \t]*", re.IGNORECASE)
_TYPE = re.compile(r"([A-Za-z_][A-Za-z0-9_.]{0,199}):")
_EXITED = re.compile(r"\bpython[0-9.]{0,8}(?:\.exe)? exited with code -?\d")
_REPLAY = "Non-Deterministic workflow detected"
_LONGEST = 500


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
    message = _innermost(failure)
    if message.startswith(_REPLAY):
        return "lost"
    named = error_type(failure)
    if named in OUTAGES:
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
