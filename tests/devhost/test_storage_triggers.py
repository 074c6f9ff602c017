"""Queue and blob triggers and bindings: on queues in memory, and on a storage account where there is one."""

import asyncio
import base64
import json
import os
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest
from azure.functions import meta

from devhost.app.index import Binding, FunctionInfo
from devhost.app.settings import QueueSettings
from devhost.errors import SettingsError
from devhost.triggers.binding_paths import BlobPattern, fill
from devhost.triggers.queues import QueueTrigger, message_data, poison_name
from devhost.triggers.storage_io import decode_message, encode_message, messages_of
from devhost.workers.invocation import encode
from tests.devhost.fake_queues import FakeQueues
from tests.devhost.server_kit import Server, write_app

STORAGE = os.environ.get("SETTLE_TEST_STORAGE", "")
needs_storage = pytest.mark.skipif(not STORAGE, reason="SETTLE_TEST_STORAGE names no storage account")


class Listener:
    """A queue trigger on queues in memory. ``failures`` first runs fail."""

    def __init__(self, queue="in", failures=0, call=print, **settings):
        self.account = FakeQueues()
        self.seen: list = []
        self.data: list = []
        self.failures = failures
        trigger = Binding("m", "queueTrigger", "IN", {"queueName": queue})
        function = FunctionInfo("f", call, trigger, (trigger,), False, False, Path())
        account: Any = self.account
        self.trigger = QueueTrigger(function, account, QueueSettings(**settings), self.invoke)

    async def invoke(self, function, value, data):
        self.seen.append(value)
        self.data.append(data)
        if len(self.seen) <= self.failures:
            raise ValueError("cannot digest")

    async def until(self, done):
        task = asyncio.create_task(self.trigger.run())
        for _ in range(400):
            if done():
                break
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait([task])
        assert done()


async def test_message_is_handed_over_once_and_deleted():
    """With its metadata; the content is decoded from base64."""
    listener = Listener()
    listener.account.put("in", base64.b64encode(b"hello").decode())
    await listener.until(lambda: listener.seen and not listener.account.contents("in"))
    (message,) = listener.seen
    assert (message.get_body(), message.id, message.dequeue_count) == (b"hello", "m1", 1)
    assert message.insertion_time == datetime(2024, 1, 1, tzinfo=UTC)
    assert listener.data[0]["queueTrigger"] == "hello"


async def test_parameter_annotated_as_text_gets_the_bare_content():
    """As on the real host."""

    def takes_text(m: str) -> None: ...

    listener = Listener(call=takes_text)
    listener.account.put("in", base64.b64encode("ž".encode()).decode())
    await listener.until(lambda: listener.seen == ["ž"])


async def test_failure_brings_the_message_back_with_a_higher_count():
    """It works at the third attempt."""
    listener = Listener(failures=2)
    listener.account.put("in", "aGVsbG8=")
    await listener.until(lambda: not listener.account.contents("in"))
    assert [message.dequeue_count for message in listener.seen] == [1, 2, 3]
    assert "in-poison" not in listener.account.queues


async def test_fifth_failure_moves_the_message_to_the_poison_queue():
    """The queue is made on demand."""
    listener = Listener(failures=99)
    listener.account.put("in", "aGVsbG8=")
    await listener.until(lambda: listener.account.contents("in-poison") == ["aGVsbG8="])
    assert len(listener.seen) == 5
    assert listener.account.contents("in") == []


async def test_number_of_attempts_is_a_setting():
    """maxDequeueCount of host.json."""
    listener = Listener(failures=99, max_dequeue_count=2)
    listener.account.put("in", "aGVsbG8=")
    await listener.until(lambda: bool(listener.account.contents("in-poison")))
    assert len(listener.seen) == 2


async def test_message_that_fails_in_a_poison_queue_stays_hidden():
    """Or it would fail for ever, as fast as it can be read."""
    listener = Listener(queue="x-poison", failures=99)
    listener.account.put("x-poison", "aGVsbG8=")
    await listener.until(lambda: bool(listener.seen))
    assert listener.account.queues["x-poison"][0].hidden > 0
    assert list(listener.account.queues) == ["x-poison"]


async def test_queue_that_is_made_later_is_read_then():
    """Its absence is no error."""
    listener = Listener()
    task = asyncio.create_task(listener.until(lambda: bool(listener.seen)))
    await asyncio.sleep(0.1)
    listener.account.put("in", "aGVsbG8=")
    await task


async def test_no_more_messages_are_taken_than_the_settings_allow():
    """A batch, and the next one when few enough are at work."""
    listener = Listener(batch_size=4, new_batch_threshold=2)
    most, now = 0, 0

    async def invoke(function, value, data):
        nonlocal most, now
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.01)
        now -= 1

    listener.trigger._invoke = invoke
    for _ in range(30):
        listener.account.put("in", "aGVsbG8=")
    await listener.until(lambda: not listener.account.contents("in"))
    assert 4 <= most <= 6


def test_text_that_is_no_base64_is_taken_as_it_is():
    """Messages of other senders."""
    assert decode_message("hello there!", True) == b"hello there!"
    assert decode_message("aGVsbG8=", True) == b"hello"
    assert decode_message("aGVsbG8=", False) == b"aGVsbG8="
    assert decode_message(encode_message("ž".encode(), True), True) == "ž".encode()


def test_json_messages_offer_their_scalars_to_paths():
    """For a blob binding such as in/{name}."""
    assert message_data(b'{"name": "a", "n": 1, "deep": {}}', "7") == {
        "queueTrigger": '{"name": "a", "n": 1, "deep": {}}',
        "id": "7",
        "name": "a",
        "n": "1",
    }
    assert message_data(b"plain", "7") == {"queueTrigger": "plain", "id": "7"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text", [b"text"]),
        (b"\xff\x00", [b"\xff\x00"]),
        ('{"a": 1}', [b'{"a": 1}']),
        (["one", "two"], [b"one", b"two"]),
        ('["one", {"a": 1}]', [b"one", b'{"a": 1}']),
        (func.QueueMessage(body=b"body"), [b"body"]),
        ([func.QueueMessage(body=b"a"), "b"], [b"a", b"b"]),
    ],
)
def test_queue_output_becomes_messages(value, expected):
    """A list, and a text that is a JSON array, are one message for each element."""
    binding = Binding("out", "queue", "OUT", {})
    assert list(messages_of(encode(binding, value))) == expected


def test_bytes_datum_is_one_message():
    """Whatever is in it."""
    assert list(messages_of(meta.Datum(b"[1]", "bytes"))) == [b"[1]"]


@pytest.mark.parametrize(("queue", "poison"), [("in", "in-poison"), ("in-poison", None)])
def test_poison_queue_has_none_itself(queue, poison):
    """Its name is made of that of the queue."""
    assert poison_name(queue) == poison


@pytest.mark.parametrize(
    ("path", "blob", "expected"),
    [
        ("c/{name}", "a/b.txt", {"name": "a/b.txt"}),
        ("c/in/{name}.{ext}", "in/a.b.txt", {"name": "a.b", "ext": "txt"}),
        ("c/in/{name}", "IN/a", None),
        ("c/{day}/x-{n}.csv", "1/x-2.csv", {"day": "1", "n": "2"}),
        ("c/plain.txt", "plain.txt", {}),
        ("c", "any/thing", {"name": "any/thing"}),
    ],
)
def test_blob_path_matches_and_names_its_tokens(path, blob, expected):
    """Tokens are greedy and match slashes; letters have case."""
    assert BlobPattern(path).match(blob) == expected


@pytest.mark.parametrize("path", ["{c}/x", "", "c/{a}/{a}"])
def test_wrong_blob_path_is_refused(path):
    """A container is a plain name, and each token comes once."""
    with pytest.raises(SettingsError, match="blob trigger path"):
        BlobPattern(path)


def test_path_of_an_output_is_filled():
    """From the trigger, and with what is made here; an unknown token is an error with the known ones."""
    now = datetime(2024, 2, 29, 10, 20, 30, tzinfo=UTC)
    assert fill("out/{name}-{DateTime}", {"name": "a"}, now) == "out/a-2024-02-29T10-20-30Z"
    assert len(fill("{rand-guid}", {}, now)) == 36
    with pytest.raises(SettingsError, match=r"no value for '\{x\}'\. The trigger offers: name"):
        fill("out/{x}", {"name": "a"}, now)


APP = """
@app.blob_trigger(arg_name="blob", path="CONTAINER/in/{name}.txt", connection="AzureWebJobsStorage")
@app.blob_input(arg_name="other", path="CONTAINER/other/{name}", connection="AzureWebJobsStorage")
@app.blob_output(arg_name="out", path="CONTAINER/out/{name}", connection="AzureWebJobsStorage")
def on_blob(blob: func.InputStream, other, out: func.Out[str]) -> None:
    if b"poison" in (content := blob.read()):
        raise ValueError("cannot digest")
    known = None if other is None else other.read().decode()
    out.set(json.dumps({"name": blob.name, "length": blob.length, "content": content.decode(), "other": known,
                        "metadata": blob.metadata}))

@app.blob_trigger(arg_name="text", path="CONTAINER/text/{name}", connection="AzureWebJobsStorage")
@app.queue_output(arg_name="out", queue_name="CONTAINER", connection="AzureWebJobsStorage")
def on_text(text: str, out: func.Out[str]) -> None:
    out.set(f"text {text}")

@app.route(route="send")
@app.queue_output(arg_name="out", queue_name="CONTAINER-in", connection="AzureWebJobsStorage")
def send(req: func.HttpRequest, out: func.Out[str]) -> func.HttpResponse:
    out.set(req.params["text"])
    return func.HttpResponse("sent")

@app.queue_trigger(arg_name="message", queue_name="CONTAINER-in", connection="AzureWebJobsStorage")
@app.durable_client_input(client_name="client")
async def on_message(message: func.QueueMessage, client) -> None:
    await client.start_new("greet", "from-queue", message.get_body().decode())

@app.orchestration_trigger(context_name="context")
def greet(context):
    return "hello " + context.get_input()
    yield
"""


def wait_for(find, seconds=20):
    """Ask again and again until there is an answer."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if found := find():
                return found
        except Exception:  # noqa: BLE001 - what is not there yet raises
            pass
        time.sleep(0.05)
    raise AssertionError("nothing came")


def texts_of(queue):
    """Return what the messages of a queue say."""
    return [base64.b64decode(message.content).decode() for message in queue.receive_messages()]


@needs_storage
def test_blobs_and_queues_of_an_account_start_functions(tmp_path):
    """Blob in, blob and queue out; a changed blob runs again, a restart does not; poison blobs are told."""
    from azure.storage.blob import BlobServiceClient
    from azure.storage.queue import QueueServiceClient

    name = f"t{uuid.uuid4().hex[:12]}"
    container = BlobServiceClient.from_connection_string(STORAGE).create_container(name)
    queues = QueueServiceClient.from_connection_string(STORAGE)

    def blob(path):
        return lambda: json.loads(container.download_blob(path).readall())

    app = write_app(tmp_path / "app", APP.replace("CONTAINER", name))
    container.upload_blob("in/early.txt", b"before the start", metadata={"who": "ann"})
    container.upload_blob("other/early", b"beside it")
    with Server(
        app, tmp_path / "work", "--in-memory", environment={"AzureWebJobsStorage": STORAGE}
    ) as server:
        assert wait_for(blob("out/early")) == {
            "name": f"{name}/in/early.txt",
            "length": 16,
            "content": "before the start",
            "other": "beside it",
            "metadata": {"who": "ann"},
        }
        container.upload_blob("in/early.txt", b"changed", overwrite=True)
        wait_for(lambda: blob("out/early")()["content"] == "changed")
        container.upload_blob("text/a", "ž".encode())
        sent = wait_for(lambda: next(iter(queues.get_queue_client(name).receive_messages())))
        assert base64.b64decode(sent.content).decode() == "text ž"
        server.http("GET", "/api/send?text=Ann")
        wait_for(lambda: server.finished("from-queue")["output"] == "hello Ann")
        container.upload_blob("in/bad.txt", b"poison")
        poison = queues.get_queue_client("webjobs-blobtrigger-poison")
        told = wait_for(lambda: [text for text in texts_of(poison) if name in text])
        assert json.loads(told[0])["BlobName"] == "in/bad.txt"
    container.delete_blob("out/early")
    with Server(app, tmp_path / "work", "--in-memory", environment={"AzureWebJobsStorage": STORAGE}):
        container.upload_blob("in/late.txt", b"late")
        assert wait_for(blob("out/late"))["other"] is None
        assert not container.get_blob_client("out/early").exists()
    container.delete_container()


def test_storage_that_does_not_answer_is_told_once_and_stops_nothing(tmp_path):
    """HTTP goes on; the log says which queue cannot be read."""
    app = write_app(tmp_path / "app", APP.replace("CONTAINER", "absent"))
    dead = (
        "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=a2V5;QueueEndpoint=http://127.0.0.1:9/a;"
        "BlobEndpoint=http://127.0.0.1:9/a;"
    )
    with Server(app, tmp_path / "work", "--in-memory", environment={"AzureWebJobsStorage": dead}) as server:
        wait_for(lambda: "Queue 'absent-in' cannot be read" in server.output.read_text())
        assert server.http("GET", "/admin/host/status").status_code == 200
        assert server.stop() == 0
