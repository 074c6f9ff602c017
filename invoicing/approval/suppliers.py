"""Suppliers and their accounts: when an invoice counts as one of a supplier whom we know.

A VAT id stands on every invoice, so whoever got one can write it on another. A supplier is known where each
id that an invoice states (VAT id, legal id) stood together with each account that it names on an invoice
before which a person approved. An invoice without an id, or without an account, is of nobody whom we know.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from invoicing.duplicates import compact
from invoicing.findings import Finding, finding
from invoicing.model import MAX_ACCOUNTS

IdKind = Literal["vat", "legal"]
Standing = Literal["known", "account_new", "unknown"]
"""`account_new`: the supplier is one whose invoices were approved, but for another account."""

_SHOWN_ACCOUNTS = 5


@dataclass(frozen=True)
class SupplierId:
    """An id of a supplier as it is compared: letters and digits, case folded."""

    kind: IdKind
    value: str

    @property
    def key(self) -> str:
        """32 hex digits that stand for it in the names of blobs."""
        return _hashed(f"{self.kind}|{self.value}")


@dataclass(frozen=True)
class PayTo:
    """Whom an invoice says it is from, and where it wants to be paid."""

    ids: tuple[SupplierId, ...]
    accounts: tuple[str, ...]


@dataclass(frozen=True)
class ApprovedAccount:
    """An account that people approved together with an id of its supplier, and the first invoice with both.

    `name`: the supplier's on that invoice. `approved_by`: persons. `booked`: ISO time.
    """

    supplier: SupplierId
    account: str
    name: str | None
    ref: str
    approval: str
    approved_by: tuple[str, ...]
    booked: str


def pay_to(row: Mapping[str, Any]) -> PayTo:
    """What a row or a payable says of its supplier and the accounts to pay to."""
    invoice = row.get("invoice") or {}
    kinds: tuple[tuple[IdKind, str], ...] = (("vat", "seller_vat_id"), ("legal", "seller_legal_id"))
    ids = (SupplierId(kind, compact(invoice.get(name) or "")) for kind, name in kinds)
    return PayTo(tuple(one for one in ids if one.value), tuple(invoice.get("accounts") or ()))


def account_key(account: str) -> str:
    """32 hex digits that stand for an account in the names of blobs."""
    return _hashed(account)


def standing(asked: PayTo, approved: Mapping[SupplierId, frozenset[str]]) -> Standing:
    """How an invoice stands to what was approved: for each id, the keys of the accounts it stood with."""
    wanted = {account_key(one) for one in asked.accounts}
    if not asked.ids or not wanted or len(asked.accounts) >= MAX_ACCOUNTS:
        return "unknown"
    seen = [approved.get(one, frozenset()) for one in asked.ids]
    if all(wanted <= accounts for accounts in seen):
        return "known"
    return "account_new" if any(accounts and not wanted <= accounts for accounts in seen) else "unknown"


def new_account(asked: PayTo, approved: Mapping[SupplierId, frozenset[str]]) -> Finding:
    """The finding on an invoice whose standing is `account_new`, with the accounts that are new."""
    seen = frozenset[str]().union(*(approved.get(one, frozenset()) for one in asked.ids))
    fresh = [one for one in asked.accounts if account_key(one) not in seen] or list(asked.accounts)
    shown = ", ".join(fresh[:_SHOWN_ACCOUNTS]) + (" and more" if len(fresh) > _SHOWN_ACCOUNTS else "")
    return finding(
        "SETTLE-ACCOUNT-NEW",
        f"No invoice of this supplier to the account {shown} was approved before. "
        "Ask the supplier at a number that you know, not at one of this invoice.",
    )


def approved_accounts(payable: Mapping[str, Any]) -> Iterator[ApprovedAccount]:
    """What the booking of a payable makes known; nothing where no person approved it."""
    asked = pay_to(payable)
    if not payable["approved_by"] or len(asked.accounts) >= MAX_ACCOUNTS:
        return
    for supplier in asked.ids:
        for account in asked.accounts:
            yield ApprovedAccount(
                supplier=supplier,
                account=account,
                name=payable["invoice"].get("seller"),
                ref=payable["ref"],
                approval=payable["approval"],
                approved_by=tuple(payable["approved_by"]),
                booked=payable["booked"],
            )


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
