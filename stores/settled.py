"""Marks of documents of a batch that need nobody any more: empty blobs, named after number and settlement."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import cast, get_args

from invoicing.records.batch_approvals_steps import Settlement
from stores.blobs import Blobs

_LISTINGS_AT_ONCE = 8
_SETTLEMENTS = frozenset(get_args(Settlement))


class SettledStore:
    """What became of the documents of one batch."""

    def __init__(self, blobs: Blobs, batch: str) -> None:
        self._blobs = blobs
        self._prefix = f"batches/{batch}/settled/"

    def note(self, n: int, settlement: Settlement) -> None:
        """Note that a document needs nobody any more. Repeating it changes nothing."""
        self._blobs.write(f"{self._prefix}{n:06d}-{settlement}", b"")

    def all(self) -> dict[int, Settlement]:
        """What became of each document that is settled; no blob is read."""
        return self._listed("")

    def among(self, numbers: Iterable[int]) -> dict[int, Settlement]:
        """What became of those of some documents that are settled: one listing for each hundred numbers."""
        wanted = frozenset(numbers)
        # A number has six digits, so all but the last two are what a hundred of them begin with.
        beginnings = sorted({f"{n // 100:04d}" for n in wanted})
        found: dict[int, Settlement] = {}
        with ThreadPoolExecutor(_LISTINGS_AT_ONCE) as pool:
            for listed in pool.map(self._listed, beginnings):
                found |= {n: settlement for n, settlement in listed.items() if n in wanted}
        return found

    def _listed(self, beginning: str) -> dict[int, Settlement]:
        """What became of documents whose mark begins so.

        A document that was settled twice (its run was lost after it had noted it) was booked if either says
        so.
        """
        found: dict[int, Settlement] = {}
        for blob in self._blobs.list(f"{self._prefix}{beginning}"):
            number, _, settlement = blob.name.removeprefix(self._prefix).partition("-")
            if number.isdigit() and settlement in _SETTLEMENTS and found.get(int(number)) != "booked":
                found[int(number)] = cast(Settlement, settlement)
        return found
