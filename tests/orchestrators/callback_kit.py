"""An office whose callers want to be told of ends, and the address that they name."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from adapters import services
from adapters.callback_settings import CallbackSettings
from adapters.outgoing_settings import OutgoingSettings
from invoicing.approval import names
from invoicing.outgoing.targets import CallPolicy
from invoicing.records.callbacks import Subscription
from stores import subscriptions
from tests.orchestrators.approval_kit import ANN, INVOICE, Office, clerk
from usecases.begin_callbacks import begin_due
from usecases.subscribe import subscribe

KEY = b"k" * 32
SECRET = "whsec_" + base64.b64encode(KEY).decode()
OPEN = CallPolicy(hosts=("127.0.0.1",), http=True, loopback=True)
APPROVAL = names.approval_id(INVOICE)


@contextmanager
def office(**host: Any) -> Iterator[Office]:
    """An office that may call this machine."""
    here = Office(clerk(), **host)
    here.settings = replace(
        here.settings, outgoing=OutgoingSettings(OPEN), callbacks=CallbackSettings((KEY,))
    )
    with here.at_work():
        yield here


def ask(here: Office, url: str, *, runs: bool = True) -> Subscription:
    """Somebody wants to be told when the invoice has ended."""
    return subscribe(services.current(), "invoice", INVOICE, url, runs=runs)


def look(here: Office) -> list[str]:
    """The timer comes by; returns the instances that it started. What these do comes afterwards."""
    with here.host.held():
        return asyncio.run(begin_due(services.current(), here.client, here.host.now))


def booked(here: Office, url: str) -> Subscription:
    """An invoice is booked, and an address is to be told of it; returns the subscription."""
    here.bring()
    asked = ask(here, url)
    assert look(here) == [], "it has not ended"
    here.decide(ANN, "approve")
    return asked


def as_stored(here: Office, subscription: str) -> Subscription:
    """The subscription as it is now."""
    found = subscriptions.read(here.blobs, subscription)
    assert found is not None
    return found


def marks(here: Office) -> list[str]:
    """What is still to be told."""
    return here.blobs.names("open-callbacks/")


def recover(here: Office) -> None:
    """The supervisor comes by until nothing is to be started again."""
    while True:
        with here.host.held():
            started = here.supervise()
        here.host.advance(seconds=2)
        if not started and all(case.is_running for case in here.cases()):
            return
