"""Set-Cookie is written as ASP.NET writes it, from what Python's cookies hold."""

from __future__ import annotations

from http.cookies import SimpleCookie

import pytest

from devhost.workers.cookies import set_cookie


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("a=1", "a=1; domain=; path="),
        ("a=1; Domain=x.example; Path=/in", "a=1; domain=x.example; path=/in"),
        (
            "a=1; HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age=6; Expires=Fri, 2 Jan 1970 00:00:00 GMT",
            "a=1; expires=Fri, 02 Jan 1970 00:00:00 GMT; max-age=6; domain=; path=/; secure; "
            "samesite=strict; httponly",
        ),
        ("a=1; SameSite=None; Secure", "a=1; domain=; path=; secure; samesite=none"),
        ("a=; Max-Age=0", "a=; max-age=0; domain=; path="),
        ('a="b c=d"', "a=b%20c%3Dd; domain=; path="),
        ("a=A-z_0.9~", "a=A-z_0.9~; domain=; path="),
        ("a=1; Max-Age=soon; Expires=never", "a=1; domain=; path="),
        ("a=1; Max-Age=1e999", "a=1; domain=; path="),
    ],
)
def test_a_cookie_is_put_together_again(given: str, written: str) -> None:
    """In its order, in lower case, with the value encoded; what cannot be read is left out."""
    [morsel] = SimpleCookie(given).values()
    assert set_cookie(morsel) == written
