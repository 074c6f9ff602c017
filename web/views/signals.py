"""Signals as the page shows them. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from invoicing.records.signals import Scalar, Signal
from web.words import age

_MOST_SAID = 8


@dataclass(frozen=True)
class SignalShown:
    """A signal that nobody waited for. `says`: names and values of what it says, in words."""

    kind: str
    key: str
    id: str
    says: str
    received: datetime
    age: str


def shown(found: Sequence[Signal], now: datetime) -> list[SignalShown]:
    """The lines of the list."""
    return [
        SignalShown(
            kind=signal.kind.replace("-", " "),
            key=signal.key,
            id=signal.id,
            says=_says(signal),
            received=signal.received,
            age=age(signal.received, now),
        )
        for signal in found
    ]


def _says(signal: Signal) -> str:
    """`line 1, quantity 5, unit KGM; by scale 3`."""
    parts: list[str] = []
    for name, value in signal.payload.items():
        if isinstance(value, list):
            parts += [_one(item) for item in value[:_MOST_SAID]]
            parts += [f"and {len(value) - _MOST_SAID} more"] if len(value) > _MOST_SAID else []
        else:
            parts.append(f"{name} {_scalar(value)}")
    return "; ".join(parts[: _MOST_SAID + 4])


def _one(item: Scalar | dict[str, Scalar]) -> str:
    if isinstance(item, dict):
        return ", ".join(f"{name} {_scalar(value)}" for name, value in item.items())
    return _scalar(item)


def _scalar(value: Scalar) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
