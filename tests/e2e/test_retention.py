"""Legal holds and the page of retention over HTTP; black box, on any host."""

from __future__ import annotations

from tests.e2e import calls
from tests.e2e.documents import invoices
from tests.e2e.test_batches import ended, error, send
from tests.e2e.visitors import Visitor


def test_batch_is_held_and_the_hold_is_seen_and_ended(base_url: str) -> None:
    """By a program; a person sees it on the pages. Its record stays."""
    batch = ended(send(base_url, invoices(1)))["id"]
    url = f"{base_url}/api/holds/{batch}"
    assert error(calls.get(url)) == (404, "no_hold")
    assert error(calls.request("PUT", url, json={"who": "legal@example.com"})) == (400, "why_missing")
    held = calls.request("PUT", url, json={"who": "legal@example.com", "why": "Case 4711"})
    assert (held.status_code, held.json()["held"]) == (200, True)

    visitor = Visitor(base_url)
    visitor.sign_in("ann.roth@example.com")
    for path in (f"/batches/{batch}", f"/runs/{batch}", "/retention"):
        assert "Case 4711" in visitor.get(path).text, path

    listed = calls.get(f"{base_url}/api/retention").json()
    assert batch in {hold["id"] for hold in listed["holds"] if hold["held"]}
    over = calls.delete(f"{url}?who=legal@example.com&why=settled")
    assert (over.status_code, over.json()["held"]) == (200, False)
    assert [event["kind"] for event in calls.get(url).json()["events"]] == ["placed", "ended"]


def test_what_is_not_there_cannot_be_held(base_url: str) -> None:
    """404 and 400, each with what to do."""
    hold = {"who": "legal@example.com", "why": "Case 4711"}
    assert error(calls.request("PUT", f"{base_url}/api/holds/b{'0' * 24}", json=hold))[0] == 404
    assert error(calls.request("PUT", f"{base_url}/api/holds/x", json=hold)) == (400, "bad_hold")
