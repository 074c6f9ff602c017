"""What is described is what is answered: each real answer of the API is held against the description."""

from __future__ import annotations

import inspect
import io
import json
import zipfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import azure.functions as func
import pytest
from azure.durable_functions import OrchestrationRuntimeStatus as Runtime
from jsonschema import Draft202012Validator, FormatChecker

from adapters.services import Services
from invoicing.calls import judging
from invoicing.records.absence import Absence
from invoicing.records.api_calls import CallResult, CallsState, CallState
from invoicing.records.approval_steps import CloseJob
from invoicing.records.base import ApprovalId, Reference
from invoicing.records.goods import BilledInvoice, GoodsReceived, Receipt
from invoicing.records.messages import Message, MessageItem, Notice
from invoicing.records.rates import RatesState
from invoicing.records.retention import KeptThing, RetentionRun
from invoicing.records.supervision import FailedRun, OpenWork
from invoicing.supervision import case_of, started_again
from stores import absences, notices, outbox, rates, retention_runs, supervised
from stores.call_lists import CallStore
from stores.invoices import row_name
from stores.orders import OrderStore
from tests.unit.approvals_on_paper import ANN, BOB, CARLA, put_approval
from tests.unit.looked_up import put_lookups
from tests.unit.page_requests import Client, administrators, handler, local_run, request, status
from tests.unit.rate_files import table
from tests.unit.report_rows import finding, invoice, row
from triggers import (
    approvals,
    batches,
    calls,
    health,
    holds,
    invoices,
    orders,
    subscriptions,
    supervising,
    watching,
)
from triggers import rates as rates_api
from triggers import signals as signals_api
from triggers import standing_subscriptions as standing_api
from triggers.api_description.whole import ANSWERS, BODIES
from triggers.openapi import document
from usecases import run_approval
from usecases.approval_view import current_sha256, read_approval

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
CALLBACK_URL = "https://hooks.example.com/x?sig=hush"
LOST = "Orchestrator function 'batch' failed: python3 exited with code 137 (0x89)"
WORK = OpenWork(instance="b" + "1" * 24, orchestrator="process_batch", input={})
ORDER = {
    "number": "PO-1",
    "supplier": {"name": "ACME"},
    "currency": "EUR",
    "lines": [{"id": "1", "quantity": 10, "unit": "KGM", "price": "2.50"}],
}
RECEIVED = {"line": "1", "quantity": 5}
CASE = case_of(FailedRun(work=WORK, failure=LOST), NOW, None)


class Hub(Client):
    """A task hub that starts runs, which go on until a test says how they ended."""

    async def start_new(self, name: str, instance_id: str, value: Any = None) -> str:
        self.statuses[instance_id] = status(instance_id, name=name, custom_status={"phase": "checking"})
        return instance_id

    async def purge_instance_history(self, instance_id: str) -> None:
        self.statuses.pop(instance_id, None)

    async def terminate(self, instance_id: str, reason: str) -> None:
        """Nothing runs here."""

    async def rewind(self, instance_id: str, reason: str) -> None:
        """Nothing failed here."""

    def ended(self, instance: str, runtime: Runtime = Runtime.Completed, **output: Any) -> None:
        """End a run with an output."""
        self.statuses[instance] = status(instance, runtime_status=runtime, output=output)


class Api:
    """The API on blobs in memory, as one person calls it."""

    def __init__(self, used: Services) -> None:
        self.used = used
        self.blobs = used.blobs
        self.hub = Hub()

    async def call(
        self, builder: Any, *, body: Any = None, kind: str = "application/json", **params: str
    ) -> func.HttpResponse:
        """The answer of a handler; what names a thing stands in the route, everything else in the query."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
        headers = dict(request("/inbox", ANN).headers) | {"content-type": kind}
        route = {name: params.pop(name) for name in ("id", "n", "key") if name in params}
        if "kind_of" in params:
            route["kind"] = params.pop("kind_of")
        req = func.HttpRequest(
            "POST",
            "https://settle.example/api/x",
            headers=headers,
            params=params,
            route_params=route,
            body=content,
        )
        function = handler(builder)
        wants_client = "client" in inspect.signature(function).parameters
        return await function(req, **({"client": self.hub} if wants_client else {}))

    async def batch(self) -> str:
        """Send a batch in; returns its id."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr(zipfile.ZipInfo("a.xml"), b"<Invoice/>")
        answer = await self.call(batches.start_batch, body=buffer.getvalue(), kind="application/zip")
        return json.loads(answer.get_body())["id"]

    async def invoice(self) -> str:
        """Send an invoice in; returns its id."""
        answer = await self.call(invoices.start_invoice, body=b"<Invoice/>", kind="application/xml")
        return json.loads(answer.get_body())["id"]

    def approval(self) -> str:
        """Put an open approval there, with a finding and a message; returns its id."""
        found = [finding("SETTLE-IBAN", "warning", "A wrong check number.", "settle")]
        approval = put_approval(self.blobs, row(invoice=invoice(), findings=found), sender=CARLA)
        notice = Notice(
            id="n" + "1" * 24,
            approval=approval,
            entry=2,
            kind="request",
            stage="clerk",
            channel="outbox",
            to=(ANN,),
            created=NOW,
        )
        notices.create(self.blobs, notice)
        return approval


Scenario = Callable[[Api], Awaitable[func.HttpResponse]]
SCENARIOS: dict[tuple[str, str], list[Scenario]] = {}


def answers(operation: str, code: int) -> Callable[[Scenario], Scenario]:
    """A way to get an operation's answer of this status."""

    def keep(scenario: Scenario) -> Scenario:
        SCENARIOS.setdefault((operation, str(code)), []).append(scenario)
        return scenario

    return keep


@answers("startBatch", 202)
async def _batch_sent(api: Api) -> func.HttpResponse:
    body = {"container": "inbox", "prefix": "may/", "wait": True}
    return await api.call(batches.start_batch, body=body)


@answers("getBatch", 202)
async def _batch_under_way(api: Api) -> func.HttpResponse:
    return await api.call(batches.get_batch, id=await api.batch())


@answers("getBatch", 200)
async def _batch_that_waited_for_approvals(api: Api) -> func.HttpResponse:
    batch = await api.batch()
    approved = {"status": "completed", "counts": {"booked": 1}}
    api.hub.ended(batch, status="completed", total=1, counts={"valid": 1}, approvals=approved)
    return await api.call(batches.get_batch, id=batch)


@answers("getBatch", 200)
async def _batch_that_failed(api: Api) -> func.HttpResponse:
    batch = await api.batch()
    api.hub.ended(batch, status="failed", error={"code": "empty_batch", "message": "Nothing is there."})
    return await api.call(batches.get_batch, id=batch)


@answers("listBatches", 200)
async def _batches_listed(api: Api) -> func.HttpResponse:
    batch = await api.batch()
    started = {"status": "running", "instance": f"{batch}-approvals"}
    api.hub.ended(batch, status="completed", total=1, counts={"valid": 1}, approvals=started)
    return await api.call(batches.list_batches, top="1")


@answers("stopBatch", 202)
async def _batch_stopped(api: Api) -> func.HttpResponse:
    return await api.call(batches.stop_batch, id=await api.batch())


@answers("startInvoice", 202)
async def _invoice_sent(api: Api) -> func.HttpResponse:
    return await api.call(invoices.start_invoice, body=b"<Invoice/>", kind="application/xml")


@answers("getInvoice", 202)
async def _invoice_under_way(api: Api) -> func.HttpResponse:
    return await api.call(invoices.get_invoice, id=await api.invoice())


@answers("getInvoice", 200)
async def _invoice_booked(api: Api) -> func.HttpResponse:
    name = await api.invoice()
    found = [finding("SETTLE-IBAN", "warning", "A wrong check number.", "settle")]
    checked = row(invoice=invoice(), findings=found)
    api.blobs.write(row_name(name), json.dumps(checked).encode())
    api.hub.ended(name, status="booked", approval="a" + "2" * 24, by=ANN, undone=[])
    return await api.call(invoices.get_invoice, id=name)


@answers("getInvoice", 200)
async def _invoice_that_was_taken_back(api: Api) -> func.HttpResponse:
    name = await api.invoice()
    error = {"code": "step_failed", "message": "It failed."}
    api.hub.ended(name, status="failed", stage=None, error=error, undone=["claim"], not_undone=["payable"])
    return await api.call(invoices.get_invoice, id=name)


@answers("takeOrder", 201)
async def _order_taken(api: Api) -> func.HttpResponse:
    return await api.call(orders.take_order, body=ORDER)


@answers("takeOrder", 200)
async def _order_taken_twice(api: Api) -> func.HttpResponse:
    await _order_taken(api)
    return await _order_taken(api)


@answers("listOrders", 200)
async def _orders_listed(api: Api) -> func.HttpResponse:
    await _order_taken(api)
    return await api.call(orders.list_orders)


@answers("getOrder", 200)
async def _order_read(api: Api) -> func.HttpResponse:
    taken = json.loads((await _order_taken(api)).get_body())
    goods = GoodsReceived.model_validate({"lines": [{"line": "1", "quantity": 2.5}]})
    OrderStore(api.blobs).keep_receipt(taken["id"], Receipt(id="scale-1", received=NOW, goods=goods))
    billed = BilledInvoice(
        ref=Reference("i" + "1" * 24),
        order=taken["id"],
        at=NOW,
        number="R1",
        supplier="ACME",
        currency="EUR",
        lines=(),
    )
    OrderStore(api.blobs).bill(billed)
    return await api.call(orders.get_order, id=taken["id"])


@answers("getRates", 200)
async def _rates_that_count(api: Api) -> func.HttpResponse:
    day = datetime.now(UTC) - timedelta(days=1)
    rates.keep(api.blobs, table(day.date().isoformat(), fetched=day))
    rates.note(api.blobs, RatesState(tried=NOW, error="HTTP 500", newest=day.date()))
    return await api.call(rates_api.get_rates)


@answers("getRates", 200)
async def _no_rates(api: Api) -> func.HttpResponse:
    return await api.call(rates_api.get_rates)


@answers("listApprovals", 200)
async def _approvals_listed(api: Api) -> func.HttpResponse:
    api.approval()
    return await api.call(approvals.get_approvals)


@answers("getApproval", 200)
async def _approval_with_lookups(api: Api) -> func.HttpResponse:
    approval = put_approval(api.blobs, row(3), sender=CARLA, drafts=())
    put_lookups(api.blobs, approval)
    return await api.call(approvals.get_approval, id=approval)


@answers("getApproval", 200)
async def _approval_read(api: Api) -> func.HttpResponse:
    return await api.call(approvals.get_approval, id=api.approval())


@answers("postDecision", 201)
async def _approval_decided(api: Api) -> func.HttpResponse:
    approval = api.approval()
    asked = read_approval(api.blobs, approval)
    digest = current_sha256(api.blobs, approval)
    assert asked.open_stage is not None
    body = {"decision": "approve", "stage": asked.open_stage.name, "sha256": digest}
    return await api.call(approvals.post_decision, body=body, id=approval)


@answers("postReassignment", 201)
async def _approval_reassigned(api: Api) -> func.HttpResponse:
    approval = api.approval()
    with administrators(ANN):
        body = {"to": "eva.stein@example.com", "reason": "Dan has left."}
        return await api.call(approvals.post_reassignment, body=body, id=approval)


@answers("listDelegations", 200)
async def _absences_listed(api: Api) -> func.HttpResponse:
    until = datetime.now(UTC) + timedelta(days=3)
    absence = Absence(ANN, BOB, until, NOW)
    absences.note(api.blobs, absence)
    return await api.call(approvals.get_delegations)


@answers("getRetention", 200)
async def _retention_with_a_run_and_a_hold(api: Api) -> func.HttpResponse:
    held = await api.batch()
    await api.call(holds.put_hold, id=held, body={"why": "Case 4711"})
    kept = KeptThing(id=held, why="hold")
    retention_runs.keep(api.blobs, RetentionRun(id="r1", began=NOW).with_kept(kept))
    return await api.call(holds.get_retention)


@answers("putHold", 200)
async def _held(api: Api) -> func.HttpResponse:
    return await api.call(holds.put_hold, id=await api.invoice(), body={"why": "Case 4711"})


@answers("getHold", 200)
async def _hold(api: Api) -> func.HttpResponse:
    held = f"{await api.batch()}-1"
    await api.call(holds.put_hold, id=held, body={"why": "Case 4711", "who": ANN})
    return await api.call(holds.get_hold, id=held)


@answers("deleteHold", 200)
async def _hold_ended(api: Api) -> func.HttpResponse:
    held = await api.batch()
    await api.call(holds.put_hold, id=held, body={"why": "Case 4711"})
    return await api.call(holds.delete_hold, id=held, why="settled")


@answers("postDelegation", 201)
async def _absence_entered(api: Api) -> func.HttpResponse:
    until = (datetime.now(UTC) + timedelta(days=3)).date().isoformat()
    return await api.call(approvals.post_delegation, body={"until": until, "to": BOB})


@answers("subscribeToBatch", 201)
async def _batch_subscribed(api: Api) -> func.HttpResponse:
    body = {"callback_url": CALLBACK_URL}
    return await api.call(subscriptions.subscribe_to_batch, id=await api.batch(), body=body)


@answers("subscribeToInvoice", 201)
async def _invoice_subscribed(api: Api) -> func.HttpResponse:
    body = {"callback_url": CALLBACK_URL}
    return await api.call(subscriptions.subscribe_to_invoice, id=await api.invoice(), body=body)


@answers("subscribeToApproval", 201)
async def _approval_subscribed(api: Api) -> func.HttpResponse:
    body = {"callback_url": CALLBACK_URL}
    return await api.call(subscriptions.subscribe_to_approval, id=api.approval(), body=body)


@answers("subscribeToCalls", 201)
async def _calls_subscribed(api: Api) -> func.HttpResponse:
    body = {"callback_url": CALLBACK_URL}
    return await api.call(subscriptions.subscribe_to_calls, id=await _calls(api), body=body)


@answers("subscribeToAll", 201)
async def _subscribed_to_all(api: Api) -> func.HttpResponse:
    body = {"kind": "batch", "callback_url": CALLBACK_URL}
    return await api.call(standing_api.subscribe_to_all, body=body)


@answers("listStandingSubscriptions", 200)
async def _standing_listed(api: Api) -> func.HttpResponse:
    await _subscribed_to_all(api)
    return await api.call(standing_api.list_standing)


@answers("getSubscription", 200)
async def _subscription_read(api: Api) -> func.HttpResponse:
    made = json.loads((await _batch_subscribed(api)).get_body())
    return await api.call(subscriptions.get_subscription, id=made["id"])


@answers("deleteSubscriptions", 200)
async def _address_unsubscribed(api: Api) -> func.HttpResponse:
    await _batch_subscribed(api)
    return await api.call(subscriptions.delete_subscriptions, callback_url=CALLBACK_URL)


@answers("verifyCallback", 200)
async def _callback_verified(api: Api) -> func.HttpResponse:
    made = json.loads((await _batch_subscribed(api)).get_body())
    came = {"webhook_id": "x", "webhook_timestamp": "1", "webhook_signature": "v1,x", "body": {}}
    return await api.call(subscriptions.verify_callback, id=made["id"], body=came)


@answers("getApprovalResult", 202)
async def _approval_under_way(api: Api) -> func.HttpResponse:
    return await api.call(subscriptions.get_approval_result, id=api.approval())


@answers("getApprovalResult", 200)
async def _approval_ended(api: Api) -> func.HttpResponse:
    approval = api.approval()
    run_approval.close_approval(
        api.used, CloseJob(approval=ApprovalId(approval), at=NOW, after=0, failed="It broke.")
    )
    return await api.call(subscriptions.get_approval_result, id=approval)


@answers("startCalls", 202)
async def _calls_sent(api: Api) -> func.HttpResponse:
    header = {"Authorization": {"secret": "ERP"}}
    asked = {"url": "https://api.example.com/", "method": "POST", "body": {"a": 1}, "name": "one"}
    refused = await api.call(calls.start_call_list, body={"calls": [{**asked, "headers": header}]})
    assert refused.status_code == 422
    return await api.call(calls.start_call_list, body={"calls": [asked] * 3, "limits": {"parallel": 3}})


async def _calls(api: Api) -> str:
    """Three calls: one has a large answer, one was refused, one was not made yet."""
    name = json.loads((await _calls_sent(api)).get_body())["id"]
    store = CallStore(api.blobs)
    good = CallResult(
        n=1, name="one", outcome="ok", status=200, attempts=1, headers={"date": "x"}, size=9000, stored=True
    )
    bad = CallResult(n=2, outcome="refused", attempts=1, code="address_not_allowed", error="No.")
    store.keep_part(name, 0, [good, bad])
    done = [CallState(outcome=one.outcome, done=True, attempts=1, part=0) for one in (good, bad)]
    store.keep(name, CallsState(parts=1, calls=(*done, CallState())), {"ok": 1, "refused": 1})
    return name


@answers("getCalls", 202)
async def _calls_under_way(api: Api) -> func.HttpResponse:
    return await api.call(calls.get_call_list, id=await _calls(api))


@answers("getCalls", 200)
async def _calls_that_failed(api: Api) -> func.HttpResponse:
    name = await _calls(api)
    api.hub.ended(name, status="failed", total=3, counts={}, error="a step failed")
    return await api.call(calls.get_call_list, id=name)


@answers("getCallResults", 200)
async def _results_of_calls(api: Api) -> func.HttpResponse:
    return await api.call(calls.get_call_results, id=await _calls(api), top="2")


@answers("getCallResults", 200)
async def _results_of_calls_that_were_not_made(api: Api) -> func.HttpResponse:
    name = await _calls(api)
    store = CallStore(api.blobs)
    state = store.state(name, 3)
    ended = tuple(judging.given_up(one) for one in state.calls)
    store.keep(name, state.model_copy(update={"ended": "deadline", "calls": ended}), {})
    return await api.call(calls.get_call_results, id=name)


@answers("stopCalls", 202)
async def _calls_stopped(api: Api) -> func.HttpResponse:
    return await api.call(calls.stop_call_list, id=await _calls(api))


@answers("listCases", 200)
async def _cases_listed(api: Api) -> func.HttpResponse:
    supervised.keep(api.blobs, CASE)
    supervised.keep(api.blobs, started_again(CASE, NOW))
    return await api.call(supervising.list_cases)


@answers("restartCase", 202)
async def _case_restarted(api: Api) -> func.HttpResponse:
    supervised.keep(api.blobs, CASE)
    return await api.call(supervising.restart_case, id=WORK.instance)


@answers("postSignal", 202)
async def _signal_sent(api: Api) -> func.HttpResponse:
    return await api.call(signals_api.post_signal, body=RECEIVED, kind_of="goods-received", key="PO-1")


@answers("postSignal", 200)
async def _signal_sent_again(api: Api) -> func.HttpResponse:
    await _signal_sent(api)
    return await _signal_sent(api)


@answers("listStuck", 200)
async def _stuck_listed(api: Api) -> func.HttpResponse:
    fault = FailedRun(work=WORK, failure="Orchestrator function 'batch' failed: KeyError: 'x'")
    supervised.keep(api.blobs, case_of(fault, NOW, None))
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    pending = status("i" + "2" * 24, runtime_status=Runtime.Pending, created_time=long_ago)
    api.hub.statuses[pending.instance_id] = pending
    return await api.call(watching.list_stuck)


@answers("getWaiting", 200)
async def _waiting_shown(api: Api) -> func.HttpResponse:
    custom = {"stage": "clerk", "waiting_for": [ANN], "deadline": NOW.isoformat()}
    api.hub.statuses["a" + "1" * 24] = status("a" + "1" * 24, custom_status=custom)
    return await api.call(watching.get_waiting, id="a" + "1" * 24)


@answers("restartStuck", 202)
async def _stuck_restarted(api: Api) -> func.HttpResponse:
    supervised.keep(api.blobs, CASE)
    return await api.call(watching.restart_stuck, id=WORK.instance)


@answers("rewindStuck", 202)
async def _stuck_rewound(api: Api) -> func.HttpResponse:
    api.hub.statuses[WORK.instance] = status(WORK.instance, runtime_status=Runtime.Failed)
    return await api.call(watching.rewind_stuck, id=WORK.instance, body={"reason": "It was mended."})


@answers("withdrawInvoice", 200)
async def _invoice_withdrawn(api: Api) -> func.HttpResponse:
    sent = await api.invoice()

    async def terminate(instance_id: str, reason: str) -> None:
        api.hub.ended(instance_id, Runtime.Terminated)

    api.hub.terminate = terminate
    return await api.call(invoices.delete_invoice, id=sent, why="Not ours")


@answers("closeStuck", 200)
async def _stuck_closed(api: Api) -> func.HttpResponse:
    supervised.note(api.blobs, WORK)
    return await api.call(watching.close_stuck, id=WORK.instance, body=b"", kind="")


@answers("listOutbox", 200)
async def _outbox_listed(api: Api) -> func.HttpResponse:
    item = MessageItem("a" + "1" * 24, "request", "Please approve", "https://settle.example/approvals/a1")
    message = Message("m1", ANN, "Ann", "1 invoice", "text", "<p>", "https://settle.example/inbox", (item,))
    outbox.put(api.blobs, message, NOW)
    return await api.call(approvals.get_outbox)


@answers("getHealth", 200)
async def _app_that_is_well(api: Api) -> func.HttpResponse:
    return await api.call(health.healthz)


@answers("getHealth", 503)
async def _app_without_storage(api: Api) -> func.HttpResponse:
    def away(verb: str, name: str) -> None:
        raise OSError("no route")

    api.blobs.fails = away  # pyright: ignore[reportAttributeAccessIssue] - the fake has it
    return await api.call(health.healthz)


# ---------------------------------------------------------------- held against the description


def _described() -> dict[tuple[str, str], dict[str, Any]]:
    """The schema of each JSON answer that is no error."""
    found = {}
    for operations in document()["paths"].values():
        for method, operation in operations.items():
            if method == "parameters":
                continue
            for code, answer in operation["responses"].items():
                schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
                if schema.get("$ref", "").rpartition("/")[2] not in ("", "Error"):
                    found[operation["operationId"], code] = schema
    return found


def _fault(body: Any, schema: dict[str, Any]) -> str | None:
    """What is wrong with a body; nothing is described that may have further fields."""
    components = json.loads(json.dumps(document()["components"]))
    for described in components["schemas"].values():
        if "properties" in described:
            described["additionalProperties"] = False
    whole = {**schema, "components": components}
    faults = Draft202012Validator(whole, format_checker=FormatChecker()).iter_errors(body)
    return next((f"{fault.json_path}: {fault.message}" for fault in faults), None)


def test_every_described_answer_is_looked_at() -> None:
    """One that is added to the description needs a way to get it, here."""
    assert set(SCENARIOS) == set(_described())


@pytest.mark.parametrize(
    ("operation", "code", "scenario"),
    [(*key, scenario) for key, scenarios in SCENARIOS.items() for scenario in scenarios],
    ids=[scenario.__name__[1:] for scenarios in SCENARIOS.values() for scenario in scenarios],
)
async def test_answer_is_the_one_that_is_described(operation: str, code: str, scenario: Scenario) -> None:
    """Each field, and none besides."""
    with local_run() as used:
        answer = await scenario(Api(used))
    body = json.loads(answer.get_body())
    assert str(answer.status_code) == code, body
    assert _fault(body, _described()[operation, code]) is None


async def test_error_is_the_one_that_is_described() -> None:
    """With and without detail."""
    schema = {"$ref": "#/components/schemas/Error"}
    with local_run() as used:
        api = Api(used)
        unknown = await api.call(batches.get_batch, id="b" + "0" * 24)
        early = await api.call(batches.get_report, id=await api.batch())
    assert (unknown.status_code, early.status_code) == (404, 409)
    assert "detail" in json.loads(early.get_body())["error"]
    for answer in (unknown, early):
        assert _fault(json.loads(answer.get_body()), schema) is None


def test_every_record_that_is_answered_or_taken_has_a_schema() -> None:
    """Under its own name, so that who reads the one finds the other."""
    assert {record.__name__ for record in (*ANSWERS, *BODIES)} <= set(document()["components"]["schemas"])


def test_the_check_sees_what_is_missing_and_what_is_too_much() -> None:
    """Otherwise all tests above could be empty."""
    schema = {"$ref": "#/components/schemas/Health"}
    assert _fault({"status": "ok", "checks": {}}, schema) is None
    assert _fault({"status": "ok"}, schema)
    assert _fault({"status": "fine", "checks": {}}, schema)
    assert _fault({"status": "ok", "checks": {}, "more": 1}, schema)
