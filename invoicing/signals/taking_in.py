"""Making a signal of what came: the one way for all doors. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from invoicing.records.signals import Signal
from invoicing.signals.keys import id_of_content, normal_id, normal_key
from invoicing.signals.kinds import form_of, payload_of
from invoicing.signals.reading import checked


@dataclass(frozen=True)
class NewSignal:
    """A signal as somebody sends it; nothing of it was looked at. `id` None: it is made of the content."""

    kind: str
    key: str
    payload: Mapping[str, object]
    id: str | None = None


def signal_of(new: NewSignal, now: datetime) -> Signal:
    """The signal, in the one form of its kind. Raises SignalInvalid, UnknownKind."""
    form_of(new.kind)  # what is wrong first is said first
    key = normal_key(new.key)
    payload = payload_of(new.kind, checked(new.payload))
    signal_id = id_of_content(payload) if new.id is None else normal_id(new.id)
    return Signal(kind=new.kind, key=key, id=signal_id, payload=payload, received=now)
