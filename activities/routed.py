"""What was decided by the policy of an invoice, and the row that it was decided on, wherever it came from."""

from __future__ import annotations

import json
from typing import Any

from invoicing.approval import names
from stores.batches import DocumentUnknown
from stores.blobs import BlobMissing, Blobs
from stores.results import ResultStore


class NotRouted(Exception):
    """No rule of the policy was applied to this document: it was no valid invoice, or it is not there."""


def row_of(blobs: Blobs, ref: str) -> dict[str, Any]:
    """The row of `i…` or `b…/17`. Raises NotRouted."""
    reference = names.parse_reference(ref)
    if reference.n is None:
        return json.loads(blobs.read(names.invoice_result(reference.owner)))
    try:
        return ResultStore(blobs).row(reference.owner, reference.n).as_plain()
    except DocumentUnknown as error:
        raise NotRouted(f"{ref} has no result") from error


def route_of(blobs: Blobs, ref: str) -> dict[str, Any]:
    """`{"rule", "approval": id or None}` as `activities.routing` wrote it. Raises NotRouted."""
    reference = names.parse_reference(ref)
    if reference.n is not None:
        routes = routes_of(blobs, reference.owner)
        if reference.n not in routes:
            raise NotRouted(f"{ref} was not routed")
        return routes[reference.n]
    try:
        return json.loads(blobs.read(names.invoice_route(reference.owner)))
    except BlobMissing as error:
        raise NotRouted(f"{ref} was not routed") from error


def routes_of(blobs: Blobs, batch: str) -> dict[int, dict[str, Any]]:
    """The routes of a batch's valid documents by number."""
    lines = blobs.read(names.batch_routes(batch)).splitlines()
    return {route["n"]: route for route in map(json.loads, lines)}


def rows_of_documents(blobs: Blobs, batch: str, wanted: set[int]) -> dict[int, dict[str, Any]]:
    """The rows of some documents of a batch by number; only their chunks are read."""
    return {n: row.as_plain() for n, row in ResultStore(blobs).rows(batch, wanted).items()}
