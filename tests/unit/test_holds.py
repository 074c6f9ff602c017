"""Legal holds: who, why and until when, over HTTP and on the pages; and the page of retention."""

from __future__ import annotations

import json
from datetime import timedelta

import azure.functions as func
import pytest

from adapters.services import Services
from invoicing.approval import names
from invoicing.records.retention import KeptThing, PurgeCounts, RetentionRun, Tombstone
from stores import holds, retention_runs, tombstones
from tests.unit.approvals_on_paper import ANN
from tests.unit.old_things import NOON, OldThings
from tests.unit.page_requests import get as get_page
from tests.unit.page_requests import handler as plain
from tests.unit.page_requests import local_run, request, status, text
from tests.unit.test_described_answers import Api
from triggers import holds as doors
from triggers import pages_approval, pages_batches, pages_retention, pages_runs
from usecases import holding
from usecases.refusals import Gone, NotNow

WHY = {"why": "Case 4711"}


def body(answer: func.HttpResponse) -> dict[str, object]:
    """The JSON of an answer."""
    return json.loads(answer.get_body())


async def test_hold_is_placed_and_ended_and_its_record_stays() -> None:
    """Twice is once."""
    with local_run() as used:
        api = Api(used)
        batch = await api.batch()
        for _ in range(2):
            held = await api.call(doors.put_hold, id=batch, body=WHY)
            assert (held.status_code, body(held)["held"]) == (200, True)
        for _ in range(2):
            ended = await api.call(doors.delete_hold, id=batch, why="settled")
            assert (ended.status_code, body(ended)["held"]) == (200, False)
        kept = holds.of(used.blobs, batch)
        assert kept is not None
        assert [(event.kind, event.who, event.why) for event in kept.events] == [
            ("placed", ANN, "Case 4711"),
            ("ended", ANN, "settled"),
        ]


@pytest.mark.parametrize(
    ("thing", "sent", "expected"),
    [
        ("b" + "9" * 24, WHY, (404, "unknown_batch")),
        ("i" + "9" * 24, WHY, (404, "unknown_invoice")),
        ("a" + "9" * 24, WHY, (400, "bad_hold")),
        ("x", WHY, (400, "bad_hold")),
        ("here", {}, (400, "why_missing")),
        ("here", {"why": "  "}, (400, "why_missing")),
        ("here", {"why": "y" * 501}, (400, "bad_field")),
        ("here", {"why": 1}, (400, "bad_field")),
        ("here", {"why": "y", "until": "x"}, (400, "unknown_field")),
        ("here", {"why": "y", "who": "bob@example.com"}, (403, "who_differs")),
    ],
)
async def test_bad_hold_is_refused_with_what_to_do(
    thing: str, sent: object, expected: tuple[int, str]
) -> None:
    """And leaves no record."""
    with local_run() as used:
        api = Api(used)
        thing = await api.batch() if thing == "here" else thing
        answer = await api.call(doors.put_hold, id=thing, body=sent)
        error = body(answer)["error"]
        assert isinstance(error, dict)
        assert (answer.status_code, error["code"]) == expected
        assert used.blobs.exists(f"holds/{thing}.json") is False


async def test_what_was_never_held_cannot_be_ended() -> None:
    """404, and no record is made."""
    with local_run() as used:
        api = Api(used)
        batch = await api.batch()
        for answer in (
            await api.call(doors.delete_hold, id=batch, why="settled"),
            await api.call(doors.get_hold, id=batch),
        ):
            assert answer.status_code == 404


def _stone(batch: str) -> Tombstone:
    """The tombstone of a batch that is being deleted."""
    return Tombstone(
        id=batch,
        kind="batch",
        part="all",
        stage="deleting",
        at=NOON,
        created=NOON,
        record=None,
        container="c",
        window="r.1",
    )


def test_hold_that_comes_when_the_purge_has_its_mark_stands() -> None:
    """The purge sees it and is called off; until then nobody can say so."""
    here = OldThings()
    batch = here.batch(1)
    tombstones.put(here.blobs, _stone(batch).model_copy(update={"stage": "marked"}))
    with pytest.raises(NotNow):
        holding.place(here.blobs, batch, ANN, "Case 4711", NOON)
    here.now += timedelta(days=9999)
    assert here.run().counts == PurgeCounts()
    assert holding.place(here.blobs, batch, ANN, "Case 4711", NOON).is_held
    kept = holds.of(here.blobs, batch)
    assert kept is not None
    assert [event.kind for event in kept.events] == ["placed"]


def test_hold_that_comes_while_the_purge_deletes_is_told_so() -> None:
    """It is written first and ends at once: whoever holds looks for the tombstone after that."""
    here = OldThings()
    batch = here.batch(1)
    tombstones.put(here.blobs, _stone(batch))
    with pytest.raises(Gone):
        holding.place(here.blobs, batch, ANN, "Case 4711", NOON)
    kept = holds.of(here.blobs, batch)
    assert kept is not None
    assert [event.kind for event in kept.events] == ["placed", "ended"]


# ---------------------------------------------------------------- pages


async def _post(fields: dict[str, str]) -> func.HttpResponse:
    return await plain(pages_retention.change_hold)(req=request("/holds", method="POST", fields=fields))


async def test_person_holds_on_the_page_and_sees_it_everywhere() -> None:
    """On the pages of the batch, its run, and retention."""
    with local_run() as used:
        api = Api(used)
        batch = await api.batch()
        answer = await _post(
            {"id": batch, "why": "Case <4711>", "action": "place", "next": f"/batches/{batch}"}
        )
        assert answer.status_code == 303
        assert answer.headers["Location"] == f"/batches/{batch}"
        api.hub.statuses[batch] = status(batch, name="process_batch")
        shown = [
            await get_page(pages_batches.page_batch, f"/batches/{batch}", client=api.hub),
            await get_page(pages_runs.page_run, f"/runs/{batch}", client=api.hub),
            await get_page(pages_retention.page_retention, "/retention"),
        ]
        for one in shown:
            assert one.status_code == 200
            assert "Case &lt;4711&gt;" in text(one)
        await _post({"id": batch, "why": "settled", "action": "end"})
        page = text(await get_page(pages_batches.page_batch, f"/batches/{batch}", client=api.hub))
        assert "4711" not in page
        assert f"/retention?hold={batch}" in page
        assert "settled" in text(await get_page(pages_retention.page_retention, "/retention"))


async def test_page_of_an_approval_shows_the_hold_of_its_invoice() -> None:
    """That of another document of its batch is no news of it."""
    here = OldThings()
    batch = here.batch(1)
    holding.place(here.blobs, f"{batch}-2", ANN, "of the other one", NOON)
    with local_run() as used:
        used.blobs.stored.update(here.blobs.stored)  # pyright: ignore[reportAttributeAccessIssue]
        path = f"/approvals/{names.approval_id(f'{batch}/1')}"
        assert "of the other one" not in text(await get_page(pages_approval.page_approval, path))
        holding.place(used.blobs, f"{batch}-1", ANN, "of this one", NOON)
        assert "of this one" in text(await get_page(pages_approval.page_approval, path))


async def test_form_that_is_refused_keeps_what_was_typed() -> None:
    """With the reason."""
    with local_run():
        answer = await _post({"id": "b1", "why": "Case 4711", "action": "place"})
        assert answer.status_code == 400
        shown = text(answer)
        assert 'value="b1"' in shown
        assert 'value="Case 4711"' in shown
        assert "can be held" in shown


async def test_form_of_another_page_holds_nothing() -> None:
    """The token of the form is checked."""
    with local_run() as used:
        batch = await Api(used).batch()
        fields = {"id": batch, "why": "x", "action": "place"}
        req = request("/holds", method="POST", fields=fields, csrf_person="mallory@example.com")
        answer = await plain(pages_retention.change_hold)(req=req)
        assert answer.status_code == 403
        assert holds.of(used.blobs, batch) is None


async def test_page_says_what_was_purged_and_what_stays() -> None:
    """Counts, reasons, and what is wrong; a record that is damaged costs its own line."""
    with local_run() as used:
        _put_runs(used)
        used.blobs.write("holds/b1.json", b"{")
        shown = text(await get_page(pages_retention.page_retention, "/retention"))
        for words in ("1 batch", "2 documents", "3 blobs", "HTTP 403", "could not be archived", "for good"):
            assert words in shown
        assert "cannot be read" in shown


def _put_runs(used: Services) -> None:
    counts = PurgeCounts(batches=1, documents=2, blobs=3, bytes=4)
    run = RetentionRun(id="r1", began=NOON, counts=counts, outcome="failed", error="HTTP 403")
    retention_runs.keep(used.blobs, run.with_kept(KeptThing(id="b" + "1" * 24, why="fault", text="damaged")))
