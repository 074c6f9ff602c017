"""Reading what a signal says, whichever way it came: a small JSON object, and nothing that could do harm.

An event's payload with `__class__` in it can fail a workflow of the SDK, so no name may begin with two
underscores. All limits are here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NoReturn, cast

from invoicing import texts
from invoicing.signals.errors import SignalInvalid

#: Bytes of a payload as JSON.
MOST_BYTES = 16 * 1024
#: Names of an object, and things in a list.
MOST_FIELDS = 50
MOST_IN_LIST = 200
LONGEST_NAME = 60
LONGEST_TEXT = 1000
_LARGEST_WHOLE = 10**15
_HIDDEN = "__"


def object_of(data: bytes) -> dict[str, object]:
    """The JSON object that stands in some bytes of UTF-8. Raises SignalInvalid."""
    if len(data) > MOST_BYTES:
        raise SignalInvalid(
            "too_large", f"The signal has {len(data):,} bytes. Send at most {MOST_BYTES // 1024} KiB."
        )
    try:
        value: object = json.loads(data, parse_float=Decimal, parse_constant=_no_number)
    except RecursionError as error:
        raise SignalInvalid("bad_json", "The JSON is nested too deeply. Send a flat object.") from error
    except ValueError as error:
        raise SignalInvalid("bad_json", "This is not JSON in UTF-8. Send a JSON object.") from error
    return checked(value)


def checked(value: object) -> dict[str, object]:
    """A value that was read from JSON, if it is an object within the limits. Raises SignalInvalid.

    Its fields are scalars, or lists of scalars and of flat objects.
    """
    found = _object(value, "The signal")
    return {name: _field(name, field) for name, field in found.items()}


def _field(name: str, value: object) -> object:
    if not isinstance(value, list):
        return _scalar(name, value)
    items = cast(list[object], value)
    if len(items) > MOST_IN_LIST:
        raise _bad(f"{texts.quoted(name)} has {len(items):,} things. A list has at most {MOST_IN_LIST}.")
    return [_item(name, item) for item in items]


def _item(name: str, value: object) -> object:
    if not isinstance(value, dict):
        return _scalar(name, value)
    found = _object(cast(object, value), f"An object in {texts.quoted(name)}")
    return {inner: _scalar(inner, field) for inner, field in found.items()}


def _object(value: object, what: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise SignalInvalid("bad_signal", f"{what} is no JSON object. Send a JSON object.")
    found = cast(Mapping[Any, object], value)
    if len(found) > MOST_FIELDS:
        raise _bad(f"{what} has {len(found):,} fields. Send at most {MOST_FIELDS}.")
    for name in found:
        _check_name(str(name))
    return {str(name): field for name, field in found.items()}


def _check_name(name: str) -> None:
    wrong = texts.fault(name, LONGEST_NAME)
    if wrong:
        raise _bad(f"The name of a field {wrong}.")
    if name.startswith(_HIDDEN):
        raise _bad(f"There is a field {texts.quoted(name)}. No name begins with two underscores.")


def _scalar(name: str, value: object) -> object:
    match value:
        case None | bool():
            return value
        case str():
            wrong = texts.fault(value, LONGEST_TEXT)
        case int():
            wrong = "is a number with too many digits" if abs(value) >= _LARGEST_WHOLE else None
        case Decimal():
            # A small text may name a number of a billion digits.
            wrong = None if _is_small(value) else "is a number with too many digits"
        case float():  # of a value that somebody else read
            return _scalar(name, Decimal(repr(value)))
        case _:
            wrong = "is neither a text, a number, true, false, nor a list of these or of flat objects"
    if wrong:
        raise _bad(f"{texts.quoted(name)} {wrong}.")
    return value


def _is_small(number: Decimal) -> bool:
    if not number.is_finite():
        return False
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)  # it is a number
    return number.adjusted() < 15 and exponent >= -15


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


def _bad(text: str) -> SignalInvalid:
    return SignalInvalid("bad_signal", text)
