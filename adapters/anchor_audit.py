"""Proves the anchors of a storage: their chain, their signatures, and what is kept of them elsewhere."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import IO

from invoicing.approval.anchors import Anchor, Anchored, BadAnchor, file_sha256, read
from invoicing.approval.signing import LedgerKeys
from stores import approval_names, ledger_anchors
from stores.blobs import Blobs

#: Gaps between days that are named; the others are counted.
_MOST_GAPS = 10
#: Entries of one day may have to wait for the anchor of the next, and not longer.
_UNANCHORED = timedelta(days=2)


@dataclass
class AnchorProof:
    """What is known of the anchors.

    `flaws`: what is wrong, with where. `notes`: what is worth knowing and no flaw. `anchored`: for each
    ledger, what the newest anchor here and those that were kept elsewhere say of it. `held`: how many of the
    latter the ledgers were held against.
    """

    count: int = 0
    held: int = 0
    oldest: Anchor | None = None
    newest: Anchor | None = None
    flaws: list[str] = field(default_factory=list[str])
    notes: list[str] = field(default_factory=list[str])
    anchored: dict[str, list[Anchored]] = field(default_factory=dict[str, list[Anchored]])
    hashes: dict[int, str] = field(default_factory=dict[int, str])


def prove(
    blobs: Blobs, keys: LedgerKeys, *, copies: Blobs | None = None, kept: Sequence[str] = ()
) -> AnchorProof:
    """Prove all anchors.

    `copies`: the second container. `kept`: files of anchors that were kept elsewhere, or hashes from mails.
    Raises StorageError, and OSError where a file cannot be read.
    """
    proof = AnchorProof()
    _prove_chain(proof, blobs, keys)
    if copies is not None:
        _prove_copies(proof, copies, keys)
    for anchor in kept:
        _prove_kept(proof, anchor, keys)
    return proof


def _prove_chain(proof: AnchorProof, blobs: Blobs, keys: LedgerKeys) -> None:
    """Each anchor follows the one before. What the newest says counts: it has all that the others had."""
    found = ledger_anchors.numbers(blobs)
    proof.count = len(found)
    days: list[str] = []
    last = 0
    for before, number in pairwise([0, *found]):
        if number - before > 1:
            upto = "" if number - before == 2 else f" and all up to {approval_names.anchor(number - 1)}"
            proof.flaws.append(f"{approval_names.anchor(before + 1)}{upto}: missing")
        anchor = _load(proof, blobs, number, keys)
        if anchor is None:
            continue
        days.append(anchor.header.day)
        proof.oldest = proof.oldest or anchor
        proof.newest = anchor
        last = number
        for text in _misplaced(proof, anchor, number):
            proof.flaws.append(f"{approval_names.anchor(number)}: {text}")
    _note_days(proof, days)
    newest = _load(proof, blobs, last, keys, with_heads=True) if last else None
    if newest is not None:
        _take_in(proof, newest, "")


def _load(
    proof: AnchorProof, blobs: Blobs, number: int, keys: LedgerKeys, *, with_heads: bool = False
) -> Anchor | None:
    """Prove one anchor and note its hash. Of all but the newest nothing more is kept in memory."""
    try:
        with ledger_anchors.load(blobs, number) as file:
            proof.hashes[number] = file_sha256(file)[0]
            return read(file, keys, with_heads=with_heads)
    except BadAnchor as error:
        proof.flaws.append(f"{approval_names.anchor(number)}: {error}")
        return None


def _misplaced(proof: AnchorProof, anchor: Anchor, number: int) -> Iterable[str]:
    former = anchor.header.former
    if anchor.header.number != number or anchor.header.kind != "daily":
        yield f"it says that it is {anchor.name}"
    elif (former.number if former else 0) != number - 1:
        yield "it does not follow the anchor before it"
    elif former is not None and proof.hashes.get(former.number, former.sha256) != former.sha256:
        yield f"it follows another anchor {former.number} than the one that is there"


def _read(proof: AnchorProof, where: str, file: IO[bytes], keys: LedgerKeys) -> Anchor | None:
    try:
        return read(file, keys)
    except BadAnchor as error:
        proof.flaws.append(f"{where}: {error}")
        return None


def _take_in(proof: AnchorProof, anchor: Anchor, where: str) -> None:
    """Note what an anchor says of each ledger."""
    name = f"{anchor.name}{where}"
    for head in anchor.heads.values():
        proof.anchored.setdefault(head.ledger, []).append(Anchored(name, head.entries, head.hash))


def _note_days(proof: AnchorProof, days: Sequence[str]) -> None:
    """Days without an anchor are no flaw: the app did not run. What happened then has a later one."""
    gaps: list[str] = []
    for before, after in pairwise(days):
        try:
            step = (date.fromisoformat(after) - date.fromisoformat(before)).days
        except ValueError:
            continue
        if step > 1:
            gaps.append(f"no anchor was taken between {before} and {after}")
        elif step < 1:
            gaps.append(f"the clock went back: the anchor of {after} follows that of {before}")
    proof.notes += gaps[:_MOST_GAPS]
    if len(gaps) > _MOST_GAPS:
        proof.notes.append(f"and {len(gaps) - _MOST_GAPS} more such gaps")


def note_entries(proof: AnchorProof, first: str, last: str) -> None:
    """Hold the times of the first and the last entry against the days of the anchors.

    A timer takes an anchor each hour that has none yet for its day. So where entries are of other days than
    anchors, the app ran without its timer, or anchors were removed: at the end, or all, to begin anew.
    """
    try:
        begins, ends = (datetime.fromisoformat(at).astimezone(UTC).date() for at in (first, last))
    except (ValueError, OverflowError):
        return  # no clock of ours said so
    oldest = _day(proof.oldest) or ends
    newest = _day(proof.newest) or begins
    spans = ((begins, oldest), (newest, ends)) if proof.newest else ((begins, ends),)
    for since, until in spans:
        if until - since >= _UNANCHORED:
            proof.notes.append(
                f"no anchor was taken between {since} and {until}, and there are entries of that time: "
                "the timer did not run, or anchors were removed"
            )


def _day(anchor: Anchor | None) -> date | None:
    try:
        return date.fromisoformat(anchor.header.day) if anchor else None
    except ValueError:
        return None


# ---------------------------------------------------------------- what is kept elsewhere


def _prove_copies(proof: AnchorProof, copies: Blobs, keys: LedgerKeys) -> None:
    """Every copy is here too, byte for byte. The newest that is not is also held against the ledgers."""
    found = ledger_anchors.numbers(copies)
    differing = [number for number in found if _differs(proof, copies, number)]
    for number in differing:
        text = "it is another one here" if number in proof.hashes else "it is missing here"
        proof.flaws.append(f"{approval_names.anchor(number)}: {text}; the second container has a copy")
    for number in reversed(differing):
        with contextlib.suppress(BadAnchor), ledger_anchors.load(copies, number) as file:
            _take_in(proof, read(file, keys), " (its copy)")
            break  # it has all that the older ones had
    uncopied = [number for number in proof.hashes if number not in found]
    if uncopied:
        proof.notes.append(f"{len(uncopied)} anchors have no copy in the second container yet")


def _differs(proof: AnchorProof, copies: Blobs, number: int) -> bool:
    """Say whether a copy is another one than what is here."""
    try:
        with ledger_anchors.load(copies, number) as file:
            return proof.hashes.get(number) != file_sha256(file)[0]
    except BadAnchor:
        return True


def _prove_kept(proof: AnchorProof, kept: str, keys: LedgerKeys) -> None:
    """An anchor that somebody kept: its file, or its hash from a mail."""
    if is_sha256(kept) and not Path(kept).exists():
        if kept.lower() not in proof.hashes.values():
            text = "it is not here any more (of an anchor that was exported, name the file)"
            proof.flaws.append(f"anchor with the SHA-256 {kept.lower()}: {text}")
            return
        proof.held += 1
        return
    with Path(kept).open("rb") as file:
        sha256 = file_sha256(file)[0]
        anchor = _read(proof, kept, file, keys)
    if anchor is None:
        return
    proof.held += 1
    _take_in(proof, anchor, " that was kept")
    header = anchor.header
    if header.kind == "daily" and proof.hashes.get(header.number) != sha256:
        proof.flaws.append(
            f"{approval_names.anchor(header.number)}: it is not the one that was kept as {kept}"
        )
    elif header.kind == "export" and header.former is not None:
        former = header.former
        if proof.hashes.get(former.number) != former.sha256:
            name = approval_names.anchor(former.number)
            proof.flaws.append(f"{name}: it is not the one that the kept {anchor.name} follows")


def is_sha256(text: str) -> bool:
    """Say whether a text has the form of a SHA-256 in hex."""
    return len(text) == 64 and all(digit in "0123456789abcdef" for digit in text.lower())
