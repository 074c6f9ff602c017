"""Microsoft Teams: an Adaptive Card, posted to the webhook of a channel.

Everybody in the channel sees the card, so what it links to is the page as such: who opens it signs in. A
signed link would let everybody in the channel decide in the name of one person.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from http.client import HTTPException, HTTPMessage
from typing import IO

from adapters.channels import NotSent

#: Seconds until the webhook counts as silent.
PATIENCE = 20.0
_LONGEST_TEXT = 500

Card = dict[str, object]
"""A message for a webhook of Teams: JSON in Microsoft's form, which nothing of ours reads."""


def card(title: str, text: str, facts: Sequence[tuple[str, str]], link: str, action: str) -> Card:
    """An Adaptive Card 1.4 in the envelope that a Teams webhook takes: title, text, facts, and a button."""
    body = [
        {"type": "TextBlock", "text": _literal(title), "weight": "Bolder", "size": "Medium", "wrap": True},
        {"type": "TextBlock", "text": _literal(text), "wrap": True},
        {"type": "FactSet", "facts": [{"title": name, "value": _literal(value)} for name, value in facts]},
    ]
    content = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": body,
        "actions": [{"type": "Action.OpenUrl", "title": action, "url": link}],
    }
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": content,
    }
    return {"type": "message", "attachments": [attachment]}


def post(webhook: str, message: Card) -> None:
    """Post a card. Raises NotSent; its text does not name the webhook, whose address is its password."""
    request = urllib.request.Request(  # noqa: S310 - the scheme was checked when the settings were read
        webhook, json.dumps(message).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    try:
        with _opener.open(request, timeout=PATIENCE) as answer:
            answered = answer.read(1000).decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        with error:
            raise NotSent(f"teams: the webhook answered {error.code}") from None
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise NotSent(f"teams: the webhook does not answer ({type(reason).__name__})") from None
    if "failed" in answered.lower():  # some webhooks say 200 to the caller and the failure in the text
        raise NotSent("teams: the webhook answered that the message was not delivered")


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect counts as a refusal: a message is for the address of the setting and for no other."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> None:
        return None


_opener = urllib.request.build_opener(_NoRedirects)


def _literal(text: str) -> str:
    """A text whose characters mean nothing: cards know a little Markdown, and names come from strangers."""
    shown = text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"
    return "".join(f"\\{c}" if c in "\\`*_[]()#<>~|" else c for c in shown)
