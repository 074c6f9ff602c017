"""The command that proves the ledgers of a storage and says what it proved (`-m adapters.verify_ledger`)."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from adapters import anchor_audit
from adapters.anchor_audit import AnchorProof
from adapters.ledger_audit import Audit, Proof
from adapters.settings import SettingError, Settings, from_environment
from invoicing.approval import names
from invoicing.approval.anchors import Former, Head, Header, file_sha256, head_of, write
from invoicing.approval.ledger import Entry
from invoicing.approval.signing import LedgerKeys
from stores.blobs import AzureBlobs, StorageError

WHOLE, FLAWED, NOTHING_PROVED = 0, 1, 2
#: Flaws that are printed; the others are counted.
_MOST_FLAWS, _LONGEST_FLAW = 50, 300


@dataclass
class Tally:
    """What was proved so far; `flaws`: the first ones in words, `bad`: how many things are not right."""

    ledgers: int = 0
    approvals: int = 0
    entries: int = 0
    bad_ledgers: int = 0
    bad: int = 0
    flaws: list[str] = field(default_factory=list[str])
    signed_with: Counter[str | None] = field(default_factory=Counter[str | None])
    first: tuple[str, str, Entry] | None = None
    last: tuple[str, str, Entry] | None = None

    def add(self, proof: Proof) -> None:
        """Count a ledger."""
        self.ledgers += 1
        self.approvals += names.is_approval_id(proof.ledger)
        self.entries += proof.stored
        self.signed_with.update(entry.signed_with for entry in proof.entries)
        for entry in proof.entries[:1]:
            found = (entry.at, proof.ledger, entry)
            self.first = min(self.first or found, found, key=lambda entry: entry[:2])
        for entry in proof.entries[-1:]:
            found = (entry.at, proof.ledger, entry)
            self.last = max(self.last or found, found, key=lambda entry: entry[:2])
        if proof.flaw is not None:
            self.bad_ledgers += 1
            self.note(f"{proof.place}: {proof.flaw.text}")

    def note(self, flaw: str) -> None:
        """Count something that is not right."""
        self.bad += 1
        if len(self.flaws) < _MOST_FLAWS:
            self.flaws.append(_printable(flaw))


def _printable(text: str) -> str:
    """A flaw repeats what somebody put into the storage: on a terminal it may be read, and do no more."""
    return "".join(char if char.isprintable() else "?" for char in text[:_LONGEST_FLAW])


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what was proved; returns 0 where all is whole, 1 for a flaw, 2 where nothing could be proved."""
    options = _parser().parse_args(arguments)
    try:
        return _verify(from_environment(), options)
    except BrokenPipeError:
        # Who reads the output wants no more of it. Nothing is wrong, and nothing was proved to the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NOTHING_PROVED
    except (SettingError, StorageError, OSError) as error:
        print(f"The ledgers cannot be proved: {error}", file=sys.stderr)
        return NOTHING_PROVED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="verify-ledger")
    parser.add_argument("--allow-unsigned", action="store_true")
    parser.add_argument("--anchor", action="append", default=[], metavar="FILE|SHA256")
    parser.add_argument("--export-anchor", type=Path, metavar="FILE")
    return parser


def _verify(settings: Settings, options: argparse.Namespace) -> int:
    if options.export_anchor is not None and options.export_anchor.exists():
        raise FileExistsError(
            f"{options.export_anchor} is there: an anchor that is kept is never written over"
        )
    blobs = AzureBlobs(settings.storage_connection, settings.container)
    name = settings.ledger.anchor_container
    copies = AzureBlobs(settings.storage_connection, name, owned=False) if name else None
    keys = LedgerKeys(settings.ledger.keys, unsigned_counts=options.allow_unsigned)
    print(f"Storage   {blobs.place}", flush=True)
    anchors = anchor_audit.prove(blobs, keys, copies=copies, kept=options.anchor)
    audit = Audit(blobs, keys, anchored=anchors.anchored)
    tally = Tally()
    for flaw in anchors.flaws:
        tally.note(flaw)
    heads: list[Head] = []
    for proof in audit.proofs():
        tally.add(proof)
        heads += [head] if (head := head_of(proof.ledger, proof.entries)) else []
    if tally.first and tally.last:
        anchor_audit.note_entries(anchors, tally.first[0], tally.last[0])
    for stray in audit.strays:
        tally.note(f"{stray.name}: {stray.text}")
    for line in lines(tally, audit.payables, anchors, keys):
        print(line)
    if tally.bad:
        return FLAWED
    if not tally.ledgers:
        return NOTHING_PROVED
    if options.export_anchor is not None:
        print(export(options.export_anchor, heads, anchors, keys, datetime.now(UTC)))
    return WHOLE


def export(file: Path, heads: Iterable[Head], anchors: AnchorProof, keys: LedgerKeys, now: datetime) -> str:
    """Write an anchor of what was proved just now to a new file; returns what is said of it."""
    newest = anchors.newest
    former = Former(newest.header.number, newest.header.day, newest.sha256) if newest else None
    number = former.number if former else 0
    header = Header(number, now.date().isoformat(), now.isoformat(), "export", former)
    data = io.BytesIO()
    write(data, header, sorted(heads, key=lambda head: head.ledger), keys)
    with file.open("xb") as target:
        target.write(data.getvalue())
    sha256, size = file_sha256(data)
    return f"Exported  {file}: {size} bytes, SHA-256 {sha256}. Keep it where nobody can change it."


def lines(tally: Tally, payables: int, anchors: AnchorProof, keys: LedgerKeys) -> list[str]:
    """What is printed: how much was proved, from when to when, with which keys, each flaw, and the result."""
    printed: list[str] = []
    if tally.ledgers:
        bookings = tally.ledgers - tally.approvals
        kinds = f"{tally.approvals} of approvals, {bookings} of what was booked without a person"
        printed.append(f"Ledgers   {tally.ledgers} ({kinds}), {tally.entries} entries")
        printed += [f"  first   {_shown(tally.first)}", f"  last    {_shown(tally.last)}"]
        printed.append(f"Signed    {_signed(tally.signed_with)}")
    printed.append(f"Payables  {payables}")
    printed += _anchors(anchors)
    printed += tally.flaws
    if tally.bad > len(tally.flaws):
        printed.append(f"and {tally.bad - len(tally.flaws)} more")
    return printed + _result(tally, keys)


def _result(tally: Tally, keys: LedgerKeys) -> list[str]:
    if tally.bad:
        printed: list[str] = []
        others = tally.bad - tally.bad_ledgers
        if tally.bad_ledgers:
            printed.append(f"{tally.bad_ledgers} of {tally.ledgers} ledgers are NOT whole.")
        if others:
            printed.append(
                "1 other thing is NOT right." if others == 1 else f"{others} other things are NOT right."
            )
        return printed if keys.secrets else [*printed, _NO_KEY]
    if not tally.ledgers:
        return ["There is no ledger here: nothing was proved."]
    unsigned = tally.signed_with[None]
    if unsigned:
        return [
            f"All {tally.ledgers} ledgers are whole, but {unsigned} of their entries are not signed: that "
            "proves nothing against somebody who can write to the storage."
        ]
    return [f"All {tally.ledgers} ledgers are whole."]


_NO_KEY = (
    "No key was given, so no signature could be proved. Set SETTLE_LEDGER_KEY to the key of the app; where a "
    "local run wrote the ledgers without a key, --allow-unsigned proves what can be proved."
)


def _anchors(anchors: AnchorProof) -> list[str]:
    newest = anchors.newest
    if newest is None and anchors.held:
        printed = ["Anchors   none here that counts"]
    elif newest is None:
        printed = ["Anchors   none that counts: a ledger that was deleted altogether is not noticed"]
    else:
        printed = [
            f"Anchors   {anchors.count}, the newest is {newest.name}, with {newest.ledgers} ledgers",
            f"  sha256  {newest.sha256}",
        ]
    if anchors.held:
        printed.append(f"  kept    {anchors.held} of those that you named: what is here was held against it")
    return printed + [f"  note    {note}" for note in anchors.notes]


def _signed(signed_with: Counter[str | None]) -> str:
    if not signed_with:
        return "no entry that could be proved"
    counted = sorted(signed_with.items(), key=lambda item: (item[0] is None, item[0]))
    return ", ".join(f"{count} with key {key}" if key else f"{count} not signed" for key, count in counted)


def _shown(found: tuple[str, str, Entry] | None) -> str:
    if found is None:
        return "no entry that could be proved"
    at, ledger, entry = found
    return f"{at}  {ledger}, entry {entry.seq} ({entry.kind})"


if __name__ == "__main__":
    sys.exit(main())
