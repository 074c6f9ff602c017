"""Services that know suppliers, as the settings file describes them: `services_file` reads and checks it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

from invoicing.duplicates import compact
from invoicing.records.outgoing import SecretRef
from invoicing.records.supplier_checks import SupplierIdentity

Field = Literal["vat_id", "vat_country", "vat_number", "country", "name", "legal_id"]
"""What may stand in braces in a URL or body. `vat_country`: the letters that a VAT id begins with (EL for
Greece), `vat_number`: what follows them."""

NoMeans = Literal["SETTLE-VAT-UNKNOWN", "SETTLE-SUPPLIER-UNKNOWN"]


_VAT_ID = re.compile(r"([A-Z]{2})((?=[A-Z]*[0-9])[A-Z0-9]{2,13})")
_COUNTRY = re.compile(r"[A-Z]{2}")


def vat_parts(supplier: SupplierIdentity) -> tuple[str, str] | None:
    """The letters of a VAT id and what follows them; None where it is missing or has not that form.

    One that is written without its letters gets those of the supplier's country.
    """
    vat_id = compact(supplier.vat_id or "").upper()
    country = (supplier.country or "").strip().upper()
    if vat_id and not _VAT_ID.fullmatch(vat_id) and _COUNTRY.fullmatch(country):
        vat_id = ("EL" if country == "GR" else country) + vat_id
    found = _VAT_ID.fullmatch(vat_id)
    return (found[1], found[2]) if found else None


class ChecksInvalid(Exception):
    """The file of services cannot be used; `problems` has each one with its place."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("The file of supplier checks cannot be used. " + "; ".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True)
class Test:
    """Something that an answer may have: one of these statuses, and at a place one of these values.

    `pointer`: RFC 6901, None where the status alone decides. `values`: None: whichever, as long as there is
    one.
    """

    statuses: frozenset[int] = frozenset({200})
    pointer: str | None = None
    values: tuple[Any, ...] | None = None  # any JSON


@dataclass(frozen=True)
class Service:
    """One service. A supplier is its business where all that it `needs` is stated, and the country fits.

    `no`, `yes`, `again` (ask later): one test that holds is enough; `again` counts first, then `no`.
    `name_at`: where an answer has the name of the supplier, `no_names`: texts there that are none.
    """

    name: str
    title: str
    url: str
    method: Literal["GET", "POST"] = "GET"
    headers: Mapping[str, str | SecretRef] = field(default_factory=dict[str, str | SecretRef])
    body: Any = None  # any JSON
    needs: frozenset[Field] = frozenset()
    countries: frozenset[str] | None = None
    vat_countries: frozenset[str] | None = None
    yes: tuple[Test, ...] = ()
    no: tuple[Test, ...] = ()
    again: tuple[Test, ...] = ()
    no_means: NoMeans = "SETTLE-SUPPLIER-UNKNOWN"
    name_at: str | None = None
    no_names: frozenset[str] = frozenset()
    timeout: timedelta = timedelta(seconds=10)
    counts_for: timedelta = timedelta(days=30)

    def is_for(self, supplier: SupplierIdentity) -> bool:
        """Say whether this service is asked about a supplier."""
        stated = {"vat_id": supplier.vat_id, "legal_id": supplier.legal_id, "name": supplier.name}
        stated |= {"vat_country": supplier.vat_id, "vat_number": supplier.vat_id, "country": supplier.country}
        parts = vat_parts(supplier)
        return (
            all((stated[need] or "").strip() for need in self.needs)
            and (self.countries is None or (supplier.country or "").upper() in self.countries)
            and (self.vat_countries is None or (parts is not None and parts[0] in self.vat_countries))
        )


@dataclass(frozen=True)
class Checks:
    """All services, and how long an invoice waits for their answers."""

    services: tuple[Service, ...]
    deadline: timedelta

    def asked_about(self, supplier: SupplierIdentity) -> tuple[Service, ...]:
        """The services that are asked about a supplier."""
        return tuple(service for service in self.services if service.is_for(supplier))

    def named(self, name: str) -> Service | None:
        """The service of a name; None where the file has none any more."""
        return next((service for service in self.services if service.name == name), None)
