"""Routes of a batch: pages, windows and packs, each document found without the others."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from decimal import Decimal

import pytest

from invoicing.approval.policy import Condition, Policy, PolicyInvalid, Rule, Stage
from invoicing.approval.policy_file import parse
from invoicing.records.base import BatchId, Person, Reference
from invoicing.records.batch import Manifest
from invoicing.records.document import DocumentRow
from invoicing.records.route import PACK, WINDOW, BatchRouting
from stores.approvals import request_of
from stores.batches import BatchStore
from stores.records import RecordDamaged
from stores.results import ResultStore
from stores.routes import RouteStore
from tests.unit.approvals_on_paper import ANN, BOB, NOON
from tests.unit.books import Books
from tests.unit.report_rows import invoice, row
from usecases.find_route import NotRouted, claim_of, route_of
from usecases.route_batch import route_batch

BATCH = BatchId("b" + "7" * 24)
STAGE = {"name": "clerk", "approvers": [ANN, BOB], "expire_after": "P14D"}


def _policy() -> Policy:
    """Nobody below 1,000 euros, a clerk from there on."""
    people = {person: {"name": person} for person in (ANN, BOB)}
    rules = [
        {"name": "small", "when": {"currency": ["EUR"], "amount_below": "1000.00"}, "stages": []},
        {"name": "large", "when": {}, "stages": [STAGE]},
    ]
    return parse(json.dumps({"version": 1, "people": people, "rules": rules}).encode())


@pytest.fixture
def books(monkeypatch: pytest.MonkeyPatch) -> Books:
    """A storage with nothing in it, and the policy above."""
    monkeypatch.setattr("adapters.policies.load", lambda settings: _policy())
    return Books()


def _claimed(books: Books, documents: int, large: set[int], bad: frozenset[int] = frozenset()) -> None:
    """A batch whose rows are final: those in `large` need a person, those in `bad` are no valid invoices."""
    rows = [
        DocumentRow.model_validate(
            row(
                n,
                outcome="invalid" if n in bad else "valid",
                invoice=invoice(number=str(n), payable="5000.00" if n in large else "50.00"),
            )
        )
        for n in range(1, documents + 1)
    ]
    lines = b"".join(checked.as_json() + b"\n" for checked in rows)
    ResultStore(books.blobs).write_final(BATCH, io.BytesIO(lines))
    BatchStore(books.blobs).divide(BATCH, Manifest(lasts=(*range(50, documents, 50), documents)))


def _route(books: Books, *, sender: str | None = None, again: bool = False) -> BatchRouting:
    person = Person(sender) if sender else None
    return route_batch(books.services, BATCH, person, NOON, again=again)


def test_documents_are_kept_with_those_that_they_are_done_with(books: Books) -> None:
    """Windows of those that wait, packs of those that need nobody; invalid ones go nowhere."""
    _claimed(books, 260, large=set(range(1, 121)), bad=frozenset({7, 200}))
    routed = _route(books)
    assert routed == BatchRouting(documents=258, approvals=119, windows=4, packs=2)
    store = RouteStore(books.blobs, BATCH)
    windows = [[waiting.n for waiting in store.window(n).documents] for n in range(4)]
    assert windows[0] == [n for n in range(1, WINDOW + 2) if n != 7]
    assert [len(window) for window in windows] == [WINDOW, WINDOW, WINDOW, 119 - 3 * WINDOW]
    packs = [store.pack(n) for n in range(2)]
    assert [len(pack.documents) for pack in packs if pack] == [PACK, 39]
    assert packs[0]
    assert packs[0].documents[0].row.n == 121


def test_document_is_found_in_one_blob(books: Books) -> None:
    """Whatever the size of its batch: its rule, its approval, and the key of its claim."""
    _claimed(books, 350, large={17, 300})
    _route(books)
    before = len(books.blobs.calls)
    route = route_of(books.blobs, Reference(f"{BATCH}/300"))
    assert (route.rule, claim_of(books.blobs, Reference(f"{BATCH}/17"))) == ("large", f"{17:032x}")
    assert [verb for verb, _ in books.blobs.calls[before:]] == ["read", "read"]
    assert route.approval
    request = request_of(books.blobs, route.approval)
    assert (request.ref, request.document.chunk, request.row.n) == (f"{BATCH}/300", 5, 300)


def test_document_that_was_not_routed_has_no_route(books: Books) -> None:
    """It was no valid invoice, or there is none of its number; nor has an invoice that was never checked."""
    _claimed(books, 3, large=set(), bad=frozenset({2}))
    _route(books)
    for reference in (f"{BATCH}/2", f"{BATCH}/999", "i" + "1" * 24):
        with pytest.raises(NotRouted):
            route_of(books.blobs, Reference(reference))
        with pytest.raises(NotRouted):
            claim_of(books.blobs, Reference(reference))


def test_sender_who_is_the_only_approver_is_told_apart(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    """The document has a route that says why; nothing waits for anybody."""
    stage = Stage("clerk", (ANN,), expire_after=timedelta(days=14))
    policy = Policy(_policy().people, (Rule("large", Condition(amount_from=Decimal(0)), (stage,)),))
    monkeypatch.setattr("adapters.policies.load", lambda settings: policy)
    _claimed(books, 2, large={1, 2})
    assert _route(books, sender=ANN) == BatchRouting(documents=2, unapprovable=2)
    route = RouteStore(books.blobs, BATCH).route(1)
    assert route
    assert route.error
    assert (route.outcome, route.approval, route.error.code) == ("bad", None, "no_approver")


def test_run_that_is_begun_again_takes_what_was_written(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The policy is not even read; a run that had not come to its end routes all anew."""
    _claimed(books, 120, large={3})
    first = _route(books)
    before = dict(books.blobs.stored)

    def broken(settings: object) -> Policy:
        raise PolicyInvalid(["half a file"])

    monkeypatch.setattr("adapters.policies.load", broken)
    assert _route(books, again=True) == first
    assert books.blobs.stored == before
    books.blobs.delete(f"batches/{BATCH}/routing/routing.json")
    with pytest.raises(PolicyInvalid):
        _route(books, again=True)


def test_routing_twice_writes_the_same(books: Books) -> None:
    """An activity may run twice."""
    _claimed(books, 120, large={3, 101})
    _route(books)
    before = {name: books.blobs.read(name) for name in books.blobs.names()}
    _route(books)
    assert {name: books.blobs.read(name) for name in books.blobs.names()} == before


def test_damaged_page_is_named_and_nothing_of_it_is_shown(books: Books) -> None:
    """By its blob."""
    _claimed(books, 2, large={1})
    _route(books)
    name = f"batches/{BATCH}/routing/routes/00000.json"
    books.blobs.write(name, b'{"routes": [{"n": "secret"}]}')
    with pytest.raises(RecordDamaged, match=name) as damaged:
        route_of(books.blobs, Reference(f"{BATCH}/1"))
    assert "secret" not in str(damaged.value)
