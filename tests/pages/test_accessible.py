"""Every page for everybody: axe-core finds nothing, the policy hinders nothing, and keys are enough."""

from __future__ import annotations

import time
from typing import Any

import pytest

from samples.order import NUMBER, files
from tests.e2e import calls
from tests.e2e.approvals import Api, Waiting, invoice
from tests.e2e.documents import invoices, zipped
from tests.pages.conftest import ANN, DESKTOP, PHONE, Open, Page, picture, violations

#: What strangers may write: markup, an override of the direction, and a word without an end.
_HOSTILE = "<b onclick=alert(1)>\u202egnp.exe" + "W" * 250


@pytest.fixture(scope="module")
def waiting(api: Api) -> Waiting:
    """An invoice that waits, with a line whose text is an attack on the layout."""
    return api.waiting(invoice("25000.00", line=_HOSTILE))


@pytest.fixture(scope="module")
def batch(api: Api) -> str:
    """A batch that has ended: invoices, and a file that is none, with a hostile name."""
    documents = [*invoices(3), (_HOSTILE[:120] + ".xml", b"no invoice")]
    answer = api.post("batches", data=zipped(documents), headers={"Content-Type": "application/zip"})
    assert answer.status_code == 202, answer.text
    deadline = time.monotonic() + 120
    while (status := calls.get(answer.headers["Location"], timeout=60)).status_code == 202:
        assert time.monotonic() < deadline, status.text
        time.sleep(0.2)
    return answer.json()["id"]


@pytest.fixture(scope="module")
def order(waiting: Waiting) -> str:
    """An order that is known to the host, with goods that came early."""
    body = {"line": "1", "quantity": 5}
    key = {"Idempotency-Key": "page-1"}
    assert waiting.api.post(f"signals/goods-received/{NUMBER}", json=body, headers=key).ok
    content = files()[f"order-{NUMBER}.xml"]
    answer = waiting.api.post("orders", data=content, headers={"Content-Type": "application/xml"})
    assert answer.ok, answer.text
    return answer.json()["id"]


@pytest.fixture(scope="module")
def paths(waiting: Waiting, batch: str, order: str) -> dict[str, str]:
    """Every page, by a name for its picture."""
    return {
        "sign-in": "/sign-in",
        "inbox": "/inbox",
        "inbox-empty": "/inbox?supplier=nobody&least=x",
        "approval": f"/approvals/{waiting.approval}",
        "approval-by-link": f"/approvals/{waiting.approval}?t={waiting.token(ANN)}",
        "batches": "/batches",
        "batch": f"/batches/{batch}",
        "receipts": "/receipts",
        "receipt": f"/receipts/{order}",
        "runs": "/runs",
        "mailbox": "/mailbox",
        "runs-with-parts": "/runs?parts=1&status=ended",
        "run-of-batch": f"/runs/{batch}",
        "run-of-approval": f"/runs/{waiting.approval}",
        "absences": "/absences",
        "signals": "/signals",
        "outbox": "/outbox",
        "not-there": "/approvals/a" + "0" * 24,
    }


_LOOKS = [
    pytest.param({"viewport": DESKTOP, "color_scheme": "light"}, id="desktop"),
    pytest.param({"viewport": PHONE, "color_scheme": "light"}, id="phone"),
    pytest.param({"viewport": DESKTOP, "color_scheme": "dark"}, id="dark"),
]


@pytest.mark.parametrize("look", _LOOKS)
def test_axe_finds_nothing_on_any_page(
    open_page: Open, axe: str, paths: dict[str, str], look: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    """In light and dark, wide and narrow. The policy is set aside only to let axe itself in."""
    page = open_page(bypass_csp=True, **look)
    found = []
    for name, path in paths.items():
        page.goto(path)
        _open_details(page)
        picture(page, f"{name}-{request.node.callspec.id}")
        found += [(name, *one) for one in violations(page, axe)]
    assert found == []


def _open_details(page: Page) -> None:
    """Show what is folded away: it has to be in order too."""
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")


@pytest.mark.parametrize("look", _LOOKS)
def test_no_page_is_hindered_by_its_policy_or_scrolls_sideways(
    open_page: Open, paths: dict[str, str], look: dict[str, Any]
) -> None:
    """The console stays silent, and a word without an end does not push the page apart."""
    page = open_page(**look)
    for name, path in paths.items():
        page.goto(path)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= look["viewport"]["width"], f"{name} is {width} wide"
    assert [text for text in page.told if "404 (Not Found)" not in text] == []


def test_texts_of_strangers_make_no_elements(open_page: Open, paths: dict[str, str]) -> None:
    """What was written into the invoice is text on the page."""
    page = open_page()
    for name in ("approval", "batch", "run-of-batch"):
        page.goto(paths[name])
        assert page.locator("[onclick]").count() == 0
    page.goto(paths["approval"])
    assert "<b onclick=alert(1)>" in page.inner_text("main")
    assert "\u202e" not in page.content()


def test_keys_are_enough_to_decide(open_page: Open, api: Api) -> None:
    """The first stop is the skip link; every stop can be seen; Enter on Approve approves."""
    waiting = api.waiting(invoice())
    page = open_page()
    page.goto(f"/approvals/{waiting.approval}")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    stops = []
    for _ in range(60):
        page.keyboard.press("Tab")
        stop = page.evaluate(
            "(() => { const one = document.activeElement, look = getComputedStyle(one);"
            " const name = (one.textContent || one.name || '').trim();"
            " return [one.tagName, name, look.outlineStyle, look.outlineWidth] })()"
        )
        stops.append(stop)
        if stop[1] == "Approve":
            break
    names = [stop[1] for stop in stops]
    assert names[-1] == "Approve"
    assert names.index("Open the document") < names.index("comment") < names.index("Approve")
    assert all(style != "none" and width != "0px" for _, _, style, width in stops)
    page.keyboard.press("Enter")
    page.wait_for_url("**done=*")
    assert page.get_by_role("status").inner_text().startswith("You approved this invoice.")


def test_the_timeline_is_told_in_words_as_well(open_page: Open, paths: dict[str, str]) -> None:
    """Each bar has a title to hover, and a row in the table."""
    page = open_page()
    page.goto(paths["run-of-batch"])
    titles = page.locator("svg g title").all_text_contents()
    page.get_by_text("The same as a table").click()
    rows = page.get_by_role("region", name="Timeline as a table").locator("tbody tr")
    assert len(titles) == rows.count() > 3
    assert any(title.startswith("Activity: unpack batch – done, ") for title in titles)
    assert page.get_by_role("link", name="Batch window").count() == 1
