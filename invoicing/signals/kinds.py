"""The kinds of signals there are, with what each has to say.

A new kind: a record in `invoicing/records/` (`extra="forbid"`, each text with a limit) that says what is kept
of it (`kept`), and a line in `KINDS`. All ways in know it then.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError

from invoicing import texts
from invoicing.records.signal_payloads import GoodsReceivedSaid, Said
from invoicing.records.signals import Payload
from invoicing.signals.errors import SignalInvalid, UnknownKind

KINDS: dict[str, TypeAdapter[Said]] = {
    "goods-received": TypeAdapter(GoodsReceivedSaid),
}
"""What a signal of each kind has to say; a kind is small letters and hyphens."""


def form_of(kind: str) -> TypeAdapter[Said]:
    """What a signal of a kind has to say. Raises UnknownKind."""
    if kind not in KINDS:
        known = ", ".join(sorted(KINDS))
        raise UnknownKind("unknown_kind", f"There are no signals {texts.quoted(kind)}. Known are: {known}.")
    return KINDS[kind]


def payload_of(kind: str, value: Mapping[str, object]) -> Payload:
    """What a signal says, in the one form of its kind. Raises SignalInvalid, UnknownKind."""
    form = form_of(kind)
    try:
        found = form.validate_python(value).kept()
    except ValidationError as error:
        raise SignalInvalid("bad_signal", _told(error)) from error
    # What was not said is left out.
    plain: dict[str, Any] = found.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    return cast(Payload, plain)


def _told(error: ValidationError) -> str:
    """The first thing that is wrong, without what a stranger wrote: names of fields alone are repeated."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(texts.cleaned(str(part), 60) for part in first["loc"]) or "the signal"
    return f"{place}: {texts.cleaned(first['msg'], 200)}."
