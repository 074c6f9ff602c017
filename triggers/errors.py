"""What is answered for an error: the one mapping, for the API and for the pages.

`Refused` is what a handler answers instead of what was asked for. Errors of use cases, storage, settings,
rules and policy become one here, so a handler need not catch them. The API writes it as JSON, a page in words
for people.
"""

from __future__ import annotations

import logging
from typing import Any

from adapters.failure_log import kind_and_place
from adapters.setting_values import SettingError
from invoicing.approval.deciding import DecisionRefused
from invoicing.approval.policy import PolicyInvalid
from invoicing.rules.folder import RulesMissing
from stores.blobs import StorageError, StorageUnavailable
from stores.ledgers import ApprovalMissing
from stores.records import RecordDamaged
from usecases.refusals import Gone, Misunderstood, NotAllowed, NotAsAsked, NotDone, NotNow, NotReady, Unknown

#: Seconds until a client should ask again while the storage is away.
OUTAGE_SECONDS = 15

_STATUS_OF: dict[type[NotDone], int] = {
    Misunderstood: 400,
    NotAllowed: 403,
    Unknown: 404,
    NotNow: 409,
    Gone: 410,
    NotAsAsked: 422,
    NotReady: 503,
}
# Decisions: what is wrong with the request, and who may not. All others came too late or too early: 409.
_STATUS_OF_DECISION = {
    "unknown_decision": 400,
    "comment_needed": 400,
    "comment_too_long": 400,
    "unknown_stage": 400,
    "nobody_to_ask": 400,
    "not_your_turn": 403,
    "right_ended": 403,
    "same_person": 403,
    "sender_may_not": 403,
    "needed_later": 403,
}


class Refused(Exception):
    """A request that cannot be served; it becomes an error answer with this status.

    `detail` can be written as JSON. `retry_after`: seconds after which the request may be repeated.
    """

    def __init__(
        self, status: int, code: str, message: str, detail: Any = None, *, retry_after: int | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.detail = detail
        self.retry_after = retry_after


def refusal_of(error: Exception) -> Refused:
    """What is answered for an error. The cause of what is not the caller's is logged."""
    match error:
        case Refused():
            return error
        case NotDone():
            return Refused(_STATUS_OF[type(error)], error.code, error.text, error.detail)
        case ApprovalMissing():
            return Refused(404, "unknown_approval", "There is no approval of this id.")
        case DecisionRefused():
            return Refused(_STATUS_OF_DECISION.get(error.code, 409), error.code, error.text)
        case StorageUnavailable():
            logging.warning("storage unavailable: %s", error)
            text = "The storage does not answer. Try again soon."
            return Refused(503, "storage_unavailable", text, retry_after=OUTAGE_SECONDS)
        case SettingError():
            return Refused(503, "setting", str(error))
        case RulesMissing():
            return Refused(503, "rules_missing", str(error))
        case PolicyInvalid():
            return Refused(503, "policy_invalid", str(error), list(error.problems))
        case RecordDamaged():
            logging.error("%s", error)
            return Refused(500, "record_damaged", str(error))
        case StorageError():
            logging.error("storage refused: %s", error)
            return Refused(500, "storage_refused", f"The storage refused the call: {error}")
        case _:
            logging.error("unhandled error in a request: %s", kind_and_place(error))
            return Refused(500, "internal", "Something went wrong here; the log has the details.")
