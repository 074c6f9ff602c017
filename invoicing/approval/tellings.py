"""What a ledger has to be told to whom: a pure function of its entries.

Each entry of the ledger makes at most one telling, so a step that is repeated, or a workflow that is started
again and reads the ledger from its beginning, comes to the same ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from invoicing.approval import deciding, stages
from invoicing.approval.deciding import People, StandIns
from invoicing.approval.ledger import Entry
from invoicing.approval.policy import Stage
from invoicing.approval.stages import Progress
from invoicing.records.messages import MessageKind

_LONGEST_COMMENT = 500


@dataclass(frozen=True)
class Telling:
    """What one entry has to be told: `to` are persons.

    `seq`: the entry. `deadline`: when its stage ends. `author`, `comment`: who said what. `outcome`: what
    became of the approval, for `decided`.
    """

    seq: int
    kind: MessageKind
    stage: str
    to: tuple[str, ...]
    deadline: datetime | None = None
    author: str = ""
    comment: str = ""
    outcome: str = ""


@dataclass(frozen=True)
class _Rights:
    """Who sent the invoice in, who stands in for whom, and whom the policy names."""

    sender: str | None
    away: StandIns
    people: People


def tellings(
    asked: Iterable[Stage],
    entries: Sequence[Entry],
    sender: str | None,
    *,
    after: int = 0,
    away: StandIns | None = None,
    people: People = None,
) -> list[Telling]:
    """What the entries behind number `after` have to be told; nobody to tell: left out.

    `away`: who stands in for those who are away. `people`: whom the policy names; None: all who are asked.
    """
    rights = _Rights(sender, away or {}, people)
    state = stages.progress(asked, ())
    found: list[Telling] = []
    for place, entry in enumerate(entries):
        before = state
        state = stages.after(before, entry)
        if entry.seq <= after:
            continue
        telling = _telling(entry, before, state, entries[:place], rights)
        if telling is not None and telling.to:
            found.append(telling)
    return found


def _telling(
    entry: Entry,
    before: Progress,
    state: Progress,
    earlier: Sequence[Entry],
    rights: _Rights,
) -> Telling | None:
    to_sender = (rights.sender,) if rights.sender else ()
    if entry.kind == "closed":
        return _decided(entry, state, earlier, to_sender)
    current = next((stage for stage in state.stages if stage.name == entry.stage), None)
    if current is None or current.since is None:
        return None

    telling = Telling(entry.seq, "request", current.name, (), stages.deadline(current))
    asked = _deciders(state, rights)
    match entry.kind:
        case "stage_opened":
            return replace(telling, to=asked)
        case "asked" | "reassigned":
            named = entry.detail.to or ()
            return replace(telling, to=tuple(person for person in asked if person in named))
        case "reminder" if current.question is not None:
            return _question(telling, earlier, to_sender)  # it is the sender whom everybody waits for
        case "reminder" | "escalation":
            return replace(telling, kind=entry.kind, to=asked)
        case "expiry" if current.status == "open":
            return replace(telling, kind="escalation", to=asked)
        case "expiry":
            return replace(telling, kind="expired", to=_deciders(before, rights))
        case "approve" if current.status == "open":
            # Where fewer people than needed are left of those who were asked, others are asked now.
            before_it = _deciders(before, rights)
            return replace(telling, to=tuple(person for person in asked if person not in before_it))
        case "ask":
            return _question(telling, [entry], to_sender)
        case "answer":
            asker = next((past.who for past in reversed(earlier) if past.kind == "ask"), None)
            comment = entry.comment[:_LONGEST_COMMENT]
            return replace(
                telling, kind="answer", to=(asker,) if asker else (), author=entry.who or "", comment=comment
            )
        case _:
            return None


def _question(telling: Telling, earlier: Sequence[Entry], to_sender: tuple[str, ...]) -> Telling | None:
    asked = next((past for past in reversed(earlier) if past.kind == "ask"), None)
    if asked is None:
        return None
    comment = asked.comment[:_LONGEST_COMMENT]
    return replace(telling, kind="question", to=to_sender, author=asked.who or "", comment=comment)


def _deciders(state: Progress, rights: _Rights) -> tuple[str, ...]:
    return deciding.deciders(state, rights.sender, rights.away, rights.people)


def _decided(entry: Entry, state: Progress, earlier: Sequence[Entry], to: tuple[str, ...]) -> Telling:
    last = next((past for past in reversed(earlier) if past.kind in ("approve", "reject", "expiry")), None)
    return Telling(
        seq=entry.seq,
        kind="decided",
        stage=(last.stage if last else None) or "",
        to=to,
        author=(last.who if last else None) or "",
        comment=last.comment[:_LONGEST_COMMENT] if last else "",
        outcome=state.outcome or "closed",
    )
