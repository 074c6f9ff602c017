"""What is fuzzed: functions of bytes that may raise nothing but what they are documented to raise."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

import azure.functions as func

from adapters import services
from invoicing import checks
from invoicing.archive import Archive, BadArchive
from invoicing.assess import claim_of, limited, row
from invoicing.opening import open_document
from invoicing.readers import cii, ubl
from invoicing.safe_xml import BadDocument
from tests.fuzz import seeds
from tests.official_rules import checker
from tests.unit.page_requests import BASE, Client, handler, local_run, request
from triggers import (
    approvals,
    batches,
    invoices,
    pages_absences,
    pages_approval,
    pages_batches,
    pages_inbox,
    pages_outbox,
    pages_runs,
    pages_sign_in,
)

TODAY = date(2026, 1, 1)


@dataclass(frozen=True)
class Target:
    """`run` takes one input; `seeds` are where inputs begin, `words` what is put into them.

    `seconds`: processor time that one input may take. A bound on what is quadratic: a linear one of the
    largest inputs that are made takes a fiftieth.
    """

    name: str
    run: Callable[[bytes], None]
    seeds: Callable[[], Iterable[bytes]]
    words: list[bytes]
    seconds: float = 10.0


def run_xml(data: bytes) -> None:
    """Read a document as far as our own checks go."""
    try:
        opened = open_document("a.xml", data)
    except BadDocument:
        return
    reader = cii if opened.syntax == "cii" else ubl
    invoice, found = reader.read(opened.root, opened.kind)
    claim_of(invoice)
    limited([*found, *checks.check(invoice, official=False, today=TODAY)])


def run_assess(data: bytes) -> None:
    """The whole check of a document, with schema and official rules."""
    found = checker().assess("a.xml", data, TODAY)
    row(1, "a.xml", data, found)


def run_zip(data: bytes) -> None:
    """Read an archive, and each document in it."""
    try:
        archive = Archive(io.BytesIO(data))
    except BadArchive:
        return
    for index in range(len(archive)):
        announced, entry = archive.announced(index), archive.read(index)
        assert (entry.content is None) == (entry.finding is not None)
        assert announced.finding is None or entry.finding is not None
        archive.span(index, index)


# ---------------------------------------------------------------- the handlers of requests


class _Client(Client):
    """A durable client that starts nothing."""

    async def start_new(self, *_: Any, **__: Any) -> str:
        return "started"


_BODIES: list[tuple[Any, str]] = [
    (batches.start_batch, "application/zip"),
    (batches.start_batch, "multipart/form-data; boundary=limit"),
    (batches.start_batch, "application/json"),
    (invoices.start_invoice, "application/xml"),
    (invoices.start_invoice, "multipart/form-data; boundary=limit"),
    (approvals.post_decision, "application/json"),
    (approvals.post_delegation, "application/json"),
    (pages_sign_in.do_sign_in, "application/x-www-form-urlencoded"),
    (pages_absences.enter_absence, "multipart/form-data; boundary=limit"),
    (pages_approval.decide_on_page, "application/x-www-form-urlencoded"),
    (pages_batches.send_batch, "multipart/form-data; boundary=limit"),
    (pages_batches.stop_from_page, "application/x-www-form-urlencoded"),
]
_QUERIES: list[Any] = [
    batches.list_batches,
    batches.get_batch,
    batches.get_report,
    approvals.get_approvals,
    approvals.get_approval,
    approvals.get_outbox,
    approvals.get_delegations,
    invoices.get_invoice,
    pages_inbox.page_inbox,
    pages_batches.page_batches,
    pages_batches.page_batch,
    pages_runs.page_runs,
    pages_runs.page_run,
    pages_outbox.page_outbox,
    pages_absences.page_absences,
    pages_sign_in.page_sign_in,
]


def run_bodies(data: bytes) -> None:
    """Send a body to the route that the first byte says."""
    builder, kind = _BODIES[data[0] % len(_BODIES)] if data else _BODIES[0]
    _answered(builder, {"content-type": kind}, {}, data[1:], "POST")


def run_queries(data: bytes) -> None:
    """Ask the route that the first byte says, with a query."""
    builder = _QUERIES[data[0] % len(_QUERIES)] if data else _QUERIES[0]
    text = data[1:8000].decode("utf-8", "replace")
    try:
        params = dict(parse_qsl(text, keep_blank_values=True, errors="surrogateescape"))
    except ValueError:
        return
    _answered(builder, {}, params, b"", "GET")


def run_headers(data: bytes) -> None:
    """Send headers along, where the platform signs people in and where it does not."""
    sent = [line.partition(": ") for line in data[:16_000].decode("latin-1").split("\n")]
    named = {name.strip().lower(): value for name, _, value in sent if name.strip()}
    for easy_auth in (False, True):
        _answered(pages_inbox.page_inbox, named, {}, b"", "GET", easy_auth=easy_auth)
        _answered(invoices.start_invoice, {"content-type": "text/xml"} | named, {}, b"<a/>", "POST")


def _answered(
    builder: Any,
    headers: dict[str, str],
    params: dict[str, str],
    body: bytes,
    method: str,
    *,
    easy_auth: bool = False,
) -> None:
    """Call a handler as the host does, and hold its answer against what may be answered to a caller."""
    with local_run(), _signing_in(easy_auth):
        signed_in = dict(request("/inbox").headers)
        req = func.HttpRequest(
            method,
            f"{BASE}/x",
            headers=signed_in | headers,
            params=params,
            route_params={"id": params.get("id", "b" + "0" * 24)},
            body=body,
        )
        function = handler(builder)
        more = (
            {"client": _Client()}
            if "client" in function.__code__.co_varnames or _wants_client(function)
            else {}
        )
        answer = _loop().run_until_complete(function(req=req, **more))
        assert answer.status_code < 500, (
            f"{function.__name__} answered {answer.status_code}: {answer.get_body()!r}"
        )


@contextmanager
def _signing_in(easy_auth: bool):
    here = services.current()
    access = replace(here.settings.access, easy_auth=easy_auth)
    with services.replaced_by(replace(here, settings=replace(here.settings, access=access))):
        yield


def _wants_client(function: Any) -> bool:
    plain = getattr(function, "__wrapped__", function)
    return "client" in plain.__code__.co_varnames[: plain.__code__.co_argcount]


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


TARGETS = {
    target.name: target
    for target in (
        Target("xml", run_xml, seeds.xml, seeds.WORDS["xml"]),
        Target("pdf", run_xml, seeds.pdfs, seeds.WORDS["pdf"], seconds=20.0),
        Target("zip", run_zip, seeds.zips, seeds.WORDS["zip"]),
        Target("bodies", run_bodies, seeds.bodies, seeds.WORDS["bodies"]),
        Target("queries", run_queries, seeds.queries, seeds.WORDS["queries"]),
        Target("headers", run_headers, seeds.headers, seeds.WORDS["headers"]),
        Target("assess", run_assess, seeds.xml, seeds.WORDS["xml"], seconds=20.0),
    )
}
"""All of them, by name. Of ``assess``, which runs Saxon, each input takes longest."""
