"""What the command that proves ledgers says, and its exit code."""

from __future__ import annotations

import pytest

from adapters import ledger_audit, verify_ledger
from adapters.blobs import AzureBlobs, StorageUnavailable
from adapters.ledgers import Ledger
from adapters.settings import from_environment
from invoicing.approval import names
from invoicing.approval.ledger import Draft
from invoicing.approval.signing import LedgerKeys
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
    blobs.delete(names.inbox(put_approval(blobs, row(3), opened=False)))
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
        name = names.entry(approval, 2)
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
    (name,) = blobs.names(names.APPROVALS)
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
    blobs.write(names.payable("i" + "a" * 24), b"{}")
    assert verify_ledger.main([]) == 1
    said = capsys.readouterr().out
    assert f"payables/i{'a' * 24}.json: no ledger books it" in said
    assert said.endswith("1 other things are NOT right.\n")


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
