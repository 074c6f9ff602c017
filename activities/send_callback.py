"""The step of a callback."""

from __future__ import annotations

import azure.durable_functions as df

from activities.registering import activity
from adapters import services
from invoicing.records.callbacks import SEND_CALLBACK, CallbackTried, CallbackTry
from usecases import send_callback as callbacks

bp = df.Blueprint()


@activity(bp, SEND_CALLBACK)
def send_callback(job: CallbackTry) -> CallbackTried:
    """Try to tell of an end once."""
    return callbacks.send_callback(services.current(), job)
