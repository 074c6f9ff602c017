"""Lists of calls to other hosts: what is asked for, what is stored, and the orchestration `api_calls`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from invoicing.records.base import Moment, Record, Step, flag, optional
from invoicing.records.outgoing import LARGEST_BODY, LONGEST_URL, MOST_SECONDS, Method, SecretRef

#: Calls in one list, other hosts in it, and bytes of the request that brings it.
MOST_CALLS, MOST_HOSTS, LARGEST_LIST = 5_000, 50, 8 * 1024 * 1024
#: Bytes of an answer that stand in the results themselves; a larger one is a blob of its own.
INLINE = 8 * 1024

CallOutcome = Literal["ok", "unexpected", "refused", "failed", "timed_out", "not_called"]
"""``ok``: answered as expected. ``unexpected``: answered with another status, or with no JSON where JSON was
expected. ``refused``, ``failed``, ``timed_out``: as in `OutgoingAnswer`. ``not_called``: the deadline came
first, or the list was stopped."""

#: How many calls ended with each outcome.
CallCounts = dict[CallOutcome, int]

Seconds = Annotated[float, Field(gt=0, le=MOST_SECONDS)]
Status = Annotated[int, Field(ge=100, le=599)]


class CallAsked(Record, extra="forbid"):
    """One call. `body`: a text, or any other JSON, which is sent as JSON."""

    url: Annotated[str, Field(max_length=LONGEST_URL)]
    method: Method = "GET"
    headers: Annotated[dict[str, str | SecretRef], Field(max_length=50)] = Field(
        default_factory=dict[str, str | SecretRef],
        description="A value may name a secret of the settings: {'secret': 'ERP', 'prefix': 'Bearer '}.",
    )
    body: JsonValue = Field(default=None, description="A text, or any other JSON, which is sent as JSON.")
    expected: Annotated[
        tuple[Status, ...], Field(max_length=20, description="Statuses that are well; without: 200 to 299.")
    ] = ()
    answer: Annotated[Literal["any", "json"], Field(description="json: another answer is unexpected.")] = (
        "any"
    )
    timeout_seconds: Seconds = 30.0
    name: Annotated[str, Field(max_length=100, description="The caller's own; comes back in the result.")] = (
        ""
    )


class CallLimits(Record, extra="forbid"):
    """How calls are made.

    `parallel`: at the same time; `per_host`: to one host. `attempts`: how often a call that failed is tried.
    `deadline_seconds`: after that nothing is called any more.
    """

    parallel: Annotated[int, Field(ge=1, le=100)] = 20
    per_host: Annotated[int, Field(ge=1, le=100)] = 10
    attempts: Annotated[int, Field(ge=1, le=10)] = 4
    deadline_seconds: Annotated[int, Field(ge=1, le=86_400)] = 600


class CallsAsked(Record, extra="forbid"):
    """A list of calls."""

    calls: Annotated[tuple[CallAsked, ...], Field(min_length=1, max_length=MOST_CALLS)]
    limits: CallLimits = Field(default_factory=CallLimits)


# ---------------------------------------------------------------- what is stored


class CallsRecord(Record):
    """A list as it was taken in; `fingerprint`: hash of what was asked for."""

    calls: str
    created: Moment
    deadline: Moment
    fingerprint: str
    total: int


class CallRequest(Record):
    """One call as it is stored; `host`: name and port. Secrets stand in it by name only."""

    host: str
    method: Method
    url: str
    headers: dict[str, str | SecretRef]
    body: str = Field(max_length=LARGEST_BODY)
    expected: tuple[int, ...] = ()
    json_wanted: bool = flag()
    timeout_seconds: float
    name: str = ""


class CallState(Record):
    """How far one call is.

    `outcome`: of the last attempt, or why there was none; `done`: it is not made any more. `attempts`: how
    often it was made; `failures`: those that count against the limit. `due`: when it may be made again, None:
    at once. `part`: which part of the results has its newest line, None where it was never made.
    """

    outcome: CallOutcome | None = optional()
    done: bool = flag()
    attempts: int = 0
    failures: int = 0
    due: Moment | None = optional()
    part: int | None = optional()


Ended = Literal["", "completed", "deadline", "stopped"]


class CallsState(Record):
    """How far a list is; `parts`: how many parts of results there are; `ended`: why no more is called."""

    parts: int = 0
    ended: Ended = ""
    calls: tuple[CallState, ...]


class CallResult(Record):
    """What came of one call; `n` counts from 1.

    `body` is there where the answer is small: a text, or base64 where `is_base64` says so. A larger one is
    `stored` apart. `milliseconds` are those of the last attempt.
    """

    n: int
    name: str = ""
    outcome: CallOutcome
    status: int | None = optional()
    attempts: int = 0
    milliseconds: int = 0
    headers: dict[str, str] = Field(default_factory=dict[str, str])
    size: int = 0
    body: str | None = optional()
    is_base64: bool = flag()
    stored: bool = flag()
    code: str = ""
    error: str = ""


# ---------------------------------------------------------------- hosts


class HostAsk(Record):
    """Slots of a host that a list wants at `now`, until `until` at most; `most`: for all lists together."""

    holder: str
    wanted: int
    most: int
    now: Moment
    until: Moment


class HostGrant(Record):
    """Slots that a list got; with none, `again` says when to ask again. `probe`: one call, to see."""

    slots: int
    probe: bool = flag()
    again: Moment | None = optional()


class HostReport(Record):
    """What became of the calls to a host in one round.

    `answered`: whether any was; `failures`: in a row, at the end. `pause`: the host wants no call before.
    """

    holder: str
    answered: bool
    failures: int
    now: Moment
    pause: Moment | None = optional()


# ---------------------------------------------------------------- the orchestration


class HostWork(Record):
    """What is to be done at a host: `left` calls, the first of them at `due` (None: at once)."""

    left: int
    due: Moment | None = optional()


class HostDone(HostWork):
    """The same after a round, with what it says of the host: see `HostReport`."""

    answered: bool = flag()
    failures: int = 0
    pause: Moment | None = optional()


class CallsJob(Record):
    """A list that is to be called; `hosts`: what is left, `round`: how many there were (after a new run)."""

    calls: str
    total: int
    deadline: Moment
    limits: CallLimits
    host_most: int
    hosts: dict[str, HostWork]
    round: int = 0


class RoundJob(Record):
    """One round: the calls that are due, to the hosts that have slots.

    `seed`: what jitter is made of. `is_over`: the deadline has come.
    """

    calls: str
    deadline: Moment
    is_over: bool
    limits: CallLimits
    grants: dict[str, HostGrant]
    seed: str


class RoundDone(Record):
    """How far the list is after a round."""

    state: Literal["going", "completed", "stopped"]
    counts: CallCounts
    hosts: dict[str, HostDone]


class CallsProgress(Record):
    """The custom status."""

    done: int
    total: int
    waiting_hosts: int


class CallsResult(Record):
    """How a list ended: one outcome for each call."""

    status: Literal["completed", "stopped", "failed"]
    total: int
    counts: CallCounts = Field(default_factory=dict[CallOutcome, int])
    error: str | None = optional()


API_CALLS = Step("api_calls", CallsJob, CallsResult)
CALL_ROUND = Step("call_round", RoundJob, RoundDone)
#: The entity of a host, and its operations.
API_HOST, ACQUIRE, REPORT = "api_host", "acquire", "report"
