"""Takes the anchor of the day, and makes it known elsewhere: a copy in a second container, its hash by mail.

It runs each hour: the first run of a day takes the anchor, the others do what could not be done before. Each
part is tried whatever became of the others.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from markupsafe import escape

from adapters import mail
from adapters.channels import NotSent
from adapters.settings import SettingError, Settings
from invoicing.approval.anchors import Anchor, BadAnchor, read
from invoicing.approval.signing import LedgerKeys
from invoicing.records.messages import Message
from stores import approval_names, ledger_anchors, mailed_anchors
from stores.blobs import BlobConflict, Blobs, StorageError

Result = TypeVar("Result")


class AnchorFailed(Exception):
    """The anchor could not be taken, copied or mailed, as the text says; the next run tries again."""


@dataclass(frozen=True)
class Place:
    """What anchoring works with; `copies`: the second container, None where there is none."""

    settings: Settings
    blobs: Blobs
    keys: LedgerKeys
    copies: Blobs | None


def run(place: Place, now: datetime) -> int | None:
    """Do what is due now (a moment in UTC); returns the number of the anchor that was taken, if one was.

    Raises AnchorFailed after all parts were tried.
    """
    failures: list[str] = []
    taken = _tried("taking", failures, lambda: ledger_anchors.take(place.blobs, place.keys, now))
    _tried("copying", failures, lambda: copy(place))
    _tried("mailing", failures, lambda: mail_newest(place, now))
    if failures:
        raise AnchorFailed("; ".join(failures))
    return taken


def _tried(what: str, failures: list[str], part: Callable[[], Result]) -> Result | None:
    try:
        return part()
    except (StorageError, SettingError, BadAnchor, NotSent, _NotCopied) as error:
        logging.error("%s the anchor failed: %s", what, error)
        failures.append(f"{what}: {error}")
        return None


# ---------------------------------------------------------------- a copy elsewhere


class _NotCopied(Exception):
    """An anchor was not copied: it is none, or another one is kept elsewhere under its number."""


def copy(place: Place) -> None:
    """Copy every anchor that the second container does not have yet; what is there is never written over.

    Only what is signed is copied, since it may have to stay there for ever. Raises _NotCopied after all were
    tried, also where the newest one is there and differs.
    """
    if place.copies is None:
        return
    taken = ledger_anchors.numbers(place.blobs)
    there = set(ledger_anchors.numbers(place.copies))
    failures: list[str] = []
    for number in taken:
        if number in there and number != taken[-1]:
            continue
        try:
            _copy(place.blobs, place.copies, number, place.keys)
        except BadAnchor as error:
            failures.append(f"anchor {number}: {error}")
        except _NotCopied as error:
            failures.append(str(error))
    if failures:
        more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
        raise _NotCopied(failures[0] + more)


def _copy(blobs: Blobs, copies: Blobs, number: int, keys: LedgerKeys) -> None:
    name = approval_names.anchor(number)
    with ledger_anchors.load(blobs, number) as file:
        read(file, keys, with_heads=False)
        file.seek(0)
        data = file.read()
    try:
        copies.create(name, data)
    except BlobConflict:
        if copies.read_range(name, 0, len(data) + 1) != data:
            raise _NotCopied(
                f"anchor {number} is not the one that was copied before: proof is needed"
            ) from None


# ---------------------------------------------------------------- its hash by mail


def require_mail(settings: Settings) -> None:
    """See that anchors can be mailed where that is wanted. Raises SettingError."""
    if settings.ledger.anchor_mail and settings.channels.smtp is None:
        raise SettingError(
            "SETTLE_ANCHOR_MAIL is set, and no mail server is. Set SETTLE_SMTP_URL and SETTLE_MAIL_FROM too."
        )


def mail_newest(place: Place, now: datetime) -> None:
    """Mail the hash of the newest anchor to everybody who has not got it yet.

    The older ones need no mail of their own: each anchor has the hash of the one before. An address that
    there is not is given up until the next anchor. Raises NotSent, SettingError and BadAnchor.
    """
    require_mail(place.settings)
    server = place.settings.channels.smtp
    wanted = place.settings.ledger.anchor_mail
    anchor = ledger_anchors.newest(place.blobs, place.keys) if wanted else None
    if server is None or anchor is None:
        return
    done = mailed_anchors.mailed_to(place.blobs, anchor)
    failure: NotSent | None = None
    for address in wanted:
        if address in done:
            continue
        try:
            mail.send(
                server, place.settings.channels.mail_from, message(anchor, address, place.settings), now
            )
        except NotSent as error:
            logging.error("the anchor could not be mailed to %s: %s", address, error)
            failure = error
            if error.again:
                continue
        done.append(address)
        mailed_anchors.note_mailed(place.blobs, anchor, done)
    if failure is not None:
        raise failure


def message(anchor: Anchor, to: str, settings: Settings) -> Message:
    """The mail about an anchor: what to keep, and how to prove with it."""
    header = anchor.header
    facts = [
        ("Anchor", f"{header.number} of {header.day}, taken at {header.at}"),
        ("SHA-256", anchor.sha256),
        ("Size", f"{anchor.size} bytes"),
        ("Ledgers", f"{anchor.ledgers}, with {anchor.entries} entries"),
        ("Container", settings.container),
    ]
    if header.former is not None:
        facts.append(("Before", f"anchor {header.former.number}, SHA-256 {header.former.sha256}"))
    lead = "This is the anchor of all ledgers of Settle. Keep this message where nobody can change it."
    proof = "What is gone from the ledgers later, or from the anchors, is found with"
    command = f"python3 dev.py verify-ledger --anchor {anchor.sha256}"
    lines = "\n".join(f"{name + ':':<11}{value}" for name, value in facts)
    rows = "".join(f"<tr><th align=left>{escape(n)}</th><td>{escape(v)}</td></tr>" for n, v in facts)
    return Message(
        id=f"anchor-{header.number}-{anchor.sha256[:24]}",
        to=to,
        to_name="",
        subject=f"Settle: anchor {header.number} of the ledgers, {header.day}",
        text=f"{lead}\n\n{lines}\n\n{proof}\n\n    {command}\n",
        html=f"<p>{escape(lead)}</p><table>{rows}</table><p>{escape(proof)}</p><pre>{escape(command)}</pre>",
        link="",
    )
