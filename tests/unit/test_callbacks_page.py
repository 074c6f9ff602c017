"""The page of a run says who is told of its end, and how far that is."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from adapters import services
from invoicing.callbacks.subscriptions import kind_of, told_target
from invoicing.records.callbacks import CallbackState
from stores import subscriptions
from stores.blobs import StorageUnavailable
from tests.unit.page_requests import Client, get, local_run, status, text
from triggers import pages_runs
from usecases.subscribe import subscribe
from web.views.callbacks import CallbackLine

BATCH = "b" + "1" * 24
URL = "https://hooks.example.com/x?sig=hush"


async def _page(instance: str = BATCH) -> str:
    client = Client(status(instance, name="process_batch"))
    return text(await get(pages_runs.page_run, f"/runs/{instance}", client=client))


async def test_page_says_who_is_told_and_what_was_wrong() -> None:
    """The host, never the address, which is a secret."""
    with local_run() as used:
        assert "Who is told" not in await _page()
        made = subscribe(used, "batch", BATCH, URL)
        at = datetime(2026, 5, 4, 12, tzinfo=UTC)
        told = {"state": "sending", "attempts": 3, "error": "The receiver answered 503.", "at": at}
        subscriptions.change(used.blobs, made.id, lambda before: before.model_copy(update=told))
        page = await _page()
    assert "hooks.example.com" in page
    assert "is being told" in page
    assert "The receiver answered 503." in page
    assert f"/runs/callback-{made.id}-1" in page
    assert "hush" not in page


async def test_run_that_tells_leads_to_the_one_that_ended() -> None:
    """Somebody who finds it in the list wants to know what for."""
    with local_run():
        page = await _page(f"callback-{BATCH}-{'0' * 16}-1")
    assert f'href="/runs/{BATCH}"' in page


async def test_page_is_shown_without_the_storage() -> None:
    """What the task hub has is what an operator needs then."""
    with local_run() as used:
        subscribe(used, "batch", BATCH, URL)

        def away(verb: str, name: str) -> None:
            if name.startswith("callbacks/"):
                raise StorageUnavailable(f"{verb} {name}: no answer")

        services.current().blobs.fails = away  # pyright: ignore[reportAttributeAccessIssue] - the fake has it
        page = await _page()
    assert "Timeline" in page


@pytest.mark.parametrize(
    ("state", "tone"),
    [
        ("waiting", "busy"),
        ("sending", "busy"),
        ("delivered", "good"),
        ("cancelled", "quiet"),
        ("gone", "quiet"),
        ("failed", "bad"),
    ],
)
def test_each_state_has_words(state: CallbackState, tone: str) -> None:
    """And a badge that fits."""
    with local_run() as used:
        told = subscribe(used, "batch", BATCH, URL).model_copy(update={"state": state})
    assert CallbackLine.of(told).tone == tone


def test_targets_are_told_from_other_instances() -> None:
    """By their form alone."""
    assert (kind_of(BATCH), kind_of(f"{BATCH}-approvals"), kind_of("")) == ("batch", None, None)
    assert told_target("callback-x") is None
    assert told_target(BATCH) is None
