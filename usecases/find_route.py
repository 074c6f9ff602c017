"""What the policy said of an invoice, wherever it came from."""

from __future__ import annotations

from invoicing.approval import names
from invoicing.records.base import Reference
from invoicing.records.route import Route
from stores.blobs import Blobs
from stores.invoices import InvoiceStore
from stores.routes import RouteStore


class NotRouted(Exception):
    """No rule of the policy was applied to this document: it was no valid invoice, or it is not there."""


def route_of(blobs: Blobs, reference: Reference) -> Route:
    """The route of `i…` or `b…/17`. Raises NotRouted."""
    place = names.parse_reference(reference)
    if place.n is None:
        route: Route | None = InvoiceStore(blobs).route(place.owner)
    else:
        route = RouteStore(blobs, place.owner).route(place.n)
    if route is None:
        raise NotRouted(f"{reference} was not routed")
    return route


def claim_of(blobs: Blobs, reference: Reference) -> str | None:
    """The key that `i…` or `b…/17` is claimed by; None where it has none. Raises NotRouted.

    That of a document of a batch stands in its route: it is found without the batch.
    """
    place = names.parse_reference(reference)
    if place.n is None:
        found = InvoiceStore(blobs).row(place.owner)
    else:
        found = RouteStore(blobs, place.owner).route(place.n)
    if found is None:
        raise NotRouted(f"{reference} was not checked")
    return found.claim
