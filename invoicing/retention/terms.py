"""How long things are kept, and what may go now: the one decision of retention."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from invoicing.records.base import Moment, Record
from invoicing.records.retention import KeptFor, ThingKind

#: A message is tried for two days; one that was noted longer ago is over, whatever its state says.
MESSAGES_ARE_OVER = timedelta(days=3)


@dataclass(frozen=True)
class Terms:
    """How long each kind is kept after its last change; None: for good.

    `documents`: the documents as they came. Where that is shorter than the term of what they belong to, they
    go first; where it is longer, what they belong to waits for it. `runs`: finished instances of the task
    hub. `paid_after`: how long after its booking a payable counts as paid, None: never.
    """

    batches: timedelta | None = None
    invoices: timedelta | None = None
    documents: timedelta | None = None
    runs: timedelta | None = None
    paid_after: timedelta | None = None

    def whole(self, kind: ThingKind) -> timedelta | None:
        """How long a thing is kept as a whole."""
        own = self.batches if kind == "batch" else self.invoices
        if own is None or self.documents is None:
            return own
        return max(own, self.documents)

    def documents_alone(self, kind: ThingKind) -> timedelta | None:
        """How long the documents of a thing are kept, where they go before it; else None."""
        whole = self.whole(kind)
        if self.documents is None or (whole is not None and whole <= self.documents):
            return None
        return self.documents

    def shortest(self, kind: ThingKind) -> timedelta | None:
        """How long it takes at least until anything of a thing may go; None: nothing ever may."""
        terms = [term for term in (self.whole(kind), self.documents_alone(kind)) if term is not None]
        return min(terms, default=None)

    @property
    def kinds(self) -> tuple[ThingKind, ...]:
        """The kinds of which anything may ever go."""
        both: tuple[ThingKind, ...] = ("batch", "invoice")
        return tuple(kind for kind in both if self.shortest(kind) is not None)

    @property
    def any(self) -> bool:
        """Whether anything at all may ever go."""
        return bool(self.kinds) or self.runs is not None


class ThingFacts(Record):
    """What is known of a thing.

    `changed`: when it was last written to. `booked`: when the last of its payables was written, None where it
    has none. `under_way`: it has work to finish. `documents_gone`: they were purged before.
    """

    kind: ThingKind
    changed: Moment
    held: bool
    under_way: bool
    has_case: bool
    open_approvals: int
    payables: int
    booked: Moment | None = None
    documents_gone: bool = False


Goes = Literal["all", "documents", "nothing"]


@dataclass(frozen=True)
class Verdict:
    """What of a thing may go now; `why` it stays, None where it is only too young."""

    goes: Goes
    why: KeptFor | None = None


def verdict(facts: ThingFacts, terms: Terms, now: datetime) -> Verdict:
    """Decide what of a thing may go now. What is held or open never does, whatever its age."""
    goes = _by_age(facts, terms, now)
    if goes == "nothing":
        return Verdict("nothing")
    why = _stays_for(facts, terms, now)
    return Verdict("nothing", why) if why else Verdict(goes)


def _by_age(facts: ThingFacts, terms: Terms, now: datetime) -> Goes:
    age = now - facts.changed
    whole = terms.whole(facts.kind)
    if whole is not None and age >= whole:
        return "all"
    alone = terms.documents_alone(facts.kind)
    if alone is not None and age >= alone and not facts.documents_gone:
        return "documents"
    return "nothing"


def _stays_for(facts: ThingFacts, terms: Terms, now: datetime) -> KeptFor | None:
    """The first reason that keeps it, the one that a person can do least about first."""
    open_payables = facts.payables > 0 and not is_paid(facts.booked, terms, now)
    reasons: Mapping[KeptFor, bool] = {
        "hold": facts.held,
        "case": facts.has_case,
        "run": facts.under_way,
        "approval": facts.open_approvals > 0,
        "payable": open_payables,
    }
    return next((why for why, is_so in reasons.items() if is_so), None)


def is_paid(booked: datetime | None, terms: Terms, now: datetime) -> bool:
    """Whether a payable counts as paid: Settle pays nothing itself, so that a setting has to say when."""
    return booked is not None and terms.paid_after is not None and now - booked >= terms.paid_after
