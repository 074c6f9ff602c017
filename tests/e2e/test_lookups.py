"""What is looked up elsewhere, over HTTP, on a host where nothing is set up for it: all is as without it."""

from __future__ import annotations

import pytest

from tests.e2e import calls
from tests.e2e.approvals import Api, invoice


def test_rates_say_whether_they_are_set_up(base_url: str) -> None:
    """The answer says how old they may be, and has those that count, if any."""
    answer = calls.get(f"{base_url}/api/rates")
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["days"] >= 1
    assert found["old"] == (found["day"] is None)
    assert found["old"] or found["rates"]


def test_approval_says_what_was_looked_up(base_url: str) -> None:
    """Nothing, where no setting asks for it; the invoice does not wait."""
    api = Api(base_url)
    if calls.get(f"{base_url}/api/rates").json()["set_up"] or api.get("outbox").status_code == 404:
        pytest.skip("this host has settings of its own")
    view = api.waiting(invoice()).view()
    assert (view["comparison"], view["supplier"]) == (None, None)
