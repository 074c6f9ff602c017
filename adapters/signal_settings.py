"""Settings of signals: how long those that nobody knows are kept, and where devices are heard."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from adapters.setting_values import SettingError, between

_CONNECTION = "SETTLE_DEVICE_HUB"
_NAME = "SETTLE_DEVICE_HUB_NAME"
_GROUP = "SETTLE_DEVICE_HUB_GROUP"
# By identity instead of by a connection string: what the Event Hubs extension reads then.
_NAMESPACE = f"{_CONNECTION}__fullyQualifiedNamespace"
_ENTITY = re.compile(r"(?:^|;)\s*EntityPath\s*=\s*([^;]+)", re.IGNORECASE)


@dataclass(frozen=True)
class SignalSettings:
    """`kept`: how long a signal is kept that nobody was given, and one whose wait has ended."""

    kept: timedelta = timedelta(days=30)


@dataclass(frozen=True)
class DeviceHub:
    """Where messages of devices come in: the built-in endpoint of an IoT Hub, or an event hub.

    `connection` is the name of the setting that has it; the host reads that itself.
    """

    connection: str
    name: str
    consumer_group: str


def read_signals(environment: Mapping[str, str]) -> SignalSettings:
    """Read them; raises SettingError where one cannot be used."""
    return SignalSettings(kept=timedelta(days=between(environment, "SETTLE_SIGNAL_DAYS", 30, 1, 3650)))


def signals_queue(environment: Mapping[str, str] = os.environ) -> str:
    """The queue of signals: two apps with containers of their own share no queue either."""
    return f"{environment.get('SETTLE_CONTAINER', 'settle')}-signals"


def device_hub(environment: Mapping[str, str] = os.environ) -> DeviceHub | None:
    """Where devices are heard; None where no setting says so. Raises SettingError."""
    connection = environment.get(_CONNECTION, "").strip()
    if not connection and not environment.get(_NAMESPACE, "").strip():
        return None
    found = _ENTITY.search(connection)
    name = environment.get(_NAME, "").strip() or (found[1].strip() if found else "")
    if not name:
        raise SettingError(
            f"{_CONNECTION} has no EntityPath. Set {_NAME} to the name of the event hub (of an IoT Hub: its "
            "Event Hub-compatible name)."
        )
    return DeviceHub(_CONNECTION, name, environment.get(_GROUP, "").strip() or "$Default")
