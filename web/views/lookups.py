"""What was looked up elsewhere for an approval, as a person reads it: label and words."""

from __future__ import annotations

from invoicing.records.approval import ApprovalRequest
from invoicing.records.rates import Comparison
from web.words import amount, day

_PROBLEMS = {
    "no_rate": "there was no exchange rate",
    "no_rates": "there were no exchange rates of the last days",
    "amount": "the invoice states no amount that can be converted",
}


def looked_up(request: ApprovalRequest) -> list[tuple[str, str]]:
    """The lines below the amount."""
    comparison = request.comparison
    return [("Compared as", comparison_words(comparison, request.facts.currency))] if comparison else []


def comparison_words(comparison: Comparison, currency: str | None) -> str:
    """How an amount was converted: with which rate, of which day, and whose."""
    if comparison.problem is not None or comparison.rate is None:
        reason = _PROBLEMS.get(comparison.problem or "", "it could not be converted")
        return f"not converted to {comparison.currency}: {reason}"
    rate = f"{comparison.rate.normalize():f}"
    source = f", {comparison.source}" if comparison.source else ""
    return (
        f"{amount(comparison.amount)} {comparison.currency} "
        f"(1 {comparison.currency} = {rate} {currency} on {day(comparison.day)}{source})"
    )
