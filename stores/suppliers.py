"""Accounts of suppliers that people approved: a small blob for each id of a supplier and each account."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from dataclasses import asdict

from invoicing.approval import names
from invoicing.approval.suppliers import ApprovedAccount, SupplierId, account_key
from stores.blobs import BlobConflict, Blobs


def accounts_of(blobs: Blobs, supplier: SupplierId) -> frozenset[str]:
    """The keys of all accounts that were approved together with this id. One listing, no blob is read."""
    prefix = names.supplier_accounts(supplier.key)
    return frozenset(blob.name.removeprefix(prefix).removesuffix(".json") for blob in blobs.list(prefix))


def note(blobs: Blobs, accounts: Iterable[ApprovedAccount]) -> None:
    """Keep accounts that were approved; the first invoice with one stays the one that is told of it."""
    for one in accounts:
        data = json.dumps(asdict(one), ensure_ascii=False, sort_keys=True).encode()
        with contextlib.suppress(BlobConflict):
            blobs.create(names.supplier_account(one.supplier.key, account_key(one.account)), data)
