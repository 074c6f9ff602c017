"""What somebody does who can write to the storage and has no key: it is found, and takes no proof away."""

from __future__ import annotations

import contextlib
import gzip
import io
import itertools
import json
import tracemalloc
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import anchor_audit, anchoring
from adapters.anchoring import AnchorFailed, Place
from invoicing.approval import names
from invoicing.approval.anchors import BadAnchor, Former, Head, Header, read, write
from invoicing.approval.ledger import Draft, to_bytes
from invoicing.records.ledger import EntryDetail
from stores import approval_names, ledger_anchors
from stores.blobs import BlobConflict, StorageUnavailable
from stores.invoices import row_name
from stores.payables import PAYABLES, payable_name
from tests.fakes.memory_blobs import MemoryBlobs
from tests.unit.approvals_on_paper import BOB, NOON, add_entries
from tests.unit.books import BATCH, LATER, LEDGER_KEYS, Books
from tests.unit.report_rows import row

DAYS = ("2026-05-05", "2026-05-06", "2026-05-07", "2026-05-08")
NOW = datetime(2026, 5, 9, 0, 20, tzinfo=UTC)


@pytest.fixture
def books() -> Books:
    """A storage with nothing in it."""
    return Books()


def test_signature_counts_for_its_purpose_alone() -> None:
    """That of an entry is worth nothing on an anchor of the same text, nor the other way round."""
    entry, anchor = LEDGER_KEYS.sign("entry", "text"), LEDGER_KEYS.sign("anchor", "text")
    assert LEDGER_KEYS.fault("entry", "text", entry) is None
    assert LEDGER_KEYS.fault("anchor", "text", entry) == LEDGER_KEYS.fault("entry", "text", anchor)
    assert LEDGER_KEYS.fault("anchor", "text", entry) is not None


# ---------------------------------------------------------------- cutting off, and growing over it


def test_rejection_that_was_cut_off_and_grown_over_is_found(books: Books) -> None:
    """Somebody else approves it afterwards: the ledger is whole, and longer than the anchor knew it."""
    approval = books.decided(1, "reject", "rejected")
    books.anchor(DAYS[0])
    books.cut_off(approval, 2)
    closed = Draft(kind="closed", at=LATER, key="closed", detail=EntryDetail(outcome="approved"))
    add_entries(books.blobs, approval, Draft(kind="approve", at=LATER, stage="clerk", who=BOB), closed)
    books.blobs.delete(approval_names.inbox(approval))
    books.route(books.ref(approval), approval)
    assert books.book(books.ref(approval)) == {"outcome": "ok"}
    assert books.flaws() == []
    for day in DAYS[1:]:
        books.anchor(day)
        (flaw,) = books.all_flaws()
        assert flaw.startswith(f"approval {approval}, entry 4: entry 4 is another one than the anchor")


def test_ledger_that_is_gone_is_said_when_the_next_anchor_is_taken(
    books: Books, caplog: pytest.LogCaptureFixture
) -> None:
    """One line for all of them, so that nobody has to wait for the next proof."""
    gone = [books.open(n) for n in range(1, 30)]
    books.anchor(DAYS[0])
    for approval in gone:
        books.wipe(approval)
    books.anchor(DAYS[1])
    (record,) = caplog.records
    assert "29 ledgers" in record.message
    assert min(gone) in record.message


# ---------------------------------------------------------------- yesterday's state, and others' entries


@pytest.mark.parametrize("anchors_too", [False, True])
def test_storage_that_was_rolled_back_to_yesterday_is_found(books: Books, anchors_too: bool) -> None:
    """By the anchors; where these were rolled back as well, by the copies alone, as the page says."""
    first, second = books.booked(1), books.open(2)
    books.anchor(DAYS[0])
    yesterday = dict(books.blobs.stored)
    reject = Draft(kind="reject", at=LATER, stage="clerk", who=BOB, comment="no")
    closed = Draft(kind="closed", at=LATER, key="closed", detail=EntryDetail(outcome="rejected"))
    add_entries(books.blobs, second, reject, closed)
    books.blobs.delete(approval_names.inbox(second))
    third = books.booked(3)
    books.anchor(DAYS[1])
    copies = MemoryBlobs()
    for name in books.blobs.names(approval_names.ANCHORS):
        copies.create(name, books.blobs.read(name))
    assert books.all_flaws(copies=copies) == []

    kept = (
        {} if anchors_too else {n: books.blobs.stored[n] for n in books.blobs.names(approval_names.ANCHORS)}
    )
    books.blobs.stored = {**yesterday, **kept}
    if anchors_too:
        assert books.all_flaws() == []
    flaws = books.all_flaws(copies=copies)
    assert any(flaw.startswith(f"approval {second}, entry 3: entry 3 is missing") for flaw in flaws)
    assert any(flaw.startswith(f"approval {third}, entry 1: entry 1 is missing") for flaw in flaws)
    assert not any(first in flaw for flaw in flaws)


@pytest.mark.parametrize("with_requests", [False, True])
def test_ledgers_that_were_swapped_are_found(books: Books, with_requests: bool) -> None:
    """Each chain is whole in itself, and begins with the other's request."""
    one, two = books.booked(1), books.decided(2, "reject", "rejected")
    swapped: dict[str, bytes] = {}
    for here, there in ((one, two), (two, one)):
        for name in books.blobs.names(f"{approval_names.APPROVALS}{here}/"):
            if with_requests or "/ledger/" in name:
                swapped[name.replace(here, there)] = books.blobs.read(name)
    for approval in (one, two):
        for name in books.blobs.names(approval_names.ledger(approval)):
            books.blobs.delete(name)
    for name, data in swapped.items():
        books.blobs.write(name, data)
    places = [place for place, _ in books.flaws()]
    assert {f"approval {approval}, entry 1" for approval in (one, two)} <= set(places)


def test_entry_that_is_played_again_in_another_ledger_is_found(books: Books) -> None:
    """Ann said yes to one invoice, and her signed word is put under another, and once more under the same."""
    said, open_one = books.decided(1), books.open(2)
    word = books.blobs.read(approval_names.entry(said, 3))
    books.blobs.write(approval_names.entry(open_one, 3), word)
    assert [place for place, _ in books.flaws()] == [f"approval {open_one}, entry 3"]
    books.blobs.delete(approval_names.entry(open_one, 3))
    books.blobs.write(approval_names.entry(said, 5), word)
    assert [place for place, _ in books.flaws()] == [f"approval {said}, entry 5"]


# ---------------------------------------------------------------- ledgers in another place


def test_ledger_that_was_moved_is_found(books: Books) -> None:
    """Where the app does not look for it, a ledger counts for none, though each of its entries is ours."""
    approval = books.booked(1)
    books.put_batch(2)
    books.book_pack()
    unit = names.booking_unit(BATCH, 0)
    for old, new in (
        (approval_names.ledger(approval), f"{approval_names.BOOKINGS}{approval}/"),
        (approval_names.bookings(unit), f"{approval_names.APPROVALS}{unit}/ledger/"),
    ):
        for name in books.blobs.names(old):
            books.blobs.write(name.replace(old, new), books.blobs.read(name))
            books.blobs.delete(name)
    found = dict(books.flaws())
    moved = {f"{approval_names.BOOKINGS}{approval}", f"{approval_names.APPROVALS}{unit}"}
    assert {place for place, text in found.items() if "none of ours" in text} == moved
    assert sum(place.startswith(PAYABLES) for place in found) == 3


@pytest.mark.parametrize(
    "folder",
    [
        f"{approval_names.APPROVALS}a0{'x' * 900}/ledger/",
        f"{approval_names.APPROVALS}a0\n\x1b[2J/ledger/",
        f"{approval_names.BOOKINGS}b0{'y' * 900}/",
        f"{approval_names.BOOKINGS}i0/",
    ],
)
def test_folder_of_a_made_up_name_is_found_and_spoils_no_anchor(books: Books, folder: str) -> None:
    """Such a name as a line of the anchor would make it one that nobody can read."""
    approval = books.open(1)
    entry = books.entries(approval_names.ledger(approval))[-1]
    books.blobs.write(approval_names.numbered(folder, 1), to_bytes(entry))
    books.anchor(DAYS[0])
    anchor = ledger_anchors.newest(books.blobs, LEDGER_KEYS)
    assert anchor is not None
    assert set(anchor.heads) == {approval}
    (text,) = (text for _, text in books.flaws())
    assert "its name is none of ours" in text


# ---------------------------------------------------------------- booked past the people


@pytest.mark.parametrize("decided", [True, False])
def test_booking_without_a_person_of_what_people_were_asked_about_is_found(
    books: Books, decided: bool
) -> None:
    """The stored route was changed to one that needs nobody, and the stored result with it."""
    approval = books.decided(1) if decided else books.open(1)
    ref = books.ref(approval)
    books.route(ref, None)
    books.blobs.write(row_name(ref), json.dumps(row(99)).encode())
    assert books.book(ref) == {"outcome": "ok"}
    ((place, text),) = books.flaws()
    assert place == payable_name(ref)
    assert f"approval {approval} says that people are needed" in text


def test_route_that_was_changed_under_its_run_books_nothing(books: Books) -> None:
    """The run knows which approval it saw through, or that it needed none."""
    approval = books.decided(1)
    ref = books.ref(approval)
    books.route(ref, None)
    assert books.book(ref, approval=approval)["error"]["code"] == "not_approved"
    alone = books.free(2)
    books.blobs.delete(payable_name(alone))
    books.route(alone, approval)
    assert books.book(alone, approval=None)["error"]["code"] == "not_approved"


def test_what_was_rejected_may_need_nobody_when_it_comes_again(books: Books) -> None:
    """Its supplier may be known by then."""
    approval = books.decided(1, "reject", "rejected")
    ref = books.ref(approval)
    books.route(ref, None)
    books.blobs.write(row_name(ref), json.dumps(row(1)).encode())
    assert books.book(ref) == {"outcome": "ok"}
    assert books.flaws() == []


# ---------------------------------------------------------------- what is planted for the next anchor


def test_planted_entry_does_not_get_into_the_anchor(books: Books) -> None:
    """Else it would be missed for ever after it was removed. What was known of the ledger stays known."""
    approval = books.open(1)
    books.anchor(DAYS[0])
    last = books.entries(approval_names.ledger(approval))[-1]
    planted = [3, 900, 10**17]
    for number in planted:
        books.blobs.write(
            approval_names.entry(approval, number), to_bytes(last).replace(b'"seq":2', b'"seq":3')
        )
    books.anchor(DAYS[1])
    assert books.all_flaws() != []
    for number in planted:
        books.blobs.delete(approval_names.entry(approval, number))
    assert books.all_flaws() == []
    anchor = ledger_anchors.newest(books.blobs, LEDGER_KEYS)
    assert anchor is not None
    assert anchor.heads[approval].hash == last.hash


def test_number_that_no_anchor_can_follow_is_an_error(books: Books) -> None:
    """The timer fails each hour until the planted blob is removed: no day lacks its anchor unsaid."""
    books.open(1)
    planted = f"{approval_names.ANCHORS}{'9' * 18}.ndjson.gz"
    books.blobs.write(planted, b"x")
    with pytest.raises(BadAnchor, match="cannot be followed"):
        books.anchor(DAYS[0])
    books.blobs.delete(planted)
    assert books.anchor(DAYS[0]) == 1


def test_anchor_that_others_keep_taking_away_is_an_error(books: Books) -> None:
    """Not a day without an anchor that nobody hears of."""
    books.open(1)

    def conflict(verb: str, name: str) -> None:
        if verb == "create":
            raise BlobConflict(name)

    books.blobs.fails = conflict
    with pytest.raises(StorageUnavailable, match="others"):
        books.anchor(DAYS[0])


def test_planted_anchor_is_not_copied_and_holds_no_other_back(books: Books) -> None:
    """What may be immutable there gets what is signed, and nothing else."""
    books.open(1)
    books.anchor(DAYS[0])
    books.blobs.write(approval_names.anchor(2), b"planted")
    books.anchor(DAYS[1])
    copies = MemoryBlobs()
    here = books.services
    with pytest.raises(AnchorFailed, match="copying: anchor 2"):
        anchoring.run(Place(here.settings, books.blobs, here.ledger_keys, copies), NOW)
    assert copies.names() == [approval_names.anchor(n) for n in (1, 3, 4)]


# ---------------------------------------------------------------- what costs work or memory


def _bomb(lines: int, pad: int = 0) -> bytes:
    """A small file that unpacks into very many ledgers, in order."""
    start = {"anchor": 1, "number": 1, "day": "", "at": "", "kind": "daily", "former": None}
    body = "".join(f'{{"entries":1,"hash":"{"0" * pad}","ledger":"a{n:09d}"}}\n' for n in range(lines))
    return gzip.compress(json.dumps(start).encode() + b"\n" + body.encode())


def test_many_ledgers_that_nobody_signed_cost_no_memory() -> None:
    """The signature is at the end: what comes before it is not kept until it was looked at."""
    bomb = _bomb(60_000)
    tracemalloc.start()
    try:
        with pytest.raises(BadAnchor):
            read(io.BytesIO(bomb), LEDGER_KEYS)
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()


def test_work_on_an_anchor_is_bounded_by_its_size() -> None:
    """Ours has a hash in each line, which cannot be packed well: what unpacks to far more is none."""
    bomb = _bomb(50_000, pad=800)
    assert len(bomb) < 1_000_000
    with pytest.raises(BadAnchor, match="longer than one can be"):
        read(io.BytesIO(bomb), LEDGER_KEYS)


@given(st.data())
def test_changed_bytes_of_an_anchor_are_found_or_say_the_same(data: st.DataObject) -> None:
    """Of its file, or of its lines packed anew: some bytes of either mean nothing."""
    lines = gzip.decompress(_ANCHOR)
    packed = data.draw(st.booleans())
    content = bytearray(_ANCHOR if packed else lines)
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = read(io.BytesIO(bytes(content) if packed else gzip.compress(content)), LEDGER_KEYS)
    except BadAnchor:
        return
    assert (found.header, list(found.heads.values())) == (_HEADER, _HEADS)


_HEADER = Header(2, DAYS[1], f"{DAYS[1]}T00:20:00+00:00", "daily", Former(1, DAYS[0], "ab" * 32))
_HEADS = [Head(f"a{n:024x}", n, f"{n:064x}") for n in range(1, 4)]


def _anchor() -> bytes:
    target = io.BytesIO()
    write(target, _HEADER, _HEADS, LEDGER_KEYS)
    return target.getvalue()


_ANCHOR = _anchor()


class _EndlessBlobs(MemoryBlobs):
    """Some blobs are too large to be fetched: whoever tries gets an error of the test."""

    def __init__(self, books: Books, *huge: str) -> None:
        super().__init__()
        self.stored, self._huge = books.blobs.stored, huge

    def read(self, name: str) -> bytes:
        assert name not in self._huge, "it was fetched as a whole"
        return super().read(name)

    def read_into(self, name: str, target: object) -> None:
        assert name not in self._huge, "it was fetched as a whole"
        super().read_into(name, target)  # type: ignore[arg-type]

    def size(self, name: str) -> int:
        return 5 * 2**40 if name in self._huge else super().size(name)


def test_huge_blob_in_the_place_of_an_anchor_is_not_fetched(books: Books) -> None:
    """Neither by the proof nor by the timer: a terabyte would fill the disk."""
    books.open(1)
    books.anchor(DAYS[0])
    books.blobs = _EndlessBlobs(books, approval_names.anchor(1))
    (flaw,) = books.all_flaws()
    assert flaw.startswith(f"{approval_names.anchor(1)}: it is no anchor: it is larger")
    assert books.anchor(DAYS[1]) == 2


def test_huge_blobs_in_a_ledger_are_not_fetched_as_a_whole(books: Books) -> None:
    """Entry, request and payable: each is read as far as one of ours can be long."""
    first, second, third = books.booked(1), books.open(2), books.open(3)
    payable = payable_name(books.ref(first))
    huge = (payable, approval_names.request(second), approval_names.entry(third, 1))
    for name in huge:
        books.blobs.write(name, books.blobs.read(name) + b" " * (20 * 2**20))
    books.blobs = _EndlessBlobs(books, *huge)
    places = [place for place, _ in books.flaws()]
    assert len(places) == 3
    assert places[0].startswith("approval ")


# ---------------------------------------------------------------- anchors that are cut off


def test_copy_that_is_missing_here_is_held_against_the_ledgers(books: Books) -> None:
    """Also where newer anchors were taken since, which do not know what was lost."""
    books.open(1)
    books.anchor(DAYS[0])
    lost = books.booked(2)
    books.anchor(DAYS[1])
    copies = MemoryBlobs()
    for name in books.blobs.names(approval_names.ANCHORS):
        copies.create(name, books.blobs.read(name))
    books.blobs.delete(approval_names.anchor(2))
    books.wipe(lost)
    books.anchor(DAYS[2])
    books.anchor(DAYS[3])
    copies.create(approval_names.anchor(3), books.blobs.read(approval_names.anchor(3)))
    assert books.all_flaws() == []
    flaws = books.all_flaws(copies=copies)
    assert any(flaw.startswith(f"approval {lost}, entry 1: entry 1 is missing") for flaw in flaws), flaws


def test_anchor_that_was_replaced_by_another_of_ours_is_found(books: Books) -> None:
    """An anchor is replaced by an older one, or by that of another storage with the same key."""
    books.open(1)
    for day in DAYS[:3]:
        books.anchor(day)
    other = Books()
    other.open(7)
    for day in DAYS[:3]:
        other.anchor(day)
    kept = books.blobs.read(approval_names.anchor(3))
    books.blobs.write(approval_names.anchor(3), books.blobs.read(approval_names.anchor(2)))
    assert any("it says that it is anchor 2" in flaw for flaw in books.all_flaws())
    books.blobs.write(approval_names.anchor(3), other.blobs.read(approval_names.anchor(3)))
    assert any("it follows another anchor 2" in flaw for flaw in books.all_flaws())
    books.blobs.write(approval_names.anchor(3), kept)
    assert books.all_flaws() == []


@pytest.mark.parametrize(
    ("removed", "between"),
    [
        ([], None),
        ([3], "2026-05-06 and 2026-05-08"),
        ([1, 2, 3], "2026-05-04 and 2026-05-08"),
    ],
)
def test_anchors_that_were_cut_off_are_noted_by_the_days_of_entries(
    books: Books, removed: list[int], between: str | None
) -> None:
    """Entries of days that have no anchor are a sign; those of the day before an anchor, or after it, not."""
    books.open(1)
    for day in DAYS[:3]:
        books.anchor(day)
    for number in removed:
        books.blobs.delete(approval_names.anchor(number))
    proof = books.proof()
    anchor_audit.note_entries(proof, NOON.isoformat(), f"{DAYS[3]}T09:00:00+00:00")
    notes = [note for note in proof.notes if "there are entries of that time" in note]
    assert [between] * len(notes) == [between] * (between is not None)
    assert all(f"between {between}" in note for note in notes)


def test_anchors_that_begin_anew_are_noted_by_the_days_of_entries(
    books: Books,
) -> None:
    """All were removed, and the app goes on with anchor 1: it does not know that there were others."""
    books.open(1)
    books.anchor(DAYS[3])
    proof = books.proof()
    anchor_audit.note_entries(proof, NOON.isoformat(), f"{DAYS[3]}T09:00:00+00:00")
    assert [note[:48] for note in proof.notes] == ["no anchor was taken between 2026-05-04 and 2026-"]
    anchor_audit.note_entries(proof, "0001-01-01T00:00:00+14:00", "never")
    assert len(proof.notes) == 1


# ---------------------------------------------------------------- runs that die, and runs that overlap


class _Died(BaseException):
    """The process was killed."""


def _two_days() -> tuple[Books, MemoryBlobs]:
    """A storage with an anchor of yesterday that is not copied yet, and the second container."""
    books = Books()
    books.booked(1)
    books.anchor(DAYS[3])
    books.open(2)
    return books, MemoryBlobs()


def _run(books: Books, copies: MemoryBlobs) -> int | None:
    here = books.services
    return anchoring.run(Place(here.settings, books.blobs, here.ledger_keys, copies), NOW)


def _calls_of_a_run() -> int:
    books, copies = _two_days()
    before = len(books.blobs.calls)
    _run(books, copies)
    return len(books.blobs.calls) - before + len(copies.calls)


@pytest.mark.parametrize("at", range(_calls_of_a_run()))
@pytest.mark.parametrize("overlaps", [False, True])
def test_run_that_dies_or_meets_another_at_any_call_leaves_one_anchor_a_day(at: int, overlaps: bool) -> None:
    """And its copy, once the next run was there. The threads of a run make its calls in any order."""
    books, copies = _two_days()
    calls = itertools.count()

    def happens(verb: str, name: str) -> None:
        if next(calls) != at:
            return
        if not overlaps:
            raise _Died
        books.blobs.fails = copies.fails = lambda verb, name: None
        _run(books, copies)

    books.blobs.fails = copies.fails = happens
    with contextlib.suppress(_Died):
        _run(books, copies)
    books.blobs.fails = copies.fails = lambda verb, name: None
    assert _run(books, copies) in (None, 2)
    assert (
        books.blobs.names(approval_names.ANCHORS)
        == [approval_names.anchor(1), approval_names.anchor(2)]
        == copies.names()
    )
    assert books.all_flaws(copies=copies) == []
