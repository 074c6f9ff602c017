"""Forms of requests, multipart or URL-encoded, read within bounds and never on the event loop."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from typing import Any

import azure.functions as func
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser
from werkzeug.http import parse_options_header

from adapters.request_headers import sent_header

# Bytes of the head of a part, and of all fields that are no files. Taking one apart needs 60 times as much.
_MOST_IN_MEMORY = 256 * 1024
MOST_FIELDS = 100


class FormTooLarge(Exception):
    """A form with too many parts, or with fields or heads of parts that are too long."""


class BadForm(Exception):
    """A body that is no form."""


def fields_of(req: func.HttpRequest, most_parts: int = MOST_FIELDS) -> dict[str, str]:
    """The fields of a form, the first value of each; files and what has no name are not among them.

    Raises FormTooLarge, BadForm.
    """
    return {name: value for name, value in _parsed(req, most_parts)[1].items() if name is not None}


def files_of(req: func.HttpRequest, most_parts: int) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file of a form, in its order; names are as they were sent.

    Raises FormTooLarge, BadForm.
    """
    for _, file in _parsed(req, most_parts)[2].items(multi=True):
        if isinstance(file, FileStorage) and file.filename:
            yield file.filename, file.read()


def off_the_loop() -> None:
    """Raise RuntimeError on the event loop: while it reads a form or a zip, all other requests wait."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise RuntimeError("this takes long: call it with asyncio.to_thread")


def _in_memory(*_: object, **__: object) -> io.BytesIO:
    """What a part is read into."""
    return io.BytesIO()


def _parsed(req: func.HttpRequest, most_parts: int) -> tuple[Any, Any, Any]:
    off_the_loop()
    kind, options = parse_options_header(sent_header(req, "content-type"))
    body = req.get_body()
    parser = FormDataParser(
        # The body is in memory already: no files on disk, and no open files.
        stream_factory=_in_memory,
        silent=False,
        max_form_parts=most_parts,
        max_form_memory_size=_MOST_IN_MEMORY,
    )
    try:
        return parser.parse(io.BytesIO(body), kind, len(body), options)
    except RequestEntityTooLarge as error:
        raise FormTooLarge from error
    except ValueError as error:
        raise BadForm from error
