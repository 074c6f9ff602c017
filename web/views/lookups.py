"""What was looked up elsewhere for an approval, as a person reads it: label and words."""

from __future__ import annotations

from invoicing.records.approval import ApprovalRequest
from invoicing.records.rates import Comparison
from invoicing.records.supplier_checks import ServiceAnswer
from web.words import amount, day, moment

_PROBLEMS = {
    "no_rate": "there was no exchange rate",
    "no_rates": "there were no exchange rates of the last days",
    "amount": "the invoice states no amount that can be converted",
}

_SAID = {
    "yes": "knows the supplier",
    "no": "does not know the supplier",
    "unknown": "cannot say",
    "away": "could not be asked",
}


def looked_up(request: ApprovalRequest) -> list[tuple[str, str]]:
    """The lines below the amount."""
    lines: list[tuple[str, str]] = []
    if request.comparison is not None:
        lines.append(("Compared as", comparison_words(request.comparison, request.facts.currency)))
    if request.supplier is not None:
        lines += [(answer.title, answer_words(answer)) for answer in request.supplier.answers]
        lines += [(title, "no answer in time") for title in request.supplier.unchecked]
    return lines


def answer_words(answer: ServiceAnswer) -> str:
    """What a service said of the supplier, under which name it knows it, and when."""
    word = _SAID[answer.said]
    if answer.name is not None:
        word += f", as “{answer.name}”"
        word += "" if answer.name_fits else ", which is another name"
    if answer.why is not None:
        word += f": {answer.why}"
    return f"{word} ({moment(answer.at)})"


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
