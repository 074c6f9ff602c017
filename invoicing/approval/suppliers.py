"""Suppliers and their accounts: when an invoice counts as one of a supplier whom we know.

A VAT id stands on every invoice, so whoever got one can write it on another. A supplier is known where each
id that an invoice states (VAT id, legal id) stood together with each account that it names on an invoice
before which a person approved. An invoice without an id, or without an account, is of nobody whom we know.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from invoicing.duplicates import compact
from invoicing.findings import Finding, finding
from invoicing.model import MAX_ACCOUNTS
from invoicing.records.document import InvoiceSummary
from invoicing.records.payable import Payable
from invoicing.records.supplier import ApprovedAccount, IdKind, SupplierId, key_of

Standing = Literal["known", "account_new", "unknown"]
"""`account_new`: the supplier is one whose invoices were approved, but for another account."""

_SHOWN_ACCOUNTS = 5


@dataclass(frozen=True)
class PayTo:
    """Whom an invoice says it is from, and where it wants to be paid."""

    ids: tuple[SupplierId, ...]
    accounts: tuple[str, ...]


def pay_to(invoice: InvoiceSummary) -> PayTo:
    """What an invoice says of its supplier and the accounts to pay to."""
    stated: tuple[tuple[IdKind, str | None], ...] = (
        ("vat", invoice.seller_vat_id),
        ("legal", invoice.seller_legal_id),
    )
    ids = (SupplierId(kind=kind, value=compact(text or "")) for kind, text in stated)
    return PayTo(tuple(supplier for supplier in ids if supplier.value), invoice.accounts)


def account_key(account: str) -> str:
    """32 hex digits that stand for an account in the names of blobs."""
    return key_of(account)


def standing(asked: PayTo, approved: Mapping[SupplierId, frozenset[str]]) -> Standing:
    """How an invoice stands to what was approved: for each id, the keys of the accounts it stood with."""
    wanted = {account_key(account) for account in asked.accounts}
    if not asked.ids or not wanted or len(asked.accounts) >= MAX_ACCOUNTS:
        return "unknown"
    seen = [approved.get(supplier, frozenset()) for supplier in asked.ids]
    if all(wanted <= accounts for accounts in seen):
        return "known"
    return "account_new" if any(accounts and not wanted <= accounts for accounts in seen) else "unknown"


def new_account(asked: PayTo, approved: Mapping[SupplierId, frozenset[str]]) -> Finding:
    """The finding on an invoice whose standing is `account_new`, with the accounts that are new."""
    seen = frozenset[str]().union(*(approved.get(supplier, frozenset()) for supplier in asked.ids))
    new = [account for account in asked.accounts if account_key(account) not in seen]
    fresh = new or list(asked.accounts)
    shown = ", ".join(fresh[:_SHOWN_ACCOUNTS]) + (" and more" if len(fresh) > _SHOWN_ACCOUNTS else "")
    return finding(
        "SETTLE-ACCOUNT-NEW",
        f"No invoice of this supplier to the account {shown} was approved before. "
        "Ask the supplier at a number that you know, not at one of this invoice.",
    )


def approved_accounts(payable: Payable) -> Iterator[ApprovedAccount]:
    """What the booking of a payable makes known; nothing where no person approved it."""
    asked = pay_to(payable.invoice)
    if not payable.approved_by or len(asked.accounts) >= MAX_ACCOUNTS:
        return
    for supplier in asked.ids:
        for account in asked.accounts:
            yield ApprovedAccount(
                supplier=supplier,
                account=account,
                name=payable.invoice.seller,
                ref=payable.ref,
                approval=payable.approval,
                approved_by=payable.approved_by,
                booked=payable.booked,
            )
