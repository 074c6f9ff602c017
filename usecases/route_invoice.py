"""Route an invoice that came alone: hold it against the policy, and write down what it says once."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from adapters import policies
from adapters.services import Services
from invoicing.records.base import InvoiceId, Reference
from invoicing.records.invoice_steps import FoundRoute
from invoicing.records.route import InvoiceRoute, Route
from stores.goods import state_of
from stores.invoices import InvoiceStore
from usecases.check_suppliers import desk_at
from usecases.find_route import NotRouted
from usecases.goods_first import GoodsFirst, before_rules
from usecases.rates import rates_at
from usecases.router import Router

GoodsWait = Literal["ask", "waited"] | None


def route_invoice(
    services: Services,
    invoice: InvoiceId,
    run: str | None,
    now: datetime,
    goods: GoodsWait = None,
    looked: datetime | None = None,
) -> Route:
    """Apply the policy to an invoice that came alone; repeating it gives the same approval.

    With `ask`, the answer may be that its goods are waited for first: nothing is written down then. With
    `waited`, what came of that counts. `looked`: the moment at which answers about a new supplier are looked
    for; where they are waited for, the answer says until when. Raises PolicyInvalid, ChecksInvalid and
    NotRouted.
    """
    store = InvoiceStore(services.blobs)
    row = store.row(invoice)
    if row is None:
        raise NotRouted(f"{invoice} was not checked")

    sender = store.record(invoice).sender
    policy = policies.load(services.settings)
    first = GoodsFirst(None, row)
    if goods:
        first = before_rules(services.blobs, policy, Reference(invoice), row, run)
    if first.key is not None and goods == "ask":
        return Route(outcome="ok", rule="", goods=first.key)
    desk = desk_at(services, now, looked)
    router = Router(services.blobs, policy, sender, now, rates_at(services, policy, now), desk)
    if (until := router.waits_until(first.row)) is not None:
        return Route(outcome="ok", rule="", waits_until=until)
    route = router.route(Reference(invoice), first.row, match=first.match)
    if route.outcome == "ok":
        stored = InvoiceRoute(
            outcome="ok",
            rule=route.rule,
            approval=route.approval,
            comparison=route.comparison,
            supplier=route.supplier,
            run=run,
        )
        store.put_route(invoice, stored)
    return route.model_copy(update={"supplier": None})  # it stands in the storage, and histories are small


def route_of_run(services: Services, invoice: InvoiceId, run: str | None) -> FoundRoute:
    """What a run that was lost wrote down, if it did.

    The route of another run does not count: its approval may have ended.
    """
    stored = InvoiceStore(services.blobs).route(invoice)
    waited = state_of(services.blobs, invoice)
    if stored is None or stored.run != run:
        return FoundRoute(goods=waited is not None and waited.run == run)
    route = Route(
        outcome=stored.outcome, rule=stored.rule, approval=stored.approval, comparison=stored.comparison
    )
    return FoundRoute(route=route, goods=waited is not None)
