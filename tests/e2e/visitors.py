"""A visitor of the pages without a browser: keeps cookies, and fills in forms."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests

_FIELD = re.compile(r'<input[^>]*\bname="([^"]*)"[^>]*\bvalue="([^"]*)"')


class Visitor:
    """Visits one host. Redirects are not followed.

    Cookies are kept by hand: the Functions host writes an empty ``domain`` into each of them. Browsers and
    curl take no notice of it; Python's cookie jars, and so the sessions of ``requests``, drop such a cookie.
    """

    def __init__(self, base_url: str) -> None:
        self._base = base_url
        self.cookies: dict[str, str] = {}

    def get(self, path: str) -> requests.Response:
        """Open a page."""
        return self._ask("GET", path)

    def post(self, path: str, fields: Mapping[str, str]) -> requests.Response:
        """Send a form."""
        return self._ask("POST", path, data=dict(fields))

    def _ask(self, method: str, path: str, **options: Any) -> requests.Response:
        shown = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {"Cookie": shown} if shown else {}
        answer = requests.request(
            method, self._base + path, headers=headers, timeout=60, allow_redirects=False, **options
        )
        for header in answer.raw.headers.getlist("Set-Cookie"):
            name, _, value = header.partition(";")[0].partition("=")
            self.cookies[name.strip()] = value.strip()
        return answer

    def sign_in(self, person: str, onward: str = "/inbox") -> requests.Response:
        """Sign in by one's word, as local runs allow it; returns the answer to the form."""
        fields = hidden_fields(self.get(f"/sign-in?next={onward}").text)
        return self.post("/sign-in", {**fields, "other": person})


def hidden_fields(page: str) -> dict[str, str]:
    """Names and values of the form fields that a page has filled in itself."""
    return dict(_FIELD.findall(page))


def path_of(answer: requests.Response) -> str:
    """Where a redirect leads to."""
    return urlsplit(answer.headers.get("Location", "")).path
