"""Route: what the policy asks for an invoice, written down once: a later policy changes nothing under way."""

from __future__ import annotations

import azure.durable_functions as df

from activities.registering import activity
from adapters import services
from invoicing.records.batch_approvals_steps import ROUTE_BATCH, RouteBatchJob
from invoicing.records.goods_steps import ROUTE_DOCUMENT, DocumentRouteJob
from invoicing.records.invoice_steps import (
    FIND_ROUTE,
    ROUTE_INVOICE,
    FindRouteJob,
    FoundRoute,
    RouteInvoiceJob,
)
from invoicing.records.route import BatchRouting, Route
from usecases import route_batch as batch_routing
from usecases import route_invoice as invoice_routing

bp = df.Blueprint()


@activity(bp, ROUTE_INVOICE)
def route_invoice(job: RouteInvoiceJob) -> Route:
    """Apply the policy to an invoice that came alone. Raises PolicyInvalid, which is waited for."""
    return invoice_routing.route_invoice(
        services.current(), job.invoice, job.run, job.now, job.goods, job.looked
    )


@activity(bp, FIND_ROUTE)
def find_route(job: FindRouteJob) -> FoundRoute:
    """What a run that was lost wrote down for an invoice."""
    return invoice_routing.route_of_run(services.current(), job.invoice, job.run)


@activity(bp, ROUTE_DOCUMENT)
def route_document(job: DocumentRouteJob) -> Route:
    """Apply the policy to a document of a batch whose goods were waited for. Raises PolicyInvalid."""
    return batch_routing.route_document(services.current(), job.ref, job.now, job.looked)


@activity(bp, ROUTE_BATCH)
def route_batch(job: RouteBatchJob) -> BatchRouting:
    """Apply the policy to the valid documents of a batch. Raises PolicyInvalid, which is waited for."""
    return batch_routing.route_batch(
        services.current(), job.batch, job.sender, job.now, again=job.again, looked=job.looked
    )
