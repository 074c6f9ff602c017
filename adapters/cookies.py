"""The cookies that a browser sent. Other sites of the same name set some too, with whatever bytes in them."""

from __future__ import annotations

from collections.abc import Mapping

import azure.functions as func
from werkzeug.http import parse_cookie

from adapters.request_headers import sent_header


def cookies(req: func.HttpRequest) -> Mapping[str, str]:
    """Values by name. What is not ASCII is replaced: such a cookie is not one of ours."""
    return parse_cookie(sent_header(req, "cookie").encode("ascii", "replace").decode())
