"""What the answers of services come to for an invoice: findings that the policy can name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from invoicing import texts
from invoicing.findings import Finding, finding
from invoicing.records.document import InvoiceSummary
from invoicing.records.supplier_checks import ServiceAnswer, SupplierChecked, SupplierIdentity
from invoicing.supplier_checks.hearing import Heard
from invoicing.supplier_checks.services import Checks, Service

#: So long counts that a service said neither yes nor no, or was away; then a new invoice has it asked again.
UNKNOWN_COUNTS = timedelta(hours=1)
AWAY_COUNTS = timedelta(minutes=10)


def identity_of(invoice: InvoiceSummary) -> SupplierIdentity:
    """What an invoice says of its supplier."""
    return SupplierIdentity(
        vat_id=invoice.seller_vat_id,
        legal_id=invoice.seller_legal_id,
        name=invoice.seller,
        country=invoice.seller_country,
    )


def answer_of(service: Service, said: Heard, at: datetime) -> ServiceAnswer:
    """What a service said, as it is kept."""
    away = max(AWAY_COUNTS, timedelta(seconds=said.after or 0))
    counts = {"unknown": min(UNKNOWN_COUNTS, service.counts_for), "away": away}
    return ServiceAnswer(
        service=service.name,
        title=service.title,
        said=said.said,
        at=at,
        until=at + counts.get(said.said, service.counts_for),
        name=said.name,
        name_fits=said.name_fits,
        why=said.why,
    )


def checked(services: Sequence[Service], answers: Mapping[str, ServiceAnswer]) -> SupplierChecked:
    """What is known of a supplier: the answers that count, and who has not answered."""
    there = tuple(answers[service.name] for service in services if service.name in answers)
    return SupplierChecked(
        answers=there,
        unchecked=tuple(service.title for service in services if service.name not in answers),
    )


def findings_of(known: SupplierChecked, checks: Checks) -> tuple[Finding, ...]:
    """The findings on an invoice of a new supplier; none where all services said yes.

    A supplier about whom no service is asked is not checked either: else leaving out an id would help.
    """
    found = [one for answer in known.answers if (one := _finding(answer, checks))]
    found += [_unchecked(title, "did not answer in time") for title in known.unchecked]
    if not known.answers and not known.unchecked:
        found.append(finding("SETTLE-SUPPLIER-UNCHECKED", "No service is asked about this supplier."))
    return tuple(found)


def _finding(answer: ServiceAnswer, checks: Checks) -> Finding | None:
    if answer.said == "yes":
        return _other_name(answer) if answer.name_fits is False else None
    if answer.said == "no":
        service = checks.named(answer.service)
        rule = service.no_means if service else "SETTLE-SUPPLIER-UNKNOWN"
        what = "VAT id of the supplier" if rule == "SETTLE-VAT-UNKNOWN" else "supplier"
        return finding(rule, f"{answer.title} does not know the {what}.")
    return _unchecked(answer.title, f"gave no answer that can be used: {answer.why or answer.said}")


def _other_name(answer: ServiceAnswer) -> Finding:
    return finding(
        "SETTLE-SUPPLIER-NAME",
        f"{answer.title} knows the supplier by another name: {texts.quoted(answer.name or '')}.",
    )


def _unchecked(title: str, what: str) -> Finding:
    return finding("SETTLE-SUPPLIER-UNCHECKED", f"The supplier is new, and {title} {what}.")
