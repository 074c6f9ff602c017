"""People say on the page that they are away and that they are back, with forms alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.pages.conftest import DAN, DESKTOP, EVA, PHONE, Open, Page, picture, violations
from web.words import day

# Only Dan and Eva are away here: nobody waits for them in the other tests' invoices.
_LAST = datetime.now(UTC).date() + timedelta(days=9)


@pytest.fixture
def all_back(open_page: Open) -> Iterator[None]:
    """Whoever was away is back afterwards."""
    yield
    for person in (DAN, EVA):
        page = open_page(person)
        page.goto("/absences")
        if page.get_by_role("button", name="I am back").count():
            page.get_by_role("button", name="I am back").click()


def _enter(page: Page, name: str, button: str = "Enter my absence") -> None:
    page.goto("/absences")
    page.get_by_label("Until the end of").fill(_LAST.isoformat())
    page.get_by_label("Who decides meanwhile").select_option(label=name)
    page.get_by_role("button", name=button).click()


def test_going_away_and_coming_back_without_javascript(open_page: Open, all_back: None) -> None:
    """The form, the list that everybody sees, and the way back."""
    page = open_page(EVA, java_script_enabled=False)
    page.get_by_role("link", name="Absences").click()
    _enter(page, "Dan Horn")
    page.wait_for_url("**/absences?done=entered")
    assert page.get_by_role("status").inner_text() == "Your absence is entered."
    assert f"You are away until the end of {day(_LAST)}; Dan Horn decides" in page.inner_text("main")
    other = open_page()
    other.goto("/absences")
    assert "Dan Horn" in other.get_by_role("row", name="Eva Stein").inner_text()
    assert other.get_by_role("button", name="I am back").count() == 0
    page.get_by_role("button", name="I am back").click()
    page.wait_for_url("**/absences?done=ended")
    assert page.get_by_role("row", name="Eva Stein").count() == 0
    assert page.told == []


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_loop_is_refused_beside_the_form(
    open_page: Open, all_back: None, axe: str, viewport: dict[str, int], scheme: str
) -> None:
    """What was chosen stays; the cursor is where something has to change. Axe looks at both pages."""
    looks = {"bypass_csp": True, "viewport": viewport, "color_scheme": scheme}
    first, second = open_page(EVA, **looks), open_page(DAN, **looks)
    _enter(first, "Dan Horn")
    assert violations(first, axe) == []
    picture(first, f"flow-absence-entered-{scheme}-{viewport['width']}")
    _enter(second, "Eva Stein")
    alert = second.get_by_role("alert").inner_text()
    assert alert.endswith("is away too, and you stand in: nobody would be left.")
    assert second.get_by_label("Until the end of").input_value() == _LAST.isoformat()
    assert second.get_by_label("Who decides meanwhile").input_value() == EVA
    assert second.evaluate("document.activeElement.id") == "to"
    assert violations(second, axe) == []
    assert second.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    picture(second, f"flow-absence-refused-{scheme}-{viewport['width']}")
