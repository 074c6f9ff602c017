"""Booking: the ledger first, then the payable, whatever dies in between and however often it is repeated."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable

import pytest

from activities import booking
from adapters.settings import SettingError
from invoicing.approval.ledger import Draft, chain, to_bytes
from invoicing.approval.signing import LedgerKeys
from invoicing.records.ledger import EntryDetail
from stores import approval_names
from stores.blobs import StorageUnavailable
from stores.payables import PAYABLES, payable_name
from tests.unit.approvals_on_paper import ANN, add_entries
from tests.unit.books import BATCH, LATER, LEDGER_KEY, Books

AGAIN = "2026-05-05T09:00:00+00:00"


@pytest.fixture
def books() -> Books:
    """A storage with nothing in it."""
    return Books()


def _approved(books: Books, n: int = 1) -> str:
    approval = books.decided(n)
    books.route(books.ref(approval), approval)
    return approval


def test_ledger_holds_the_hash_of_the_payable(books: Books) -> None:
    """Of an approval, of an invoice that came alone, and of each document of a pack."""
    approval = books.booked(1)
    alone = books.free(2)
    books.put_batch(3)
    assert books.book_pack() == {"booked": 3}
    for prefix, refs in (
        (approval_names.ledger(approval), [books.ref(approval)]),
        (approval_names.bookings(alone), [alone]),
        (approval_names.bookings(f"{BATCH}-00000"), [f"{BATCH}/{n}" for n in (1, 2, 3)]),
    ):
        entry = books.entries(prefix)[-1]
        payables = {ref: books.blobs.read(payable_name(ref)) for ref in refs}
        assert entry.kind == "booked"
        assert entry.detail.payables == {ref: _sha256(data) for ref, data in payables.items()}
        assert {json.loads(data)["booked"] for data in payables.values()} == {LATER}


def test_pack_costs_one_record(books: Books) -> None:
    """A hundred documents that nobody has to approve: one blob more than their payables."""
    books.put_batch(100)
    before = len(books.blobs.calls)
    books.book_pack()
    calls = books.blobs.calls[before:]
    ledger = [call for call in calls if call[1].startswith(approval_names.BOOKINGS)]
    assert ledger == [("create", approval_names.numbered(approval_names.bookings(f"{BATCH}-00000"), 1))]
    assert len([call for call in calls if call[1].startswith(PAYABLES)]) == 100


# ---------------------------------------------------------------- dying and repeating


class Died(Exception):
    """The process is gone."""


def _book_approval(books: Books, now: str) -> dict:
    return books.book(books.ref(_only_approval(books)), now)


def _only_approval(books: Books) -> str:
    return books.blobs.names(approval_names.APPROVALS)[0].split("/")[1]


def _put_alone(books: Books) -> None:
    books.free(1)
    for prefix in (PAYABLES, approval_names.BOOKINGS):
        for name in books.blobs.names(prefix):
            books.blobs.delete(name)


def _put_batch(books: Books) -> None:
    books.put_batch(12)


def _book_pack(books: Books, now: str) -> dict:
    return books.book_pack(0, now)


def _book_alone(books: Books, now: str) -> dict:
    ref = books.blobs.names("invoices/")[0].split("/")[1]
    return books.book(ref, now)


@pytest.mark.parametrize(
    ("put", "book", "done", "writes"),
    [
        (_approved, _book_approval, {"outcome": "ok"}, ["entry", "payable", "account"]),
        (_put_alone, _book_alone, {"outcome": "ok"}, ["entry", "payable"]),
        (_put_batch, _book_pack, {"booked": 12}, ["entry", *["payable"] * 12]),
    ],
    ids=["approval", "alone", "pack"],
)
@pytest.mark.parametrize("lost", [False, True], ids=["before", "after"])
def test_step_that_dies_at_any_write_is_repeated_to_the_same_end(
    put: Callable[[Books], object],
    book: Callable[[Books, str], dict],
    done: dict,
    writes: list[str],
    lost: bool,
) -> None:
    """Before the write, or after it with its answer lost: one entry, the payables once, and all is proved."""
    deaths = 0
    while True:
        books = Books()
        put(books)
        died = _die_at(books, deaths, lost)
        try:
            book(books, LATER)
        except Died:
            deaths += 1
        books.blobs.fails = lambda verb, name: None
        assert book(books, AGAIN) == done
        assert books.flaws() == []
        booked = [one for one in _all_entries(books) if one.kind == "booked"]
        assert len(booked) == 1, f"died at write {deaths}"
        if not died:
            break
    assert deaths == len(writes)


def _die_at(books: Books, write: int, lost: bool) -> list[str]:
    """Let the process die at write number `write`; returns the list that names it once it has."""
    left = [write]
    died: list[str] = []

    def dies(verb: str, name: str) -> None:
        if verb != "create" or died:
            return
        left[0] -= 1
        if left[0] < 0:
            died.append(name)
            if lost:
                raise _Lost(name)
            raise Died

    books.blobs.fails = dies
    if lost:
        create = books.blobs.create

        def create_and_die(name: str, data: bytes) -> None:
            try:
                create(name, data)
            except _Lost:
                books.blobs.stored[name] = (data, '"0"', {})
                raise Died from None

        books.blobs.create = create_and_die  # type: ignore[method-assign]
    return died


class _Lost(Exception):
    """The write was done, and its answer did not come."""


def _all_entries(books: Books) -> list:
    ledgers = [n for n in books.blobs.names(approval_names.APPROVALS) if "/ledger/" in n]
    return books.entries(approval_names.BOOKINGS) + [one for name in ledgers for one in books.entries(name)]


def test_booking_again_with_another_time_changes_nothing(books: Books) -> None:
    """A repeated step has the entry's time, not its own."""
    approval = books.booked()
    before = dict(books.blobs.stored)
    assert books.book(books.ref(approval), AGAIN) == {"outcome": "ok"}
    assert books.blobs.stored == before


def test_pack_whose_documents_look_different_by_now_is_entered_anew(books: Books) -> None:
    """The process died after the entry, and a newer version of the app goes on: the last entry counts."""
    books.put_batch(2)
    books.blobs.fails = lambda verb, name: (
        _raise(StorageUnavailable("away")) if name.startswith(PAYABLES) else None
    )
    with pytest.raises(StorageUnavailable):
        books.book_pack()
    books.blobs.come_back()
    (name,) = books.blobs.names(f"batches/{BATCH}/routing/packs/")
    books.blobs.write(name, books.blobs.read(name).replace(b"RE-2", b"RE-3"))
    assert books.book_pack(now=AGAIN) == {"booked": 2}
    assert books.flaws() == []
    assert [entry.at for entry in books.entries(approval_names.BOOKINGS)] == [LATER, AGAIN]


def test_payable_that_an_earlier_version_wrote_stays_and_is_booked(books: Books) -> None:
    """Half of the pack was written when the app was replaced by one that writes another form."""
    books.put_batch(2)
    last = payable_name(f"{BATCH}/2")
    books.blobs.fails = lambda verb, name: _raise(StorageUnavailable("away")) if name == last else None
    with pytest.raises(StorageUnavailable):
        books.book_pack()
    books.blobs.come_back()
    (pack,) = books.blobs.names(f"batches/{BATCH}/routing/packs/")
    books.blobs.write(pack, books.blobs.read(pack).replace(b"RE-", b"R-"))
    written = books.blobs.read(payable_name(f"{BATCH}/1"))
    for _ in range(2):
        assert books.book_pack(now=AGAIN) == {"booked": 2}
        assert books.flaws() == []
        assert len(books.entries(approval_names.BOOKINGS)) == 3
    assert books.blobs.read(payable_name(f"{BATCH}/1")) == written
    assert b"R-2" in books.blobs.read(last)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _raise(error: Exception) -> None:
    raise error


# ---------------------------------------------------------------- what is not booked


def test_document_of_a_pack_whose_place_is_taken_fails_alone(books: Books) -> None:
    """The others are booked, the ledger does not claim it, and the strange payable is found."""
    books.put_batch(4)
    name = payable_name(f"{BATCH}/2")
    books.blobs.write(name, b'{"ref": "another"}')
    assert books.book_pack() == {"booked": 3, "failed": 1}
    assert books.book_pack(now=AGAIN) == {"booked": 3, "failed": 1}
    assert books.blobs.read(name) == b'{"ref": "another"}'
    assert [place for place, _ in books.flaws()] == [name]


def test_pack_behind_the_last_one_books_nothing(books: Books) -> None:
    """And leaves no entry."""
    books.put_batch(3)
    assert books.book_pack(7) == {}
    assert books.blobs.names(approval_names.BOOKINGS) == []


def test_forged_approval_is_not_booked(books: Books) -> None:
    """Whoever can write to the storage can write an approval, but not sign it."""
    approval = books.open()
    books.route(books.ref(approval), approval)
    forger = LedgerKeys(("a-key-that-an-attacker-made-up-0123456789",))
    for keys in (LedgerKeys(unsigned_counts=True), forger):
        entries = books.entries(approval_names.ledger(approval))
        last = entries[1]
        for draft in (
            Draft(kind="approve", at=LATER, stage="clerk", who=ANN),
            Draft(kind="closed", at=LATER, detail=EntryDetail(outcome="approved")),
        ):
            last = chain(draft, last, "", keys)
            books.blobs.write(approval_names.entry(approval, last.seq), to_bytes(last))
        if keys is forger:
            with pytest.raises(SettingError, match="lacks the key"):
                books.book(books.ref(approval))
        else:
            answer = books.book(books.ref(approval))
            assert answer["error"]["code"] == "ledger_flawed"
            assert "entry 3: it is not signed" in answer["error"]["message"]
    assert books.blobs.names(PAYABLES) == []


def test_key_that_was_taken_away_too_early_is_waited_for(books: Books) -> None:
    """Somebody rotated the key and removed the old one while an approval was open: nothing is undone."""
    approval = _approved(books)
    books.environment["SETTLE_LEDGER_KEY"] = "n" * 40
    with pytest.raises(SettingError, match="Add it again"):
        books.book(books.ref(approval))
    books.environment["SETTLE_LEDGER_KEY"] = f"{'n' * 40} {LEDGER_KEY}"
    assert books.book(books.ref(approval)) == {"outcome": "ok"}


def test_without_a_key_nothing_is_booked_where_the_app_is_deployed(books: Books) -> None:
    """Neither with a person nor without one; a local run books, unsigned."""
    books.put_batch(1)
    books.environment["SETTLE_LEDGER_KEY"] = ""
    with pytest.raises(SettingError, match="SETTLE_LEDGER_KEY is not set"):
        books.book_pack()
    assert books.blobs.names(PAYABLES) == []
    books.environment["AZURE_FUNCTIONS_ENVIRONMENT"] = "Development"
    assert books.book_pack() == {"booked": 1}
    (entry,) = books.entries(approval_names.BOOKINGS)
    assert (entry.signed_with, entry.signature) == (None, "")
    assert books.flaws(LedgerKeys(unsigned_counts=True)) == []


def test_step_that_was_believed_dead_takes_its_payable_back(books: Books) -> None:
    """It wrote late: its invoice had been undone, and nobody would take the payable back any more."""
    approval = _approved(books)
    ref = books.ref(approval)

    def happens(verb: str, name: str) -> None:
        if (verb, name) == ("create", payable_name(ref)):
            books.blobs.fails = lambda verb, name: None
            add_entries(books.blobs, approval, Draft(kind="undone", at=AGAIN, key="undone"))

    books.blobs.fails = happens
    assert books.book(ref)["error"]["code"] == "not_approved"
    assert books.blobs.names(PAYABLES) == []
    assert books.flaws() == []
    assert books.book(ref)["error"]["code"] == "not_approved"


def test_what_came_alone_and_is_withdrawn_can_be_booked_again(books: Books) -> None:
    """Its ledger says booked, undone, booked; withdrawing twice says nothing more."""
    ref = books.free()
    for done in (True, False):
        assert books.call(booking.withdraw_payable, {"ref": ref, "approval": None}) == {"done": done}
    assert books.flaws() == []
    assert books.book(ref, AGAIN) == {"outcome": "ok"}
    assert [entry.kind for entry in books.entries(approval_names.bookings(ref))] == [
        "booked",
        "undone",
        "booked",
    ]
    assert books.flaws() == []


def test_withdrawing_what_was_never_booked_writes_nothing(books: Books) -> None:
    """There is no ledger to tell."""
    ref = "i" + "9" * 24
    assert books.call(booking.withdraw_payable, {"ref": ref, "approval": None}) == {"done": False}
    assert books.blobs.stored == {}
