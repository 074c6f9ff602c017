"""Single values of a request: headers, numbers and tokens of the query, the name of a file that was sent.

Whatever cannot be used is refused with a text that says what is wanted.
"""

from __future__ import annotations

import re

import azure.functions as func
from werkzeug.http import parse_options_header

from adapters.request_headers import header_if_sent, sent_header
from invoicing import texts
from triggers.errors import Refused, refusal_of
from usecases.refusals import bad_page

_LONGEST_HEADER = 8192
_LONGEST_NAME = 400
_LONGEST_NUMBER = 10
_PAGE_TOKEN = re.compile(r"[!-~]{1,2048}")


def header(req: func.HttpRequest, name: str, longest: int, code: str) -> str | None:
    """A header as text, None where it was not sent. Raises Refused (400, `code`)."""
    value = header_if_sent(req, name.lower())
    wrong = texts.fault(value, longest) if value is not None else None
    if wrong:
        raise Refused(400, code, f"The header {name} {wrong}.")
    return value


def media_type(req: func.HttpRequest) -> str:
    """The content type in small letters, without its parameters; "" where none was sent."""
    return sent_header(req, "content-type").partition(";")[0].strip().lower()


def file_name(req: func.HttpRequest) -> str | None:
    """The name that the caller gave to what was sent (Content-Disposition), as one line; None: no name.

    A name that cannot be read counts as none: the document is what matters.
    """
    sent = sent_header(req, "content-disposition")
    if texts.fault(sent, _LONGEST_HEADER):
        return None
    try:
        name = parse_options_header(sent)[1].get("filename")
    except (ValueError, LookupError):
        return None
    return texts.cleaned(name, _LONGEST_NAME) if name else None


def whole(req: func.HttpRequest, name: str, default: int, least: int, most: int) -> int:
    """A whole number of the query. Raises Refused (400, `bad_…`)."""
    text = req.params.get(name, str(default))
    is_number = text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER
    if not is_number or not least <= int(text) <= most:
        raise Refused(400, f"bad_{name}", f"{name} is a whole number from {least} to {most:,}.")
    return int(text)


def page_token(req: func.HttpRequest) -> str | None:
    """The token of a page of a listing (`page`), None for the first page. Raises Refused (400, bad_page).

    Only its form is looked at: whether it is one that we gave out, the storage knows.
    """
    token = req.params.get("page") or None
    if token is not None and not _PAGE_TOKEN.fullmatch(token):
        raise refusal_of(bad_page())
    return token
