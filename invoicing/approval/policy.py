"""The policy: which invoices need whose approval.

A policy is a JSON file, which `policy_file` reads and checks. Rules are tried in order and the first that
matches wins; the last one must match everything, since an invoice that no rule speaks of is to be seen.

    {"version": 1,
     "people": {"ann.roth@example.com": {"name": "Ann Roth", "deputy": "bob.lang@example.com",
                                         "messages": "single"}},
     "compare_in": "EUR",
     "administrators": ["it@example.com"],
     "rules": [{"name": "small", "when": {"currency": ["EUR"], "amount_below": "100.00"}, "stages": []},
               {"name": "all others", "when": {}, "stages": [{"name": "clerk", "approvers": ["ann…"], …}]}]}
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from invoicing.approval.buyers import FOREIGN_BUYER, Company
from invoicing.approval.durations import Span
from invoicing.approval.facts import Facts
from invoicing.approval.gathering import Wish
from invoicing.approval.seats import different_people_for
from invoicing.matching.tolerances import GoodsPolicy

OnExpiry = Literal["reject", "approve", "escalate"]
"""What the end of a stage's time means. `escalate`: the next in line get as much time again, once."""


class PolicyInvalid(Exception):
    """The policy cannot be used; `problems` has each one with its place."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("The approval policy cannot be used. " + "; ".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True)
class Person:
    """Somebody who may appear in the policy; `deputy` stands in where an absence names nobody else.

    `messages`: how they get messages unless they said something else themselves.
    """

    id: str
    name: str
    deputy: str | None = None
    messages: Wish = "digest"


@dataclass(frozen=True)
class Stage:
    """One stage of approval: `quorum` of the approvers must say yes, each a different person."""

    name: str
    approvers: tuple[str, ...]
    expire_after: Span
    quorum: int = 1
    remind_after: Span | None = None
    remind_every: Span | None = None
    escalate_after: Span | None = None
    escalate_to: tuple[str, ...] = ()
    on_expiry: OnExpiry = "reject"


@dataclass(frozen=True)
class Condition:
    """When a rule applies; what is None does not matter. `amount_from` is included, `amount_below` is not.

    Amounts are in the invoice's own currency, or in `compare_in`: then the converted amount is compared.
    """

    currency: frozenset[str] | None = None
    amount_from: Decimal | None = None
    amount_below: Decimal | None = None
    supplier_known: bool | None = None
    fully_checked: bool | None = None
    findings: Literal["none", "any"] | frozenset[str] = "any"
    compare_in: str | None = None

    def matches(self, facts: Facts) -> bool:
        """Say whether the condition holds. An amount that is missing meets no condition on amounts."""
        return (
            (self.currency is None or facts.currency in self.currency)
            and self._amount(facts.compared if self.compare_in else facts.amount)
            and self.supplier_known in (None, facts.supplier_known)
            and self.fully_checked in (None, facts.fully_checked)
            and self._findings(facts.findings)
        )

    def _amount(self, amount: Decimal | None) -> bool:
        if self.amount_from is None and self.amount_below is None:
            return True
        return (
            amount is not None
            and (self.amount_from is None or amount >= self.amount_from)
            and (self.amount_below is None or amount < self.amount_below)
        )

    def _findings(self, found: frozenset[str]) -> bool:
        if self.findings == "any":
            return True
        return not found if self.findings == "none" else bool(found & frozenset(self.findings))


@dataclass(frozen=True)
class Rule:
    """A rule: its stages, one after the other; none: nobody has to approve."""

    name: str
    when: Condition
    stages: tuple[Stage, ...]


@dataclass(frozen=True)
class Policy:
    """A policy that was checked.

    `goods`: None where no invoice waits for its goods. `compare_in`: the currency that amounts of others are
    converted to, None where they are not. `administrators`: who looks after runs and rights; where nobody is
    named, everybody who is signed in may see runs and do something about them, and nobody may reassign.
    `buyers`: who we are; none: whoever an invoice is addressed to.
    """

    people: dict[str, Person]
    rules: tuple[Rule, ...] = field(default=())
    goods: GoodsPolicy | None = None
    compare_in: str | None = None
    administrators: frozenset[str] = frozenset()
    buyers: tuple[Company, ...] = ()

    def looks_after_runs(self, person: str) -> bool:
        """Say whether a person may see runs with their values, and do something about them."""
        return not self.administrators or person in self.administrators

    def rule_for(self, facts: Facts) -> Rule:
        """The first rule that matches; there is always one.

        An invoice to somebody else is not for a rule without people, unless there is no other.
        """
        matching = [rule for rule in self.rules if rule.when.matches(facts)]
        if FOREIGN_BUYER in facts.findings:
            return next((rule for rule in matching if rule.stages), matching[0])
        return matching[0]

    def name_of(self, person: str) -> str:
        """The name of a person, or their id."""
        return self.people[person].name if person in self.people else person


def can_be_filled(stages: Iterable[Stage], excluded: frozenset[str] = frozenset()) -> bool:
    """Say whether different people can fill every place of the stages, the next in line included.

    The same person counts once over all stages; `excluded` (the sender) counts nowhere.
    """
    return different_people_for(
        [
            frozenset(stage.approvers + stage.escalate_to) - excluded
            for stage in stages
            for _ in range(stage.quorum)
        ]
    )
