"""Who we are: whether an invoice is addressed to one of the companies that the policy names. Pure.

Ids decide where an invoice states one that can be compared: VAT id, legal id, electronic address. Names are
compared only where it states none, since one company is written in many ways.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from invoicing.duplicates import compact
from invoicing.findings import Finding, finding, shortened
from invoicing.records.document import InvoiceSummary

FOREIGN_BUYER = "SETTLE-BUYER"

Forms = frozenset[str]
"""What is compared of some texts."""

_COUNTRY = 2  # letters that a VAT id begins with, where it has them
_LONGEST_SHOWN = 100


@dataclass(frozen=True)
class Company:
    """One of the companies that we are; each text as it was written."""

    names: tuple[str, ...]
    vat_ids: tuple[str, ...] = ()
    legal_ids: tuple[str, ...] = ()
    electronic_addresses: tuple[str, ...] = ()


def is_ours(companies: tuple[Company, ...], invoice: InvoiceSummary) -> bool:
    """Say whether an invoice is addressed to one of the companies; where none is named, each is."""
    if not companies:
        return True
    known = _known(companies)
    compared = (
        _among(_vats([invoice.buyer_vat_id]), known.vat_ids),
        _among(_compacted([invoice.buyer_legal_id]), known.legal_ids),
        _among(_folded([invoice.buyer_address]), known.addresses),
    )
    if any(found is not None for found in compared):
        return any(compared)
    return bool(_among(_compacted([invoice.buyer]), known.names))


@dataclass(frozen=True)
class _Known:
    """What is compared of all companies."""

    names: Forms
    vat_ids: Forms
    legal_ids: Forms
    addresses: Forms


@lru_cache(maxsize=8)
def _known(companies: tuple[Company, ...]) -> _Known:
    return _Known(
        names=_compacted(text for company in companies for text in company.names),
        vat_ids=_vats(text for company in companies for text in company.vat_ids),
        legal_ids=_compacted(text for company in companies for text in company.legal_ids),
        addresses=_folded(text for company in companies for text in company.electronic_addresses),
    )


def foreign_buyer(invoice: InvoiceSummary) -> Finding:
    """The finding on an invoice that is addressed to somebody else."""
    stated = (invoice.buyer, invoice.buyer_vat_id, invoice.buyer_legal_id, invoice.buyer_address)
    shown = ", ".join(shortened(text, _LONGEST_SHOWN) for text in stated if text) or "nobody"
    return finding(
        FOREIGN_BUYER,
        f"It is addressed to {shown}, which is none of the companies that the policy names as `buyers`. "
        "Send it back to the supplier, or have the company added to the policy.",
    )


def _among(stated: Forms, known: Forms) -> bool | None:
    """Whether what is stated is known; None where there is nothing to compare."""
    return not stated.isdisjoint(known) if stated and known else None


def _vats(texts: Iterable[str | None]) -> Forms:
    """VAT ids with and without the country in front: senders write both."""
    whole = _compacted(texts)
    return whole | {text[_COUNTRY:] for text in whole if text[:_COUNTRY].isalpha()}


def _compacted(texts: Iterable[str | None]) -> Forms:
    return frozenset(compact(text) for text in texts if text and compact(text))


def _folded(texts: Iterable[str | None]) -> Forms:
    """Electronic addresses: blanks around them and capitals do not count."""
    return frozenset(text.strip().casefold() for text in texts if text and text.strip())
