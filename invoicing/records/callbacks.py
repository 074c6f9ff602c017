"""Callbacks: who wants to be told of an end, and the orchestration that tells them."""

from __future__ import annotations

from typing import Literal

from invoicing.records.base import Moment, Record, Step, optional

CallbackKind = Literal["batch", "invoice", "approval", "calls"]
"""What a callback tells the end of."""

CallbackState = Literal["waiting", "sending", "delivered", "cancelled", "gone", "failed"]
"""`waiting` for the end, `sending` since then, or ended: `delivered`; `cancelled` by who had asked for it;
`gone`: the receiver wants no more (410); `failed`: given up."""

CallbackOutcome = Literal["delivered", "cancelled", "gone", "failed"]
"""How a callback ended."""

#: States in which nothing is sent any more.
OVER: tuple[CallbackOutcome, ...] = ("delivered", "cancelled", "gone", "failed")


class Subscription(Record):
    """One address that is told when something has ended.

    `url` is a secret: whoever knows it can answer in our name. `round` counts from 1: what is started again
    has another end, of which the same address is told again. `attempts`, `status` (of HTTP), `error` and `at`
    are those of the last try of this round.
    """

    id: str
    kind: CallbackKind
    target: str
    url: str
    created: Moment
    round: int = 1
    state: CallbackState = "waiting"
    attempts: int = 0
    status: int | None = None
    error: str | None = None
    at: Moment | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing is sent any more."""
        return self.state in OVER

    @property
    def message(self) -> str:
        """The id of the message of this round: the same however often it is tried."""
        return f"{self.id}-{self.round}"


StandingKind = Literal["batch", "invoice"]
"""What an address may be told all ends of."""

STANDING_KINDS: tuple[StandingKind, ...] = ("batch", "invoice")


class Standing(Record):
    """One address that is told of every end of a kind; `url` is a secret, as in a `Subscription`."""

    id: str
    kind: StandingKind
    url: str
    created: Moment


class CallbackJob(Record):
    """One round of a subscription, which is to be told of the end."""

    subscription: str
    round: int

    @property
    def instance(self) -> str:
        """The instance that tells it: one for each round."""
        return f"callback-{self.subscription}-{self.round}"


class CallbackTry(CallbackJob):
    """One try; `attempt` counts from 1, `last`: no other one follows."""

    attempt: int
    last: bool


class CallbackTried(Record):
    """What became of a try; `again` asks for another one, not before `pause` seconds where that is said."""

    outcome: Literal["delivered", "cancelled", "gone", "failed", "again"]
    error: str | None = optional()
    pause: int | None = optional()


class CallbackProgress(Record):
    """The custom status while it is tried again."""

    attempts: int
    error: str


class CallbackResult(Record):
    """How telling ended, after so many tries."""

    outcome: CallbackOutcome
    attempts: int
    error: str | None = optional()


CALLBACK = Step("deliver_callback", CallbackJob, CallbackResult)
SEND_CALLBACK = Step("send_callback", CallbackTry, CallbackTried)
