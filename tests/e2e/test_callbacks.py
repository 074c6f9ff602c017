"""Being told of an end, and polling for it, as Logic Apps do both; black box, on any host."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
import requests

from tests.e2e import approvals, calls
from tests.e2e.documents import invoices, zipped
from tests.fakes.receiver import Receiver

ZIP = {"Content-Type": "application/zip"}


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    """Takes callbacks, as a Logic App does."""
    with Receiver() as here:
        yield here


def _started(base_url: str, receiver: Receiver) -> dict[str, Any]:
    """A batch whose end is told; skips where the host under test may not call this machine."""
    url = f"{base_url}/api/batches?approval=false&callback_url={quote(receiver.url, safe='')}"
    answer = calls.post(url, data=zipped(invoices(1)), headers=ZIP)
    if answer.status_code in (400, 503) and "callback" in answer.json()["error"]["code"]:
        pytest.skip(f"the host may not call this machine: {answer.json()['error']['message']}")
    assert answer.status_code == 202, answer.text
    assert "Retry-After" in answer.headers
    return answer.json()


def test_address_is_told_once_and_others_can_see_it(base_url: str, receiver: Receiver) -> None:
    """Signed, verified here and by the API; the subscription says that it was delivered."""
    started = _started(base_url, receiver)
    subscription = started["links"]["subscription"]
    stopped = _subscribed(base_url, started["id"], receiver.url + "&second=1")
    assert calls.delete(stopped["links"]["self"]).status_code == 204

    def delivered() -> dict[str, Any] | None:
        shown = calls.get(subscription).json()
        if os.environ.get("SETTLE_E2E_HOST") and shown["error"] and not receiver.came:
            pytest.skip(f"the host does not reach this machine: {shown['error']}")
        return shown if shown["state"] == "delivered" else None

    shown = approvals.until(delivered)
    (came,) = receiver.came
    assert (came.id, came.json["target"], came.json["status"]) == (
        shown["message"],
        started["id"],
        "completed",
    )
    assert came.json["data"]["counts"] == {"valid": 1}
    if not os.environ.get("SETTLE_E2E_HOST"):
        assert came.is_signed(calls.CALLBACK_KEY)
    asked = {
        **{
            name.replace("-", "_"): came.headers[name] for name in came.headers if name.startswith("webhook-")
        },
        "body": came.json,
    }
    verified = calls.post(f"{subscription.partition('?')[0]}/verifications", json=asked)
    assert verified.json()["genuine"] is True
    asked["body"] = {**came.json, "status": "failed"}
    verified = calls.post(f"{subscription.partition('?')[0]}/verifications", json=asked)
    assert verified.json()["genuine"] is False
    assert calls.get(stopped["links"]["self"]).json()["state"] == "cancelled"


def _subscribed(base_url: str, batch: str, url: str) -> dict[str, Any]:
    made = calls.post(f"{base_url}/api/batches/{batch}/subscriptions", json={"callback_url": url})
    assert made.status_code == 201, made.text
    return made.json()


def test_poller_that_sends_no_header_of_ours_comes_to_the_end(base_url: str) -> None:
    """The HTTP action of Logic Apps follows Location as it stands: the key of the query has to be in it."""
    url = calls.with_key(f"{base_url}/api/batches?approval=false")
    answer = requests.post(url, data=zipped(invoices(1)), headers=ZIP, timeout=60)
    deadline = time.monotonic() + 60
    while answer.status_code == 202:
        assert time.monotonic() < deadline
        time.sleep(0.2)
        answer = requests.get(answer.headers["Location"], timeout=30)
    assert (answer.status_code, answer.json()["status"]) == (200, "completed")


def test_address_that_nobody_allowed_is_refused(base_url: str) -> None:
    """Before anything is started."""
    url = f"{base_url}/api/batches?callback_url={quote('https://169.254.169.254/x', safe='')}"
    answer = calls.post(url, data=zipped(invoices(1)), headers=ZIP)
    assert answer.status_code in (400, 503), answer.text
