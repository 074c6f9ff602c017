"""What the API says of lists of calls to other hosts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from invoicing.records.answers.common import Links, Time, Whole
from invoicing.records.base import Record, flag, optional
from invoicing.records.problem import Problem

CallsState = Literal["running", "completed", "failed", "stopped", "stopping", "missing"]

#: States in which a list changes no more.
ENDED: tuple[CallsState, ...] = ("completed", "stopped", "failed")

Outcome = Literal["waiting", "ok", "unexpected", "refused", "failed", "timed_out", "not_called"]


class CallsAccepted(Record):
    """A list that was taken in, now or before."""

    id: str
    status: CallsState
    created: Time
    total: Whole
    links: Links


class CallsStatus(Record):
    """How far a list is."""

    id: Annotated[str, Field(json_schema_extra={"pattern": "^c[0-9a-f]{24}$"})]
    status: CallsState
    done: Annotated[Whole, Field(description="Calls that are not made any more.")]
    total: Whole
    counts: Annotated[dict[str, Whole], Field(description="Calls that are done, by outcome.")]
    created: Time
    deadline: Annotated[Time, Field(description="After that nothing is called any more.")]
    error: Problem | None
    links: Links


class CallAnswer(Record):
    """What came of one call so far.

    `outcome`: `ok`: answered as expected; `unexpected`: answered with another status, or not with JSON;
    `refused`: not allowed; `failed`, `timed_out`: no whole answer; `not_called`: the deadline came first, or
    the list was stopped; `waiting`: it was not made yet. `done`: it is not made any more.
    """

    n: Annotated[int, Field(ge=1, description="Its place in the list, from 1.")]
    name: Annotated[str, Field(description="The caller's own.")]
    outcome: Outcome
    done: bool
    attempts: Whole
    status: int | None = optional()
    milliseconds: Annotated[Whole, Field(description="How long the last attempt took.")]
    headers: dict[str, str]
    size: Annotated[Whole, Field(description="Bytes of the body.")]
    body: Annotated[str | None, Field(description="A small body: a text, or base64.")] = optional()
    is_base64: bool = flag()
    body_url: Annotated[str | None, Field(description="Where a larger body is.")] = optional()
    code: Annotated[str, Field(description="What went wrong, for programs.")]
    error: Annotated[str, Field(description="What went wrong, for people.")]


class CallAnswers(Record):
    """A page of the results, in the order of the list."""

    id: str
    status: CallsState
    results: tuple[CallAnswer, ...]
    links: Links
