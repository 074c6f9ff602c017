"""The watched folder: look into it, and keep how it is, for the watch, the health check and the page."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime, timedelta

from adapters.mailbox import Mailbox, MailboxAway, MailboxError, MailboxRefused
from adapters.mailbox_settings import MailboxSettings
from adapters.services import Services
from invoicing.mails.identity import mail_id
from invoicing.mails.watching import next_sign_in
from invoicing.records.mailbox_steps import Condition, Look, MailRef
from invoicing.records.mails import MailboxCondition, MailboxState
from stores import mails
from stores.blobs import BlobMissing, Blobs
from stores.records import RecordDamaged

#: Mails that are taken after one look, and that are looked at to find them.
AT_ONCE = 20
_LISTED = 50
#: How long a server may be away, and the watch silent, before the health check says so.
LONG_AWAY, SILENT = timedelta(minutes=10), timedelta(hours=2)


@contextmanager
def opened(services: Services, settings: MailboxSettings) -> Generator[Mailbox, None, None]:
    """The folder, while it is needed. Raises MailboxAway and MailboxRefused."""
    box = services.open_mailbox(settings)
    try:
        yield box
    finally:
        box.close()


def look(services: Services) -> Look:
    """Look which mails there are; never asks a server that has just refused the password.

    Whoever starts the watch again, and however often, the time until the next sign-in stands in the storage.
    """
    settings = services.settings.mailbox
    if settings is None:
        return Look(condition="off")
    before = state_of(services.blobs, settings)
    if before and before.not_before and services.clock() < before.not_before:
        return Look(condition="refused", error=before.error)
    try:
        with opened(services, settings) as box:
            listed = [
                MailRef(place=settings.place, validity=box.validity, uid=one.uid)
                for one in box.oldest(_LISTED)
            ]
            waiting = box.waiting
    except MailboxError as error:
        return Look(condition=note_trouble(services, settings, error), error=str(error))
    found = _undecided_first(services.blobs, listed) if len(listed) > AT_ONCE else listed
    _note(services, settings, "watching", "", waiting)
    return Look(
        condition="ok",
        mails=tuple(found[:AT_ONCE]),
        more=len(listed) > AT_ONCE,
        first=settings.first,
        longest=settings.longest,
    )


def note_trouble(services: Services, settings: MailboxSettings, error: MailboxError) -> Condition:
    """Keep what is wrong with the server; returns how it is."""
    condition: MailboxCondition = "refused" if isinstance(error, MailboxRefused) else "away"
    logging.warning("mailbox: %s: %s", condition, error)
    _note(services, settings, condition, str(error), None)
    return condition


def state_of(blobs: Blobs, settings: MailboxSettings) -> MailboxState | None:
    """How this folder was at the last look; None where it was none, or another one."""
    found = mails.state(blobs)
    return found if found and found.place == settings.place else None


def require_watched(services: Services) -> None:
    """Raise MailboxRefused or MailboxAway where mails are not taken for a reason that a person can mend."""
    settings = services.settings.mailbox
    found = state_of(services.blobs, settings) if settings else None
    if settings is None or found is None:
        return  # it was not looked at yet
    now = services.clock()
    if found.condition == "refused":
        raise MailboxRefused(found.error)
    if found.condition == "away" and now - found.since >= LONG_AWAY:
        raise MailboxAway(found.error)
    if now - found.looked >= SILENT:
        raise MailboxAway(f"the last look was at {found.looked:%Y-%m-%d %H:%M} UTC")


def try_again(services: Services) -> None:
    """Somebody mended what was refused: the next look signs in again."""
    settings = services.settings.mailbox
    found = state_of(services.blobs, settings) if settings else None
    if found and found.not_before:
        mails.keep_state(services.blobs, found.changed(not_before=None, failures=0))


def _note(
    services: Services,
    settings: MailboxSettings,
    condition: MailboxCondition,
    error: str,
    waiting: int | None,
) -> None:
    before = state_of(services.blobs, settings)
    now = services.clock()
    same = before is not None and before.condition == condition
    failures = 0 if condition == "watching" else (before.failures if before and same else 0) + 1
    state = MailboxState(
        place=settings.place,
        condition=condition,
        since=before.since if before and same else now,
        looked=now,
        failures=failures,
        error=error,
        not_before=_not_before(condition, failures, now),
        waiting=waiting if waiting is not None else before.waiting if before else 0,
    )
    mails.keep_state(services.blobs, state)


def _not_before(condition: MailboxCondition, failures: int, now: datetime) -> datetime | None:
    return now + next_sign_in(failures) if condition == "refused" else None


def _undecided_first(blobs: Blobs, listed: list[MailRef]) -> list[MailRef]:
    """Mails that cannot be moved away stay in the folder: they must not hold back the others."""
    return sorted(listed, key=lambda ref: _is_decided(blobs, ref))


def _is_decided(blobs: Blobs, ref: MailRef) -> bool:
    try:
        return mails.read(blobs, mail_id(ref.place, ref.validity, ref.uid)).outcome is not None
    except (BlobMissing, RecordDamaged):
        return False
