"""Messages to people, ready to be sent."""

from __future__ import annotations

from pydantic.dataclasses import dataclass


@dataclass(frozen=True)
class MessageItem:
    """One approval that a message speaks of: what kind of news of it, in words, and the page to open."""

    approval: str
    kind: str
    title: str
    link: str


@dataclass(frozen=True)
class Message:
    """A message to one person, ready to be sent; `link` is the address that it asks the person to open.

    `id` is the same each time the message is tried, so that whoever gets it twice can tell. A digest has more
    than one item.
    """

    id: str
    to: str
    to_name: str
    subject: str
    text: str
    html: str
    link: str
    items: tuple[MessageItem, ...] = ()
