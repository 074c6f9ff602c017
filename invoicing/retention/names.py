"""Ids of what is kept, held and purged: batches, invoices, and documents of batches."""

from __future__ import annotations

import re

from invoicing.records.retention import ThingKind

#: Characters of the id of a thing, by which ids of what belongs to it begin.
LENGTH = 25

_THING = re.compile(r"[bi][0-9a-f]{24}")
_HOLDABLE = re.compile(r"(?P<thing>[bi][0-9a-f]{24})|(?P<batch>b[0-9a-f]{24})-[1-9][0-9]{0,6}")


def is_thing(text: str) -> bool:
    """Say whether a text has the form of the id of a batch or of an invoice that came alone."""
    return _THING.fullmatch(text) is not None


def kind_of(thing: str) -> ThingKind:
    """What an id stands for."""
    return "batch" if thing.startswith("b") else "invoice"


def thing_of(holdable: str) -> str | None:
    """The thing that is kept where this is held: `b…` for `b…-17`. None where nothing can be held so."""
    found = _HOLDABLE.fullmatch(holdable)
    return (found["thing"] or found["batch"]) if found else None


def holdable_of(reference: str) -> str:
    """What a hold on the invoice of a reference is named: `b…-17` for `b…/17`."""
    return reference.replace("/", "-")
