"""The outside things that activities and triggers use, made once per process and replaced as one in tests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, TypeVar, cast

from adapters import settings as app_settings
from adapters import starts
from adapters.checking.checker import DocumentChecker, InvoiceReader, SupervisedChecker, SupervisedReader
from adapters.ledger_keys import load_ledger_keys
from adapters.links import Links
from adapters.mailbox import ImapMailbox, Mailbox
from adapters.mailbox_settings import MailboxSettings
from adapters.resolving import Resolve, system_addresses
from adapters.settings import Settings
from adapters.signing import load_keys
from invoicing.approval.signing import LedgerKeys
from stores.batch_sources import Sources
from stores.blobs import AzureBlobs, Blobs
from stores.sessions import Sessions

_Made = TypeVar("_Made")


def _reader_of(settings: Settings) -> InvoiceReader:
    return SupervisedReader(settings.rules_folder)


def _owned_container(settings: Settings, name: str) -> Blobs:
    return AzureBlobs(settings.storage_connection, name)


@dataclass(frozen=True)
class Services:
    """Settings, the app's own blobs, what makes checker and reader, and what queues detached starts.

    `clock` tells the time (UTC); `resolve` the addresses of a host that is to be called.
    """

    settings: Settings
    blobs: Blobs
    make_checker: Callable[[], DocumentChecker]
    enqueue: Callable[[Settings, str, str, Any], None] = starts.enqueue
    make_reader: Callable[[Settings], InvoiceReader] = _reader_of
    open_container: Callable[[Settings, str], Blobs] = _owned_container
    open_mailbox: Callable[[MailboxSettings], Mailbox] = ImapMailbox
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    resolve: Resolve = system_addresses
    _made: dict[str, object] = field(default_factory=dict[str, object], init=False, repr=False, compare=False)

    @property
    def checker(self) -> DocumentChecker:
        """What checks documents, made on first use: most requests need none. Raises RulesMissing."""
        return self._once("checker", self.make_checker)

    @property
    def reader(self) -> InvoiceReader:
        """What reads an invoice for a page, made on first use."""
        return self._once("reader", lambda: self.make_reader(self.settings))

    def _once(self, name: str, make: Callable[[], _Made]) -> _Made:
        # Two threads that come at the same time must not have a process each.
        with _making:
            if name not in self._made:
                self._made[name] = make()
            return cast(_Made, self._made[name])

    @cached_property
    def sources(self) -> Sources:
        """Where the documents of batches lie, as this process knows it."""
        return Sources(self.blobs, self.settings.limits)

    @cached_property
    def links(self) -> Links:
        """What signs and reads links (`links.keys`: sign-ins and forms), made on first use.

        Raises SettingError.
        """
        return Links(load_keys(self.settings.access, self.blobs), self.settings.access.public_url)

    @property
    def ledger_keys(self) -> LedgerKeys:
        """What ledgers are signed with. Raises SettingError where a key is needed and there is none."""
        return load_ledger_keys(self.settings)

    @cached_property
    def sessions(self) -> Sessions:
        """Which sign-ins by one's own word were ended."""
        return Sessions(self.blobs)

    @cached_property
    def slots_begun(self) -> dict[str, object]:
        """Slots whose digests this process has had started, with who did: most messages join one that was."""
        return {}

    def start_detached(self, orchestrator: str, instance_id: str, value: Any) -> None:
        """Have an orchestration started soon, unless there is one of this id. Raises as `starts.enqueue`."""
        self.enqueue(self.settings, orchestrator, instance_id, value)

    @property
    def anchor_copies(self) -> Blobs | None:
        """The second container of anchors; None where no setting names one."""
        name = self.settings.ledger.anchor_container
        return self.open_container(self.settings, name) if name else None

    def swept(self, container: str) -> Blobs:
        """The blobs of a container that the app sweeps: made where it is missing, and cleared."""
        return self._once(f"container {container}", lambda: self.open_container(self.settings, container))

    @cached_property
    def archive(self) -> Blobs:
        """Where things are archived: in a container of their own where a setting names one."""
        name = self.settings.retention.archive_container
        return self.open_container(self.settings, name) if name else self.blobs

    def source(self, container: str) -> Blobs:
        """The blobs of a container that a caller named; it is read, never made or written."""
        return AzureBlobs(self.settings.storage_connection, container, owned=False)


_lock = threading.Lock()
_making = threading.Lock()
_current: Services | None = None


def current() -> Services:
    """The process's services, made on first use. Raises SettingError where a setting is missing or wrong."""
    global _current
    with _lock:
        if _current is None:
            settings = app_settings.from_environment()
            blobs = AzureBlobs(settings.storage_connection, settings.container)
            _current = Services(settings, blobs, _checker_of(settings))
        return _current


def _checker_of(settings: Settings) -> Callable[[], DocumentChecker]:
    return lambda: SupervisedChecker(settings.rules_folder, settings.document_budget)


@contextmanager
def replaced_by(services: Services) -> Generator[Services, None, None]:
    """Use other services for a while: how tests put working fakes in the place of the outside."""
    global _current
    before, _current = _current, services
    try:
        yield services
    finally:
        _current = before
