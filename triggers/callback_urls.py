"""The address that a start names to be told of its end (`callback_url`)."""

from __future__ import annotations

import azure.functions as func

from adapters.settings import Settings
from invoicing.callbacks.subscriptions import subscription_id
from triggers.own_links import own_links
from usecases.subscribe import check_url


def callback_url(settings: Settings, given: str | None) -> str | None:
    """The address out of query or body, None where none was given. Raises Misunderstood and NotReady."""
    return check_url(settings, given) if given else None


def subscription_link(req: func.HttpRequest, target: str, url: str | None) -> dict[str, str]:
    """Where a caller sees how far telling is, and ends it; nothing where nobody is told."""
    if url is None:
        return {}
    return {"subscription": own_links(req, "subscriptions").to(f"/{subscription_id(target, url)}")}
