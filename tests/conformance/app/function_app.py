"""A post office that shows what a Functions host does, one behaviour a function; see facts.json."""

from __future__ import annotations

import json
import os
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)
RUNTIME = "/runtime/webhooks/durabletask"


def _json(value: Any, status: int = 200) -> func.HttpResponse:
    return func.HttpResponse(json.dumps(value), status_code=status, mimetype="application/json")


# ---------------------------------------------------------------- counters: plain HTTP


@app.route(route="window", methods=["GET", "POST", "PUT", "OPTIONS", "HEAD"])
def window(req: func.HttpRequest) -> func.HttpResponse:
    """Say what arrived."""
    return _json(
        {
            "method": req.method,
            "params": dict(req.params),
            "sender": req.headers.get("x-sender"),
            "type": req.headers.get("content-type"),
            "bytes": len(req.get_body()),
        }
    )


@app.route(route="parcels/{number:int}/{note?}", methods=["GET"])
def parcels(req: func.HttpRequest) -> func.HttpResponse:
    """Say what the route holds."""
    return _json(dict(req.route_params))


@app.route(route="track/{*way}", methods=["GET"])
def track(req: func.HttpRequest) -> func.HttpResponse:
    """Say what the rest of the route holds."""
    return _json(dict(req.route_params))


@app.route(route="letter", methods=["GET"])
def letter(req: func.HttpRequest) -> str:
    """Answer with a text."""
    return "dear grüße"


@app.route(route="nothing", methods=["GET"])
def nothing(req: func.HttpRequest) -> func.HttpResponse:
    """Answer with nothing, whatever the annotation says."""
    return None  # pyright: ignore[reportReturnType]  this is what is looked at


@app.route(route="closed", methods=["GET"])
def closed(req: func.HttpRequest) -> func.HttpResponse:
    """Fail."""
    raise RuntimeError("the office is closed")


@app.route(route="stamp", methods=["GET"])
async def stamp(req: func.HttpRequest) -> func.HttpResponse:
    """Answer with bytes, a status and headers of its own."""
    return func.HttpResponse(
        b"\x01\x02\x03",
        status_code=418,
        mimetype="image/x-stamp",
        headers={"x-value": "80"},
    )


@app.route(route="ticket", methods=["GET", "HEAD"])
def ticket(req: func.HttpRequest) -> func.HttpResponse:
    """Answer with a cookie."""
    cookie = "ticket=7f.A_1-x; HttpOnly; Path=/; SameSite=Lax"
    return func.HttpResponse("take a seat", headers={"Set-Cookie": cookie})


@app.route(route="strongroom", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
def strongroom(req: func.HttpRequest) -> func.HttpResponse:
    """Want a key where keys are checked."""
    return _json("inside")


# ---------------------------------------------------------------- the durable client


@app.route(route="post/{name}", methods=["POST"])
@app.durable_client_input(client_name="client")
async def post(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Start an orchestration."""
    value = req.get_json() if req.get_body() else None
    try:
        instance_id = await client.start_new(req.route_params["name"], req.params.get("id"), value)
    except Exception as error:  # noqa: BLE001  the kind of error is what is looked at
        return _json({"refused": type(error).__name__, "in use": "already exists" in str(error)}, 409)
    return client.create_check_status_response(req, instance_id)


@app.route(route="wait/{name}", methods=["POST"])
@app.durable_client_input(client_name="client")
async def wait(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Start an orchestration and wait a while for its end."""
    instance_id = await client.start_new(req.route_params["name"], req.params["id"])
    milliseconds = int(req.params["ms"])
    return await client.wait_for_completion_or_create_check_status_response(
        req, instance_id, milliseconds, 100
    )


@app.route(route="desk/{verb}/{id}", methods=["POST"])
@app.durable_client_input(client_name="client")
async def desk(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Do one thing to an instance, and say what the client gave back or raised."""
    verb, instance_id = req.route_params["verb"], req.route_params["id"]
    value = req.get_json() if req.get_body() else None
    try:
        return _json({"gave": await _ask(client, verb, instance_id, value)})
    except Exception as error:  # noqa: BLE001  the text is what is looked at
        return _json({"raised": str(error).partition("\n")[0]}, 500)


async def _ask(client: df.DurableOrchestrationClient, verb: str, instance_id: str, value: Any) -> Any:
    match verb:
        case "event":
            return await client.raise_event(instance_id, value["name"], value.get("data"))
        case "suspend" | "resume" | "terminate" | "rewind":
            return await getattr(client, verb)(instance_id, "from the desk")
        case "restart":
            return await client.restart(instance_id, True) != instance_id
        case "purge":
            return (await client.purge_instance_history(instance_id)).instances_deleted
        case "status":
            status = await client.get_status(instance_id)
            return {"true": bool(status), "name": status.name, "output": status.output}
        case "signal":
            entity = df.EntityId("Till", instance_id)
            return await client.signal_entity(entity, value["operation"], value.get("data"))
        case _:
            state = await client.read_entity_state(df.EntityId("Till", instance_id))
            return {"exists": state.entity_exists, "state": state.entity_state}


# ---------------------------------------------------------------- activities


@app.activity_trigger(input_name="value")
def weigh(value: Any) -> Any:
    """Give back what came."""
    return value


@app.activity_trigger(input_name="value")
async def look(value: Any) -> str:
    """Say what came."""
    return f"{type(value).__name__} {value!r}"


@app.activity_trigger(input_name="value")
def tear(value: Any) -> Any:
    """Fail."""
    raise ValueError(f"torn: {value}")


@app.activity_trigger(input_name="value")
def heap(value: Any) -> Any:
    """Give back what is no JSON."""
    return {value}


@app.activity_trigger(input_name="door")
def knock(door: str) -> str:
    """Fail at the first two knocks. Each may come to another process, so a file counts them."""
    marks = Path(tempfile.gettempdir(), f"knocks-{door}")
    with marks.open("a") as file:
        file.write("|")
    knocks = marks.stat().st_size
    if knocks < 3:
        raise ConnectionError(f"knock {knocks}")
    marks.unlink()
    return f"open at knock {knocks}"


class Postage:
    """A class that is stored by means of its own."""

    def __init__(self, cents: int):
        self.cents = cents

    @staticmethod
    def to_json(one: Postage) -> str:
        """Return what is stored."""
        return str(one.cents)

    @classmethod
    def from_json(cls, text: str) -> Postage:
        """Make one of what is stored."""
        return cls(int(text))


@app.activity_trigger(input_name="postage")
def dearer(postage: Postage) -> Postage:
    """Raise the postage by ten cents."""
    return Postage(postage.cents + 10)


# ---------------------------------------------------------------- orchestrations


@app.orchestration_trigger(context_name="context")
def relay(context):
    """Pass a result on."""
    first = yield context.call_activity("weigh", 1)
    second = yield context.call_activity(weigh, {"first": first, "word": "ü"})
    return [first, second]


@app.orchestration_trigger(context_name="context")
def sorting(context):
    """Do as many things at once as the input says."""
    done = yield context.task_all([context.call_activity("weigh", n) for n in range(context.get_input())])
    return sum(done or [])


@app.orchestration_trigger(context_name="context")
def mirror(context):
    """Send the input through an activity, and tell how each saw it."""
    value = context.get_input()
    back = yield context.call_activity("weigh", value)
    seen = yield context.call_activity("look", value)
    return [back, f"{type(value).__name__} {value!r}", seen]


@app.orchestration_trigger(context_name="context")
def own_class(context):
    """Send an object of our own through an activity."""
    postage = yield context.call_activity(dearer, Postage(85))
    return [type(postage).__name__, postage.cents]


@app.orchestration_trigger(context_name="context")
def silent(context):
    """Give back nothing."""
    yield context.call_activity("weigh", None)


@app.orchestration_trigger(context_name="context")
def plain(context):
    """Be no generator."""
    return "at once"


@app.orchestration_trigger(context_name="context")
def replaying(context):
    """Tell at each point whether it is replayed."""
    flags = [context.is_replaying]
    yield context.call_activity("weigh", 1)
    flags.append(context.is_replaying)
    yield context.call_activity("weigh", 2)
    return [*flags, context.is_replaying]


@app.orchestration_trigger(context_name="context")
def torn(context):
    """Let an activity fail it."""
    yield context.call_activity("tear", "corner")


@app.orchestration_trigger(context_name="context")
def mended(context):
    """Catch the failure of an activity."""
    try:
        yield context.call_activity("tear", "corner")
    except Exception as error:  # noqa: BLE001  what comes is looked at
        return [type(error).__name__, str(error).partition("\n")[0]]


@app.orchestration_trigger(context_name="context")
def fallen(context):
    """Fail after a step."""
    yield context.call_activity("weigh", 1)
    raise LookupError("lost on the way")


@app.orchestration_trigger(context_name="context")
def heaped(context):
    """Give back what is no JSON."""
    yield context.call_activity("weigh", 1)
    return {1}


@app.orchestration_trigger(context_name="context")
def heaping(context):
    """Call what gives back no JSON."""
    yield context.call_activity("heap", 1)


@app.orchestration_trigger(context_name="context")
def lost(context):
    """Call what is not there."""
    yield context.call_activity("no_such_counter", 1)


@app.orchestration_trigger(context_name="context")
def partly(context):
    """Do three things at once, one of which fails."""
    tasks = [context.call_activity(name, n) for n, name in enumerate(("weigh", "tear", "weigh"))]
    try:
        yield context.task_all(tasks)
    except Exception as error:  # noqa: BLE001  what comes is looked at
        return str(error).partition("\n")[0]


@app.orchestration_trigger(context_name="context")
def patient(context):
    """Knock until the door opens."""
    return (yield context.call_activity_with_retry("knock", df.RetryOptions(50, 5), context.instance_id))


@app.orchestration_trigger(context_name="context")
def impatient(context):
    """Give up after the second time."""
    try:
        yield context.call_activity_with_retry("tear", df.RetryOptions(50, 2), "twice")
    except Exception as error:  # noqa: BLE001  what comes is looked at
        return str(error).partition("\n")[0]


@app.orchestration_trigger(context_name="context")
def nap(context):
    """Sleep for a second."""
    began = context.current_utc_datetime
    yield context.create_timer(began + timedelta(seconds=1))
    return (context.current_utc_datetime - began).total_seconds() >= 1


@app.orchestration_trigger(context_name="context")
def overslept(context):
    """Wait for a time that has passed."""
    yield context.create_timer(context.current_utc_datetime - timedelta(days=1))
    return "at once"


@app.orchestration_trigger(context_name="context")
def race(context):
    """Let an activity win against a long timer, which is cancelled."""
    timer = context.create_timer(context.current_utc_datetime + timedelta(hours=1))
    winner = yield context.task_any([timer, context.call_activity("weigh", "parcel")])
    timer.cancel()
    return winner.result


@app.orchestration_trigger(context_name="context")
def signature(context):
    """Wait for a signature as many seconds as the input says, or a minute."""
    context.set_custom_status({"wanted": "signature"})
    limit = context.create_timer(context.current_utc_datetime + timedelta(seconds=context.get_input() or 60))
    signed = context.wait_for_external_event("Signed")
    if (yield context.task_any([limit, signed])) == limit:
        return "sent back"
    limit.cancel()
    context.set_custom_status("handed over")
    return {"by": signed.result}


@app.orchestration_trigger(context_name="context")
def twins(context):
    """Wait for two events of one name at once."""
    return (yield context.task_all([context.wait_for_external_event("Child") for _ in range(2)]))


@app.orchestration_trigger(context_name="context")
def siblings(context):
    """Wait for two events of one name, one after the other."""
    first = yield context.wait_for_external_event("Child")
    return [first, (yield context.wait_for_external_event("Child"))]


@app.orchestration_trigger(context_name="context")
def late_reader(context):
    """Wait for an event only after a second."""
    yield context.create_timer(context.current_utc_datetime + timedelta(seconds=1))
    return (yield context.wait_for_external_event("Mail"))


@app.orchestration_trigger(context_name="context")
def branch(context):
    """Be called by another."""
    got = yield context.call_activity("weigh", context.get_input())
    return [got, context.parent_instance_id is not None]


@app.orchestration_trigger(context_name="context")
def head_office(context):
    """Call two others, the second under an id of its own."""
    first = yield context.call_sub_orchestrator("branch", "north")
    second = yield context.call_sub_orchestrator("branch", "south", f"{context.instance_id}-south")
    return [first, second]


@app.orchestration_trigger(context_name="context")
def inspection(context):
    """Call one that fails."""
    try:
        yield context.call_sub_orchestrator("torn")
    except Exception as error:  # noqa: BLE001  what comes is looked at
        return str(error).partition("\n")[0]


@app.orchestration_trigger(context_name="context")
def rounds(context):
    """Start over until the third round."""
    number = context.get_input()
    yield context.call_activity("weigh", number)
    if number < 3:
        context.continue_as_new(number + 1)
        return None
    return f"home after {number}"


@app.orchestration_trigger(context_name="context")
def mailbag(context):
    """Collect events, each in a generation of its own."""
    letters = context.get_input() or []
    letter = yield context.wait_for_external_event("Letter")
    if letter == "last":
        return letters
    context.continue_as_new([*letters, letter])
    return None


@app.orchestration_trigger(context_name="context")
def sign(context):
    """Show the input as custom status, then None."""
    context.set_custom_status(context.get_input())
    yield context.wait_for_external_event("Off")
    context.set_custom_status(None)


@app.orchestration_trigger(context_name="context")
def cashier(context):
    """Signal an entity, call it, and catch its error."""
    till = df.EntityId("till", context.instance_id)
    context.signal_entity(till, "pay", 5)
    yield context.call_entity(till, "pay", 2)
    total = yield context.call_entity(till, "count")
    try:
        yield context.call_entity(till, "drop")
    except Exception as error:  # noqa: BLE001  what comes is looked at
        return [total, str(error)]


@app.orchestration_trigger(context_name="context")
def telephone(context):
    """Make a durable HTTP call to the URL of the input."""
    answer = yield context.call_http(
        "POST", context.get_input(), content={"n": 1}, headers={"x-sender": "me"}
    )
    return [answer["statusCode"], json.loads(answer["content"])]


@app.entity_trigger(context_name="context", entity_name="till")
def cash_register(context):
    """Hold an amount."""
    amount = context.get_state(lambda: 0)
    if context.operation_name == "pay":
        amount += context.get_input()
    elif context.operation_name == "drop":
        raise ValueError("the till fell")
    context.set_state(amount)
    context.set_result(amount)


# ---------------------------------------------------------------- what starts of itself

if os.environ.get("AzureWebJobsStorage"):  # noqa: SIM112  the name that Azure gives it

    @app.queue_trigger(arg_name="letter", queue_name="%LETTERS%", connection="AzureWebJobsStorage")
    @app.queue_output(arg_name="answer", queue_name="%ANSWERS%", connection="AzureWebJobsStorage")
    def letters(letter: func.QueueMessage, answer: func.Out[str]) -> None:
        """Answer a letter, or fail at a torn one."""
        text = letter.get_body().decode()
        if text == "torn":
            raise ValueError("cannot be read")
        answer.set(json.dumps({"letter": text, "time": letter.dequeue_count}))

    @app.timer_trigger(arg_name="bell", schedule="0 0 4 29 2 *", run_on_startup=False)
    @app.queue_output(arg_name="answer", queue_name="%ANSWERS%", connection="AzureWebJobsStorage")
    def ring(bell: func.TimerRequest, answer: func.Out[str]) -> None:
        """Ring on leap days."""
        answer.set(json.dumps({"past due": bell.past_due}))
