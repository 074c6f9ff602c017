"""The attacks of other sites as a real browser makes them, and that our own pages are not taken for one.

The browser is told that some names mean this machine: that is what DNS rebinding does to a name.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from devtools import host, ports
from devtools.project import Project
from tests.e2e import calls
from tests.e2e.approvals import Api
from tests.pages.conftest import ANN, CHROMIUM

PROXY = "settle.example"


class EvilSite(BaseHTTPRequestHandler):
    """A page with a form that sends itself to the address in the query, and an image of it."""

    def do_GET(self) -> None:
        target = self.path.partition("?to=")[2]
        page = (
            f'<img src="{target}"><form method="post" enctype="text/plain" action="{target}">'
            "<input name='{\"a\": \"' value='\"}'></form><script>document.forms[0].submit()</script>"
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def evil() -> Iterator[str]:
    """The address of another site's page."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), EvilSite)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://evil.example:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def local(storage: str | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A local run without keys, as `dev.py run` starts it, that people open under another name."""
    if not storage:
        pytest.skip("the host is somebody else's: it does not go by the names that are needed here")
    [port] = ports.choose([0])
    variables = {
        "SETTLE_CONTAINER": f"sites-{uuid.uuid4().hex[:12]}",
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "SETTLE_PUBLIC_URL": f"http://{PROXY}:{port}",
    }
    project = Project(Project.here().root, tmp_path_factory.mktemp("sites"))
    options = host.HostOptions(
        "embedded", port, storage, strict_port=True, names=(PROXY,), variables=variables
    )
    with host.start(project, options) as running:
        yield Api(running.url)


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A window of a browser to which `evil.example` and our proxy are this machine."""
    rules = f"--host-resolver-rules=MAP evil.example 127.0.0.1, MAP {PROXY} 127.0.0.1"
    own = browser.browser_type.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", rules])
    yield own.new_page()
    own.close()


def test_page_of_a_rebound_name_reads_nothing(page: Any, local: Api) -> None:
    """The browser sees one site, evil.example; the host sees a name that is none of its own."""
    port = local.base.rpartition(":")[2]
    for path in ("/outbox", "/sign-in", "/api/batches", "/admin/functions", "/"):
        answer = page.goto(f"http://evil.example:{port}{path}")
        assert answer.status == 403
        assert "foreign_host" in answer.text()
    read = page.evaluate("async () => (await fetch('/runtime/webhooks/durabletask/instances')).status")
    assert read == 403


@pytest.mark.parametrize(
    "path",
    [
        "/runtime/webhooks/durabletask/orchestrators/process_batch/bmade",
        "/admin/functions/sweep_approvals",
        "/api/batches",
    ],
)
def test_form_of_another_site_starts_nothing(page: Any, local: Api, evil: str, path: str) -> None:
    """A form needs no answer that it can read; what it would have started is not there."""
    with page.expect_response(lambda answer: answer.request.method == "POST") as sent:
        page.goto(f"{evil}/?to={local.base}{path}")
    assert sent.value.status == 403
    instances = calls.get(f"{local.base}/runtime/webhooks/durabletask/instances").json()
    assert [one["instanceId"] for one in instances] == []


def test_our_own_pages_work_under_the_name_that_people_open(page: Any, local: Api) -> None:
    """By plain http under a name, a browser says with a form nothing but the page's origin."""
    port = local.base.rpartition(":")[2]
    page.goto(f"http://{PROXY}:{port}/sign-in")
    with page.expect_request(lambda request: request.method == "POST") as sent:
        page.get_by_label("somebody else").fill(ANN)
        page.get_by_role("button", name="Sign in").click()
    headers = sent.value.all_headers()
    assert headers["origin"] == f"http://{PROXY}:{port}"
    page.wait_for_url("**/inbox")
    assert ANN in page.content() or "Ann" in page.content()


def test_link_in_a_mail_that_is_read_in_the_browser_opens_the_page(page: Any, local: Api, evil: str) -> None:
    """Another site's page that only leads here."""
    page.goto(f"{evil}/?to=x")
    page.evaluate("where => { location.href = where }", f"{local.base}/sign-in")
    page.wait_for_url(f"{local.base}/sign-in")
    assert page.get_by_role("button", name="Sign in").is_visible()
