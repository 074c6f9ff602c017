"""`/receipts`: which invoices wait for goods, what came of each order, and the form “goods arrived”."""

from __future__ import annotations

import asyncio
import secrets
from datetime import UTC, datetime

import azure.durable_functions as df
import azure.functions as func

from adapters import policies, services
from adapters.identity import Identity
from adapters.services import Services
from invoicing.approval.policy import PolicyInvalid
from invoicing.records.goods import GOODS_RECEIVED
from invoicing.signals.taking_in import NewSignal
from stores import goods
from stores.orders import OrderStore
from triggers.errors import Refused, refusal_of
from triggers.pages_common import checked_form, page, page_response, redirect, visitor
from usecases.refusals import NotDone
from usecases.signal import signal
from usecases.take_in_order import read_order
from web.views import goods as words

bp = df.Blueprint()

_MOST_ORDERS, _MOST_LINES = 50, 200


@bp.route(route="receipts", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@page
async def page_receipts(req: func.HttpRequest) -> func.HttpResponse:
    """Invoices that wait for goods, orders, and what came of those that waited."""
    identity = await visitor(req)
    app = services.current()
    now = datetime.now(UTC)
    (waiting, left_out), ended, (orders, more), compares = await asyncio.gather(
        asyncio.to_thread(goods.waiting, app.blobs),
        asyncio.to_thread(goods.ended, app.blobs),
        asyncio.to_thread(OrderStore(app.blobs).listed, _MOST_ORDERS, None),
        asyncio.to_thread(_compares, app),
    )
    return page_response(
        "receipts.html",
        req=req,
        identity=identity,
        compares=compares,
        waiting=words.waits(waiting.found, now),
        left_out=left_out,
        orders=orders.found,
        more_orders=more is not None,
        ended=words.waits(ended.found, now),
        damaged=[*waiting.damaged, *ended.damaged, *orders.damaged],
    )


@bp.route(route="receipts/{id}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@page
async def page_receipt(req: func.HttpRequest) -> func.HttpResponse:
    """One order, with the form."""
    return await _order_page(req, await visitor(req))


@bp.route(route="receipts/{id}", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@bp.durable_client_input(client_name="client")
@page
async def goods_arrived(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Signal that goods have arrived; a refusal shows the page again with the reason and what was typed."""
    identity = await visitor(req)
    fields = await asyncio.to_thread(checked_form, req, identity)
    app = services.current()
    order = await asyncio.to_thread(read_order, app.blobs, req.route_params["id"])
    try:
        number = order.order.order.number
        new = NewSignal(GOODS_RECEIVED, number, _payload(fields, identity, order.order.id), fields.get("id"))
        await signal(app, client, new)
    except NotDone as error:
        return await _order_page(req, identity, refusal_of(error), fields)
    return redirect(f"/receipts/{order.order.id}?done=1")


def _payload(fields: dict[str, str], identity: Identity, order: str) -> dict[str, object]:
    """What the form says, in the form of its signals. An empty quantity: only that this was all."""
    said: dict[str, object] = {"order": order, "by": identity.person[:100]}
    if fields.get("complete"):
        said["complete"] = True
    if fields.get("quantity", "").strip() or not fields.get("complete"):
        quantity = fields.get("quantity", "").strip().replace(",", ".")
        said["lines"] = [{"line": fields.get("line", ""), "quantity": quantity}]
    return said


async def _order_page(
    req: func.HttpRequest,
    identity: Identity,
    refused: Refused | None = None,
    typed: dict[str, str] | None = None,
) -> func.HttpResponse:
    seen = await asyncio.to_thread(read_order, services.current().blobs, req.route_params["id"])
    order = seen.order.order
    rows = list(zip(order.lines, seen.received.quantities, seen.billed, strict=True))
    said = typed or {}
    return page_response(
        "receipt.html",
        req=req,
        identity=identity,
        status=refused.status if refused else 200,
        refused=refused.message if refused else None,
        done="It is entered." if req.params.get("done") and not refused else None,
        typed={name: said.get(name, "")[:100] for name in ("line", "quantity", "complete")},
        # One form is one signal, however often its button is pressed.
        form_id=f"form-{secrets.token_hex(12)}",
        stored=seen.order,
        order=order,
        lines=rows[:_MOST_LINES],
        lines_left_out=len(rows[_MOST_LINES:]),
        complete=seen.received.complete,
        receipts=words.receipts(seen.receipts),
        billings=seen.billings,
    )


def _compares(app: Services) -> bool:
    try:
        return policies.load(app.settings).goods is not None
    except PolicyInvalid:
        return True  # nobody knows: the pages about the policy say what is wrong with it
