"""How long to wait until the next look into the folder."""

from __future__ import annotations

from datetime import timedelta

from invoicing.records.mailbox_steps import Look, MailboxWatch

#: After the server did not answer: a minute, then twice the one before, up to a quarter of an hour.
AWAY_FIRST, AWAY_LONGEST = timedelta(minutes=1), timedelta(minutes=15)
#: While the server does not let us in, the watch only looks whether it may try again: that asks no server.
REFUSED = timedelta(minutes=5)
#: When a wrong password is tried again: with each failure later, since servers lock accounts out.
LOCK_OUT = tuple(timedelta(minutes=minutes) for minutes in (15, 60, 240, 720, 1440))


def after(watch: MailboxWatch, look: Look, trouble: bool) -> MailboxWatch:
    """How the watch goes on after a look; `trouble`: a mail could not be taken for the moment."""
    if look.condition == "away" or (trouble and look.condition == "ok"):
        return MailboxWatch(failures=watch.failures + 1)
    if look.condition == "refused":
        return MailboxWatch()
    return MailboxWatch(idle=0 if look.mails else watch.idle + 1)


def pause(watch: MailboxWatch, look: Look) -> timedelta:
    """How long to wait before the next look. `watch` is what came of the last one (`after`).

    While nothing comes, it grows by half each time.
    """
    if look.condition == "refused":
        return REFUSED
    if watch.failures:
        return min(AWAY_FIRST * 2 ** min(watch.failures - 1, 16), AWAY_LONGEST)
    if look.more:
        return timedelta(seconds=1)
    grown = look.first * 1.5 ** min(watch.idle, 32)
    return timedelta(seconds=round(min(grown, max(look.first, look.longest))))


def next_sign_in(failures: int) -> timedelta:
    """How long to wait before the next try to sign in, after so many that were refused in a row."""
    return LOCK_OUT[min(max(failures, 1), len(LOCK_OUT)) - 1]
