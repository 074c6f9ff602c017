"""The request that a service is asked with: the fields of a supplier put into its URL and body.

What stands on an invoice is a stranger's. It is percent-encoded, and fills the place that the template has
for it: it never becomes a host, another part of a path, or another field of a body.
"""

from __future__ import annotations

import json
import re
from typing import Any, cast
from urllib.parse import quote

from invoicing import texts
from invoicing.records.outgoing import LONGEST_URL, OutgoingRequest
from invoicing.records.supplier_checks import SupplierIdentity
from invoicing.supplier_checks.services import Service, vat_parts

#: Bytes of an answer that are read: a service says a few hundred about a supplier.
LARGEST_ANSWER = 64 * 1024

PLACE = re.compile(r"\{([a-z_]+)\}")
_LONGEST_VALUE = 200
_COUNTRY = re.compile(r"[A-Z]{2}")


class CannotBeAsked(Exception):
    """What an invoice says of its supplier does not fit into a request; the text says why, for people."""


def request_for(service: Service, supplier: SupplierIdentity) -> OutgoingRequest:
    """The request about a supplier. Raises CannotBeAsked."""
    values = _values(supplier)
    url = _filled_url(service.url, values)
    body, headers = b"", dict(service.headers)
    if service.body is not None:
        body = json.dumps(_filled(service.body, values), ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json", **headers}
    return OutgoingRequest(
        method=service.method,
        url=url,
        headers=headers,
        body=body,
        timeout_seconds=service.timeout.total_seconds(),
        largest=LARGEST_ANSWER,
    )


def _values(supplier: SupplierIdentity) -> dict[str, str]:
    """The fields of a supplier that can be asked with."""
    given = {"name": supplier.name, "legal_id": supplier.legal_id}
    values = {field: " ".join(text.split()) for field, text in given.items() if text}
    if parts := vat_parts(supplier):
        values |= {"vat_id": "".join(parts), "vat_country": parts[0], "vat_number": parts[1]}
    country = (supplier.country or "").strip().upper()
    if _COUNTRY.fullmatch(country):
        values["country"] = country
    return values


def _value(values: dict[str, str], field: str) -> str:
    text = values.get(field)
    if text is None:
        raise CannotBeAsked(f"the {_words(field)} on the invoice is missing or has not its form")
    if wrong := texts.fault(text, _LONGEST_VALUE):
        raise CannotBeAsked(f"the {_words(field)} on the invoice {wrong}")
    return text


def _words(field: str) -> str:
    return {"vat_id": "VAT id", "vat_country": "VAT id", "vat_number": "VAT id", "legal_id": "legal id"}.get(
        field, field
    )


def _filled_url(template: str, values: dict[str, str]) -> str:
    path, mark, query = template.partition("?")

    def in_path(found: re.Match[str]) -> str:
        text = _value(values, found[1])
        # Some servers take %2F for a slash, and some libraries take away a part that is all dots.
        if "/" in text or "\\" in text or not text.strip("."):
            raise CannotBeAsked(f"the {_words(found[1])} on the invoice cannot be a part of an address")
        return quote(text, safe="")

    def in_query(found: re.Match[str]) -> str:
        return quote(_value(values, found[1]), safe="")

    url = PLACE.sub(in_path, path) + mark + PLACE.sub(in_query, query)
    if any(not part.strip(".") for part in url.split("/")[3:] if part):
        raise CannotBeAsked("what stands on the invoice cannot be a part of an address")
    if len(url) > LONGEST_URL:
        raise CannotBeAsked("what stands on the invoice is too long to be asked with")
    return url


def _filled(value: Any, values: dict[str, str]) -> Any:
    """A body with the fields in its texts; it stays JSON of the same form."""
    if isinstance(value, str):
        return PLACE.sub(lambda found: _value(values, found[1]), value)
    if isinstance(value, list):
        return [_filled(item, values) for item in cast(list[Any], value)]
    if isinstance(value, dict):
        return {name: _filled(item, values) for name, item in cast(dict[str, Any], value).items()}
    return value
