"""Anchors: the file, and how one is taken a day."""

from __future__ import annotations

import gzip
import io
import json
import tracemalloc

import pytest

from invoicing.approval.anchors import (
    Anchor,
    Anchored,
    BadAnchor,
    Former,
    Head,
    Header,
    check_anchored,
    read,
    write,
)
from invoicing.approval.signing import LedgerKeys
from stores import approval_names, ledger_anchors
from stores.blobs import StorageUnavailable
from tests.unit.books import LEDGER_KEY, LEDGER_KEYS, Books

FORMER = Former(1, "2026-05-04", "ab" * 32)
HEADER = Header(2, "2026-05-05", "2026-05-05T00:20:00+00:00", "daily", FORMER)
HEADS = [Head("a1", 5, "11" * 32), Head("b1-00000", 1, "22" * 32)]


def _bytes(header: Header = HEADER, keys: LedgerKeys = LEDGER_KEYS, heads: list[Head] = HEADS) -> bytes:
    target = io.BytesIO()
    write(target, header, heads, keys)
    return target.getvalue()


def _read(data: bytes, keys: LedgerKeys = LEDGER_KEYS) -> Anchor:
    return read(io.BytesIO(data), keys)


# ---------------------------------------------------------------- the file


@pytest.mark.parametrize("header", [HEADER, Header(1, "2026-05-04", "x", "export")])
def test_anchor_survives_its_file(header: Header) -> None:
    """What is read is what was written, and the same content is the same bytes."""
    data = _bytes(header)
    anchor = _read(data)
    assert anchor.header == header
    assert list(anchor.heads.values()) == HEADS
    assert (anchor.ledgers, anchor.entries, anchor.size) == (2, 6, len(data))
    assert anchor.signed_with == LEDGER_KEYS.ids[0]
    assert _bytes(header) == data


@pytest.mark.parametrize(
    ("find", "put", "said"),
    [
        (b'"entries":5', b'"entries":4', "does not match"),
        (b"11" * 32, b"12" * 32, "does not match"),
        (b'"day":"2026-05-05"', b'"day":"2026-05-06"', "does not match"),
        (b'"a1"', b'"c1"', "not in order"),
        (b'"anchor":1', b'"anchor":2', "kind that is known"),
        (b'"kind":"daily"', b'"kind":"other"', "another kind"),
        (b'"ledgers":2', b'"ledgers":3', "does not match"),
        (b'"signature":"', b'"signature":"0', "not one of ours"),
        (b'"signed_with":"', b'"signed_with":"0', "not there to prove it"),
    ],
)
def test_edited_anchor_is_found(find: bytes, put: bytes, said: str) -> None:
    """Whatever is edited, and packed again."""
    lines = gzip.decompress(_bytes())
    assert find in lines
    with pytest.raises(BadAnchor, match=said):
        _read(gzip.compress(lines.replace(find, put)))


def test_line_that_was_taken_out_or_put_in_is_found() -> None:
    """So is an anchor that was cut off, or one with something behind it."""
    first, *heads, last = gzip.decompress(_bytes()).splitlines(keepends=True)
    for lines, said in (
        ([first, heads[0], last], "does not match"),
        ([first, *heads, heads[1], last], "not in order"),
        ([first, *heads], "cut off"),
        ([first, *heads, last, b"{}\n"], "follows its end"),
    ):
        with pytest.raises(BadAnchor, match=said):
            _read(gzip.compress(b"".join(lines)))


_START = b'{"anchor":1,"number":1,"day":"","at":"","kind":"daily","former":null}\n'


@pytest.mark.parametrize(
    "lines",
    [
        b"",
        b"[" * 900,
        b"[]\n",
        b"{}\n",
        b'{"anchor":1}\n',
        _START.replace(b"1,", b'"x",'),
        _START.replace(b'"number":1', b'"number":1e999'),
        _START.replace(b'""', b"1"),
        _START.replace(b"null", b"[1]"),
        _START,
        _START + b"1\n",
        _START + b'{"ledger":"a","entries":[],"hash":""}\n',
        _START + b'{"ledger":"a","entries":1e999,"hash":""}\n',
        _START + b'{"sha256":"a"}\n',
        b"x" * 5000,
    ],
)
def test_what_is_no_anchor_is_told(lines: bytes) -> None:
    """One error for all of it."""
    with pytest.raises(BadAnchor):
        _read(gzip.compress(lines))


def test_file_that_is_not_packed_or_was_cut_off_is_told() -> None:
    """The same error."""
    for data in (b"", b"no gzip", _bytes()[:-9], _bytes() + b"more"):
        with pytest.raises(BadAnchor):
            _read(data)


def test_bomb_is_given_up() -> None:
    """Small when packed, and without an end: it is not unpacked as a whole."""
    tracemalloc.start()
    with pytest.raises(BadAnchor, match="longer than one can be"):
        _read(gzip.compress(b" " * 50_000_000))
    assert tracemalloc.get_traced_memory()[1] < 60_000_000
    tracemalloc.stop()


def test_unsigned_anchor_counts_only_where_that_is_asked_for() -> None:
    """As for entries; the id of an unknown key is told."""
    data = _bytes(keys=LedgerKeys())
    with pytest.raises(BadAnchor, match="not signed"):
        _read(data)
    assert _read(data, LedgerKeys(unsigned_counts=True)).signed_with is None
    with pytest.raises(BadAnchor) as caught:
        _read(_bytes(), LedgerKeys(("another-key",)))
    assert caught.value.unknown_key == LEDGER_KEYS.ids[0]


def test_anchor_of_many_ledgers_is_small() -> None:
    """100,000 ledgers: less than 8 MB, read in one go."""
    heads = [Head(f"a{n:024x}", 5, f"{n * 2654435761 % 2**256:064x}") for n in range(20_000)]
    data = _bytes(heads=heads)
    assert len(data) * 5 < 8_000_000
    assert _read(data).ledgers == 20_000


def test_ledger_is_held_against_what_anchors_say() -> None:
    """Too short, another entry, or as it was: the first flaw counts; what is not proved says nothing."""
    hashes = {1: "1", 2: "2", 3: "3"}
    assert check_anchored(3, hashes, [Anchored("anchor 1", 2, "2"), Anchored("anchor 2", 3, "3")]) is None
    assert check_anchored(3, {1: "1"}, [Anchored("anchor 2", 3, "x")]) is None
    shorter = check_anchored(2, hashes, [Anchored("anchor 2", 3, "3")])
    other = check_anchored(3, hashes, [Anchored("anchor 2", 3, "x"), Anchored("anchor 1", 2, "x")])
    assert shorter is not None
    assert (shorter.seq, "anchor 2 knew 3" in shorter.text) == (3, True)
    assert other is not None
    assert other.seq == 2


# ---------------------------------------------------------------- taking


@pytest.fixture
def books() -> Books:
    """A storage with nothing in it."""
    return Books()


def test_anchor_holds_every_ledger(books: Books) -> None:
    """Approvals, what came alone, and packs; one that was only asked for has no entry to hold."""
    approval, alone = books.booked(1), books.free(2)
    books.put_batch(3)
    books.book_pack()
    assert books.anchor("2026-05-05") == 1
    anchor = ledger_anchors.newest(books.blobs, LEDGER_KEYS)
    assert anchor is not None
    last = books.entries(approval_names.ledger(approval))[-1]
    assert anchor.heads[approval] == Head(approval, 5, last.hash)
    assert set(anchor.heads) == {approval, alone, f"b{'7' * 24}-00000"}
    assert (anchor.header.former, anchor.header.day) == (None, "2026-05-05")


def test_storage_without_a_ledger_gets_no_anchor(books: Books) -> None:
    """There is nothing to hold."""
    assert books.anchor("2026-05-05") is None
    assert books.blobs.stored == {}


def test_one_anchor_is_taken_a_day(books: Books) -> None:
    """The runs of the other hours find it, and write nothing."""
    books.open(1)
    assert books.anchor("2026-05-05", 0) == 1
    books.open(2)
    before = dict(books.blobs.stored)
    assert [books.anchor("2026-05-05", hour) for hour in (1, 2, 23)] == [None] * 3
    assert books.blobs.stored == before
    assert books.anchor("2026-05-06") == 2


def test_of_two_runs_at_the_same_time_one_takes_the_anchor(books: Books) -> None:
    """The other sees it when it comes to write."""
    books.open(1)

    def overtake(verb: str, name: str) -> None:
        if verb == "create" and name.startswith(approval_names.ANCHORS):
            books.blobs.fails = lambda verb, name: None
            assert books.anchor("2026-05-05") == 1

    books.blobs.fails = overtake
    assert books.anchor("2026-05-05") is None
    assert books.blobs.names(approval_names.ANCHORS) == [approval_names.anchor(1)]


def test_clock_that_jumps_leaves_one_chain(books: Books) -> None:
    """A year ahead for an hour, then right again: each anchor follows the one before, whatever its day."""
    books.open(1)
    days = ("2026-05-05", "2027-05-05", "2026-05-06", "2026-05-07")
    assert [books.anchor(day) for day in days] == [1, 2, 3, 4]
    proof = books.proof()
    assert proof.flaws == []
    assert any("clock went back" in note for note in proof.notes)
    assert books.all_flaws() == []


def test_ledger_that_did_not_grow_is_not_read_again(books: Books) -> None:
    """What a former anchor says of it is taken over: a day costs what happened in it."""
    first, second = books.open(1), books.open(2)
    books.anchor("2026-05-05")
    before = len(books.blobs.calls)
    books.route(books.ref(second), second)
    books.free(3)
    books.anchor("2026-05-06")
    read_entries = [n for verb, n in books.blobs.calls[before:] if verb == "read" and "/ledger/" in n]
    assert read_entries == []
    anchor = ledger_anchors.newest(books.blobs, LEDGER_KEYS)
    assert anchor is not None
    assert {first, second} < set(anchor.heads)


def test_what_is_lost_stays_in_the_anchors_that_follow(books: Books) -> None:
    """Neither a shorter ledger nor one that is gone is forgotten: the newest anchor has all that any had."""
    short, gone = books.decided(1), books.open(2)
    books.anchor("2026-05-05")
    books.cut_off(short, 2)
    books.wipe(gone)
    books.anchor("2026-05-06")
    books.anchor("2026-05-07")
    anchor = ledger_anchors.newest(books.blobs, LEDGER_KEYS)
    assert anchor is not None
    assert {ledger: head.entries for ledger, head in anchor.heads.items()} == {short: 4, gone: 2}


def test_head_that_cannot_be_read_is_left_out_and_the_others_are_held(
    books: Books, caplog: pytest.LogCaptureFixture
) -> None:
    """One damaged ledger does not keep the day from its anchor."""
    bad, good = books.open(1), books.open(2)
    books.blobs.write(approval_names.entry(bad, 2), b"broken")
    assert books.anchor("2026-05-05") == 1
    anchor = ledger_anchors.newest(books.blobs, LEDGER_KEYS)
    assert anchor is not None
    assert set(anchor.heads) == {good}
    assert f"ledger {bad}, entry 2" in caplog.text


def test_anchor_that_was_altered_is_followed_all_the_same(books: Books) -> None:
    """The days after it have their anchors, each once; the proof names the altered one."""
    books.open(1)
    books.anchor("2026-05-05")
    books.blobs.write(approval_names.anchor(1), b"broken")
    assert [books.anchor("2026-05-06", hour) for hour in (0, 1, 2)] == [2, None, None]
    assert [flaw.split(":")[0] for flaw in books.all_flaws()] == [approval_names.anchor(1)]


def test_outage_takes_no_half_anchor(books: Books) -> None:
    """The next hour tries again."""
    books.open(1)
    books.blobs.go_away()
    with pytest.raises(StorageUnavailable):
        books.anchor("2026-05-05")
    books.blobs.come_back()
    assert books.anchor("2026-05-05", 1) == 1


def test_anchor_is_signed_with_the_newest_key_and_follows_one_of_the_old_key(books: Books) -> None:
    """What the old one says is taken over."""
    approval = books.open(1)
    books.anchor("2026-05-05")
    books.environment["SETTLE_LEDGER_KEY"] = f"{'n' * 40} {LEDGER_KEY}"
    books.cut_off(approval, 1)
    books.anchor("2026-05-06")
    keys = books.services.ledger_keys
    anchor = ledger_anchors.newest(books.blobs, keys)
    assert anchor is not None
    assert anchor.signed_with == keys.ids[0]
    assert anchor.heads[approval].entries == 2


def test_file_is_as_its_description_says() -> None:
    """Whoever keeps one can read it without us."""
    first, one, _, last = map(json.loads, gzip.decompress(_bytes()).splitlines())
    assert (first["anchor"], first["number"], first["former"]["number"]) == (1, 2, 1)
    assert one == {"ledger": "a1", "entries": 5, "hash": "11" * 32}
    assert set(last) == {"entries", "ledgers", "sha256", "signature", "signed_with"}
