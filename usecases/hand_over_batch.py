"""Hand a batch over to approval: start it apart, open its documents, and count what is settled."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from adapters.services import Services
from invoicing.approval import names
from invoicing.records.base import BatchId, Reference
from invoicing.records.batch_approvals_steps import (
    BATCH_APPROVALS,
    BATCH_DOCUMENT,
    BatchApprovalsJob,
    DocumentJob,
    SettledCounts,
    Settlement,
    approvals_instance,
)
from invoicing.records.route import WaitingDocument
from invoicing.records.supervision import OpenWork
from stores import supervised
from stores.routes import RouteStore
from stores.settled import SettledStore

_STARTS_AT_ONCE = 8


def start_approvals(services: Services, job: BatchApprovalsJob) -> str:
    """Have the approvals of a batch started apart from it; returns the instance.

    Repeating it finds the one that was started.
    """
    instance = approvals_instance(job.batch)
    value = BATCH_APPROVALS.written_input(job)
    work = OpenWork(instance=instance, orchestrator=BATCH_APPROVALS.name, input=value)
    supervised.note(services.blobs, work)
    services.start_detached(BATCH_APPROVALS.name, instance, value)
    return instance


def open_documents(services: Services, batch: BatchId, window: int) -> int:
    """Have the documents of one window started, each a run of its own; returns how many.

    Those that are settled are left out. Repeating it starts nothing twice: a document's run has an id that is
    made of the batch and its number.
    """
    documents = RouteStore(services.blobs, batch).window(window).documents
    settled = SettledStore(services.blobs, batch).among(document.n for document in documents)
    waiting = [document for document in documents if document.n not in settled]

    def start(document: WaitingDocument) -> None:
        reference = Reference(f"{batch}/{document.n}")
        job = DocumentJob(ref=reference, approval=document.approval, goods=document.goods)
        instance = f"{batch}-{document.n}"
        services.start_detached(BATCH_DOCUMENT.name, instance, BATCH_DOCUMENT.written_input(job))

    with ThreadPoolExecutor(_STARTS_AT_ONCE) as pool:
        return len(list(pool.map(start, waiting)))


def note_settled(services: Services, reference: Reference, settlement: Settlement) -> None:
    """Note that a document of a batch needs nobody any more. Repeating it changes nothing."""
    document = names.parse_reference(reference)
    assert document.n is not None  # only documents of batches come here
    SettledStore(services.blobs, document.owner).note(document.n, settlement)


def count_settled(services: Services, batch: str) -> SettledCounts:
    """How many documents are settled, by what became of them; no blob is read."""
    return dict(Counter(SettledStore(services.blobs, batch).all().values()))
