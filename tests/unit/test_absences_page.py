"""The page of absences: who is away, entering one's own, and ending it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import azure.functions as func
import pytest

from adapters import policies, services
from adapters.services import Services
from invoicing.records.absence import Absence
from stores import absences as stored_absences
from stores import wishes
from tests.unit.approvals_on_paper import ANN, BOB, CARLA
from tests.unit.page_requests import get, handler, local_run, request, text
from triggers import pages_absences
from usecases.absences import delegate
from web.views.absences import absences, choices, until_words

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
DAN, EVA = "dan.horn@example.com", "eva.stein@example.com"
DAY = timedelta(days=1)


@pytest.fixture
def here() -> Iterator[Services]:
    """A local run with nothing in it."""
    with local_run() as made:
        yield made


def in_days(days: int) -> str:
    """A day as the form sends it."""
    return (datetime.now(UTC).date() + timedelta(days=days)).isoformat()


def away(here: Services, who: str, to: str, days: float = 3) -> None:
    """Somebody is away; for less than no days: they were."""
    now, since = datetime.now(UTC), datetime.now(UTC) - 10 * DAY
    policy = policies.load(here.settings)
    delegate(here.blobs, policy, who, now + timedelta(days=days), to, min(now, since))


async def shown(person: str | None = ANN, query: str = "") -> func.HttpResponse:
    """The page."""
    return await get(pages_absences.page_absences, f"/absences{query}", person)


async def enter(person: str = ANN, **fields: str) -> func.HttpResponse:
    """Send the form."""
    return await get(pages_absences.enter_absence, "/absences", person, method="POST", fields=fields)


async def test_the_page_lists_who_is_away(here: Services) -> None:
    """Until when, and who decides; who is back is left out, and who passes it on is named."""
    assert "Nobody is away." in text(await shown())
    away(here, CARLA, DAN)
    away(here, DAN, EVA)
    away(here, BOB, ANN, days=-1)
    rows = re.findall(r"<tr>\n(.*?)</tr>", text(await shown()), re.DOTALL)
    told = [" ".join(re.sub(r"<[^>]+>", " ", one).split()) for one in rows]
    assert len(told) == 2
    assert told[0].startswith(f"Carla Weiss {CARLA}")
    assert told[0].endswith(f"Eva Stein {EVA} Dan Horn is away too")
    assert told[1].endswith(f"Eva Stein {EVA}")


async def test_entering_an_absence_and_ending_it(here: Services) -> None:
    """Each goes on with GET to a page that says what was done; then the form changes what was said."""
    answer = await enter(until=in_days(3), to=EVA.upper())
    assert (answer.status_code, answer.headers["Location"]) == (303, "/absences?done=entered")
    (made,) = stored_absences.all_of(here.blobs).found
    assert (made.who, made.to) == (ANN, EVA)
    assert made.until.date() - DAY == date.fromisoformat(in_days(3)), "the day counts to its end"
    page = text(await shown(query="?done=entered"))
    assert "Your absence is entered." in page
    assert f'value="{in_days(3)}"' in page
    assert f'<option value="{EVA}" selected>' in page
    assert "I am back" not in text(await shown(BOB)), "one ends one's own absence only"
    back = await get(pages_absences.end_own_absence, "/absences/end", method="POST", fields={})
    assert (back.status_code, back.headers["Location"]) == (303, "/absences?done=ended")
    assert stored_absences.all_of(here.blobs).found == []
    assert "You are back" in text(await shown(query="?done=ended"))


async def test_nothing_is_said_to_be_done_that_is_not(here: Services) -> None:
    """An address can be made up, and kept for longer than it is true."""
    assert 'role="status"' not in text(await shown(query="?done=entered"))
    away(here, ANN, BOB)
    assert 'role="status"' not in text(await shown(query="?done=ended"))


async def test_without_a_choice_the_deputy_stands_in(here: Services) -> None:
    """The form begins with the deputy; who has none must choose."""
    page = text(await shown())
    assert re.search(rf'<select id="to" name="to">\s*<option value="{BOB}">Bob Lang, your deputy<', page)
    assert (await enter(until=in_days(1))).status_code == 303
    assert [one.to for one in stored_absences.all_of(here.blobs).found] == [BOB]
    assert re.search(
        r'name="to" required>\s*<option value="" selected>Choose somebody<', text(await shown(EVA))
    )
    refused = await enter(EVA, until=in_days(1), to="")
    assert (refused.status_code, "Say who stands in" in text(refused)) == (422, True)


@pytest.mark.parametrize(
    ("days", "to", "status", "words", "field"),
    [
        (None, BOB, 400, "Say until when you are away", "until"),
        (-5, BOB, 422, "lies in the past", "until"),
        (500, BOB, 422, "An absence ends within 366 days.", "until"),
        (3, ANN, 422, "Somebody else has to stand in for you.", "to"),
        (3, "eve@example.com", 422, "eve@example.com is not one of the approvers.", "to"),
        (3, CARLA, 422, "is away too, and you stand in", "to"),
    ],
)
async def test_a_refusal_is_shown_and_what_was_typed_is_kept(
    here: Services, days: int | None, to: str, status: int, words: str, field: str
) -> None:
    """In words, at the field that is wrong; nothing is entered."""
    away(here, CARLA, ANN)
    until = in_days(days) if days is not None else "soon"
    answer = await enter(until=until, to=to)
    page = text(answer)
    assert (answer.status_code, len(stored_absences.all_of(here.blobs).found)) == (status, 1)
    assert words in re.findall(r'role="alert" id="problem">(.*?)</p>', page)[0]
    assert f'value="{until}"' in page
    assert re.findall(r'<(?:input|select) [^>]*id="(\w+)"[^>]*aria-invalid="true"', page) == [field]
    if to in (BOB, CARLA):
        assert f'<option value="{to}" selected>' in page


async def test_hostile_fields_stay_texts(here: Services) -> None:
    """What a form sends is nobody's markup, and not without end."""
    page = text(await enter(until="<script>" + "9" * 9000, to='"><script>' + "x" * 9000))
    assert "<script>" not in page
    assert "9" * 50 not in page
    assert "&lt;script&gt;" in page


async def test_who_is_no_approver_needs_no_stand_in(here: Services) -> None:
    """The list is for everybody, the form for approvers; a form made by hand is refused."""
    assert 'name="until"' not in text(await shown("sue@example.com"))
    refused = await enter("sue@example.com", until=in_days(3), to=BOB)
    assert refused.status_code == 422
    assert "sue@example.com is not one of the approvers." in text(refused)


async def test_a_policy_that_cannot_be_used_is_told(here: Services, tmp_path: Path) -> None:
    """The list stays, and one can come back; nothing can be entered."""
    away(here, ANN, BOB)
    broken = tmp_path / "policy.json"
    broken.write_text('{"version": 1, "people": {}, "rules": []}', encoding="utf-8")
    with services.replaced_by(replace(here, settings=replace(here.settings, policy_file=broken))):
        page, refused = await shown(), await enter(until=in_days(9), to=CARLA)
        assert (page.status_code, refused.status_code) == (200, 503)
        for one in map(text, (page, refused)):
            assert "The approval policy cannot be used, so no absence can be entered now." in one
            assert 'name="until"' not in one
            assert ANN in one
        back = await get(pages_absences.end_own_absence, "/absences/end", method="POST", fields={})
        assert back.status_code == 303
    assert stored_absences.all_of(here.blobs).found == []


async def test_one_has_to_be_signed_in(here: Services) -> None:
    """The page asks who one is; a form is refused, and a link is not enough for either."""
    assert (await shown(None)).headers["Location"] == "/sign-in?next=%2Fabsences"
    token = here.links.sign("a" + "1" * 24, "clerk", ANN, "0" * 64, expires=datetime.now(UTC) + DAY)
    assert (await shown(None, f"?t={token}")).headers["Location"].startswith("/sign-in?")
    for builder in (pages_absences.enter_absence, pages_absences.end_own_absence):
        for query in ("", f"?t={token}"):
            fields = {"until": in_days(3), "to": BOB}
            refused = await get(
                builder, f"/absences{query}", None, method="POST", fields=fields, csrf_person=ANN
            )
            assert refused.status_code == 401
    assert stored_absences.all_of(here.blobs).found == []


async def test_a_form_without_its_token_does_nothing(here: Services) -> None:
    """Neither enters nor ends an absence; nor does a token that was made for somebody else."""
    away(here, ANN, BOB)
    form = {"content-type": "application/x-www-form-urlencoded"}
    for builder in (pages_absences.enter_absence, pages_absences.end_own_absence):
        bare = request("/absences", method="POST", headers=dict(form))
        foreign = request("/absences", method="POST", fields={"until": in_days(9)}, csrf_person=BOB)
        for req in (bare, foreign):
            assert (await handler(builder)(req=req)).status_code == 403
    (kept,) = stored_absences.all_of(here.blobs).found
    assert kept.to == BOB


# ---------------------------------------------------------------- the view


def test_a_whole_day_is_said_as_one() -> None:
    """The API also takes moments."""
    assert until_words(datetime(2026, 6, 1, tzinfo=UTC)) == "the end of 31 May 2026"
    assert until_words(datetime(2026, 6, 1, 18, tzinfo=UTC)) == "1 June 2026, 18:00 UTC"


def test_who_is_back_first_comes_first() -> None:
    """And two who stand in for each other, by an accident of time, are shown as they said."""
    found = [Absence(ANN, BOB, NOW + 2 * DAY, NOW), Absence(BOB, ANN, NOW + DAY, NOW)]
    rows = absences(found, ANN, NOW)
    assert [(one.who, one.decides, one.skipped, one.mine) for one in rows] == [
        (BOB, ANN, [], False),
        (ANN, BOB, [], True),
    ]
    assert absences(found, ANN, NOW + 2 * DAY) == []


def test_the_last_day_that_is_offered_is_taken(here: Services) -> None:
    """What the form lets one choose must not be refused."""
    offered = choices(policies.load(here.settings), ANN, NOW)
    assert offered is not None
    ends = datetime.fromisoformat(offered.last).replace(tzinfo=UTC) + DAY
    made = delegate(here.blobs, policies.load(here.settings), ANN, ends, None, NOW)
    assert made.until == ends
    assert [one for one, _ in offered.people] == [BOB, CARLA, DAN, EVA]


async def test_people_say_how_they_want_messages(here: Services) -> None:
    """Gathered unless the policy or they themselves say otherwise; the page shows what counts."""
    assert 'value="digest" checked' in text(await shown())
    answer = await state_wish(messages="single")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/absences?done=messages")
    assert wishes.stated(here.blobs) == {ANN: "single"}
    page = text(await shown(query="?done=messages"))
    assert 'value="single" checked' in page
    assert "Your messages come as is marked below." in page
    assert 'value="digest" checked' in text(await shown(BOB)), "one says it for oneself only"
    await state_wish(messages="digest")
    assert wishes.stated(here.blobs) == {ANN: "digest"}


@pytest.mark.parametrize("wanted", ["", "SINGLE", "never", "digest\x00"])
async def test_wish_that_there_is_not_is_refused(here: Services, wanted: str) -> None:
    """And nothing is kept."""
    assert (await state_wish(messages=wanted)).status_code == 400
    assert wishes.stated(here.blobs) == {}


async def state_wish(person: str = ANN, **fields: str) -> func.HttpResponse:
    """Send the form of how messages come."""
    return await get(pages_absences.state_wish, "/absences/messages", person, method="POST", fields=fields)
