"""What is gone from a storage is found against its anchors; what is gone from them, against copies."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters import verify_ledger
from adapters.anchor_audit import is_sha256
from invoicing.approval.anchors import head_of
from invoicing.approval.signing import LedgerKeys
from stores import approval_names
from stores.blobs import StorageUnavailable
from stores.payables import payable_name
from tests.fakes.memory_blobs import MemoryBlobs
from tests.unit.approvals_on_paper import NOON
from tests.unit.books import LEDGER_KEY, Books

DAYS = ("2026-05-05", "2026-05-06", "2026-05-07")
ATTACKER = LedgerKeys(("a-key-that-an-attacker-made-up-0123456789",))


@pytest.fixture
def books() -> Books:
    """Three days: an approval was booked, one rejected, one waits, one came alone; an anchor each day."""
    made = Books()
    made.booked(1)
    made.anchor(DAYS[0])
    made.decided(2, "reject", "rejected")
    made.free(4)
    made.anchor(DAYS[1])
    made.open(3)
    made.anchor(DAYS[2])
    return made


def _approval(books: Books, kind: str) -> str:
    """The approval whose ledger has an entry of this kind."""
    for name in books.blobs.names(approval_names.APPROVALS):
        approval = name.split("/")[1]
        if kind in [entry.kind for entry in books.entries(approval_names.ledger(approval))]:
            return approval
    raise AssertionError(kind)


def _copies(books: Books) -> MemoryBlobs:
    kept = MemoryBlobs()
    for name in books.blobs.names(approval_names.ANCHORS):
        kept.create(name, books.blobs.read(name))
    return kept


def test_whole_storage_with_its_anchors_has_no_flaw(books: Books) -> None:
    """Nor have copies and hashes that were kept."""
    kept = list(books.proof().hashes.values())
    assert books.all_flaws(copies=_copies(books), kept=kept) == []
    assert books.proof().notes == []
    assert books.proof().count == 3


# ---------------------------------------------------------------- what is gone from the ledgers


def test_approval_and_payable_that_are_both_gone_are_found(books: Books) -> None:
    """Nothing else in the storage tells of them."""
    approval = _approval(books, "booked")
    books.wipe(approval)
    (flaw,) = books.all_flaws()
    assert flaw == (
        f"approval {approval}, entry 1: entry 1 is missing: the anchor 3 of 2026-05-07 knew 5 entries"
    )


def test_rejection_that_was_cut_off_is_found(books: Books) -> None:
    """The approval is back in the inbox, and its chain is whole as far as it goes."""
    approval = _approval(books, "reject")
    books.cut_off(approval, 2)
    assert books.flaws() == []
    (flaw,) = books.all_flaws()
    assert flaw.startswith(f"approval {approval}, entry 3: entry 3 is missing: the anchor 3")


def test_ledger_that_somebody_with_the_key_wrote_anew_is_found(books: Books) -> None:
    """Every hash and every signature is right; the anchors of the days before knew others."""
    approval = _approval(books, "reject")
    books.rewrite(approval, books.services.ledger_keys, comment="A better reason")
    assert books.flaws() == []
    (flaw,) = books.all_flaws()
    assert flaw.startswith(f"approval {approval}, entry 4: entry 4 is another one than the anchor 3")


def test_bookings_without_a_person_that_are_gone_are_found(books: Books) -> None:
    """Their ledger and their payable."""
    ledger = books.blobs.names(approval_names.BOOKINGS)[0].split("/")[1]
    for name in (*books.blobs.names(approval_names.bookings(ledger)), payable_name(ledger)):
        books.blobs.delete(name)
    (flaw,) = books.all_flaws()
    assert flaw.startswith(f"bookings {ledger}, entry 1: entry 1 is missing: the anchor 3")


def test_what_came_after_the_last_anchor_and_is_gone_is_not_found(books: Books) -> None:
    """The limit of the proof: it is in the documentation, and the next anchor ends it."""
    approval = books.booked(9)
    books.wipe(approval)
    assert books.all_flaws() == []


def test_loss_is_found_by_the_anchors_that_were_taken_after_it(books: Books) -> None:
    """Also where nobody looked for days."""
    approval = _approval(books, "booked")
    books.wipe(approval)
    for day in ("2026-05-08", "2026-05-09"):
        books.anchor(day)
    (flaw,) = books.all_flaws()
    assert flaw.startswith(f"approval {approval}, entry 1")
    assert "anchor 5 of 2026-05-09" in flaw


# ---------------------------------------------------------------- what is done to the anchors


def test_deleted_anchor_is_found(books: Books) -> None:
    """In the middle and at the beginning; several are said in one line."""
    books.blobs.delete(approval_names.anchor(2))
    assert books.all_flaws() == [f"{approval_names.anchor(2)}: missing"]
    books.blobs.delete(approval_names.anchor(1))
    assert books.all_flaws() == [
        f"{approval_names.anchor(1)} and all up to {approval_names.anchor(2)}: missing"
    ]


def test_edited_anchor_is_found(books: Books) -> None:
    """By its signature, and because the next one follows what was there before."""
    books.blobs.write(approval_names.anchor(2), books.blobs.read(approval_names.anchor(1)))
    flaws = books.all_flaws()
    assert f"{approval_names.anchor(2)}: it says that it is anchor 1 of 2026-05-05" in flaws
    assert f"{approval_names.anchor(3)}: it follows another anchor 2 than the one that is there" in flaws


def test_anchor_of_an_attacker_is_found(books: Books) -> None:
    """It is made as ours are, of ledgers that were altered before, and signed with another key or none."""
    for keys in (ATTACKER, LedgerKeys()):
        forged = Books()
        forged.environment["SETTLE_LEDGER_KEY"] = keys.secrets[0] if keys.secrets else ""
        forged.environment["AZURE_FUNCTIONS_ENVIRONMENT"] = "Development"
        forged.free(4)
        for day in DAYS:
            forged.anchor(day)
        books.blobs.write(approval_names.anchor(3), forged.blobs.read(approval_names.anchor(3)))
        (flaw,) = books.proof().flaws
        assert flaw.startswith(f"{approval_names.anchor(3)}: it is ")
        assert "signed" in flaw


def test_anchor_of_a_huge_number_costs_one_line(books: Books) -> None:
    """And no loop over all the numbers before it."""
    books.blobs.write(approval_names.anchor(10**15), b"x")
    flaws = books.all_flaws()
    assert flaws[0].startswith(f"{approval_names.anchor(4)} and all up to")
    assert len(flaws) == 2
    assert books.anchor("2026-05-08") == 10**15 + 1


def test_newest_anchor_that_is_gone_is_found_by_what_was_kept(books: Books, tmp_path: Path) -> None:
    """With the loss that it would have told of: the storage alone looks whole."""
    copies, newest = _copies(books), books.blobs.read(approval_names.anchor(3))
    file, sha256 = tmp_path / "kept.gz", books.proof().hashes[3]
    file.write_bytes(newest)
    (opened,) = (name.split("/")[1] for name in books.blobs.names(approval_names.INBOX))
    books.blobs.delete(approval_names.anchor(3))
    books.wipe(opened)
    books.blobs.delete(approval_names.inbox(opened))
    assert books.all_flaws() == []
    for flaws in (books.all_flaws(copies=copies), books.all_flaws(kept=[str(file)])):
        assert flaws[0].startswith(f"{approval_names.anchor(3)}: it is")
        assert flaws[1].startswith(f"approval {opened}, entry 1: entry 1 is missing: the anchor 3")
        assert len(flaws) == 2
    assert books.all_flaws(kept=[sha256.upper()]) == [
        f"anchor with the SHA-256 {sha256}: it is not here any more "
        "(of an anchor that was exported, name the file)"
    ]


def test_anchors_that_were_all_made_anew_are_found_by_a_copy(books: Books) -> None:
    """Somebody with the key starts over: the chain is whole, and it is another one."""
    copies = _copies(books)
    for name in books.blobs.names(approval_names.ANCHORS):
        books.blobs.delete(name)
    books.wipe(_approval(books, "booked"))
    for day in DAYS:
        books.anchor(day)
    assert books.all_flaws() == []
    flaws = books.all_flaws(copies=copies)
    assert [flaw for flaw in flaws if "another one here" in flaw][2].startswith(approval_names.anchor(3))
    assert any("(its copy) knew 5 entries" in flaw for flaw in flaws)


def test_copy_that_was_edited_is_found(books: Books) -> None:
    """Whichever of the two was altered."""
    copies = _copies(books)
    copies.write(approval_names.anchor(1), b"x")
    assert books.all_flaws(copies=copies) == [
        f"{approval_names.anchor(1)}: it is another one here; the second container has a copy"
    ]


def test_copy_that_is_not_made_yet_is_no_flaw(books: Books) -> None:
    """It is said: the copy is made in the next hour."""
    copies = _copies(books)
    copies.delete(approval_names.anchor(3))
    assert books.all_flaws(copies=copies) == []
    assert books.proof(copies=copies).notes == ["1 anchors have no copy in the second container yet"]


# ---------------------------------------------------------------- keys and days


def test_unknown_key_is_named(books: Books) -> None:
    """Whoever proves needs all keys that have signed; which one is missing is said."""
    missing = books.services.ledger_keys.ids[0]
    books.environment["SETTLE_LEDGER_KEY"] = "n" * 40
    books.anchor("2026-05-08")
    new = books.services.ledger_keys
    flaws = books.all_flaws(new)
    assert (
        f"{approval_names.anchor(3)}: it is signed with the key {missing}, which is not there to prove it"
        in flaws
    )
    assert not any(flaw.startswith(approval_names.anchor(4)) for flaw in flaws)
    books.environment["SETTLE_LEDGER_KEY"] = f"{'n' * 40} {LEDGER_KEY}"
    assert books.all_flaws(books.services.ledger_keys) == []


def test_day_without_an_anchor_is_told_and_no_flaw(books: Books) -> None:
    """The app did not run; what happened then is in the next anchor."""
    books.open(8)
    books.anchor("2026-05-12")
    assert books.all_flaws() == []
    assert books.proof().notes == ["no anchor was taken between 2026-05-07 and 2026-05-12"]


def test_storage_that_is_away_is_no_flaw(books: Books) -> None:
    """It is an error: nothing was proved."""
    books.blobs.go_away()
    with pytest.raises(StorageUnavailable):
        books.proof()


# ---------------------------------------------------------------- exporting


def test_exported_anchor_finds_what_is_gone_later(books: Books, tmp_path: Path) -> None:
    """It was made by hand, and is kept by who made it: what came after the last anchor counts too."""
    late = books.booked(9)
    proof, keys = books.proof(), books.services.ledger_keys
    heads = [head_of(name, books.entries(approval_names.ledger(name))) for name in _ledgers(books)]
    file = tmp_path / "kept.gz"
    said = verify_ledger.export(file, [head for head in heads if head], proof, keys, NOON)
    assert str(file) in said
    assert books.all_flaws(kept=[str(file)]) == []
    books.wipe(late)
    (flaw,) = books.all_flaws(kept=[str(file)])
    assert flaw.startswith(f"approval {late}, entry 1")
    assert "that was kept knew 5" in flaw
    books.blobs.delete(approval_names.anchor(3))
    assert any("follows" in flaw for flaw in books.all_flaws(kept=[str(file)]))


def _ledgers(books: Books) -> list[str]:
    return sorted({name.split("/")[1] for name in books.blobs.names(approval_names.APPROVALS)})


def test_file_that_is_kept_is_never_written_over(books: Books, tmp_path: Path) -> None:
    """Two exports are two files."""
    file = tmp_path / "kept.gz"
    file.write_bytes(b"kept")
    with pytest.raises(FileExistsError):
        verify_ledger.export(file, [], books.proof(), books.services.ledger_keys, NOON)
    assert file.read_bytes() == b"kept"


def test_kept_file_that_is_no_anchor_is_found(books: Books, tmp_path: Path) -> None:
    """By its name."""
    file = tmp_path / "kept.gz"
    file.write_bytes(b"something")
    (flaw,) = books.all_flaws(kept=[str(file)])
    assert flaw.startswith(f"{file}: it is no anchor")
    with pytest.raises(FileNotFoundError):
        books.all_flaws(kept=[str(tmp_path / "other.gz")])


def test_hash_is_told_from_a_file() -> None:
    """64 hex digits."""
    assert is_sha256("aB" * 32)
    assert not is_sha256("ab" * 31)
    assert not is_sha256("xy" * 32)
