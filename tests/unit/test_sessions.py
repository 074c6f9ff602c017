"""Sessions that were ended: the marks in the storage, and how they go away again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import azure.functions as func
import pytest

from adapters.identity import NotSignedIn, person_of
from invoicing.records.session import Session, is_session_id
from stores.blobs import StorageUnavailable
from stores.sessions import PREFIX, Sessions, mark_of
from tests.fakes.memory_blobs import MemoryBlobs
from tests.unit.approvals_on_paper import ANN
from tests.unit.page_requests import BASE, handler, local_run, request
from triggers.pages_sign_in import do_sign_out

LATER = datetime.now(UTC) + timedelta(hours=12)


def test_every_process_knows_that_a_session_has_ended() -> None:
    """It stands in the storage."""
    blobs, session = MemoryBlobs(), Session.begin(LATER)
    assert not Sessions(blobs).has_ended(session)
    Sessions(blobs).end(session)
    Sessions(blobs).end(session)
    assert Sessions(blobs).has_ended(session)
    assert not Sessions(blobs).has_ended(Session.begin(LATER))


async def test_signing_out_ends_the_session_for_whoever_kept_its_cookie() -> None:
    """Not only in the browser that signs out."""
    with local_run() as here:
        out = request("/sign-out", method="POST", fields={})
        kept = func.HttpRequest("GET", BASE, headers={"cookie": out.headers["cookie"]}, body=b"")

        def who() -> str:
            return person_of(kept, here.settings.access, here.links, here.sessions).person

        assert who() == ANN
        assert (await handler(do_sign_out)(req=out)).status_code == 303
        with pytest.raises(NotSignedIn):
            who()


def test_storage_that_is_away_ends_nothing_and_says_so() -> None:
    """Nobody is told that they are signed out when they are not, nor let in while nobody knows."""
    blobs, session = MemoryBlobs(), Session.begin(LATER)
    blobs.go_away()
    with pytest.raises(StorageUnavailable):
        Sessions(blobs).end(session)
    with pytest.raises(StorageUnavailable):
        Sessions(blobs).has_ended(session)


def test_marks_go_away_when_no_cookie_can_be_good_any_more() -> None:
    """A few with each sign-out, so that they do not pile up; those that count are kept."""
    blobs = MemoryBlobs()
    old = [Session.begin(datetime.now(UTC) - timedelta(days=day)) for day in range(1, 50)]
    for session in old:
        blobs.write(mark_of(session), b"")
    kept = [Session.begin(LATER), Session.begin(LATER + timedelta(minutes=1))]
    for session in kept * 3:
        Sessions(blobs).end(session)
    assert blobs.names(PREFIX) == sorted(mark_of(session) for session in kept)


@pytest.mark.parametrize(
    ("text", "expected"),
    [(Session.begin(LATER).id, True), ("", False), ("../x", False), ("A" * 24, False), ("a" * 25, False)],
    # The first one is another in each process.
    ids=["of a session", "empty", "a path", "capital letters", "too long"],
)
def test_ids_have_one_form(text: str, expected: bool) -> None:
    """They become part of a name in the storage."""
    assert is_session_id(text) is expected
