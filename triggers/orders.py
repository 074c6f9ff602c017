"""The HTTP API of orders: send one in, and see what was received and billed of it."""

from __future__ import annotations

import asyncio

import azure.durable_functions as df
import azure.functions as func

from adapters import services
from invoicing import orders
from invoicing.orders import BadOrder
from invoicing.readers import ubl_order
from invoicing.records.answers.orders import Orders
from invoicing.records.order import NewOrder
from stores.blobs import StorageRefused
from stores.orders import OrderStore
from triggers.errors import Refused
from triggers.order_view import listed_view, taken_view, view
from triggers.own_links import own_links
from triggers.request_texts import media_type, page_token, whole
from triggers.responses import answer, answers_errors
from usecases.refusals import bad_page
from usecases.take_in_order import read_order, take_in_order
from usecases.wake_invoices import wake_invoices

bp = df.Blueprint()

_XML = ("application/xml", "text/xml")
_LARGEST = 4 * 1024 * 1024
_PAGE, _LARGEST_PAGE = 20, 100


@bp.route(route="api/orders", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
@answers_errors
async def take_order(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Take in an order (UBL 2.1 Order, or JSON): 201 for a new one or a new revision, 200 for the same.

    It is the same order where supplier and number are the same. Invoices that wait for it are woken.
    """
    app = services.current()
    new = await asyncio.to_thread(_parsed, req)
    order, taken = await asyncio.to_thread(take_in_order, app, new)
    await wake_invoices(app, client, order)  # also after the same one: who sent it may have died before
    body = taken_view(order, taken, own_links(req, "orders"))
    return answer(body, 200 if taken == "same" else 201, {"Location": body.links["self"]})


@bp.route(route="api/orders", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@answers_errors
async def list_orders(req: func.HttpRequest) -> func.HttpResponse:
    """Orders, those that came last first, a page at a time (`top`, `page`)."""
    top = whole(req, "top", _PAGE, 1, _LARGEST_PAGE)
    store = OrderStore(services.current().blobs)
    try:
        listed, token = await asyncio.to_thread(store.listed, top, page_token(req))
    except StorageRefused as error:
        raise bad_page() from error
    own = own_links(req, "orders")
    body = Orders(
        orders=tuple(listed_view(order, own) for order in listed.found),
        damaged=tuple(listed.damaged),
        links={"next": own.to(top=str(top), page=token)} if token else {},
    )
    return answer(body)


@bp.route(route="api/orders/{id}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@answers_errors
async def get_order(req: func.HttpRequest) -> func.HttpResponse:
    """One order: each line with what was ordered, received and billed; its receipts and its invoices."""
    seen = await asyncio.to_thread(read_order, services.current().blobs, req.route_params["id"])
    return answer(view(seen, own_links(req, "orders")))


def _parsed(req: func.HttpRequest) -> NewOrder:
    """The order of a request. Raises Refused (400, 413, 415) with what to do."""
    body = req.get_body()
    kind = media_type(req)
    if kind not in (*_XML, "application/json"):
        text = "Send an order as application/xml (UBL 2.1 Order) or as application/json."
        raise Refused(415, "unsupported_media_type", text)
    if len(body) > _LARGEST:
        text = f"The order has {len(body):,} bytes; the limit is {_LARGEST // 2**20} MiB."
        raise Refused(413, "order_too_large", text)
    if not body:
        raise Refused(400, "empty_body", "The body is empty. Send an order.")
    try:
        return ubl_order.read(body) if kind in _XML else orders.from_json(body)
    except BadOrder as error:
        raise Refused(400, "bad_order", str(error), list(error.problems)) from error
