"""What the command that proves ledgers says, and its exit code."""

from __future__ import annotations

import pytest

from adapters import verify_ledger
from adapters.blobs import AzureBlobs, StorageUnavailable
from adapters.settings import from_environment
from invoicing.approval import names
from invoicing.approval.ledger import Draft
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
    monkeypatch.setattr(verify_ledger, "AzureBlobs", lambda connection, container: memory)
    return memory


def test_whole_ledgers_are_counted_with_their_first_and_last_entry(
    blobs: MemoryBlobs, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever reads it sees whose data was proved: where, how many, from when to when."""
    approve = Draft(kind="approve", at=LATER, stage="clerk", who=ANN)
    first = put_approval(blobs, row(1))
    last = put_approval(blobs, row(2), drafts=(approve,))
    put_approval(blobs, row(3), opened=False)
    assert verify_ledger.main() == 0
    said = capsys.readouterr().out
    assert "account a at http://127.0.0.1:1/a, container settle" in said
    assert "3, with 5 entries" in said
    assert f"first  {NOON.isoformat()}  {min(first, last)}, entry 1 (opened)" in said
    assert f"last   {LATER}  {last}, entry 3 (approve)" in said
    assert said.endswith("All 3 ledgers are whole.\n")


def test_storage_without_a_ledger_proves_nothing(
    blobs: MemoryBlobs, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is no success, and not called whole."""
    assert verify_ledger.main() == 2
    said = capsys.readouterr().out
    assert "There is no ledger here: nothing was proved." in said
    assert "whole" not in said


def test_flaws_are_named_and_many_are_counted(blobs: MemoryBlobs, capsys: pytest.CaptureFixture[str]) -> None:
    """The first bad entry of each ledger."""
    for n in range(60):
        approval = put_approval(blobs, row(n))
        name = names.entry(approval, 2)
        blobs.write(name, blobs.read(name).replace(b'"clerk"', b'"chief"'))
    assert verify_ledger.main() == 1
    said = capsys.readouterr().out
    assert said.count("entry 2: entry 2 was altered") == 50
    assert "and 10 more" in said
    assert said.endswith("60 of 60 ledgers are NOT whole.\n")


def test_storage_that_is_away_proves_nothing(blobs: MemoryBlobs, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, and the reason on standard error."""
    put_approval(blobs, row(1))

    def away(verb: str, name: str) -> None:
        raise StorageUnavailable("no answer")

    blobs.fails = away
    assert verify_ledger.main() == 2
    assert "cannot be read: no answer" in capsys.readouterr().err


def test_place_is_shown_without_a_key_or_a_signature() -> None:
    """Neither the key of an account nor a shared access signature belongs on a screen."""
    settings = from_environment({"AzureWebJobsStorage": "UseDevelopmentStorage=true"})
    by_key = AzureBlobs(settings.storage_connection, "settle").place
    assert by_key == "account devstoreaccount1 at http://127.0.0.1:10000/devstoreaccount1, container settle"
    signed = "BlobEndpoint=https://theirs.blob.core.windows.net;SharedAccessSignature=sv=2022&sig=s3cret"
    by_signature = AzureBlobs(signed, "settle").place
    assert by_signature == "account theirs at https://theirs.blob.core.windows.net, container settle"
