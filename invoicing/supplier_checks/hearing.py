"""What an answer of a service means: yes, no, unknown, or nothing that can be used."""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, cast

from invoicing import texts
from invoicing.records.outgoing import OutgoingAnswer
from invoicing.records.supplier_checks import Said, SupplierIdentity
from invoicing.supplier_checks.services import Service, Test

_LONGEST_NAME = 200
_LONGEST_WAIT = timedelta(hours=1)
#: Statuses after which the same request may get another answer.
_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})
_MISSING = object()

# Forms of companies and words between: a service may write them in another way, or not at all.
_FORMS = frozenset(
    re.split(
        " ",
        "ab ag and aps as asbl bv bvba co company corp corporation cv doo eg ek et eurl ev gbr gesmbh gmbh "
        "inc kft kg kgaa limited llc lp ltd mbh nv og ohg oy oyj plc pty sa sarl sas sasu scrl sl spa sprl "
        "srl sro und ug zoo",
    )
)
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Heard:
    """What a service said. `again`: another try may help, `after`: seconds to wait for it.

    `name`, `name_fits` and `why`: as in `ServiceAnswer`.
    """

    said: Said
    again: bool = False
    after: int | None = None
    name: str | None = None
    name_fits: bool | None = None
    why: str | None = None


def heard(service: Service, supplier: SupplierIdentity, answer: OutgoingAnswer, now: datetime) -> Heard:
    """What an answer to a request of `asking` means."""
    if answer.outcome != "answered" or answer.status is None:
        return Heard("away", again=answer.outcome != "refused", why=answer.error or answer.outcome)

    value = _json_of(answer.body)

    def holds(tests: tuple[Test, ...]) -> bool:
        return any(_holds(test, answer.status or 0, value) for test in tests)

    if holds(service.again):
        return Heard("away", again=True, after=_after(answer, now), why="it asks to come again later")
    if holds(service.no):
        return Heard("no")
    if holds(service.yes):
        return _with_name(Heard("yes"), service, supplier, value)
    if answer.status in _LATER:
        return Heard("away", again=True, after=_after(answer, now), why=f"HTTP {answer.status}")
    if not 200 <= answer.status < 300:
        return Heard("away", why=f"HTTP {answer.status}")
    if value is _MISSING:  # mostly a page that says that the service is being worked on
        return Heard("away", again=True, why="what it answered is not JSON")
    return Heard("unknown", why="it said neither yes nor no")


def _json_of(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return _MISSING


def _holds(test: Test, status: int, value: Any) -> bool:
    if status not in test.statuses:
        return False
    if test.pointer is None:
        return True
    found = at(value, test.pointer)
    if found is _MISSING:
        return False
    # `true` is not 1 here, though it is in Python.
    return test.values is None or any(type(found) is type(one) and found == one for one in test.values)


def at(value: Any, pointer: str) -> Any:
    """What a JSON pointer (RFC 6901) leads to in a value."""
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = cast(dict[str, Any], value).get(name, _MISSING)
        elif isinstance(value, list) and re.fullmatch(r"0|[1-9][0-9]{0,5}", name):
            items = cast(list[Any], value)
            value = items[int(name)] if int(name) < len(items) else _MISSING
        else:
            return _MISSING
    return value


def _after(answer: OutgoingAnswer, now: datetime) -> int | None:
    """Seconds that `Retry-After` asks for, as a number or a date; None where it says nothing usable."""
    text = answer.headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        seconds = float(text)
    else:
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, IndexError, OverflowError):
            return None
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        seconds = (aware - now).total_seconds()
    return round(min(max(seconds, 0.0), _LONGEST_WAIT.total_seconds()))


# ---------------------------------------------------------------- names


def _with_name(said: Heard, service: Service, supplier: SupplierIdentity, value: Any) -> Heard:
    """What was said, with the name that the service has, held against that of the invoice."""
    if service.name_at is None:
        return said
    found = at(value, service.name_at)
    if not isinstance(found, str) or not found.strip() or found.strip() in service.no_names:
        return said
    shown = texts.cleaned(" ".join(found.split()), _LONGEST_NAME)
    return Heard(said.said, name=shown, name_fits=names_fit(supplier.name or "", shown))


def names_fit(stated: str, known: str) -> bool:
    """Say whether two names may be of one supplier.

    Compared are their words without accents, capitals, punctuation and forms of companies: all words of one
    name have to be among those of the other. So `ACME GmbH` fits `Acme Handels GmbH`, and not `Acne GmbH`.
    """
    one, other = _words(stated), _words(known)
    return bool(one and other) and (one <= other or other <= one)


def _words(name: str) -> frozenset[str]:
    spread = unicodedata.normalize("NFKD", name[: 4 * _LONGEST_NAME].casefold().replace("ß", "ss"))
    plain = "".join(char for char in spread if not unicodedata.combining(char))
    # `S.A.R.L.` and `sp. z o.o.` are written with dots and without.
    found = frozenset(_WORD.findall(re.sub(r"(?<=\b\w)\.\s?(?=\w\b)", "", plain)))
    return found - _FORMS or found
