"""Who gets in on a host that asks for keys, over HTTP, held against the table in docs/security.md."""

from __future__ import annotations

import pytest
import requests

from tests.e2e import calls
from tests.security_table import Row, filled, security_table

ROWS = security_table()
_each_row = pytest.mark.parametrize("row", ROWS, ids=[f"{','.join(row.methods)} {row.route}" for row in ROWS])


@pytest.fixture
def key(base_url: str) -> str:
    """The function key of the host."""
    found = calls.key_of(base_url)
    if found is None:
        pytest.skip("the host asks for no keys, or SETTLE_E2E_KEY does not say which")
    return found


def _refused_by_the_host(answer: requests.Response) -> bool:
    """The host's own 401 has no body; the app's has a page, or an error as JSON."""
    return answer.status_code == 401 and not answer.headers.get("Content-Type", "").startswith(
        ("text/html", "application/json")
    )


@_each_row
def test_host_asks_for_a_key_where_the_table_says_so_and_nowhere_else(
    base_url: str, key: str, row: Row
) -> None:
    """Without a key, with a wrong one, and with the right one in the header and in the query."""
    path, _ = filled(row.route)
    for method in row.methods:

        def ask(path: str, shown: str | None = None, method: str = method) -> requests.Response:
            headers = {"x-functions-key": shown} if shown else {}
            return requests.request(
                method, base_url + path, headers=headers, timeout=60, allow_redirects=False
            )

        closed = row.level == "FUNCTION"
        assert [_refused_by_the_host(ask(path, shown)) for shown in (None, "wrong")] == [closed, closed]
        assert not _refused_by_the_host(ask(path, key))
        assert not _refused_by_the_host(ask(f"{path}?code={key}"))


@_each_row
def test_page_that_needs_a_person_shows_nothing_to_nobody(base_url: str, row: Row) -> None:
    """A page sends who is not signed in to sign in, and does nothing for them; a key is no person."""
    path, _ = filled(row.route)
    for method in row.methods:
        answer = calls.request(method, base_url + path, timeout=60, allow_redirects=False)
        if row.person_needed and not row.key_needed:
            to_sign_in = answer.headers.get("Location", "").startswith("/sign-in")
            gone = row.local_runs_only and answer.status_code == 404
            assert answer.status_code == 401 or to_sign_in or gone, (method, answer.status_code)
        elif not row.person_needed and row.level == "ANONYMOUS" and method == "GET":
            assert answer.status_code == 200 or (row.local_runs_only and answer.status_code == 404)
