"""A small HTTP client on the standard library: JSON in and out, errors of the app as ApiError."""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Any

from devtools.errors import ApiError, DevError

_LOOPBACK_NAMES = {"127.0.0.1", "localhost", "::1"}


@dataclass(frozen=True)
class Answer:
    """An answer below 400; ``headers`` are looked up in any case."""

    status: int
    headers: Message
    body: bytes

    def json(self) -> Any:
        """The body as JSON; raises ApiError when it is none."""
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise ApiError(self.status, "", f"not JSON: {self.body[:200]!r}") from error


class HttpClient:
    """Asks one server; addresses may be paths of it or whole URLs, ``headers`` go with each request."""

    def __init__(
        self, base_url: str, *, timeout: float = 120.0, headers: Mapping[str, str] | None = None
    ) -> None:
        parts = urllib.parse.urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise DevError(
                f"{base_url!r} is not the address of a host.", hint="write it as http://127.0.0.1:7071"
            )
        self.base_url = base_url.rstrip("/")
        self._timeout = timeout
        self._headers = dict(headers or {})
        # A proxy of the environment is for the world outside, not for this machine.
        proxies = urllib.request.ProxyHandler({} if parts.hostname in _LOOPBACK_NAMES else None)
        self._opener = urllib.request.build_opener(proxies)

    def url(self, address: str) -> str:
        """The whole URL of a path of the server."""
        return urllib.parse.urljoin(self.base_url + "/", address)

    def request(
        self,
        method: str,
        address: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request; raises ApiError for an answer of 400 or above, OSError when there is none."""
        request = urllib.request.Request(  # noqa: S310 (the scheme is checked above)
            self.url(address), data=body, headers={**self._headers, **(headers or {})}, method=method
        )
        try:
            with self._opener.open(request, timeout=self._timeout) as response:
                return Answer(response.status, response.headers, response.read())
        except urllib.error.HTTPError as error:
            with error:
                raise _api_error(error.code, error.read()) from None

    def get_json(self, address: str) -> Any:
        """GET a JSON answer."""
        return self.request("GET", address).json()


def _api_error(status: int, body: bytes) -> ApiError:
    """The app's own error shape ``{"error": {"code", "message"}}``, or the start of what came instead."""
    try:
        error = json.loads(body)["error"]
        return ApiError(status, str(error["code"]), str(error["message"]))
    except (ValueError, KeyError, TypeError):
        return ApiError(status, "", body[:300].decode("utf-8", "replace").strip() or "without a word")
