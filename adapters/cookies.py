"""The cookies that a browser sent. Other sites of the same name set some too, with whatever bytes in them."""

from __future__ import annotations

from collections.abc import Mapping

import azure.functions as func
from werkzeug.http import parse_cookie


def cookies(req: func.HttpRequest) -> Mapping[str, str]:
    """Values by name. What is not ASCII is replaced: such a cookie is not one of ours."""
    header = req.headers.get("cookie", "")
    return parse_cookie(header.encode("ascii", "replace").decode())
