"""Making what the app needs in the storage when the host starts.

A queue trigger whose queue does not exist logs the storage's refusal every two seconds on the real host. So
the queue is made before anybody puts a message into it, and with it the container of documents and results.

It is a timer that also runs at the start. Importing the app must not wait for a storage that is away, and an
import that fails takes every function with it; a function that fails is a line in the log. What could not be
made is made when it is first used, and tried here again an hour later.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import azure.durable_functions as df
import azure.functions as func

from adapters import services, starts
from adapters.services import Services
from stores.blobs import StorageError

bp = df.Blueprint()


@bp.timer_trigger(arg_name="timer", schedule="45 0 * * * *", run_on_startup=True)
async def make_storage(timer: func.TimerRequest) -> None:
    """Make the app's queues and its container, unless they are there. It never raises."""
    current = services.current()
    await asyncio.gather(*(asyncio.to_thread(_try, make, current) for make in (_queue, _container)))


def _queue(current: Services) -> None:
    starts.make_queue(current.settings)


def _container(current: Services) -> None:
    current.blobs.make_container()


def _try(make: Callable[[Services], None], current: Services) -> None:
    try:
        make(current)
    except StorageError as error:
        logging.warning("storage is not there yet, what is missing is made on first use: %s", error)
