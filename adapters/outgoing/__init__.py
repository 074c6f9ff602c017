"""The one safe way to call another host: `send` for one call, `Caller` for many."""

from __future__ import annotations

from adapters import services
from adapters.outgoing.caller import Caller
from invoicing.records.outgoing import OutgoingAnswer, OutgoingRequest

__all__ = ["Caller", "send"]


async def send(request: OutgoingRequest) -> OutgoingAnswer:
    """Make one call by the app's settings; never raises for what the other side does.

    In code that is not asynchronous: `asyncio.run(send(request))`. Raises SettingError.
    """
    app = services.current()
    async with Caller(app.settings.outgoing, app.resolve) as caller:
        return await caller.send(request)
