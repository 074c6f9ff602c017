"""Who we are: whether an invoice is addressed to one of the companies that the policy names. Pure.

The first id that a company and an invoice both have decides: VAT id, legal id, electronic address. Names are
compared only where they have none in common, since one company is written in many ways.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from invoicing.duplicates import compact
from invoicing.findings import Finding, finding, shortened
from invoicing.records.document import InvoiceSummary

FOREIGN_BUYER = "SETTLE-BUYER"

_COUNTRY = 2  # letters that a VAT id begins with, where it has them
_LONGEST_SHOWN = 100


@dataclass(frozen=True)
class Company:
    """One of the companies that we are; each text as it was written."""

    names: tuple[str, ...]
    vat_ids: tuple[str, ...] = ()
    legal_ids: tuple[str, ...] = ()
    electronic_addresses: tuple[str, ...] = ()


def is_ours(companies: Sequence[Company], invoice: InvoiceSummary) -> bool:
    """Say whether an invoice is addressed to one of the companies; where none is named, each is."""
    return not companies or any(_is_addressed_to(company, invoice) for company in companies)


def _is_addressed_to(company: Company, invoice: InvoiceSummary) -> bool:
    """By the first of these that both sides have: VAT id, legal id, electronic address, name.

    So another VAT id is not outweighed by an address, which a sender writes on what they like.
    """
    if company.vat_ids and invoice.buyer_vat_id:
        return any(_same_vat_id(known, invoice.buyer_vat_id) for known in company.vat_ids)
    if company.legal_ids and invoice.buyer_legal_id:
        return compact(invoice.buyer_legal_id) in map(compact, company.legal_ids)
    if company.electronic_addresses and invoice.buyer_address:
        return _folded(invoice.buyer_address) in map(_folded, company.electronic_addresses)
    name = compact(invoice.buyer or "")
    return bool(name) and name in map(compact, company.names)


def foreign_buyer(invoice: InvoiceSummary) -> Finding:
    """The finding on an invoice that is addressed to somebody else."""
    stated = (invoice.buyer, invoice.buyer_vat_id, invoice.buyer_legal_id, invoice.buyer_address)
    shown = ", ".join(shortened(text, _LONGEST_SHOWN) for text in stated if text) or "nobody"
    return finding(
        FOREIGN_BUYER,
        f"It is addressed to {shown}, which is none of the companies that the policy names as `buyers`. "
        "Send it back to the supplier, or have the company added to the policy.",
    )


def _same_vat_id(known: str, stated: str) -> bool:
    """However they are written; the country in front counts where both have one."""
    one, other = compact(known), compact(stated)
    if _has_country(one) == _has_country(other):
        return one == other
    return _without_country(one) == _without_country(other)


def _without_country(vat_id: str) -> str:
    return vat_id[_COUNTRY:] if _has_country(vat_id) else vat_id


def _has_country(vat_id: str) -> bool:
    return vat_id[:_COUNTRY].isalpha()


def _folded(address: str) -> str:
    return address.strip().casefold()
