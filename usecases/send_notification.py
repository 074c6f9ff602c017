"""Send one message over its channel, unless it is no longer needed."""

from __future__ import annotations

from adapters.channels import NotSent
from adapters.services import Services
from adapters.settings import SettingError
from invoicing.records.message_steps import DeliveryTry, NotificationTry
from invoicing.records.messages import PATIENCE, Notice
from stores import notices
from stores.blobs import BlobMissing
from stores.ledgers import ApprovalMissing
from stores.records import RecordDamaged
from usecases import delivering
from usecases.approval_view import read_approval
from usecases.delivering import Envelope


def send_notification(services: Services, job: NotificationTry) -> DeliveryTry:
    """Try to send a message once, and note what became of it.

    A channel that does not work is an outcome; it raises only where the storage is away. A message that was
    sent and whose sending could not be noted is sent again: with the same Message-ID, and the same link.
    """
    try:
        notice = notices.read(services.blobs, job.approval, job.notice)
        view = read_approval(services.blobs, job.approval)
    except (BlobMissing, ApprovalMissing) as error:
        return DeliveryTry(outcome="obsolete", error=str(error))
    except RecordDamaged as error:
        return DeliveryTry(outcome="failed", error=str(error))

    if notice.state == "sent" or notice.state == "obsolete":
        return DeliveryTry(outcome=notice.state)
    if not delivering.is_needed(notice, view):
        return _noted(services, notice, DeliveryTry(outcome="obsolete"))
    try:
        delivering.alone(services, notice, view, Envelope(notice.id, notice.created))
    except (NotSent, SettingError) as error:
        again = delivering.may_help_again(error) and not job.last
        return _noted(services, notice, DeliveryTry(outcome="again" if again else "failed", error=str(error)))
    return _noted(services, notice, DeliveryTry(outcome="sent"))


def _noted(services: Services, notice: Notice, tried: DeliveryTry) -> DeliveryTry:
    """Write down how a try ended; the answer says until when it may be tried."""
    changed = notice.changed(
        state="retrying" if tried.outcome == "again" else tried.outcome,
        error=tried.error,
        attempts=notice.attempts + (tried.outcome != "obsolete"),
        at=services.clock(),
    )
    notices.write(services.blobs, changed)
    return tried.model_copy(update={"until": notice.created + PATIENCE})
