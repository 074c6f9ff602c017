"""Checks of new suppliers: having them begun, what is known at a moment, and asking one service.

Routing needs the answers, and must not hold up an invoice for longer than the file of services says. So it
has the check started apart, as a run of its own that asks all services at the same time, and says until when
it waits. Whoever comes for the same supplier meanwhile finds that check, and waits for the same moment.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from adapters import outgoing, supplier_services
from adapters.services import Services
from invoicing.findings import Finding
from invoicing.records.supervision import OpenWork
from invoicing.records.supplier_checks import (
    SUPPLIER_CHECK,
    AskServiceJob,
    ServiceAnswer,
    ServiceTry,
    SupplierCheck,
    SupplierChecked,
    SupplierCheckJob,
    SupplierIdentity,
)
from invoicing.supplier_checks import judging
from invoicing.supplier_checks.asking import CannotBeAsked, request_for
from invoicing.supplier_checks.hearing import Heard, heard
from invoicing.supplier_checks.services import Checks, Service
from stores import supervised
from stores import supplier_checks as store

#: New suppliers of one batch that are checked; those of more are told as unchecked.
MOST_OF_A_BATCH = 1_000


class SupplierDesk:
    """What is known of suppliers at one moment; each is looked up once. Safe to use from several threads.

    `looked`: the moment, which stands in the job of the step, so that a repeated step sees the same answers.
    `begun`: when routing began; it waits for the deadline from then on and no longer.
    """

    def __init__(self, services: Services, checks: Checks, begun: datetime, looked: datetime) -> None:
        self._services = services
        self._checks = checks
        self._begun = begun
        self._looked = looked
        self._ends = begun + checks.deadline
        self._known: dict[str, SupplierChecked] = {}
        self._until: dict[str, datetime | None] = {}
        self._lock = threading.Lock()

    def waits_until(self, supplier: SupplierIdentity) -> datetime | None:
        """Until when answers about a supplier are waited for; None: no longer, or another thread looks.

        A check is begun where answers are missing and none is under way. Repeating it begins none twice.
        """
        with self._lock:
            if supplier.key in self._until or len(self._until) >= MOST_OF_A_BATCH:
                return self._until.get(supplier.key)
            self._until[supplier.key] = None
        self._until[supplier.key] = self._look(supplier)
        return self._until[supplier.key]

    def known(self, supplier: SupplierIdentity) -> SupplierChecked:
        """What services have said of a supplier."""
        if supplier.key not in self._known:
            asked = self._checks.asked_about(supplier)
            self._known[supplier.key] = judging.checked(asked, self._answers(supplier, asked))
        return self._known[supplier.key]

    def findings(self, known: SupplierChecked) -> tuple[Finding, ...]:
        """What that comes to for an invoice."""
        return judging.findings_of(known, self._checks)

    def _answers(self, supplier: SupplierIdentity, asked: Sequence[Service]) -> Mapping[str, ServiceAnswer]:
        names = [service.name for service in asked]
        return store.answers(self._services.blobs, supplier.key, names, self._looked)

    def _look(self, supplier: SupplierIdentity) -> datetime | None:
        if self._looked >= self._ends:
            return None
        asked = self._checks.asked_about(supplier)
        there = self._answers(supplier, asked)
        missing = tuple(service.name for service in asked if service.name not in there)
        if not missing:
            return None
        check = self._begun_for(supplier, missing)
        if check is None or self._looked >= check.until:
            return None
        _start(self._services, check)
        return min(check.until, self._ends)

    def _begun_for(self, supplier: SupplierIdentity, missing: tuple[str, ...]) -> SupplierCheck | None:
        """The check that is under way, or is begun now. None: one has ended since routing began."""
        blobs = self._services.blobs
        last = store.check_of(blobs, supplier.key)
        if last is not None and store.is_open(last, self._looked):
            return last
        if last is not None and last.asked >= self._begun:
            return None
        until = self._looked + self._checks.deadline
        return store.begin(blobs, supplier, missing, self._looked, until)


def desk_at(services: Services, begun: datetime, looked: datetime | None) -> SupplierDesk | None:
    """The desk where new suppliers are checked; None where no setting asks for it. Raises ChecksInvalid.

    `looked` is None in a run of a version that did not know of checks: it goes on as it began.
    """
    if looked is None:
        return None
    checks = supplier_services.load(services.settings)
    return SupplierDesk(services, checks, begun, looked) if checks is not None else None


def _start(services: Services, check: SupplierCheck) -> None:
    """Have the services asked. Done at each look: the run's id makes it one, and a lost start is mended."""
    job = SupplierCheckJob(
        supplier=check.identity.key, number=check.number, services=check.services, until=check.until
    )
    value = SUPPLIER_CHECK.written_input(job)
    work = OpenWork(instance=check.instance, orchestrator=SUPPLIER_CHECK.name, input=value)
    supervised.note(services.blobs, work)
    services.start_detached(SUPPLIER_CHECK.name, check.instance, value)


# ---------------------------------------------------------------- the steps of the check


async def ask_service(services: Services, job: AskServiceJob) -> ServiceTry:
    """Ask one service about a supplier once, and keep what it said unless another try is to come.

    One that asks for a longer pause than there is time is not asked again: that counts as being away.

    What the service does wrong is an outcome. Raises StorageError and ChecksInvalid.
    """
    check = store.check_of(services.blobs, job.supplier)
    checks = supplier_services.load(services.settings)
    service = checks.named(job.service) if checks else None
    if check is None or service is None:
        return ServiceTry(said="away")  # the file, or the record, was taken away meanwhile

    there = store.answer_of(services.blobs, job.supplier, job.service)
    if there is not None and there.at >= check.asked:
        return ServiceTry(said=there.said)  # this step was done before, and its answer was lost

    said = await _said(services, service, check.identity)
    now = services.clock()
    if said.again and not job.last and now + timedelta(seconds=said.after or 0) < check.until:
        return ServiceTry(said="away", again=True, after=said.after)
    store.keep(services.blobs, job.supplier, judging.answer_of(service, said, now))
    return ServiceTry(said=said.said)


async def _said(services: Services, service: Service, supplier: SupplierIdentity) -> Heard:
    try:
        request = request_for(service, supplier)
    except CannotBeAsked as error:
        return Heard("unknown", why=str(error))
    return heard(service, supplier, await outgoing.send(request), services.clock())


def close_check(services: Services, supplier: str, number: int) -> None:
    """Note that a check has come to its end, and that the supervisor need not look after it any more."""
    check = store.check_of(services.blobs, supplier)
    if check is None:
        return
    store.finish(services.blobs, supplier, number, services.clock())
    supervised.forget(services.blobs, check.model_copy(update={"number": number}).instance)
