"""The API of callbacks: what may be asked for, what is said of it, and polling for who is not told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import azure.functions as func
import pytest

from adapters.callback_settings import CallbackSettings
from invoicing.callbacks.signature import signed_headers
from invoicing.outgoing.targets import CallPolicy
from invoicing.records.outgoing import LONGEST_URL
from stores import subscriptions as store
from tests.unit.page_requests import handler, local_run, request
from tests.unit.test_described_answers import CALLBACK_URL, Api
from triggers import batches, calls, invoices, standing_subscriptions, subscriptions
from usecases.begin_callbacks import begin_due
from usecases.standing import MOST as MOST_STANDING
from usecases.subscribe import MOST

KEY = b"k" * 32


@pytest.fixture
def api() -> Iterator[Api]:
    """The API of a local run that may call `hooks.example.com`."""
    with local_run() as used:
        yield Api(used)


def _json(answer: func.HttpResponse) -> Any:
    return json.loads(answer.get_body())


async def _subscribed(api: Api, batch: str, url: str = CALLBACK_URL) -> func.HttpResponse:
    return await api.call(subscriptions.subscribe_to_batch, id=batch, body={"callback_url": url})


def _changed(api: Api, **changes: Any) -> None:
    object.__setattr__(api.used, "settings", replace(api.used.settings, **changes))


# ---------------------------------------------------------------- asking


async def test_start_with_an_address_says_where_telling_is_seen(api: Api) -> None:
    """For a batch from a container, which is JSON, and for a document, whose body has no place for it."""
    body = {"container": "inbox", "callback_url": CALLBACK_URL}
    from_container = _json(await api.call(batches.start_batch, body=body))
    alone = await api.call(
        invoices.start_invoice, body=b"<Invoice/>", kind="application/xml", callback_url=CALLBACK_URL
    )
    assert alone.status_code == 202
    for started in (from_container, _json(alone)):
        name = urlsplit(started["links"]["subscription"]).path.rpartition("/")[2]
        shown = _json(await api.call(subscriptions.get_subscription, id=name))
        assert (shown["state"], shown["target"], shown["host"]) == (
            "waiting",
            started["id"],
            "hooks.example.com",
        )
    assert len(store.open_marks(api.blobs)) == 2


async def test_asking_twice_is_asking_once(api: Api) -> None:
    """Who got no answer asks again."""
    batch = await api.batch()
    first, second = await _subscribed(api, batch), await _subscribed(api, batch)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.get_body() == second.get_body()
    assert urlsplit(first.headers["Location"]).path == f"/api/subscriptions/{_json(first)['id']}"


async def test_secret_address_is_never_shown(api: Api) -> None:
    """Neither in an answer, nor in a name."""
    answer = await _subscribed(api, await api.batch())
    assert b"hush" not in answer.get_body() + str(answer.headers).encode()
    assert not any("hush" in name for name in api.blobs.names())  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/x",
        "http://hooks.example.com/x",
        "https://hooks.example.com:8443/x",
        "https://user@hooks.example.com/x",
        "https://hooks.example.com.evil.example/x",
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "https://169.254.169.254/metadata",
        "https://0x7f.1/x",
        "ftp://hooks.example.com/x",
        "hooks.example.com/x",
        "https://hooks.example.com/ü",
        "https://hooks.example.com/" + "x" * LONGEST_URL,
    ],
)
async def test_address_that_may_not_be_called_is_refused_before_anything_is_started(
    api: Api, url: str
) -> None:
    """The caller hears of it at once, and nothing is stored."""
    started = await api.call(
        invoices.start_invoice, body=b"<Invoice/>", kind="application/xml", callback_url=url
    )
    assert started.status_code == 400, started.get_body()
    assert _json(started)["error"]["code"] in ("bad_callback_url", "bad_text")
    assert api.blobs.names() == []  # pyright: ignore[reportAttributeAccessIssue]
    assert (await _subscribed(api, await api.batch(), url)).status_code == 400


async def test_local_address_is_refused_even_where_it_is_on_the_list(api: Api) -> None:
    """Its own setting has to allow it."""
    outgoing = replace(api.used.settings.outgoing, policy=CallPolicy(hosts=("127.0.0.1",)))
    _changed(api, outgoing=outgoing)
    assert (await _subscribed(api, await api.batch(), "https://127.0.0.1/x")).status_code == 400


async def test_nobody_is_promised_what_cannot_be_signed(api: Api) -> None:
    """The text says which setting is missing."""
    _changed(api, callbacks=CallbackSettings())
    answer = await _subscribed(api, await api.batch())
    assert (answer.status_code, b"SETTLE_CALLBACK_KEY" in answer.get_body()) == (503, True)


@pytest.mark.parametrize(
    ("body", "status"),
    [({}, 400), ({"callback_url": 1}, 400), ({"callback_url": CALLBACK_URL, "x": 1}, 400), (b"[", 400)],
)
async def test_bad_body_is_refused(api: Api, body: Any, status: int) -> None:
    """With what to send."""
    answer = await api.call(subscriptions.subscribe_to_batch, id=await api.batch(), body=body)
    assert answer.status_code == status


async def test_unknown_ids_are_not_found(api: Api) -> None:
    """In all operations, whatever the text is."""
    for name in ("b" + "0" * 24, "x", "../x"):
        assert (await _subscribed(api, name)).status_code == 404
        for operation in (subscriptions.get_subscription, subscriptions.delete_subscription):
            assert (await api.call(operation, id=f"{name}-{'0' * 16}")).status_code == 404
        result = await api.call(subscriptions.get_approval_result, id=name)
        assert result.status_code == 404
    body = {"callback_url": CALLBACK_URL}
    for operation in (subscriptions.subscribe_to_invoice, subscriptions.subscribe_to_approval):
        assert (await api.call(operation, id="a" + "0" * 24, body=body)).status_code == 404


async def test_so_many_addresses_are_told_and_no_more(api: Api) -> None:
    """Each costs looks and posts."""
    batch = await api.batch()
    for number in range(MOST):
        assert (await _subscribed(api, batch, f"{CALLBACK_URL}{number}")).status_code == 201
    assert (await _subscribed(api, batch, f"{CALLBACK_URL}-more")).status_code == 409
    assert (await _subscribed(api, batch, f"{CALLBACK_URL}0")).status_code == 201


# ---------------------------------------------------------------- no more


async def test_unsubscribing_by_id_or_address(api: Api) -> None:
    """Twice is once; what is over stays as it is; others of the same host are told all the same."""
    batch, other = await api.batch(), await api.invoice()
    one = _json(await _subscribed(api, batch))["id"]
    body = {"callback_url": CALLBACK_URL}
    two = _json(await api.call(subscriptions.subscribe_to_invoice, id=other, body=body))["id"]
    left = _json(await _subscribed(api, batch, CALLBACK_URL + "2"))["id"]
    for _ in range(2):
        assert (await api.call(subscriptions.delete_subscription, id=one)).status_code == 204
    ended = await api.call(subscriptions.delete_subscriptions, callback_url=CALLBACK_URL)
    assert _json(ended) == {"ended": [two]}
    assert [mark.id for mark in store.open_marks(api.blobs)] == [left]
    assert (await api.call(subscriptions.delete_subscriptions)).status_code == 400


# ---------------------------------------------------------------- every end


async def _standing(api: Api, kind: str, url: str = CALLBACK_URL) -> func.HttpResponse:
    body = {"kind": kind, "callback_url": url}
    return await api.call(standing_subscriptions.subscribe_to_all, body=body)


async def test_each_start_of_a_kind_subscribes_who_wants_all(api: Api) -> None:
    """What began before is not told, and neither is the other kind."""
    await api.batch()
    first = await _standing(api, "invoice")
    assert first.get_body() == (await _standing(api, "invoice")).get_body(), "asking twice is asking once"
    invoice = await api.invoice()
    assert [mark.id[:25] for mark in store.open_marks(api.blobs)] == [invoice]
    assert b"hush" not in (await api.call(standing_subscriptions.list_standing)).get_body()


async def test_address_of_a_start_and_of_all_is_told_once(api: Api) -> None:
    """It is the same address."""
    await _standing(api, "batch")
    body = {"container": "inbox", "callback_url": CALLBACK_URL}
    assert (await api.call(batches.start_batch, body=body)).status_code == 202
    assert len(store.open_marks(api.blobs)) == 1


async def test_nothing_that_begins_is_told_after_the_end_of_it(api: Api) -> None:
    """By its own address, or by that which is told; what runs is told in the first case."""
    one = _json(await _standing(api, "batch"))["id"]
    _ = await _standing(api, "invoice")
    running = await api.batch()
    assert (await api.call(standing_subscriptions.delete_standing, id=one)).status_code == 204
    assert (await api.call(standing_subscriptions.delete_standing, id=one)).status_code == 404
    assert len(store.open_marks(api.blobs)) == 1
    ended = _json(await api.call(subscriptions.delete_subscriptions, callback_url=CALLBACK_URL))["ended"]
    assert [name.partition("-")[0] for name in ended] == ["every", running]
    await api.invoice()
    assert store.open_marks(api.blobs) == []
    assert _json(await api.call(standing_subscriptions.list_standing)) == {"subscriptions": []}


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "batch"},
        {"callback_url": CALLBACK_URL},
        {"kind": "approval", "callback_url": CALLBACK_URL},
        {"kind": "batch", "callback_url": "https://evil.example/x"},
    ],
)
async def test_bad_wish_for_all_is_refused(api: Api, body: Any) -> None:
    """With what is wrong; nothing is kept."""
    answer = await api.call(standing_subscriptions.subscribe_to_all, body=body)
    assert answer.status_code == 400
    assert api.blobs.names() == []  # pyright: ignore[reportAttributeAccessIssue]


async def test_so_many_want_all_and_no_more(api: Api) -> None:
    """Each start subscribes them all."""
    for number in range(MOST_STANDING):
        assert (await _standing(api, "batch", f"{CALLBACK_URL}{number}")).status_code == 201
    assert (await _standing(api, "batch", f"{CALLBACK_URL}-more")).status_code == 409
    for name in ("every-batch-x", f"every-approval-{'0' * 16}", "../x"):
        assert (await api.call(standing_subscriptions.delete_standing, id=name)).status_code == 404


# ---------------------------------------------------------------- genuine


async def _told(api: Api) -> tuple[str, dict[str, Any]]:
    """A batch has ended; returns the subscription, and the callback as a receiver would hand it on."""
    batch = await api.batch()
    name = _json(await _subscribed(api, batch))["id"]
    api.hub.ended(batch, status="completed", total=1, counts={"valid": 1})
    await begin_due(api.used, api.hub, datetime.now(UTC))  # pyright: ignore[reportArgumentType]
    sent = store.message(api.blobs, name, 1)
    headers = signed_headers([KEY], f"{name}-1", datetime.now(UTC), sent)
    return name, {
        **{key.replace("-", "_"): value for key, value in headers.items()},
        "body": json.loads(sent),
    }


async def test_genuine_callback_is_told_from_others(api: Api) -> None:
    """Whatever a receiver made of the spaces and the order of its JSON."""
    name, came = await _told(api)
    came["body"] = dict(reversed(came["body"].items()))
    good = await api.call(subscriptions.verify_callback, id=name, body=came)
    assert _json(good) == {"genuine": True, "reason": "It was sent by Settle."}
    old = str(int((datetime.now(UTC) - timedelta(hours=1)).timestamp()))
    for changes in (
        {"body": {**came["body"], "status": "failed"}},
        {"webhook_id": f"{name}-2"},
        {"webhook_id": "x"},
        {"webhook_signature": "v1,AAAA"},
        {"webhook_timestamp": old},
    ):
        answer = _json(await api.call(subscriptions.verify_callback, id=name, body={**came, **changes}))
        assert answer["genuine"] is False, changes
        assert answer["reason"]


@pytest.mark.parametrize("missing", ["webhook_id", "webhook_timestamp", "webhook_signature", "body"])
async def test_half_a_callback_cannot_be_verified(api: Api, missing: str) -> None:
    """It says what else is needed."""
    name, came = await _told(api)
    del came[missing]
    answer = await api.call(subscriptions.verify_callback, id=name, body=came)
    assert (answer.status_code, missing in _json(answer)["error"]["message"]) == (400, True)


async def test_text_is_no_body_of_a_callback(api: Api) -> None:
    """The JSON object itself is wanted."""
    name, came = await _told(api)
    answer = await api.call(subscriptions.verify_callback, id=name, body={**came, "body": "{}"})
    assert answer.status_code == 400


async def test_message_that_is_too_large_says_where_the_rest_is(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A receiver has limits, too."""
    monkeypatch.setattr("usecases.callback_messages.LARGEST", 600)
    _, came = await _told(api)
    assert came["body"]["data"] is None
    assert came["body"]["status"] == "completed"
    assert came["body"]["links"]["self"].startswith("https://settle.example/api/batches/b")


# ---------------------------------------------------------------- polling


async def test_what_runs_for_long_is_asked_for_less_often() -> None:
    """Two seconds at first, a minute at most: an approval takes days."""
    pauses = []
    for age in (0, 60, 600, 86400):
        clock = datetime.now(UTC) - timedelta(seconds=age)
        with local_run() as used:
            object.__setattr__(used, "clock", lambda clock=clock: clock)
            here = Api(used)
            answer = await here.call(batches.get_batch, id=await here.batch())
            assert answer.headers["Location"]
            pauses.append(int(answer.headers["Retry-After"]))
    assert pauses == [2, 2, 20, 60]


def _get(path: str, name: str, headers: dict[str, str] | None = None, **query: str) -> func.HttpRequest:
    here = dict(request("/inbox").headers) | (headers or {})
    url = f"https://settle.example{path}"
    return func.HttpRequest("GET", url, headers=here, params=query, route_params={"id": name}, body=b"")


@pytest.mark.parametrize("kind", ["batches", "invoices", "approvals"])
async def test_address_to_poll_has_the_key_that_came_in_the_query(api: Api, kind: str) -> None:
    """Who follows Location with no header of ours gets to the end with it; nobody is given another key."""
    names = {"batches": api.batch, "invoices": api.invoice}
    name = await names[kind]() if kind in names else api.approval()
    builder: Any = {
        "batches": batches.get_batch,
        "invoices": invoices.get_invoice,
        "approvals": subscriptions.get_approval_result,
    }[kind]
    client = {} if kind == "approvals" else {"client": api.hub}
    asked = await handler(builder)(req=_get(f"/api/{kind}/{name}", name, code="a/b="), **client)
    assert asked.status_code == 202
    assert parse_qs(urlsplit(asked.headers["Location"]).query) == {"code": ["a/b="]}
    with_header = _get(f"/api/{kind}/{name}", name, {"x-functions-key": "a/b="})
    asked = await handler(builder)(req=with_header, **client)
    assert urlsplit(asked.headers["Location"]).query == ""


async def test_approval_that_is_decided_but_not_closed_is_still_under_way(api: Api) -> None:
    """Its workflow has not taken in the decision; a poller that stops now would see no booking."""
    from tests.unit.test_described_answers import _approval_decided

    answer = await _approval_decided(api)
    approval = _json(answer)["approval"]
    assert (await api.call(subscriptions.get_approval_result, id=approval)).status_code == 202


# ---------------------------------------------------------------- lists of calls


async def test_end_of_a_list_of_calls_is_told(api: Api) -> None:
    """As that of a batch: with the start or later, and what is told says how many calls came to what."""
    outgoing = replace(
        api.used.settings.outgoing, policy=CallPolicy(hosts=("hooks.example.com", "api.example.com"))
    )
    _changed(api, outgoing=outgoing)
    body = {"calls": [{"url": "https://api.example.com/"}]}
    started = await api.call(calls.start_call_list, body=body, callback_url=CALLBACK_URL)
    assert started.status_code == 202, started.get_body()
    told = _json(started)
    name = urlsplit(told["links"]["subscription"]).path.rpartition("/")[2]
    api.hub.ended(told["id"], status="completed")
    await begin_due(api.used, api.hub, datetime.now(UTC))  # pyright: ignore[reportArgumentType]
    sent = json.loads(store.message(api.blobs, name, 1))
    assert (sent["type"], sent["status"], sent["target"]) == ("calls.ended", "completed", told["id"])
    assert sent["data"]["total"] == 1
    assert sent["links"]["self"].endswith(f"/api/calls/{told['id']}")
