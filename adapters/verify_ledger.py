"""The command that proves the ledgers of a storage and says what it proved (`-m adapters.verify_ledger`)."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from adapters.blobs import AzureBlobs, StorageError
from adapters.ledger_audit import Proof, audit
from adapters.settings import SettingError, from_environment
from invoicing.approval.ledger import Entry

WHOLE, FLAWED, NOTHING_PROVED = 0, 1, 2
#: Flaws that are printed; the others are counted.
_MOST_FLAWS = 50


def main() -> int:
    """Print what was proved; returns 0 where all is whole, 1 for a flaw, 2 where nothing could be proved."""
    try:
        settings = from_environment()
        blobs = AzureBlobs(settings.storage_connection, settings.container)
        print(f"Storage  {blobs.place}", flush=True)
        proofs = list(audit(blobs))
    except (SettingError, StorageError) as error:
        print(f"The ledgers cannot be read: {error}", file=sys.stderr)
        return NOTHING_PROVED
    for line in lines(proofs):
        print(line)
    if any(proof.flaw for proof in proofs):
        return FLAWED
    return WHOLE if proofs else NOTHING_PROVED


def lines(proofs: Sequence[Proof]) -> list[str]:
    """What is said of the proofs: how much was proved, from when to when, each flaw, and the result."""
    if not proofs:
        return ["There is no ledger here: nothing was proved."]
    said = [f"Ledgers  {len(proofs)}, with {sum(proof.entries for proof in proofs)} entries"]
    said += _ends(proofs)
    bad = [proof for proof in proofs if proof.flaw]
    said += [_flaw(proof) for proof in bad[:_MOST_FLAWS]]
    if len(bad) > _MOST_FLAWS:
        said.append(f"and {len(bad) - _MOST_FLAWS} more ledgers that are not whole")
    if not bad:
        return [*said, f"All {len(proofs)} ledgers are whole."]
    return [*said, f"{len(bad)} of {len(proofs)} ledgers are NOT whole."]


def _flaw(proof: Proof) -> str:
    assert proof.flaw is not None
    return f"approval {proof.approval}, entry {proof.flaw.seq}: {proof.flaw.text}"


def _ends(proofs: Iterable[Proof]) -> list[str]:
    """The first and the last entry of all ledgers by their time."""
    firsts = [(proof.first.at, proof.approval, proof.first) for proof in proofs if proof.first]
    lasts = [(proof.last.at, proof.approval, proof.last) for proof in proofs if proof.last]
    if not firsts or not lasts:
        return ["  none of them has an entry that can be read"]
    return [f"  first  {_entry(*min(firsts)[1:])}", f"  last   {_entry(*max(lasts)[1:])}"]


def _entry(approval: str, entry: Entry) -> str:
    return f"{entry.at}  {approval}, entry {entry.seq} ({entry.kind})"


if __name__ == "__main__":
    sys.exit(main())
