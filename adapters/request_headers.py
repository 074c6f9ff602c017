"""The headers of a request, with their type, which the SDK does not say."""

from __future__ import annotations

from typing import Any

import azure.functions as func


def sent_header(req: func.HttpRequest, name: str) -> str:
    """A header by its name in small letters; "" where it was not sent."""
    return header_if_sent(req, name) or ""


def header_if_sent(req: func.HttpRequest, name: str) -> str | None:
    """A header by its name in small letters; None where it was not sent."""
    request: Any = req
    return request.headers.get(name)
