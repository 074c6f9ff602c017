"""A post office for tests: the workflows of invoices by mail on a host with skipping time, the real steps,
blobs and a mail server in memory. Batches are started and end when the test says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any, cast

import azure.durable_functions as df

from activities import mailbox_steps
from adapters import policies, services
from adapters.mailbox import Mailbox
from adapters.mailbox_settings import MailboxSettings
from adapters.services import Services
from adapters.settings import from_environment
from devhost.testing import Host, HostCrash, Status
from invoicing.records.mailbox_steps import MAILBOX, MAILBOX_INSTANCE, MailboxWatch
from invoicing.records.mails import MailRecord
from orchestrators import mailbox
from stores import batch_names, mails
from tests.app_versions import CURRENT
from tests.fakes.ledger_keys import LEDGER_KEY
from tests.fakes.memory_blobs import MemoryBlobs
from tests.fakes.memory_mailbox import MemoryServer
from tests.fakes.saying_checker import SayingChecker
from tests.orchestrators.approval_kit import HostClient, clerk, policy_of
from usecases.watch_mailbox import ensure_watched

SUE = "sue@supplier.example"
ENVIRONMENT = {
    "AzureWebJobsStorage": "unused",
    "SETTLE_LEDGER_KEY": LEDGER_KEY,
    "SETTLE_LINK_KEY": "k" * 32,
    "SETTLE_PUBLIC_URL": "https://settle.example",
    "SETTLE_MAIL_FROM": "Settle <settle@example.com>",
    "SETTLE_MAILBOX_HOST": "127.0.0.1",
    "SETTLE_MAILBOX_SECURITY": "none",
    "SETTLE_MAILBOX_USER": "invoices@example.com",
    "SETTLE_MAILBOX_PASSWORD": "secret",
    "SETTLE_MAILBOX_SENDERS": "@supplier.example",
    "SETTLE_MAILBOX_ANSWER": "true",
}
#: So few looks that only the one after a failure counts: for tests that live the same day many times.
RARELY = {"SETTLE_MAILBOX_SECONDS": "3600", "SETTLE_MAILBOX_LONGEST_SECONDS": "3600"}
DONE, NONE, FAILED, REFUSED = (f"Settle/{name}" for name in ("Done", "No invoices", "Failed", "Refused"))


def mail(number: int = 1, *files: tuple[str, bytes], sender: str = SUE, **headers: str) -> bytes:
    """A mail with an invoice, or with the files that are given."""
    made = EmailMessage(policy=SMTP)
    made["From"] = sender
    made["To"] = "invoices@example.com"
    made["Subject"] = f"Invoice {number}"
    made["Date"] = "Mon, 04 May 2026 10:00:00 +0000"
    made["Message-ID"] = f"<{number}@supplier.example>"
    for name, value in headers.items():
        made[name.replace("_", "-")] = value
    made.set_content("Please find our invoice attached.")
    for name, content in files or ((f"{number}.xml", f"<invoice>{number}</invoice>".encode()),):
        made.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return made.as_bytes()


class PostOffice:
    """A watched folder. `queue`: the starts that were queued; answers come when `deliver` says so."""

    def __init__(
        self,
        environment: dict[str, str] | None = None,
        open_mailbox: Callable[[MailboxSettings], Mailbox] | None = None,
        **host: Any,
    ) -> None:
        self.blobs, self.server = MemoryBlobs(), MemoryServer()
        self.opens = open_mailbox or self.server.open
        self.queue: list[tuple[str, str, Any]] = []
        self.settings = replace(from_environment(ENVIRONMENT | (environment or {})), policy_file=Path("none"))
        host.setdefault("default_version", CURRENT)
        self.host = Host([mailbox.bp, mailbox_steps.bp], **host)

    @contextmanager
    def at_work(self) -> Iterator[PostOffice]:
        """The services are this office's inside of the block."""
        here = Services(
            self.settings,
            self.blobs,
            SayingChecker,
            lambda settings, *start: self.queue.append(start),
            open_mailbox=self.opens,
            clock=lambda: self.host.now,
        )
        policy = policy_of(clerk())
        load, policies.load = policies.load, lambda settings: policy
        try:
            with services.replaced_by(here):
                yield self
        finally:
            policies.load = load
            self.host.close()

    def tick(self) -> bool:
        """The timer comes by; says whether it started the watch."""
        client = cast(df.DurableOrchestrationClient, HostClient(self.host))
        return asyncio.run(ensure_watched(services.current(), client))

    def start(self) -> None:
        """Start the watch without a thread, as the timer does."""
        job = MAILBOX.written_input(MailboxWatch())
        if not self.host.instances(MAILBOX_INSTANCE):
            self.host.start(MAILBOX.name, job, instance_id=MAILBOX_INSTANCE)

    @property
    def watch(self) -> Status:
        """How the watch is."""
        return self.host.status(MAILBOX_INSTANCE)

    def deliver(self) -> None:
        """The queue trigger's work for answers: batches are a matter of other tests."""
        while self.queue:
            name, instance, value = self.queue[0]
            if name == "answer_mail" and not self.host.instances(instance):
                self.host.start(name, value, instance_id=instance)
            self.queue.pop(0)

    def finish_batches(self) -> None:
        """All batches that were taken in are reported."""
        for name in self.blobs.names("batches/"):
            if name.endswith("/batch.json"):
                batch = name.split("/")[1]
                for form in ("html", "csv"):
                    self.blobs.write(batch_names.report(batch, form), b"the report")

    def records(self) -> list[MailRecord]:
        """All mails that were noted, the oldest first."""
        listed, _ = mails.newest(self.blobs, 100, None)
        return sorted(listed.found, key=lambda record: (record.validity, record.uid))

    def outcomes(self) -> list[str | None]:
        """What became of each mail."""
        return [record.outcome for record in self.records()]

    def batches(self) -> list[str]:
        """The batches that were started, as the queue or the storage knows."""
        return [name.split("/")[1] for name in self.blobs.names("batches/") if name.endswith("/batch.json")]

    def answers(self) -> list[str]:
        """The answers that were left in the outbox."""
        return [name for name in self.blobs.names("outbox/") if "answer." in name]

    def live(self, steps: list[Any]) -> bool:
        """Do things one after the other; where the host dies, it starts again and that thing is done again.

        Says whether it died.
        """
        crashed = False
        for step in steps:
            try:
                step()
            except HostCrash:
                crashed = True
                self.host.restart()
                step()
        return crashed
