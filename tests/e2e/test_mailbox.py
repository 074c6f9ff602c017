"""Invoices by mail, end to end: a mail at a real IMAP server becomes a batch, is moved, and is answered.

A host that somebody else started needs the settings of `SETTINGS` and a port for the mail server;
`SETTLE_E2E_IMAP` names that port, and the test starts the server there.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

import pytest

from devtools import host
from devtools.project import Project
from tests.e2e import calls
from tests.e2e.documents import invoices
from tests.fakes.dovecot import PASSWORD, USER, Dovecot, why_not

SETTINGS = {
    "SETTLE_MAILBOX_HOST": "127.0.0.1",
    "SETTLE_MAILBOX_SECURITY": "none",
    "SETTLE_MAILBOX_USER": USER,
    "SETTLE_MAILBOX_PASSWORD": PASSWORD,
    "SETTLE_MAILBOX_SENDERS": "@supplier.example",
    "SETTLE_MAILBOX_ANSWER": "true",
    "SETTLE_MAILBOX_SECONDS": "1",
    "SETTLE_MAILBOX_LONGEST_SECONDS": "1",
}
_STRANGERS = os.environ.get("SETTLE_E2E_HOST"), os.environ.get("SETTLE_E2E_IMAP")


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    """An IMAP server; skips where there is none here, or the host does not know one."""
    if reason := why_not():
        pytest.skip(reason)
    if _STRANGERS[0] and not _STRANGERS[1]:
        pytest.skip("the host that was started before watches no mailbox of ours (SETTLE_E2E_IMAP)")
    with Dovecot(port=int(_STRANGERS[1] or 0)) as made:
        yield made


@pytest.fixture(scope="module")
def url(server: Dovecot, storage: str | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a host that watches the mailbox."""
    if _STRANGERS[0]:
        calls.use_key(_STRANGERS[0], os.environ.get("SETTLE_E2E_KEY"))
        yield _STRANGERS[0].rstrip("/")
        return
    variables = {
        "SETTLE_CONTAINER": f"mail-{uuid.uuid4().hex[:12]}",
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "SETTLE_LEDGER_KEY": uuid.uuid4().hex,
        "SETTLE_MAILBOX_PORT": str(server.port),
        **SETTINGS,
    }
    project = Project(Project.here().root, tmp_path_factory.mktemp("mail-host"))
    options = host.HostOptions("embedded", 0, storage or "", workers=1, variables=variables)
    with host.start(project, options) as own:
        calls.use_key(own.url, own.key)
        yield own.url


def _until(look: Callable[[], Any], seconds: float = 90) -> Any:
    """What a look finds, once it finds something."""
    ends = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < ends, "it did not come"
        time.sleep(0.2)
    return found


def _mail(subject: str, name: str, content: bytes) -> bytes:
    made = EmailMessage(policy=SMTP)
    made["From"] = "Sue <sue@supplier.example>"
    made["Subject"] = subject
    made["Message-ID"] = f"<{uuid.uuid4().hex}@supplier.example>"
    made.set_content("Please find our invoice attached.")
    made.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return made.as_bytes()


def test_mail_becomes_a_batch_and_is_answered(url: str, server: Dovecot) -> None:
    """One with an invoice, one without; both leave the folder, and both senders are told."""
    key = uuid.uuid4().hex[:8]
    ((name, content),) = invoices(1)
    server.put(_mail(f"Invoice {key}", name, content))
    server.put(_mail(f"Hello {key}", "a.txt", b"hello"))
    # The timer comes by within a minute; nobody has to wait for it here.
    run = f"{url}/admin/functions/watch_mailbox_if_named"
    assert calls.post(run, json={"input": ""}).status_code == 202

    _until(lambda: server.count("INBOX") == 0)
    assert (server.count("Settle/Done") >= 1, server.count("Settle/No invoices") >= 1) == (True, True)

    def answers() -> list[Any]:
        outbox = calls.get(f"{url}/api/outbox", params={"top": 100}).json()
        found = [one for one in outbox["messages"] if key in one["subject"]]
        return found if len(found) == 2 else []

    told = {one["subject"]: one["text"] for one in _until(answers)}
    assert "1 document of your mail was checked" in told[f"Re: Invoice {key}"]
    assert "In order: 1" in told[f"Re: Invoice {key}"]
    assert "no attachment that is an XML, PDF or zip" in told[f"Re: Hello {key}"]
    batch = calls.get(f"{url}/api/batches", params={"top": 1}).json()["batches"][0]
    assert batch["status"] == "completed"
    assert calls.get(f"{url}/api/healthz").json()["checks"]["mailbox"] == "ok"
