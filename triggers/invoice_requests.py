"""What a caller may send to `POST /api/invoices`, brought to one form: one document with a name."""

from __future__ import annotations

import hashlib

import azure.functions as func

from adapters.settings import MIB, Settings
from invoicing import texts
from invoicing.approval import names
from invoicing.approval.persons import BadPerson, person_id
from triggers.callback_urls import callback_url
from triggers.errors import Refused
from triggers.forms import BadForm, FormTooLarge, files_of, off_the_loop
from triggers.idempotency import request_digest
from triggers.request_texts import file_name, media_type
from usecases.take_in_invoice import NewInvoice

_NAMED = {"application/xml": "invoice.xml", "text/xml": "invoice.xml", "application/pdf": "invoice.pdf"}
_LONGEST_NAME = 200
_MOST_PARTS = 20


def parse(req: func.HttpRequest, settings: Settings) -> NewInvoice:
    """Read a request for a new invoice. Raises Refused (400, 413, 415) with what to do.

    Not for the event loop, as it takes forms apart and hashes megabytes.
    """
    off_the_loop()
    body = req.get_body()
    most = settings.limits.max_document
    if len(body) > most + MIB:  # the wrapping of a form may come on top
        raise _too_large(len(body), most)
    kind = media_type(req)
    if kind == "multipart/form-data":
        name, content = _only_file(req)
    elif kind in _NAMED:
        name = file_name(req) or _NAMED[kind]
        content = body
    else:
        raise Refused(
            415,
            "unsupported_media_type",
            f"The content type {texts.quoted(kind) if kind else '(none)'} is not taken. "
            "Send application/xml, application/pdf, or one file as multipart/form-data.",
        )
    if not content:
        raise Refused(400, "empty_body", "The document is empty. Send an invoice as XML or PDF.")
    if len(content) > most:
        raise _too_large(len(content), most)
    digest = hashlib.sha256(content).hexdigest()
    callback = callback_url(settings, req.params.get("callback_url"))
    return NewInvoice(_invoice_id(req, digest), digest, _safe(name), content, digest, callback)


def sender_named(req: func.HttpRequest) -> str | None:
    """Who sent the invoice in, by the caller's word (`sender`); None where it is not said. Raises Refused."""
    sender = req.params.get("sender", "").strip()
    try:
        return person_id(sender) if sender else None
    except BadPerson as error:
        raise Refused(400, "bad_sender", f"The sender {error}.") from error


def _too_large(size: int, most: int) -> Refused:
    return Refused(
        413, "document_too_large", f"The document has {size / MIB:.1f} MiB; the limit is {most // MIB} MiB."
    )


def _only_file(req: func.HttpRequest) -> tuple[str, bytes]:
    try:
        files = list(files_of(req, _MOST_PARTS))
    except (BadForm, FormTooLarge) as error:
        raise Refused(400, "bad_multipart", "The multipart body cannot be read.") from error
    if len(files) != 1:
        raise Refused(
            400, "one_file", f"The form has {len(files)} files. Send one here, several to /api/batches."
        )
    return files[0]


def _safe(name: str) -> str:
    """A name that can be shown and saved as: the last part of a path."""
    last = name.replace("\\", "/").rpartition("/")[2].strip()
    return texts.cleaned(last, _LONGEST_NAME) or "invoice"


def _invoice_id(req: func.HttpRequest, digest: str) -> str:
    return names.invoice_id(request_digest(req, digest))
