"""The constraints that a route parameter may carry, ``{id:int:min(1)}``, as ASP.NET reads them."""

from __future__ import annotations

import re
from collections.abc import Callable

from dateutil import parser as date_parser

from devhost.errors import AppError

__all__ = ["Constraint", "constraint"]

Constraint = Callable[[str], bool]

_CALL = re.compile(r"^(?P<name>[A-Za-z]+)(?:\((?P<arguments>.*)\))?$", re.DOTALL)
# A thousand digits are more than any limit; Python refuses to read 5,000 of them.
_DIGITS = re.compile(r"^\s*[+-]?\d{1,1000}\s*$", re.ASCII)
_DECIMAL = re.compile(r"^\s*[+-]?(\d[\d,]*)?\.?\d+\s*$|^\s*[+-]?\d[\d,]*\.?\s*$", re.ASCII)
_FLOAT = re.compile(r"^\s*[+-]?(\d[\d,]*\.?\d*|\.\d+)(e[+-]?\d+)?\s*$", re.IGNORECASE | re.ASCII)
_HEX = "[0-9a-f]"
_DASHED = f"{_HEX}{{8}}(-{_HEX}{{4}}){{3}}-{_HEX}{{12}}"
_GUID = re.compile(rf"^({_HEX}{{32}}|{_DASHED}|\{{{_DASHED}\}}|\({_DASHED}\))$", re.IGNORECASE)


def _whole(bits: int) -> Constraint:
    limit = 2 ** (bits - 1)
    return lambda value: bool(_DIGITS.match(value)) and -limit <= int(value) < limit


def _is_date(value: str) -> bool:
    try:
        date_parser.parse(value)
    except (ValueError, OverflowError):
        return False
    return True


_PLAIN: dict[str, Constraint] = {
    "int": _whole(32),
    "long": _whole(64),
    "bool": lambda value: value.strip().lower() in ("true", "false"),
    "datetime": _is_date,
    "decimal": lambda value: bool(_DECIMAL.match(value)),
    "double": lambda value: bool(_FLOAT.match(value)),
    "float": lambda value: bool(_FLOAT.match(value)),
    "guid": lambda value: bool(_GUID.match(value)),
    "alpha": lambda value: bool(re.fullmatch("[a-z]*", value, re.IGNORECASE | re.ASCII)),
    "required": lambda value: value != "",
    "file": lambda value: "." in value.rsplit("/", 1)[-1].rstrip("."),
    "nonfile": lambda value: "." not in value.rsplit("/", 1)[-1].rstrip("."),
}


def constraint(text: str, template: str) -> Constraint:
    """Return the check for one constraint such as ``int`` or ``range(1,9)``; raises AppError when unknown."""
    match = _CALL.match(text)
    name = match["name"].lower() if match else ""
    arguments = match["arguments"] if match else None
    if arguments is None and name in _PLAIN:
        return _PLAIN[name]
    if arguments is not None and name == "regex":
        return _pattern(arguments, template)
    if arguments is not None and name in _NUMERIC:
        return _numeric(name, arguments, text, template)
    raise AppError(
        f"route '{template}': the constraint '{text}' could not be resolved. Known are "
        f"{', '.join(sorted([*_PLAIN, *_NUMERIC, 'regex']))}."
    )


def _pattern(expression: str, template: str) -> Constraint:
    try:
        # Braces are doubled inside of a template, since single ones delimit parameters there.
        compiled = re.compile(expression.replace("{{", "{").replace("}}", "}"), re.IGNORECASE)
    except re.error as error:
        raise AppError(f"route '{template}': the regex '{expression}' is not valid: {error}.") from None
    return lambda value: compiled.search(value) is not None


def _at_least(low: int) -> Constraint:
    return lambda value: _whole(64)(value) and int(value) >= low


def _at_most(high: int) -> Constraint:
    return lambda value: _whole(64)(value) and int(value) <= high


def _between(low: int, high: int) -> Constraint:
    return lambda value: _whole(64)(value) and low <= int(value) <= high


def _length(low: int, high: int | None = None) -> Constraint:
    return lambda value: low <= len(value) <= (low if high is None else high)


_NUMERIC: dict[str, tuple[Callable[..., Constraint], tuple[int, ...]]] = {
    "min": (_at_least, (1,)),
    "max": (_at_most, (1,)),
    "range": (_between, (2,)),
    "length": (_length, (1, 2)),
    "minlength": (lambda low: lambda value: len(value) >= low, (1,)),
    "maxlength": (lambda high: lambda value: len(value) <= high, (1,)),
}


def _numeric(name: str, arguments: str, text: str, template: str) -> Constraint:
    make, counts = _NUMERIC[name]
    pieces = arguments.split(",")
    if len(pieces) not in counts or not all(_DIGITS.match(piece) for piece in pieces):
        raise AppError(f"route '{template}': the constraint '{text}' needs {counts[-1]} whole number(s).")
    return make(*(int(piece) for piece in pieces))
