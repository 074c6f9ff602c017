"""Checks of suppliers: whom services are asked about, what they said, and the workflow that asks them."""

from __future__ import annotations

import unicodedata
from typing import Literal

from invoicing.duplicates import compact
from invoicing.records.base import Moment, Record, Step, flag, optional
from invoicing.records.supplier import key_of

Said = Literal["yes", "no", "unknown", "away"]
"""What a service says of a supplier. `unknown`: it answered, and neither yes nor no. `away`: no answer that
can be used came in time."""


class SupplierIdentity(Record):
    """What an invoice says of its supplier: that is what services are asked about."""

    vat_id: str | None = None
    legal_id: str | None = None
    name: str | None = None
    country: str | None = None

    @property
    def key(self) -> str:
        """32 hex digits: equal where the same would be asked. Another name on the same id is another key."""
        ids = (compact(self.vat_id or ""), compact(self.legal_id or ""), (self.country or "").upper())
        name = " ".join(unicodedata.normalize("NFKC", self.name or "").casefold().split())
        return key_of("|".join((*ids, name)))


class ServiceAnswer(Record):
    """What one service said. `at`: when, `until`: how long it counts.

    `title`: the service's name for people. `name`: the one that the service has, `name_fits`: whether it is
    that of the invoice; None where it was not compared. `why`: what was wrong, in our words.
    """

    service: str
    title: str
    said: Said
    at: Moment
    until: Moment
    name: str | None = optional()
    name_fits: bool | None = optional()
    why: str | None = optional()


class SupplierCheck(Record):
    """The last check of a supplier: `number` counts them. `asked`: when it was begun.

    Who needs it waits until `until` at most; `finished`: when all services had answered or were given up.
    """

    number: int
    identity: SupplierIdentity
    services: tuple[str, ...]
    asked: Moment
    until: Moment
    finished: Moment | None = optional()

    @property
    def instance(self) -> str:
        """The id of the run that asks the services."""
        return f"check-{self.identity.key}-{self.number}"


class SupplierChecked(Record):
    """What was known of a new supplier when its invoice was routed; `unchecked`: who had not answered."""

    answers: tuple[ServiceAnswer, ...] = ()
    unchecked: tuple[str, ...] = ()


# ---------------------------------------------------------------- the workflow


class SupplierCheckJob(Record):
    """The supplier's key and the number of its check; the rest stands in the storage.

    `again`: the run was lost before, and what it stored is used.
    """

    supplier: str
    number: int
    services: tuple[str, ...]
    until: Moment
    again: bool = flag()


class SupplierCheckResult(Record):
    """What each service said."""

    said: dict[str, Said]


SUPPLIER_CHECK = Step("supplier_check", SupplierCheckJob, SupplierCheckResult)


class AskServiceJob(Record):
    """One service is asked once. `last`: there is no time for another try, so its failure is kept."""

    supplier: str
    number: int
    service: str
    last: bool = flag()


class ServiceTry(Record):
    """How it went. `again`: another try may help; `after`: seconds that the service asks to wait for it."""

    said: Said
    again: bool = flag()
    after: int | None = optional()


ASK_SERVICE = Step("ask_supplier_service", AskServiceJob, ServiceTry)


class CloseCheckJob(Record):
    """The check that has come to its end."""

    supplier: str
    number: int


class CheckClosed(Record):
    """It was written down."""

    closed: bool = True


CLOSE_CHECK = Step("close_supplier_check", CloseCheckJob, CheckClosed)
