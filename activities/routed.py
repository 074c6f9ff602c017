"""What was decided by the policy of an invoice, and the row that it was decided on, wherever it came from."""

from __future__ import annotations

import json
from typing import Any

from activities.results import rows_of_chunk
from invoicing.approval import names
from stores import batch_names
from stores.blobs import BlobMissing, Blobs


class NotRouted(Exception):
    """No rule of the policy was applied to this document: it was no valid invoice, or it is not there."""


def row_of(blobs: Blobs, ref: str) -> dict[str, Any]:
    """The row of `i…` or `b…/17`. Raises NotRouted."""
    reference = names.parse_reference(ref)
    if reference.n is None:
        return json.loads(blobs.read(names.invoice_result(reference.owner)))
    chunk = chunk_of(blobs, reference.owner, reference.n)
    prefix = batch_names.result(reference.owner, chunk).removesuffix(".ndjson")
    parts = [blob.name for blob in blobs.list(prefix)]
    for row in rows_of_chunk(blobs, parts):
        if row["n"] == reference.n:
            return row
    raise NotRouted(f"{ref} has no result")


def chunk_of(blobs: Blobs, batch: str, n: int) -> int:
    """The chunk that holds document `n` of a batch. Raises NotRouted."""
    chunk = chunks_by_document(blobs, batch).get(n)
    if chunk is None:
        raise NotRouted(f"{batch} has no document {n}")
    return chunk


def chunks_by_document(blobs: Blobs, batch: str) -> dict[int, int]:
    """For each document of a batch that was taken, its chunk."""
    manifest = json.loads(blobs.read(batch_names.manifest(batch)))
    return {
        document["n"]: number
        for number, chunk in enumerate(manifest["chunks"])
        for document in chunk["documents"]
    }


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
    chunks = chunks_by_document(blobs, batch)
    needed = {chunks[n] for n in wanted if n in chunks}
    parts: dict[int, list[str]] = {}
    for blob in blobs.list(batch_names.results(batch)):
        parts.setdefault(batch_names.chunk_of_result(blob.name), []).append(blob.name)
    rows = (row for chunk in sorted(needed) for row in rows_of_chunk(blobs, parts.get(chunk, [])))
    return {row["n"]: row for row in rows if row["n"] in wanted}
