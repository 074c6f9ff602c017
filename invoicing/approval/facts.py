"""What the policy looks at: a few facts of an invoice, taken from its row."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

from pydantic import PlainSerializer

from invoicing.duplicates import compact
from invoicing.records.base import Money

_Rules = Annotated[frozenset[str], PlainSerializer(sorted, return_type=list[str], when_used="json")]


@dataclass(frozen=True)
class Facts:
    """Facts of one invoice; `amount` is the absolute value of what is due (a credit note counts as much).

    `findings`: ids of the rules that found something (warnings: a document with a fatal one never gets here).
    """

    amount: Money | None
    currency: str | None
    supplier_known: bool
    findings: _Rules


def facts_of(row: Mapping[str, Any], *, supplier_known: bool) -> Facts:
    """The facts of a row (`invoicing.assess.row`): the amount is what is payable, else the gross total."""
    invoice = row.get("invoice") or {}
    text = invoice.get("payable") or invoice.get("gross")
    told = (one["rule"] for one in row.get("findings", ()) if one["severity"] != "information")
    return Facts(
        amount=abs(Decimal(text)) if text is not None else None,
        currency=invoice.get("currency"),
        supplier_known=supplier_known,
        findings=frozenset(told),
    )


def supplier_key(row: Mapping[str, Any]) -> str | None:
    """32 hex digits that are equal for equal suppliers (VAT id, else name); None where there is neither."""
    invoice = row.get("invoice") or {}
    for text in (invoice.get("seller_vat_id"), invoice.get("seller")):
        if text and compact(text):
            return hashlib.sha256(compact(text).encode()).hexdigest()[:32]
    return None
