"""Accounts of suppliers that people approved: a small blob for each id of a supplier and each account."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from invoicing.approval.suppliers import account_key
from invoicing.records.supplier import ApprovedAccount, SupplierId
from stores.blobs import BlobConflict, Blobs


class SupplierStore:
    """What is known of suppliers."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    def accounts_of(self, supplier: SupplierId) -> frozenset[str]:
        """The keys of all accounts that were approved together with this id; one listing, no blob is read."""
        prefix = _accounts(supplier)
        listed = self._blobs.list(prefix)
        return frozenset(blob.name.removeprefix(prefix).removesuffix(".json") for blob in listed)

    def keep(self, accounts: Iterable[ApprovedAccount]) -> None:
        """Keep accounts that were approved; the first invoice with one stays the one that it names."""
        for account in accounts:
            name = f"{_accounts(account.supplier)}{account_key(account.account)}.json"
            with contextlib.suppress(BlobConflict):
                self._blobs.create(name, account.as_json())


def _accounts(supplier: SupplierId) -> str:
    return f"suppliers/{supplier.key}/accounts/"
