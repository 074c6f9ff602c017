"""Send one message over its channel, unless it is no longer needed."""

from __future__ import annotations

from typing import Any

import azure.durable_functions as df

from activities import delivering
from activities.delivering import Envelope
from adapters import services
from adapters.channels import NotSent
from adapters.services import Services
from adapters.settings import SettingError
from stores import notices
from stores.blobs import BlobMissing
from stores.ledgers import ApprovalMissing
from stores.notices import PATIENCE, Notice, State
from stores.records import RecordDamaged
from usecases.approval_view import read_approval

bp = df.Blueprint()


@bp.activity_trigger(input_name="job")
def send_notification(job: dict) -> dict:
    """Try to send a message once, and note what became of it.

    Input: `{"approval", "notice", "last": whether this is the last try}`. Output: `{"outcome": "sent" |
    "again" | "failed" | "obsolete", "until": ISO time of the last try, "error"?}`. A channel that does not
    work is an outcome; it raises only where the storage is away. A message that was sent and whose sending
    could not be noted is sent again: with the same Message-ID, and with the same link.
    """
    here = services.current()
    try:
        notice = notices.read(here.blobs, job["approval"], job["notice"])
        view = read_approval(here.blobs, job["approval"])
    except (BlobMissing, ApprovalMissing) as error:
        return {"outcome": "obsolete", "error": str(error)}
    except RecordDamaged as error:
        return {"outcome": "failed", "error": str(error)}

    if notice.state in ("sent", "obsolete"):
        return {"outcome": notice.state}
    if not delivering.is_needed(notice, view):
        return _noted(here, notice, "obsolete")
    try:
        delivering.alone(here, notice, view, Envelope(notice.id, notice.created))
    except (NotSent, SettingError) as error:
        again = getattr(error, "again", True) and not job["last"]
        return _noted(here, notice, "retrying" if again else "failed", str(error))
    return _noted(here, notice, "sent")


def _noted(here: Services, notice: Notice, state: State, error: str | None = None) -> dict[str, Any]:
    attempts = notice.attempts + (state != "obsolete")
    notices.write(here.blobs, notice.changed(state=state, error=error, attempts=attempts, at=here.clock()))

    outcome = "again" if state == "retrying" else state
    until = (notice.created + PATIENCE).isoformat()
    return {"outcome": outcome, "until": until} | ({"error": error} if error else {})
