"""What a caller may send to `POST /api/batches`, brought to one form: a zip, or a place in a container."""

from __future__ import annotations

import hashlib
import io
import json
import re
import uuid
import warnings
import zipfile
from dataclasses import replace

import azure.functions as func

from adapters.settings import Settings
from invoicing import texts
from invoicing.archive import Archive, BadArchive
from invoicing.records.answers.batches import BatchFromContainer
from invoicing.records.base import BatchId
from invoicing.records.batch import BatchSource
from triggers.callback_urls import callback_url
from triggers.errors import Refused
from triggers.forms import BadForm, FormTooLarge, files_of, off_the_loop
from triggers.idempotency import request_digest
from triggers.json_bodies import lengths_of, read_object, text_of
from triggers.request_texts import file_name, media_type
from usecases.take_in_batch import NewBatch

_ZIP_TYPES = {"application/zip", "application/x-zip-compressed", "application/x-zip"}
_CONTAINER_NAME = re.compile(r"[a-z0-9](?:[a-z0-9]|-(?=[a-z0-9])){2,62}")
_MIB = 1024 * 1024
# Of a file in a form; what is longer is cut.
_LONGEST_NAME = 400
# What may stand in the query or in a JSON body, and what is meant without it.
_OPTIONS = {"approval": True, "wait": False}


def parse(req: func.HttpRequest, settings: Settings) -> NewBatch:
    """Read a request for a new batch. Raises Refused (400, 413, 415) with what to do.

    Not for the event loop: a zip of 20,000 documents takes half a second.
    """
    off_the_loop()
    body = req.get_body()
    if len(body) > settings.max_body:
        limit = settings.max_body // _MIB
        raise Refused(
            413,
            "body_too_large",
            f"The body has {len(body) / _MIB:.1f} MiB; the limit is {limit} MiB. "
            "Send several batches, or put the files into a container and send its name and a prefix.",
        )
    kind = media_type(req)
    if not body:
        raise Refused(
            400, "empty_body", "The body is empty. Send a zip, files as multipart/form-data, or JSON."
        )
    options = {name: _flag(name, req.params.get(name), default) for name, default in _OPTIONS.items()}
    callback = callback_url(settings, req.params.get("callback_url"))
    if kind in _ZIP_TYPES:
        new = _from_zip(req, body, file_name(req) or "upload.zip", settings)
        return replace(new, callback_url=callback, **options)
    if kind == "multipart/form-data":
        return replace(_from_multipart(req, settings), callback_url=callback, **options)
    if kind == "application/json":
        return _from_json(req, settings, options, callback)
    raise Refused(
        415,
        "unsupported_media_type",
        f"The content type {texts.quoted(kind) if kind else '(none)'} is not taken. "
        "Send application/zip, multipart/form-data or application/json.",
    )


def _from_zip(req: func.HttpRequest, body: bytes, name: str, settings: Settings) -> NewBatch:
    try:
        Archive(io.BytesIO(body), settings.limits)
    except BadArchive as error:
        raise Refused(error.status, error.code, error.text) from error
    digest = hashlib.sha256(body).hexdigest()
    source = BatchSource("upload", name, size=len(body))
    return NewBatch(_batch_id(req, digest), digest, source, body)


def _from_multipart(req: func.HttpRequest, settings: Settings) -> NewBatch:
    parts = _parts(req, settings.limits.max_documents)
    if not parts:
        raise Refused(400, "no_files", "The form has no file. Give each file a part with a filename.")
    if len(parts) == 1 and zipfile.is_zipfile(io.BytesIO(parts[0][1])):
        return _from_zip(req, parts[0][1], parts[0][0], settings)
    packed = _packed(parts)
    name = parts[0][0] if len(parts) == 1 else f"{len(parts)} files"
    return _from_zip(req, packed, name, settings)


def _parts(req: func.HttpRequest, most: int) -> list[tuple[str, bytes]]:
    """Name and content of each file of a form."""
    try:
        return [(_name(name), content) for name, content in files_of(req, most)]
    except FormTooLarge as error:
        text = f"A form holds at most {most:,} files, and nothing long besides. Send a zip."
        raise Refused(413, "too_many_documents", text) from error
    except BadForm as error:
        raise Refused(400, "bad_multipart", "The multipart body cannot be read. Send it anew.") from error


def _name(sent: str) -> str:
    """The name of a file: without the folders where it has the full path of the sender's disk.

    Old browsers send that. Folders inside of what was chosen stay.
    """
    path = sent.replace("\\", "/")
    is_full = path.startswith("/") or path[1:2] == ":" or ".." in path.split("/")
    return texts.cleaned(path.rpartition("/")[2] if is_full else sent, _LONGEST_NAME)


def _packed(parts: list[tuple[str, bytes]]) -> bytes:
    """A zip of the parts with the same bytes for the same parts, whatever the form's boundary was."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        warnings.simplefilter("ignore", UserWarning)  # two files of one name are two documents
        for name, content in parts:
            archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


def _flag(name: str, value: object, default: bool) -> bool:
    """A yes or no of the query (text) or of a JSON body (boolean)."""
    if value is None or isinstance(value, bool):
        return default if value is None else value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise Refused(400, f"bad_{name}", f"{name} is true or false.")


def _from_json(
    req: func.HttpRequest, settings: Settings, options: dict[str, bool], callback: str | None
) -> NewBatch:
    asked = read_object(req, BatchFromContainer.model_fields)
    if not isinstance(asked.get("container"), str):
        raise Refused(400, "bad_request", 'Send {"container": "name", "prefix": "folder/"}.')
    longest = lengths_of(BatchFromContainer)
    container = text_of(asked, "container", longest["container"])
    prefix = text_of(asked, "prefix", longest["prefix"]) if "prefix" in asked else ""
    if "callback_url" in asked:
        callback = callback_url(settings, text_of(asked, "callback_url", longest["callback_url"]))
    options = {name: _flag(name, asked.get(name), default) for name, default in options.items()}
    if not _CONTAINER_NAME.fullmatch(container) or container not in settings.source_containers:
        allowed = ", ".join(settings.source_containers) or "none"
        raise Refused(
            400,
            "container_not_allowed",
            f"Batches are not taken from the container {texts.quoted(container)}. Allowed: {allowed} "
            "(setting SETTLE_SOURCE_CONTAINERS).",
        )
    source = BatchSource("container", f"{container}/{prefix}", container=container, prefix=prefix)
    fingerprint = hashlib.sha256(json.dumps([container, prefix]).encode()).hexdigest()
    # Without a key a new batch each time: the same place may hold other files by now.
    new = NewBatch(_batch_id(req, uuid.uuid4().hex), fingerprint, source, None, callback_url=callback)
    return replace(new, **options)


def _batch_id(req: func.HttpRequest, content: str) -> BatchId:
    return BatchId("b" + request_digest(req, content)[:24])
