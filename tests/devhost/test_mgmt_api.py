"""The management API request by request, on a real engine, without sockets."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import azure.durable_functions as df
import pytest

from devhost.http.durable_links import DurableLinks
from devhost.http.management import ManagementApi
from devhost.http.management_messages import Answer, Query, Request
from devhost.http.routing import path_segments
from devhost.testing import Host

ORIGIN = "http://127.0.0.1:7071"
blueprint = df.Blueprint()


@blueprint.orchestration_trigger(context_name="context")
def greet(context):
    """Return a greeting at once."""
    return f"hello {context.get_input()}"
    yield


@blueprint.orchestration_trigger(context_name="context")
def wait(context):
    """Wait for an event of a day at most."""
    event = context.wait_for_external_event("go")
    timer = context.create_timer(context.current_utc_datetime + timedelta(days=1))
    winner = yield context.task_any([event, timer])
    timer.cancel()
    return winner.result


@blueprint.orchestration_trigger(context_name="context")
def broken(context):
    """Fail."""
    raise ValueError("no")
    yield


@blueprint.entity_trigger(context_name="context")
def counter(context):
    """Add up, or forget."""
    if context.operation_name == "delete":
        context.destruct_on_exit()
    else:
        context.set_state(context.get_state(lambda: 0) + context.get_input())


class Api:
    """Sends requests to the handlers and works off what they cause."""

    def __init__(self, host: Host):
        self.host = host
        self.api = ManagementApi(host.engine, DurableLinks("MyHub", "the-key"))

    def request(self, method: str, url: str, body: object = None, **fields) -> Request:
        path, _, query = url.partition("?")
        content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        fields.setdefault("content_type", "" if body is None else "application/json; charset=utf-8")
        whole = f"{ORIGIN}/runtime/webhooks/durabletask/{url}"
        return Request(method, path_segments(path), Query(query), ORIGIN, whole, body=content, **fields)

    def __call__(self, method: str, url: str, body: object = None, **fields) -> Answer:
        answer = self.api.answer(self.request(method, url, body, **fields))
        self.host.run_until_idle()
        return answer

    def start(self, name: str, instance_id: str = "", value: object = None) -> str:
        """Start as the SDK does: the body is the text of a text."""
        text = None if value is None else json.dumps(value)
        answer = self("POST", f"orchestrators/{name}" + (f"/{instance_id}" if instance_id else ""), text)
        assert answer.status == 202
        return parsed(answer)["id"]


def parsed(answer: Answer):
    """Return the JSON of an answer."""
    return json.loads(answer.body)


@pytest.fixture
def api():
    """The API on a host in memory."""
    with Host(blueprint) as host:
        yield Api(host)


def test_start_answers_with_the_urls_of_the_instance(api):
    """In the order of the real host, and without a URL to rewind."""
    answer = api("POST", "orchestrators/greet/my%20id", "Ann")
    body = parsed(answer)
    start = f"{ORIGIN}/runtime/webhooks/durabletask/instances/my%20id"
    query = "taskHub=MyHub&connection=Storage&code=the-key"
    assert list(body.items()) == [
        ("id", "my id"),
        ("statusQueryGetUri", f"{start}?{query}"),
        ("sendEventPostUri", f"{start}/raiseEvent/{{eventName}}?{query}"),
        ("terminatePostUri", f"{start}/terminate?reason={{text}}&{query}"),
        ("purgeHistoryDeleteUri", f"{start}?{query}"),
        ("restartPostUri", f"{start}/restart?{query}"),
        ("suspendPostUri", f"{start}/suspend?reason={{text}}&{query}"),
        ("resumePostUri", f"{start}/resume?reason={{text}}&{query}"),
    ]
    assert answer.headers["Location"] == body["statusQueryGetUri"]
    assert answer.headers["Retry-After"] == "10"


def test_names_of_orchestrators_and_paths_ignore_case(api):
    """And one slash at the end is nothing."""
    assert api("POST", "ORCHESTRATORS/Greet/a", "x").status == 202
    assert api("GET", "Instances/").status == 200
    assert api("GET", "instances/A").status == 404  # ids do have case


@pytest.mark.parametrize(
    ("instance_id", "text"),
    [
        ("@a", "must not start with @."),
        ("a%5Cb", "must not contain /, \\, #, ?, or control characters."),
        ("a%3Fb", "must not contain /, \\, #, ?, or control characters."),
        ("x" * 257, "must not exceed 256 characters."),
    ],
)
def test_bad_instance_id_is_400_with_the_text_that_the_sdk_shows(api, instance_id, text):
    """The SDK raises an exception of ExceptionMessage."""
    answer = api("POST", f"orchestrators/greet/{instance_id}")
    assert answer.status == 400
    assert parsed(answer)["Message"] == "One or more of the arguments submitted is incorrect"
    assert text in parsed(answer)["ExceptionMessage"]


def test_unknown_orchestrator_is_400_with_the_known_ones(api):
    """In the words of the real host."""
    answer = api("POST", "orchestrators/nobody")
    assert answer.status == 400
    assert parsed(answer)["ExceptionMessage"].endswith("functions: 'broken', 'greet', 'wait'.")
    assert parsed(answer)["ExceptionType"] == "System.ArgumentException"


def test_id_in_use_is_500_until_the_instance_has_finished(api):
    """Afterwards the id may be used again."""
    api.start("wait", "one")
    answer = api("POST", "orchestrators/wait/one")
    assert answer.status == 500
    assert (
        parsed(answer)["ExceptionMessage"]
        == "An Orchestration instance with the status Running already exists."
    )
    api("POST", "instances/one/terminate?reason=enough")
    assert api.start("greet", "one", "x") == "one"


@pytest.mark.parametrize("body", [b"{oops", b"[1,", b"nonsense"])
def test_body_that_is_no_json_is_400(api, body):
    """At a start and at an event."""
    api.start("wait", "one")
    for url in ("orchestrators/wait", "instances/one/raiseEvent/go"):
        answer = api("POST", url, body)
        assert answer.status == 400
        assert parsed(answer)["Message"] == "Invalid JSON content"


def test_status_codes_follow_the_state(api):
    """202 with the request's own URL while it runs, 200 or 500 when it has failed, 404 for an unknown one."""
    api.start("wait", "one")
    running = api("GET", "instances/one?showInput=false")
    assert running.status == 202
    assert (
        running.headers["Location"] == f"{ORIGIN}/runtime/webhooks/durabletask/instances/one?showInput=false"
    )
    assert running.headers["Retry-After"] == "5"
    api.start("broken", "two")
    assert api("GET", "instances/two").status == 200
    assert api("GET", "instances/two?returnInternalServerErrorOnFailure=TRUE").status == 500
    assert api("GET", "instances/three") == Answer(404)


def test_history_is_shown_on_request(api):
    """With results only when these are asked for as well."""
    api.start("greet", "one", "Ann")
    assert "historyEvents" not in parsed(api("GET", "instances/one"))
    events = parsed(api("GET", "instances/one?showHistory=true"))["historyEvents"]
    assert [event["EventType"] for event in events] == ["ExecutionStarted", "ExecutionCompleted"]
    assert "Result" not in events[1]
    events = parsed(api("GET", "instances/one?showHistory=true&showHistoryOutput=true"))["historyEvents"]
    assert events[0]["Timestamp"].endswith("Z")
    assert "Result" in events[1]


def test_event_is_refused_in_the_order_of_the_real_host(api):
    """First the instance, then the media type, then the JSON."""
    assert api("POST", "instances/none/raiseEvent/go", b"{", content_type="text/plain").status == 404
    api.start("wait", "one")
    answer = api("POST", "instances/one/raiseEvent/go", b"{", content_type="text/plain")
    assert (answer.status, parsed(answer)) == (
        400,
        {"Message": "Only application/json request content is supported"},
    )
    assert api("POST", "instances/one/raiseEvent/go", {"a": 1}) == Answer(202)
    assert parsed(api("GET", "instances/one"))["output"] == {"a": 1}
    assert api("POST", "instances/one/raiseEvent/go", b"{", content_type="text/plain").status == 410


@pytest.mark.parametrize("verb", ["terminate", "suspend", "resume", "rewind"])
def test_control_of_unknown_and_finished_instances(api, verb):
    """404 and 410."""
    assert api("POST", f"instances/none/{verb}").status == 404
    api.start("greet", "one", "x")
    assert api("POST", f"instances/one/{verb}?reason=x").status == 410


def test_suspend_twice_is_500(api):
    """And so is a resume of what is not suspended."""
    api.start("wait", "one")
    assert api("POST", "instances/one/resume").status == 500
    assert api("POST", "instances/one/suspend?reason=pause").status == 202
    assert api("POST", "instances/one/suspend").status == 500
    assert parsed(api("GET", "instances/one"))["runtimeStatus"] == "Suspended"


def test_rewind_of_a_running_instance_is_412(api):
    """The body is a JSON string, which the SDK shows."""
    api.start("wait", "one")
    answer = api("POST", "instances/one/rewind")
    assert answer.status == 412
    assert isinstance(parsed(answer), str)


def test_restart_with_and_without_a_new_id(api):
    """An unknown id has the real host's text, misspelling included."""
    api.start("greet", "one", "Ann")
    assert parsed(api("POST", "instances/one/restart"))["id"] != "one"
    assert parsed(api("POST", "instances/one/restart?restartWithNewInstanceId=false"))["id"] == "one"
    answer = api("POST", "instances/none/restart")
    assert answer.status == 400
    assert parsed(answer)["ExceptionMessage"] == "An orchestrastion with the instanceId none was not found."


def test_purge_takes_finished_instances_only(api):
    """A running one is 412, an unknown one 404."""
    api.start("wait", "one")
    assert api("DELETE", "instances/one").status == 412
    api("POST", "instances/one/terminate")
    assert parsed(api("DELETE", "instances/one")) == {"instancesDeleted": 1}
    assert api("DELETE", "instances/one") == Answer(404)


def test_purge_by_filter_needs_a_time_and_leaves_running_instances(api):
    """Unlike on the real host; statuses restrict further."""
    assert parsed(api("DELETE", "instances")) == "Please provide value for 'createdTimeFrom' parameter."
    for name, instance_id in [("greet", "a"), ("broken", "b"), ("wait", "c")]:
        api.start(name, instance_id, "x" if name == "greet" else None)
    window = "instances?createdTimeFrom=2000-01-01"
    assert api("DELETE", f"{window}&createdTimeTo=2001-01-01").status == 404
    assert api("DELETE", f"{window}&runtimeStatus=Running").status == 404
    assert parsed(api("DELETE", f"{window}&runtimeStatus=Failed,Running")) == {"instancesDeleted": 1}
    assert parsed(api("DELETE", window)) == {"instancesDeleted": 1}
    assert [one["instanceId"] for one in parsed(api("GET", "instances"))] == ["c"]


def test_list_pages_by_a_token_in_the_header(api):
    """In the order of ids; filters by prefix and status."""
    for number in range(5):
        api.start("greet", f"p{number}", "x")
    api.start("wait", "q")
    first = api("GET", "instances?top=3&instanceIdPrefix=p")
    token = first.headers["x-ms-continuation-token"]
    second = api("GET", "instances?top=3&instanceIdPrefix=p", continuation=token)
    assert [one["instanceId"] for one in parsed(first) + parsed(second)] == ["p0", "p1", "p2", "p3", "p4"]
    assert "x-ms-continuation-token" not in second.headers
    assert [one["instanceId"] for one in parsed(api("GET", "instances?runtimeStatus=Running,Nonsense"))] == [
        "q"
    ]
    assert len(parsed(api("GET", "instances?runtimeStatus=nonsense"))) == 6
    assert parsed(api("GET", "instances?createdTimeFrom=2999-01-01")) == []


def test_entities_are_signalled_read_listed_and_deleted(api):
    """The body is the text of a text, as the SDK sends it."""
    assert api("GET", "entities/counter/k") == Answer(404)
    for _ in range(2):
        assert api("POST", "entities/Counter/k?op=add", json.dumps(3)).status == 202
    assert parsed(api("GET", "entities/counter/k")) == 6
    api("POST", "entities/counter/$?op=add", "1")
    listed = parsed(api("GET", "entities/counter?fetchState=true"))
    assert [(one["entityId"]["key"], one["state"]) for one in listed] == [("", 1), ("k", 6)]
    assert parsed(api("GET", "entities"))[0]["state"] is None
    assert api("DELETE", "entities/counter/k").status == 202
    assert api("GET", "entities/counter/k").status == 404


def test_signal_in_plain_text_becomes_a_json_string(api):
    """So "5" as text/plain is what the SDK reads as 5."""
    api("POST", "entities/counter/k?op=add", b"5", content_type="text/plain")
    assert parsed(api("GET", "entities/counter/k")) == 5


def test_unknown_entity_is_400_with_a_short_body(api):
    """Message alone."""
    answer = api("POST", "entities/nobody/k?op=add")
    assert answer.status == 400
    assert list(parsed(answer)) == ["Message"]


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("GET", "orchestrators/greet"),
        ("PUT", "instances/a"),
        ("POST", "instances/a/explode"),
        ("GET", ""),
        ("POST", "orchestrators/greet/a/b"),
    ],
)
def test_unknown_path_or_method_is_an_empty_404(api, method, url):
    """Never 405."""
    assert api(method, url) == Answer(404)


@pytest.fixture
def running():
    """The API on an engine with a thread of its own."""
    with Host(blueprint) as host:
        host.engine.start()
        yield ManagementApi(host.engine, DurableLinks("MyHub", "k")), Api(host)


def answer_of(running, url, body=None) -> Answer:
    """Send a request in the way that the HTTP front does."""
    management, api = running
    return asyncio.run(management.handle(api.request("POST", url, body)))


def test_start_may_wait_for_the_output(running):
    """200 with the output itself, or the failed instance."""
    answer = answer_of(running, "orchestrators/greet?timeout=5&pollingInterval=1", json.dumps("Ann"))
    assert (answer.status, parsed(answer)) == (200, "hello Ann")
    answer = answer_of(running, "orchestrators/broken?timeout=5&pollingInterval=1")
    assert (answer.status, parsed(answer)["runtimeStatus"]) == (200, "Failed")
    answer = answer_of(
        running, "orchestrators/broken?timeout=5&pollingInterval=1&returnInternalServerErrorOnFailure=true"
    )
    assert answer.status == 500


def test_start_that_waits_in_vain_answers_as_any_start(running):
    """The instance goes on."""
    answer = answer_of(running, "orchestrators/wait/one?timeout=0.05&pollingInterval=0.05")
    assert answer.status == 202
    assert running[0].answer(running[1].request("GET", "instances/one")).status == 202


def test_pause_longer_than_the_limit_is_400_though_the_instance_was_started(running):
    """As on the real host."""
    assert answer_of(running, "orchestrators/wait/one?timeout=1&pollingInterval=2").status == 400
    assert running[0].answer(running[1].request("GET", "instances/one")).status == 202
