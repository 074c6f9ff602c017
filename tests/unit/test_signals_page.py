"""The page of signals: those that nobody waited for, and saying that goods have come."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import azure.functions as func
import pytest

from adapters.services import Services
from invoicing.records.signals import Signal
from invoicing.signals.taking_in import NewSignal, signal_of
from stores import signals as store
from stores.blobs import StorageUnavailable
from tests.unit.page_requests import Client, get, local_run, text
from tests.unit.test_signals import KIND, NOW, _end, _place, _put
from triggers import pages_signals
from usecases import wait_for_signals as waits
from usecases.signal_overview import overview
from web.views.signals import shown

FORM = {"key": "PO-1", "line": "1", "quantity": "5", "unit": "KGM", "id": "page-1"}


@pytest.fixture
def here() -> Iterator[Services]:
    """A local run with nothing in it."""
    with local_run() as made:
        yield made


async def _shown(query: str = "", person: str | None = "ann.roth@example.com") -> func.HttpResponse:
    return await get(pages_signals.page_signals, f"/signals{query}", person)


async def _send(client: Client, **fields: str) -> func.HttpResponse:
    return await get(
        pages_signals.send_signal, "/signals", method="POST", fields=FORM | fields, client=client
    )


async def test_page_lists_what_nobody_waited_for_with_its_age(here: Services) -> None:
    """The oldest first; what somebody waits for, or was given, is not among it."""
    assert "<strong>None.</strong>" in text(await _shown())
    _put(here.blobs, "young", key="PO-1", at=here.clock() - timedelta(hours=3))  # pyright: ignore[reportArgumentType]
    _put(here.blobs, "old", key="<b>PO-2", at=here.clock() - timedelta(days=3))  # pyright: ignore[reportArgumentType]
    _put(here.blobs, "awaited", key="PO-3")  # pyright: ignore[reportArgumentType]
    _put(here.blobs, "given", key="PO-4")  # pyright: ignore[reportArgumentType]
    waits.open_wait(here.blobs, _place("w3", "PO-3"))
    waits.open_wait(here.blobs, _place("w4", "PO-4"))
    waits.close_wait(here.blobs, _end(["given"], "w4").model_copy(update={"key": "PO-4"}))
    page = text(await _shown())
    rows = re.findall(r"<tr>\n(.*?)</tr>", page, re.DOTALL)
    told = [" ".join(re.sub(r"<[^>]+>", " ", one).split()) for one in rows]
    assert len(told) == 2
    assert "old" in told[0]
    assert told[0].endswith("3 days")
    assert "line 1, quantity 5, unit KGM; by dock 2, scale" in told[1]
    assert told[1].endswith("3 hours")
    assert "1 workflow waits" in page
    assert "<b>PO-2" not in page


async def test_form_says_that_goods_have_come_once(here: Services) -> None:
    """In the name of who is signed in, whoever they say they are; sent twice it counts once."""
    client = Client()
    waits.open_wait(here.blobs, _place())
    for _ in range(2):
        answer = await _send(client, by="somebody else")
        assert (answer.status_code, answer.headers["Location"]) == (303, "/signals?done=sent")
    assert client.raised == [("w1", "signal.1")] * 2
    (folder,) = store.folders(here.blobs)
    (signal,) = folder.came.values()
    assert signal.payload == {
        "by": "ann.roth@example.com",
        "lines": [{"line": "1", "quantity": "5", "unit": "KGM"}],
    }
    assert "whoever waits for it was told" in text(await _shown("?done=sent"))


async def test_this_was_all_needs_no_line(here: Services) -> None:
    """It may be said alone."""
    answer = await _send(Client(), line="", quantity="", unit="", complete="1")
    assert answer.status_code == 303


@pytest.mark.parametrize(
    "wrong", [{"key": ""}, {"key": "x" * 300}, {"quantity": "many"}, {"quantity": ""}, {"unit": "x" * 30}]
)
async def test_what_cannot_be_taken_is_said_and_stays_in_the_form(
    here: Services, wrong: dict[str, str]
) -> None:
    """Nothing is stored."""
    answer = await _send(Client(), **wrong)
    page = text(answer)
    assert answer.status_code == 400
    assert 'role="alert"' in page
    assert f'value="{(FORM | wrong)["unit"]}"' in page
    assert list(store.folders(here.blobs)) == []


async def test_who_is_not_signed_in_sees_and_says_nothing(here: Services) -> None:
    """They are sent to sign in."""
    assert (await _shown(person=None)).status_code == 303
    refused = await get(
        pages_signals.send_signal, "/signals", None, method="POST", fields=FORM, client=Client()
    )
    assert refused.status_code == 401
    assert list(store.folders(here.blobs)) == []


async def test_storage_that_is_away_is_told(here: Services) -> None:
    """As on every page."""
    await _shown()  # the keys are there by now

    def away(verb: str, name: str) -> None:
        raise StorageUnavailable("no answer")

    here.blobs.fails = away  # pyright: ignore[reportAttributeAccessIssue] - the fake has it
    assert (await _shown()).status_code == 503


def test_only_the_oldest_are_shown_where_there_are_many(here: Services) -> None:
    """With how many there are."""
    for n in range(30):
        _put(here.blobs, str(n), key=f"PO-{n % 7}", at=NOW + timedelta(minutes=n))  # pyright: ignore[reportArgumentType]
    found = overview(here.blobs, 10)
    assert [signal.id for signal in found.unknown] == [str(n) for n in range(10)]
    assert (found.total, found.waiting) == (30, 0)


def test_long_content_is_cut(here: Services) -> None:
    """A signal may have two hundred lines."""
    lines = [{"line": str(n), "quantity": 1} for n in range(200)]
    store.create(here.blobs, _signal(lines))
    (one,) = shown(overview(here.blobs, 10).unknown, NOW)
    assert one.says.endswith("and 192 more")


def _signal(lines: list[dict[str, object]]) -> Signal:
    return signal_of(NewSignal(KIND, "PO-1", {"lines": lines}), NOW)
