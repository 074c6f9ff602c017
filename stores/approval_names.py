"""Where approvals, ledgers, inbox, absences and anchors lie: names are made here, never by a caller."""

from __future__ import annotations

import re

from stores.naming import person_key

_NUMBERED = re.compile(r"[0-9]{6,18}")

APPROVALS = "approvals/"
INBOX = "inbox/"
ABSENCES = "delegations/"
BOOKINGS = "bookings/"
ANCHORS = "anchors/"


def request(approval: str) -> str:
    """What is to be approved and by whom: written once, the first entry of the ledger holds its hash."""
    return f"{APPROVALS}{approval}/request.json"


def ledger(approval: str) -> str:
    """The prefix of an approval's ledger."""
    return f"{APPROVALS}{approval}/ledger/"


def entry(approval: str, seq: int) -> str:
    """One entry of the ledger; the first is 1."""
    return numbered(ledger(approval), seq)


def numbered(prefix: str, seq: int) -> str:
    """One entry of the ledger below a prefix."""
    return f"{prefix}{seq:06d}.json"


def number_of(name: str) -> int:
    """The number of an entry or an anchor from its blob's name; 0 where it has none."""
    text = name.rpartition("/")[2].partition(".")[0]
    return int(text) if _NUMBERED.fullmatch(text) else 0


def inbox(approval: str) -> str:
    """Exists while the approval is open; its metadata has what a list shows."""
    return f"{INBOX}{approval}"


def absence(person: str) -> str:
    """Until when a person is away, and who decides meanwhile."""
    return f"{ABSENCES}{person_key(person)}.json"


def bookings(unit: str) -> str:
    """The prefix of the ledger of what was booked without a person."""
    return f"{BOOKINGS}{unit}/"


def anchor(seq: int) -> str:
    """One anchor; the first is 1."""
    return f"{ANCHORS}{seq:06d}.ndjson.gz"
