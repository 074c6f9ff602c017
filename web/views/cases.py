"""What the page of runs says of those that failed or are gone while their work is not finished."""

from __future__ import annotations

from dataclasses import dataclass

from invoicing.records.supervision import Case, CaseState
from invoicing.supervision import advice, state
from web.views.timeline_chart import spoken

#: State of a case -> what people call it, and the look of its badge.
_STATES: dict[CaseState, tuple[str, str]] = {
    "running": ("running again", "busy"),
    "waiting": ("starts again", "busy"),
    "stuck": ("stuck", "bad"),
}


@dataclass(frozen=True)
class CaseLine:
    """One line of the table. `tone`: how its badge looks; `can_restart`: whether the button makes sense."""

    id: str
    title: str
    word: str
    tone: str
    reason: str
    advice: str
    can_restart: bool

    @classmethod
    def of(cls, case: Case) -> CaseLine:
        """The line of a case."""
        word, tone = _STATES[state(case)]
        title = spoken(case.orchestrator)
        return cls(
            id=case.instance,
            title=title[:1].upper() + title[1:],
            word=word,
            tone=tone,
            reason=case.reason,
            advice=advice(case),
            can_restart=not case.is_running,
        )
