"""Which approval an invoice needs: the rule that matches it, and its stages for this sender. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from invoicing.approval.buyers import FOREIGN_BUYER, foreign_buyer, is_ours
from invoicing.approval.facts import Facts, facts_of
from invoicing.approval.policy import Policy, Rule, Stage, can_be_filled
from invoicing.approval.suppliers import new_account, pay_to, standing
from invoicing.exchange.converting import compare, finding_of
from invoicing.records.document import DocumentRow, InvoiceSummary
from invoicing.records.problem import Problem
from invoicing.records.rates import Comparison, RateTable
from invoicing.records.supplier import SupplierId


@dataclass(frozen=True)
class Ruling:
    """What the policy says of an invoice.

    `row`: with what was found of the supplier's accounts and of exchange rates. `stages`: without the sender,
    none where nobody has to approve. `problem`: why nobody can. `comparison`: how the amount was converted,
    None where it was not to be.
    """

    rule: str
    row: DocumentRow
    facts: Facts
    stages: tuple[Stage, ...] = ()
    problem: Problem | None = None
    comparison: Comparison | None = None


class Rates(NamedTuple):
    """The exchange rates that count, None where there are none; `days`: how old they may be."""

    table: RateTable | None = None
    days: int = 0


NO_RATES = Rates()


def rule_on(
    policy: Policy,
    row: DocumentRow,
    approved: Mapping[SupplierId, frozenset[str]],
    sender: str | None,
    rates: Rates = NO_RATES,
) -> Ruling:
    """Hold an invoice against the policy; `approved`: the keys of the accounts of each id that it states."""
    asked = pay_to(row.invoice or InvoiceSummary())
    found = standing(asked, approved)
    if found == "account_new":
        row = row.model_copy(update={"findings": (*row.findings, new_account(asked, approved))})

    invoice = row.invoice or InvoiceSummary()
    if not is_ours(policy.buyers, invoice):
        row = row.model_copy(update={"findings": (*row.findings, foreign_buyer(invoice))})

    facts = facts_of(row, supplier_known=found == "known")
    facts, comparison = _compared(facts, policy.compare_in, rates)
    if comparison and (noted := finding_of(comparison, facts.currency, rates.days)):
        row = row.model_copy(update={"findings": (*row.findings, noted)})

    rule = policy.rule_for(facts)
    if FOREIGN_BUYER in facts.findings and not rule.stages:
        return Ruling(rule.name, row, facts, problem=_nobody_to_ask(), comparison=comparison)
    excluded = frozenset({sender} if sender else ())
    if not can_be_filled(rule.stages, excluded):
        return Ruling(rule.name, row, facts, problem=_no_approver(rule), comparison=comparison)
    stages = tuple(_without(stage, excluded) for stage in rule.stages)
    return Ruling(rule.name, row, facts, stages, comparison=comparison)


def _compared(facts: Facts, into: str | None, rates: Rates) -> tuple[Facts, Comparison | None]:
    """The facts with the amount that rules compare, and how it was converted where it had to be."""
    if into is None:
        return facts, None
    if facts.currency == into:
        return replace(facts, compared=facts.amount), None
    comparison = compare(facts.amount, facts.currency, into, rates.table)
    return replace(facts, compared=comparison.amount), comparison


def _without(stage: Stage, excluded: frozenset[str]) -> Stage:
    """The stage for this sender: where too few are left, the next in line are asked from the beginning."""
    approvers = tuple(person for person in stage.approvers if person not in excluded)
    next_in_line = tuple(person for person in stage.escalate_to if person not in excluded)
    if len(approvers) < stage.quorum:
        approvers += tuple(person for person in next_in_line if person not in approvers)
    return replace(stage, approvers=approvers, escalate_to=next_in_line)


def _nobody_to_ask() -> Problem:
    message = (
        "The invoice is addressed to somebody else, and no rule of the policy that matches it asks a person. "
        f"Add a rule with stages for the finding {FOREIGN_BUYER}."
    )
    return Problem(code="foreign_buyer", message=message)


def _no_approver(rule: Rule) -> Problem:
    message = (
        f"The rule “{rule.name}” needs more approvers than there are beside the sender. "
        "Somebody else has to send the invoice in, or the policy needs another approver."
    )
    return Problem(code="no_approver", message=message)
