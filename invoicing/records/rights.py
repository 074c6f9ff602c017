"""Who had the right to decide when it was last looked at."""

from __future__ import annotations

from pydantic import Field

from invoicing.records.base import Record


class RightsSeen(Record):
    """`people`: whom the policy named; `stand_ins`: who could decide for those who were away."""

    people: tuple[str, ...] = ()
    stand_ins: dict[str, tuple[str, ...]] = Field(default_factory=dict[str, tuple[str, ...]])

    def changed_for(self, other: RightsSeen) -> frozenset[str]:
        """The people whose right, or whose stand-ins, are not the same in both."""
        named = frozenset(self.people) ^ frozenset(other.people)
        away = {*self.stand_ins, *other.stand_ins}
        return named | {who for who in away if self.stand_ins.get(who) != other.stand_ins.get(who)}
