"""Requests to hosts that ask for keys: what `requests` does, with the key of the host that is asked."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote, urlsplit

import requests

#: What the host that is started for the tests signs callbacks with; another one may sign with another key.
CALLBACK_KEY = "whsec_" + base64.b64encode(b"k" * 32).decode()

_keys: dict[int | None, str] = {}
_master_keys: dict[int | None, str] = {}


def use_key(base_url: str, key: str | None) -> None:
    """Show this key to the host at this address from now on; None for a host that asks for none."""
    port = urlsplit(base_url).port
    _keys.pop(port, None)
    if key:
        _keys[port] = key


def use_master_key(base_url: str, key: str | None) -> None:
    """Show this key to the host at this address where an operator does something."""
    _master_keys.pop(urlsplit(base_url).port, None)
    if key:
        _master_keys[urlsplit(base_url).port] = key


def operate(method: str, url: str, **options: Any) -> requests.Response:
    """Send one request as an operator does: with the master key, where the host asks for one."""
    key = _master_keys.get(urlsplit(url).port)
    return request(method, url, headers={"x-functions-key": key} if key else {}, **options)


def key_of(url: str) -> str | None:
    """The key of the host at this address; None where it asks for none, or is not known."""
    return _keys.get(urlsplit(url).port)


def request(
    method: str, url: str, *, headers: dict[str, str] | None = None, **options: Any
) -> requests.Response:
    """Send one request."""
    key = key_of(url)
    shown = {"x-functions-key": key} if key else {}
    options.setdefault("timeout", 60)
    return requests.request(method, url, headers=shown | (headers or {}), **options)


def with_key(url: str) -> str:
    """The address with the key in its query: for a browser, which cannot send a header of ours."""
    key = key_of(url)
    return f"{url}{'&' if '?' in url else '?'}code={quote(key)}" if key else url


def get(url: str, **options: Any) -> requests.Response:
    """GET."""
    return request("GET", url, **options)


def post(url: str, **options: Any) -> requests.Response:
    """POST."""
    return request("POST", url, **options)


def delete(url: str, **options: Any) -> requests.Response:
    """DELETE."""
    return request("DELETE", url, **options)
