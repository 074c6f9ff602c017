"""What the command that proves ledgers says, and its exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from adapters import ledger_audit, verify_ledger
from adapters.settings import from_environment
from invoicing.approval.ledger import Draft
from invoicing.approval.signing import LedgerKeys
from stores import approval_names, ledger_anchors
from stores.blobs import AzureBlobs, StorageUnavailable
from stores.ledgers import Ledger
from stores.payables import payable_name
from tests.fakes.ledger_keys import LEDGER_KEY, LEDGER_KEYS
from tests.fakes.memory_blobs import MemoryBlobs
from tests.unit.approvals_on_paper import ANN, NOON, put_approval
from tests.unit.report_rows import row

LATER = "2026-06-01T08:00:00+00:00"


class PlacedBlobs(MemoryBlobs):
    """Blobs that say where they are."""

    place = "account a at http://127.0.0.1:1/a, container settle"


@pytest.fixture
def blobs(monkeypatch: pytest.MonkeyPatch) -> MemoryBlobs:
    """The storage that the command finds."""
    memory = PlacedBlobs()
    monkeypatch.setenv("AzureWebJobsStorage", "unused")
    monkeypatch.setenv("SETTLE_LEDGER_KEY", LEDGER_KEY)
    monkeypatch.setattr(ledger_audit, "SECOND_LOOK_SECONDS", 0.0)
    monkeypatch.setattr(verify_ledger, "AzureBlobs", lambda connection, container: memory)
    return memory


def test_whole_ledgers_are_counted_with_their_first_and_last_entry(
    blobs: MemoryBlobs, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever reads it sees whose data was proved: where, how many, from when to when."""
    approve = Draft(kind="approve", at=LATER, stage="clerk", who=ANN)
    first = put_approval(blobs, row(1))
    last = put_approval(blobs, row(2), drafts=(approve,))
    blobs.delete(approval_names.inbox(put_approval(blobs, row(3), opened=False)))
    assert verify_ledger.main([]) == 0
    said = capsys.readouterr().out
    assert "account a at http://127.0.0.1:1/a, container settle" in said
    assert "3 (3 of approvals, 0 of what was booked without a person), 5 entries" in said
    assert f"5 with key {LEDGER_KEYS.ids[0]}" in said
    assert f"first   {NOON.isoformat()}  {min(first, last)}, entry 1 (opened)" in said
    assert f"last    {LATER}  {last}, entry 3 (approve)" in said
    assert said.endswith("All 3 ledgers are whole.\n")


def test_storage_without_a_ledger_proves_nothing(
    blobs: MemoryBlobs, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is no success, and not called whole."""
    assert verify_ledger.main([]) == 2
    said = capsys.readouterr().out
    assert "There is no ledger here: nothing was proved." in said
    assert "whole" not in said


def test_flaws_are_named_and_many_are_counted(blobs: MemoryBlobs, capsys: pytest.CaptureFixture[str]) -> None:
    """The first bad entry of each ledger."""
    for n in range(60):
        approval = put_approval(blobs, row(n))
        name = approval_names.entry(approval, 2)
        blobs.write(name, blobs.read(name).replace(b'"clerk"', b'"chief"'))
    assert verify_ledger.main([]) == 1
    said = capsys.readouterr().out
    assert said.count("entry 2: entry 2 was altered") == 50
    assert "and 10 more" in said
    assert said.endswith("60 of 60 ledgers are NOT whole.\n")


def test_unsigned_ledgers_prove_nothing_unless_that_is_asked_for(
    blobs: MemoryBlobs, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And then it is said what that is worth."""
    put_approval(blobs, row(1), opened=False)
    (name,) = blobs.names(approval_names.APPROVALS)
    approval = name.split("/")[1]
    ledger = Ledger.read(blobs, approval)
    opened = Draft(kind="opened", at=LATER, key="opened")
    ledger.append(lambda entries: opened, LedgerKeys(unsigned_counts=True))
    monkeypatch.delenv("SETTLE_LEDGER_KEY")
    assert verify_ledger.main([]) == 1
    said = capsys.readouterr().out
    assert "entry 1: it is not signed" in said
    assert "--allow-unsigned" in said
    assert verify_ledger.main(["--allow-unsigned"]) == 0
    assert "1 of their entries are not signed: that proves nothing against" in capsys.readouterr().out


def test_payable_that_nobody_approved_is_told(blobs: MemoryBlobs, capsys: pytest.CaptureFixture[str]) -> None:
    """The ledgers are whole, and still something is not right."""
    put_approval(blobs, row(1))
    blobs.write(payable_name("i" + "a" * 24), b"{}")
    assert verify_ledger.main([]) == 1
    said = capsys.readouterr().out
    assert f"payables/i{'a' * 24}.json: no ledger books it" in said
    assert said.endswith("1 other thing is NOT right.\n")


def test_export_is_proved_against_later(
    blobs: MemoryBlobs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file for each day that somebody keeps; what was deleted since is found by it."""
    gone, stays = put_approval(blobs, row(1)), put_approval(blobs, row(2))
    file = tmp_path / "kept.gz"
    assert verify_ledger.main(["--export-anchor", str(file)]) == 0
    assert f"Exported  {file}" in capsys.readouterr().out
    assert verify_ledger.main(["--anchor", str(file)]) == 0
    told = capsys.readouterr().out
    assert "kept    1 of those that you named" in told
    assert "is not noticed" not in told
    for name in (*blobs.names(f"{approval_names.APPROVALS}{gone}/"), approval_names.inbox(gone)):
        blobs.delete(name)
    assert verify_ledger.main([]) == 0
    capsys.readouterr()
    assert verify_ledger.main(["--anchor", str(file)]) == 1
    said = capsys.readouterr().out
    assert f"approval {gone}, entry 1: entry 1 is missing" in said
    assert stays not in said.split("Payables")[1]


def test_export_is_written_only_where_all_is_whole_and_never_over_a_file(
    blobs: MemoryBlobs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An anchor of something that was altered would be kept as if it were right."""
    file = tmp_path / "kept.gz"
    assert verify_ledger.main(["--export-anchor", str(file)]) == 2
    put_approval(blobs, row(1))
    blobs.write(payable_name("i" + "a" * 24), b"{}")
    assert verify_ledger.main(["--export-anchor", str(file)]) == 1
    assert not file.exists()
    file.write_bytes(b"kept")
    assert verify_ledger.main(["--export-anchor", str(file)]) == 2
    assert "never written over" in capsys.readouterr().err
    assert verify_ledger.main(["--anchor", str(tmp_path / "other.gz")]) == 2


def test_anchors_are_told(blobs: MemoryBlobs, capsys: pytest.CaptureFixture[str]) -> None:
    """How many, the newest and its hash, and whether a hash from a mail is among them."""
    put_approval(blobs, row(1))
    assert verify_ledger.main([]) == 0
    assert "Anchors   none" in capsys.readouterr().out
    ledger_anchors.take(blobs, LEDGER_KEYS, NOON)
    anchor = ledger_anchors.newest(blobs, LEDGER_KEYS)
    assert anchor is not None
    assert verify_ledger.main(["--anchor", anchor.sha256]) == 0
    said = capsys.readouterr().out
    assert "Anchors   1, the newest is anchor 1 of 2026-05-04, with 1 ledgers" in said
    assert anchor.sha256 in said
    assert verify_ledger.main(["--anchor", "0" * 64]) == 1
    assert "it is not here any more" in capsys.readouterr().out


def test_copies_in_a_second_container_are_looked_at(
    blobs: MemoryBlobs, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the setting names one."""
    copies = PlacedBlobs()
    put_approval(copies, row(1))
    put_approval(blobs, row(1))
    ledger_anchors.take(copies, LEDGER_KEYS, NOON)
    found = {"settle": blobs, "kept": copies}
    monkeypatch.setattr(verify_ledger, "AzureBlobs", lambda connection, name, owned=True: found[name])
    monkeypatch.setenv("SETTLE_ANCHOR_CONTAINER", "kept")
    assert verify_ledger.main([]) == 1
    assert "it is missing here; the second container has a copy" in capsys.readouterr().out


def test_name_that_somebody_chose_does_nothing_on_a_terminal(
    blobs: MemoryBlobs, capsys: pytest.CaptureFixture[str]
) -> None:
    """Escape sequences and lone surrogates are shown as question marks."""
    put_approval(blobs, row(1))
    blobs.write("payables/\x1b[2J\ud800.json", b"{}")
    assert verify_ledger.main([]) == 1
    assert "payables/?[2J?.json" in capsys.readouterr().out


def test_storage_that_is_away_proves_nothing(blobs: MemoryBlobs, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, and the reason on standard error."""
    put_approval(blobs, row(1))

    def away(verb: str, name: str) -> None:
        raise StorageUnavailable("no answer")

    blobs.fails = away
    assert verify_ledger.main([]) == 2
    assert "cannot be proved: no answer" in capsys.readouterr().err


def test_place_is_shown_without_a_key_or_a_signature() -> None:
    """Neither the key of an account nor a shared access signature belongs on a screen."""
    settings = from_environment({"AzureWebJobsStorage": "UseDevelopmentStorage=true"})
    by_key = AzureBlobs(settings.storage_connection, "settle").place
    assert by_key == "account devstoreaccount1 at http://127.0.0.1:10000/devstoreaccount1, container settle"
    signed = "BlobEndpoint=https://theirs.blob.core.windows.net;SharedAccessSignature=sv=2022&sig=s3cret"
    by_signature = AzureBlobs(signed, "settle").place
    assert by_signature == "account theirs at https://theirs.blob.core.windows.net, container settle"


def test_reader_that_wants_no_more_is_no_fault_of_the_ledgers() -> None:
    """`verify-ledger | head` ends without a word about the storage, and without success."""
    ours, theirs = os.pipe()
    os.close(ours)
    environment = os.environ | {"AzureWebJobsStorage": "UseDevelopmentStorage=true"}
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "adapters.verify_ledger"],
            stdout=theirs,
            stderr=subprocess.PIPE,
            env=environment,
            cwd=Path(__file__).resolve().parents[2],
            timeout=60,
        )
    finally:
        os.close(theirs)
    assert ended.returncode == verify_ledger.NOTHING_PROVED
    assert ended.stderr == b""
