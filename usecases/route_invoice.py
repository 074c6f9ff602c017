"""Route an invoice that came alone: hold it against the policy, and write down what it says once."""

from __future__ import annotations

from datetime import datetime

from adapters import policies
from adapters.services import Services
from invoicing.records.base import InvoiceId, Reference
from invoicing.records.route import InvoiceRoute, Route
from stores.invoices import InvoiceStore
from usecases.find_route import NotRouted
from usecases.rates import rates_at
from usecases.router import Router


def route_invoice(services: Services, invoice: InvoiceId, run: str | None, now: datetime) -> Route:
    """Apply the policy to an invoice that came alone; repeating it gives the same approval.

    Raises PolicyInvalid and NotRouted.
    """
    store = InvoiceStore(services.blobs)
    row = store.row(invoice)
    if row is None:
        raise NotRouted(f"{invoice} was not checked")

    sender = store.record(invoice).sender
    policy = policies.load(services.settings)
    router = Router(services.blobs, policy, sender, now, rates_at(services, policy, now))
    route = router.route(Reference(invoice), row)
    if route.outcome == "ok":
        stored = InvoiceRoute(
            outcome="ok",
            rule=route.rule,
            approval=route.approval,
            comparison=route.comparison,
            run=run,
        )
        store.put_route(invoice, stored)
    return route


def route_of_run(services: Services, invoice: InvoiceId, run: str | None) -> Route | None:
    """What a run that was lost wrote down, if it did.

    The route of another run does not count: its approval may have ended.
    """
    stored = InvoiceStore(services.blobs).route(invoice)
    if stored is None or stored.run != run:
        return None
    return Route(
        outcome=stored.outcome, rule=stored.rule, approval=stored.approval, comparison=stored.comparison
    )
