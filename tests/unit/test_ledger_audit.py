"""The proof of a whole storage: whatever somebody does to it who has no key is found, and named."""

from __future__ import annotations

import json

import pytest

from activities import booking
from adapters import ledger_audit
from invoicing.approval.ledger import Draft, chain, to_bytes
from invoicing.approval.signing import LedgerKeys, Purpose, Signature
from invoicing.records.ledger import EntryDetail
from stores import approval_names
from stores.payables import payable_name
from tests.unit.approvals_on_paper import add_entries, put_approval
from tests.unit.books import BATCH, LATER, LEDGER_KEY, LEDGER_KEYS, Books
from tests.unit.report_rows import row

OTHER_KEYS = LedgerKeys(("a-key-that-an-attacker-made-up-0123456789",))
UNSIGNED = LedgerKeys(unsigned_counts=True)


@pytest.fixture
def books() -> Books:
    """A storage with nothing in it."""
    return Books()


def test_storage_as_the_app_leaves_it_is_whole(books: Books) -> None:
    """Open, booked, rejected, only asked for, booked alone and in packs: no flaw, and no second look."""
    books.open(1)
    books.booked(2)
    books.decided(3, "reject", "rejected")
    books.blobs.delete(approval_names.inbox(put_approval(books.blobs, row(4), opened=False)))
    books.free(5)
    books.put_batch(250)
    for pack in range(3):
        books.book_pack(pack)
    assert books.flaws() == []
    assert books.waited == []


# ---------------------------------------------------------------- signatures


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (UNSIGNED, "it is not signed"),
        (OTHER_KEYS, "it is signed with the key"),
        (LedgerKeys(("another",)), "is not there to prove it"),
    ],
)
def test_ledger_that_was_hashed_anew_is_found(books: Books, keys: LedgerKeys, said: str) -> None:
    """The chain is whole and the rules are kept; only a signature tells."""
    approval = books.booked()
    books.rewrite(approval, keys, comment="I never wrote this")
    (place, text), *_ = books.flaws()
    assert place == f"approval {approval}, entry 1"
    assert said in text


def test_signature_of_another_entry_counts_for_none(books: Books) -> None:
    """The id of our key and the form of a signature are known to everybody."""
    approval = books.open()
    first, second = books.entries(approval_names.ledger(approval))

    class Forger(LedgerKeys):
        """Says that it is our key, and signs with what is at hand."""

        @property
        def ids(self) -> tuple[str, ...]:
            return LEDGER_KEYS.ids

        def sign(self, purpose: Purpose, text: str) -> Signature:
            return Signature(self.ids[0], second.signature)

    forged = chain(Draft(kind="stage_opened", at=LATER, stage="clerk"), first, "", Forger())
    books.blobs.write(approval_names.entry(approval, 2), to_bytes(forged))
    ((place, text),) = books.flaws()
    assert place.endswith("entry 2")
    assert "signature is not one of ours" in text


def test_altered_entry_is_named(books: Books) -> None:
    """The first one that is bad."""
    approval = books.booked()
    name = approval_names.entry(approval, 3)
    books.blobs.write(name, books.blobs.read(name).replace(b"ann.", b"tom."))
    (place, text), *_ = books.flaws()
    assert place == f"approval {approval}, entry 3"
    assert "altered" in text


def test_ledger_of_another_approval_proves_nothing(books: Books) -> None:
    """Signed by us, whole, and of something else."""
    first, second = books.booked(1), books.open(2)
    for name in books.blobs.names(f"{approval_names.APPROVALS}{first}/"):
        books.blobs.write(name.replace(first, second), books.blobs.read(name))
    ((place, text),) = books.flaws()
    assert place.startswith(f"approval {second}")
    assert "another approval" in text


def test_keys_that_were_rotated_prove_what_each_of_them_signed(books: Books) -> None:
    """NEW OLD: the new one signs from now on, the old one is believed."""
    first = books.booked(1)
    new = "the-new-key-of-the-ledger-0123456789"
    books.environment["SETTLE_LEDGER_KEY"] = f"{new} {LEDGER_KEY}"
    second = books.decided(2)
    books.route(books.ref(second), second)
    assert books.book(books.ref(second)) == {"outcome": "ok"}
    both = books.services.ledger_keys
    assert books.flaws(both) == []
    kinds = {entry.kind: entry.signed_with for entry in books.entries(approval_names.ledger(second))}
    assert kinds["booked"] == both.ids[0] != kinds["closed"]
    assert {entry.signed_with for entry in books.entries(approval_names.ledger(first))} == {both.ids[1]}
    flaws = dict(books.flaws(LedgerKeys((new,))))
    assert f"approval {first}, entry 1" in flaws
    assert all(both.ids[1] in text for place, text in flaws.items() if place.startswith("approval"))


def test_unsigned_ledgers_count_only_where_it_is_asked_for(books: Books) -> None:
    """A local run without a key writes them; whoever takes a signature away gains nothing."""
    books.environment |= {"SETTLE_LEDGER_KEY": "", "AZURE_FUNCTIONS_ENVIRONMENT": "Development"}
    books.free()
    assert books.flaws(UNSIGNED) == []
    assert books.flaws()[0][1] == "entry 1: it is not signed"
    assert books.flaws(LedgerKeys(LEDGER_KEYS.secrets, unsigned_counts=True)) == []


# ---------------------------------------------------------------- payables


def test_edited_payable_is_found(books: Books) -> None:
    """Another account, another amount: whatever differs from what was booked."""
    approval = books.booked()
    name = payable_name(books.ref(approval))
    books.blobs.write(name, books.blobs.read(name).replace(b"RE-1", b"RE-2"))
    ((place, text),) = books.flaws()
    assert place == f"approval {approval}, entry 5"
    assert "altered since" in text


def test_payable_that_nobody_approved_is_found(books: Books) -> None:
    """Whether it says that nobody had to, or names an approval that booked something else."""
    approval = books.booked()
    payable = json.loads(books.blobs.read(payable_name(books.ref(approval))))
    for ref, named in (("i" + "a" * 24, approval), (f"{BATCH}/9", None)):
        forged = json.dumps({**payable, "ref": ref, "approval": named}).encode()
        books.blobs.write(payable_name(ref), forged)
    books.blobs.write("payables/extra.json", b"{}")
    flaws = dict(books.flaws())
    assert set(flaws) == {
        payable_name("i" + "a" * 24),
        payable_name(f"{BATCH}/9"),
        "payables/extra.json",
    }
    assert "nobody approved it" in flaws[payable_name(f"{BATCH}/9")]


def test_missing_payable_is_found(books: Books) -> None:
    """Of an approval, of one that came alone, and of a pack."""
    approval, alone = books.booked(1), books.free(2)
    books.put_batch(5)
    books.book_pack()
    for ref in (books.ref(approval), alone, f"{BATCH}/3"):
        books.blobs.delete(payable_name(ref))
    places = [place for place, text in books.flaws() if "payable is missing" in text]
    assert places == [
        f"approval {approval}, entry 5",
        f"bookings {BATCH}-00000, entry 1",
        f"bookings {alone}, entry 1",
    ]


def test_edited_payable_of_a_pack_is_found(books: Books) -> None:
    """One of a hundred."""
    books.put_batch(100)
    books.book_pack()
    name = payable_name(f"{BATCH}/42")
    books.blobs.write(name, books.blobs.read(name).replace(b"RE-42", b"RE-43"))
    ((place, text),) = books.flaws()
    assert place == f"bookings {BATCH}-00000, entry 1"
    assert f"{BATCH}/42" in text


@pytest.mark.parametrize("kind", ["approve", "opened"])
def test_ledger_of_bookings_holds_nothing_else(books: Books, kind: str) -> None:
    """Also where somebody with the key wrote it."""
    ref = books.free()
    prefix = approval_names.bookings(ref)
    (first,) = books.entries(prefix)
    entry = chain(Draft(kind=kind, at=LATER), first, "", LEDGER_KEYS)  # type: ignore[arg-type]
    books.blobs.write(approval_names.numbered(prefix, 2), to_bytes(entry))
    ((place, text),) = books.flaws()
    assert (place, kind in text) == (f"bookings {ref}, entry 2", True)


def test_booking_of_what_is_not_its_own_is_found(books: Books) -> None:
    """An approval books its invoice, a pack the documents of its batch."""
    approval = books.decided(1)
    strange = Draft(kind="booked", at=LATER, detail=EntryDetail(payables={"i" + "b" * 24: "0" * 64}))
    add_entries(books.blobs, approval, strange)
    ((place, text),) = books.flaws()
    assert place == f"approval {approval}, entry 5"
    assert "not its own" in text


@pytest.mark.parametrize("detail", [EntryDetail(), EntryDetail(payables={"i" + "b" * 24: "x"})])
def test_booking_that_does_not_say_what_is_found(books: Books, detail: EntryDetail) -> None:
    """No error of the audit: a flaw of the ledger."""
    approval = books.decided(1)
    add_entries(books.blobs, approval, Draft(kind="booked", at=LATER, detail=detail))
    ((_, text),) = books.flaws()
    assert "does not say what it books" in text


def test_booking_of_what_was_rejected_is_found(books: Books) -> None:
    """The rules are asked for bookings as they are for decisions."""
    approval = books.decided(1, "reject", "rejected")
    detail = EntryDetail(payables={books.ref(approval): "0" * 64})
    add_entries(books.blobs, approval, Draft(kind="booked", at=LATER, detail=detail))
    ((_, text),) = books.flaws()
    assert "it books what is rejected" in text


# ---------------------------------------------------------------- what is gone


def test_end_that_was_cut_off_is_found(books: Books) -> None:
    """A chain alone cannot tell: the approval left the inbox, yet no entry closes it."""
    approval = books.decided(1, "reject", "rejected")
    books.blobs.delete(approval_names.entry(approval, 4))
    ((place, text),) = books.flaws()
    assert (place, "end is missing" in text) == (f"approval {approval}, entry 4", True)


def test_approval_of_the_inbox_without_its_ledger_is_found(books: Books) -> None:
    """Whether only the entries are gone or all of it."""
    emptied, gone = books.open(1), books.open(2)
    for name in (
        *books.blobs.names(approval_names.ledger(emptied)),
        *books.blobs.names(f"{approval_names.APPROVALS}{gone}/"),
    ):
        books.blobs.delete(name)
    flaws = dict(books.flaws())
    assert flaws == {
        f"approval {emptied}, entry 1": "it is missing: the approval is in the inbox, so it has begun",
        f"approval {gone}, entry 1": "the request is missing",
    }


def test_payable_of_an_approval_that_is_gone_is_found(books: Books) -> None:
    """Nothing books it any more."""
    approval = books.booked()
    ref = books.ref(approval)
    for name in books.blobs.names(approval_names.APPROVALS):
        books.blobs.delete(name)
    ((place, text),) = books.flaws()
    assert (place, "no ledger books it" in text) == (payable_name(ref), True)


def test_payable_of_what_was_undone_is_found(books: Books) -> None:
    """The invoice counts as not booked, and would be paid all the same."""
    ref = books.free()
    payable = books.blobs.read(payable_name(ref))
    books.call(booking.withdraw_payable, {"ref": ref, "approval": None})
    assert books.flaws() == []
    books.blobs.write(payable_name(ref), payable)
    ((place, text),) = books.flaws()
    assert (place, "no ledger books it" in text) == (payable_name(ref), True)


# ---------------------------------------------------------------- while the app is at work


def test_step_between_two_writes_is_no_flaw(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    """The entry is there and the payable comes a moment later: a second look finds both."""
    approval = books.booked()
    name = payable_name(books.ref(approval))
    payable = books.blobs.read(name)
    books.blobs.delete(name)
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        books.blobs.write(name, payable)

    audit = ledger_audit.Audit(books.blobs, LEDGER_KEYS, wait=wait)
    assert [proof.flaw for proof in audit.proofs()] == [None]
    assert (audit.strays, len(waits)) == ([], 1)


@pytest.mark.parametrize("moment", ["inbox", "approvals"])
def test_approval_that_opens_or_closes_meanwhile_is_no_flaw(books: Books, moment: str) -> None:
    """Inbox and ledger are two blobs; they are read at two moments."""
    approval = books.open()
    item = books.blobs.read(approval_names.inbox(approval))
    if moment == "inbox":  # it opens after the inbox was listed
        books.blobs.delete(approval_names.inbox(approval))

    def happens(verb: str, name: str) -> None:
        if (verb, name) != ("list", approval_names.APPROVALS):
            return
        books.blobs.fails = lambda verb, name: None
        if moment == "inbox":
            books.blobs.write(approval_names.inbox(approval), item)
        else:
            books.blobs.delete(approval_names.inbox(approval))
            reject = Draft(kind="reject", at=LATER, stage="clerk", who="ann.roth@example.com", comment="no")
            closed = Draft(kind="closed", at=LATER, detail=EntryDetail(outcome="rejected"))
            add_entries(books.blobs, approval, reject, closed)

    books.blobs.fails = happens
    assert books.flaws() == []


def test_payable_that_is_withdrawn_meanwhile_is_no_flaw(books: Books) -> None:
    """It was there when the payables were read, and its ledger says undone when that is read."""
    ref = books.free()

    def happens(verb: str, name: str) -> None:
        if (verb, name) == ("list", approval_names.APPROVALS):
            books.blobs.fails = lambda verb, name: None
            books.call(booking.withdraw_payable, {"ref": ref, "approval": None})

    books.blobs.fails = happens
    assert books.flaws() == []


def test_blob_that_goes_between_listing_and_reading_is_a_flaw_and_no_error(books: Books) -> None:
    """Whatever the reason, the proof goes on with the others."""
    first, second = books.open(1), books.open(2)
    gone = approval_names.entry(first, 2)

    def happens(verb: str, name: str) -> None:
        if (verb, name) == ("read", gone):
            books.blobs.stored.pop(gone, None)

    books.blobs.fails = happens
    books.blobs.delete(approval_names.inbox(first))
    proofs = {
        one.ledger: one for one in ledger_audit.Audit(books.blobs, LEDGER_KEYS, wait=lambda _: None).proofs()
    }
    assert proofs[second].flaw is None
    assert len(proofs) == 2


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[" * 5000,
        b'{"kind":"opened","at":"x","seq":1}',
        b'{"kind":"opened","at":"2026-05-04T12:00:00+00:00","seq":1,"comment":"\\ud800"}',
        b'{"kind":["opened"],"at":"2026-05-04T12:00:00+00:00","seq":1}',
        b'{"kind":"opened","at":"2026-05-04T12:00:00+00:00","seq":1,"detail":[]}',
        b'{"kind":"booked","at":"2026-05-04T12:00:00+00:00","seq":1,"detail":{"payables":[]}}',
        b" " * (1024 * 1024 + 1),
    ],
)
def test_whatever_lies_in_the_place_of_an_entry_is_a_flaw_and_no_error(books: Books, data: bytes) -> None:
    """Deep, huge, of another kind, or not to be written: one bad ledger does not end the proof."""
    approval, other = books.open(1), books.booked(2)
    books.blobs.write(approval_names.entry(approval, 1), data)
    ((place, text),) = books.flaws()
    assert place == f"approval {approval}, entry 1"
    assert "not an entry" in text
    assert other


@pytest.mark.parametrize(
    "data", [b"", b"[" * 5000, b"[]", b"{}", b'{"stages": [1], "approval": 1, "ref": 1}']
)
def test_request_that_cannot_be_read_is_a_flaw_and_no_error(books: Books, data: bytes) -> None:
    """Said of the first entry, which is chained to it."""
    approval = books.open()
    books.blobs.write(approval_names.request(approval), data)
    ((place, text),) = books.flaws()
    assert place == f"approval {approval}, entry 1"
    assert "request" in text
