"""Signals as other systems send them: messages of a queue, events of Event Grid, messages of devices. Pure.

Each is brought to a `NewSignal`, or to a `Rejected` that says why not: one that cannot be understood must not
hold up the others.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast

from invoicing import texts
from invoicing.signals.errors import SignalInvalid
from invoicing.signals.keys import LONGEST_ID
from invoicing.signals.reading import object_of
from invoicing.signals.taking_in import NewSignal

#: Bytes of a request of Event Grid, and events in it.
MOST_BYTES = 1024 * 1024
MOST_EVENTS = 1000
#: What Event Grid calls a message of a device, out of an IoT Hub.
TELEMETRY = "Microsoft.Devices.DeviceTelemetry"
_VALIDATION = "Microsoft.EventGrid.SubscriptionValidationEvent"
_CODE = re.compile(r"[A-Za-z0-9_-]{1,200}")

Object = Mapping[str, Any]  # Any: JSON that nobody has looked at


@dataclass(frozen=True)
class Rejected:
    """Something that is no signal; `place` says which one it was."""

    place: str
    code: str
    text: str


Arrived = NewSignal | Rejected


def of_message(data: bytes) -> NewSignal:
    """A message of the queue: `{"kind", "key", "id", "payload"}`, without `id` too. Raises SignalInvalid."""
    message = _loaded(data, "The message")
    if not isinstance(message, dict):
        raise SignalInvalid("bad_signal", "The message is no JSON object.")
    found = cast(Object, message)
    for name in found:
        if name not in ("kind", "key", "id", "payload"):
            raise SignalInvalid("bad_signal", f"Unknown field: {texts.quoted(name)}.")
    return NewSignal(
        _text(found, "kind"), _text(found, "key"), _object(found, "payload"), _text_if_any(found, "id")
    )


def of_events(data: bytes) -> list[Arrived]:
    """Events as Event Grid sends them: one CloudEvent, several, or an array in the Event Grid schema.

    Raises SignalInvalid for what is none of these.
    """
    if len(data) > MOST_BYTES:
        raise SignalInvalid("too_large", f"The events have {len(data):,} bytes. Send at most 1 MiB at once.")
    value = _loaded(data, "The body")
    events = cast(list[object], value if isinstance(value, list) else [value])
    if len(events) > MOST_EVENTS:
        raise SignalInvalid("too_many", f"Send at most {MOST_EVENTS:,} events at once.")
    return [_or_rejected(f"event {number}", event) for number, event in enumerate(events, start=1)]


def validation_code(data: bytes) -> str:
    """The code with which Event Grid asks whether it may send events here. Raises SignalInvalid."""
    value = _loaded(data, "The body")
    events = cast(list[object], value) if isinstance(value, list) else [value]
    first = events[0] if events else None
    code: object = None
    if isinstance(first, dict) and cast(Object, first).get("eventType") == _VALIDATION:
        code = _object(cast(Object, first), "data").get("validationCode")
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        raise SignalInvalid("bad_validation", "The validation event has no validationCode.")
    return code


def of_device(body: bytes, properties: Object, system: Object) -> NewSignal:
    """A message of a device: its properties `kind` and `key` say what it is. Raises SignalInvalid.

    Its id is that of the message, else its place in the hub. `system`: the system properties.
    """
    device = str(system.get("iothub-connection-device-id") or "device")
    own = properties.get("id") or system.get("message-id")
    mark = own if own else f"#{system.get('SequenceNumber')}@{system.get('EnqueuedTimeUtc')}"
    return NewSignal(
        _text(properties, "kind"), _text(properties, "key"), object_of(body), _id(f"{device}/{mark}")
    )


def _or_rejected(place: str, event: object) -> Arrived:
    if not isinstance(event, dict):
        return Rejected(place, "bad_event", "It is no JSON object.")
    try:
        return _of_event(cast(Object, event))
    except SignalInvalid as error:
        return Rejected(place, error.code, error.text)


def _of_event(event: Object) -> NewSignal:
    if "specversion" in event:
        if event["specversion"] != "1.0":
            raise SignalInvalid("bad_event", "Send CloudEvents of version 1.0.")
        kind, source = _text(event, "type"), _text(event, "source")
    elif "eventType" in event:
        kind, source = _text(event, "eventType"), _text_if_any(event, "topic") or ""
    else:
        raise SignalInvalid("bad_event", "It is neither a CloudEvent 1.0 nor an event of Event Grid.")
    if kind == TELEMETRY:
        return _of_telemetry(event)
    # `com.example.goods-received` is of the kind `goods-received`.
    kind = kind.rpartition(".")[2]
    return NewSignal(kind, _text(event, "subject"), _data(event), _id(f"{source}#{_text(event, 'id')}"))


def _of_telemetry(event: Object) -> NewSignal:
    """A message of a device that an IoT Hub hands on to Event Grid."""
    data = _data(event)
    properties, system = _object(data, "properties"), _object(data, "systemProperties")
    body: object = data.get("body")
    # A body whose content type and encoding the device did not say comes as base64.
    content = _unpacked(body) if isinstance(body, str) else json.dumps(body, default=str).encode()
    return of_device(content, properties, {"message-id": _text(event, "id"), **system})


def _data(event: Object) -> Object:
    if "data_base64" in event:
        return object_of(_unpacked(_text(event, "data_base64")))
    return _object(event, "data")


def _unpacked(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise SignalInvalid("bad_event", "The data is not base64.") from error


def _id(text: str) -> str:
    """Source and id together tell one event from all others; what is too long is hashed."""
    wrong = texts.fault(text, MOST_BYTES)
    if wrong:
        raise SignalInvalid("bad_id", f"The id {wrong}.")
    return text if len(text) <= LONGEST_ID else f"hash-{hashlib.sha256(text.encode()).hexdigest()}"


def _loaded(data: bytes, what: str) -> object:
    try:
        return json.loads(data, parse_float=Decimal)
    except RecursionError as error:
        raise SignalInvalid("bad_json", f"{what} is nested too deeply.") from error
    except ValueError as error:
        raise SignalInvalid("bad_json", f"{what} is not JSON in UTF-8.") from error


def _text_if_any(value: Object, name: str) -> str | None:
    return None if value.get(name) is None else _text(value, name)


def _text(value: Object, name: str) -> str:
    found: object = value.get(name)
    if not isinstance(found, str) or not found:
        raise SignalInvalid("bad_signal", f"{name} is missing, or is no text.")
    # What is written into names and logs is looked at here: half a character has no bytes.
    wrong = texts.fault(found, 16 * 1024 * 1024)
    if wrong:
        raise SignalInvalid("bad_signal", f"{name} {wrong}.")
    return found


def _object(value: Object, name: str) -> Object:
    found: object = value.get(name)
    if not isinstance(found, dict):
        raise SignalInvalid("bad_signal", f"{name} is missing, or is no JSON object.")
    return cast(Object, found)
