"""Four eyes: who may decide, in whose place, and who is asked; a stage never waits for nobody."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from invoicing.approval import deciding, ledger, stages
from invoicing.approval.deciding import DecisionRefused
from invoicing.approval.delegation import stand_ins
from invoicing.approval.ledger import Draft, Entry
from invoicing.approval.policy import Stage, can_be_filled
from invoicing.approval.seats import different_people_for
from invoicing.approval.stages import Progress
from invoicing.records.absence import Absence

START = datetime(2026, 5, 1, tzinfo=UTC)
DAY = timedelta(days=1)
PEOPLE = ("ann", "bob", "cleo", "dan", "eva")
Away = Mapping[str, Sequence[str]]


def _stage(name: str, *approvers: str, **more: object) -> Stage:
    return Stage(name, approvers, 14 * DAY, **more)  # type: ignore[arg-type]


def _after(
    state: Progress, kind: ledger.Kind, stage: str, who: str | None = None, seat: str | None = None
) -> Progress:
    draft = Draft(kind=kind, at=START.isoformat(), stage=stage, who=who, on_behalf_of=seat)
    return stages.after(state, Entry(**vars(draft)))


def _opened(*asked: Stage) -> Progress:
    return _after(stages.progress(asked, []), "stage_opened", asked[0].name)


def _decide(
    state: Progress,
    who: str,
    decision: ledger.Kind = "approve",
    *,
    away: Away | None = None,
    sender: str | None = None,
    people: frozenset[str] | None = None,
) -> Progress:
    """Somebody decides in the open stage; where that ends it, the next one opens. Raises DecisionRefused."""
    current = state.open_stage
    assert current is not None
    seat = deciding.check_decision(
        state,
        stage=current.name,
        who=who,
        decision=decision,
        comment="x",
        sender=sender,
        stand_ins=away or {},
        people=people,
    )
    state = _after(state, decision, current.name, who, seat if seat != who else None)
    waiting = next((one.name for one in state.stages if one.status == "waiting"), None)
    return _after(state, "stage_opened", waiting) if waiting and stages.may_open(state, waiting) else state


def _code(state: Progress, who: str, **more: object) -> str:
    with pytest.raises(DecisionRefused) as refused:
        _decide(state, who, **more)  # type: ignore[arg-type]
    assert refused.value.text.endswith(".")
    return refused.value.code


def _asked(state: Progress, away: Away | None = None, sender: str | None = None) -> tuple[str, ...]:
    return deciding.waiting_for(state, sender, away or {})


# ---------------------------------------------------------------- a barred person's seat


def test_seat_of_who_decided_before_cannot_be_handed_on() -> None:
    """Ann approved as a clerk; away, she cannot send Bob into her seat as a manager."""
    state = _decide(_opened(_stage("clerk", "ann"), _stage("manager", "ann", "cleo")), "ann")
    away = {"ann": ("bob",)}
    assert _code(state, "bob", away=away) == "same_person"
    assert _asked(state, away) == ("cleo",)
    assert _decide(state, "cleo", away=away).outcome == "approved"


def test_who_decided_in_anothers_place_is_not_asked_again() -> None:
    """Ann stood in for Bob; and where she is an approver herself, her own seat was the one that she took."""
    state = _decide(_opened(_stage("clerk", "bob", "cleo", quorum=2)), "ann", away={"bob": ("ann",)})
    assert _asked(state) == ("cleo",)
    state = _decide(
        _opened(_stage("clerk", "ann", "bob", "cleo", quorum=2)),
        "ann",
        away={"ann": ("dan",), "bob": ("ann",)},
    )
    assert state.stages[0].approvals == {"ann": "ann"}
    assert _code(state, "dan", away={"ann": ("dan",)}) == "already_decided"


def test_seat_of_the_sender_cannot_be_handed_on() -> None:
    """Whoever acts in the sender's name is the sender."""
    state, away = _opened(_stage("clerk", "ann", "bob")), {"ann": ("dan",)}
    assert _code(state, "dan", away=away, sender="ann") == "sender_may_not"
    assert _asked(state, away, sender="ann") == ("bob",)


def test_stand_in_who_is_barred_is_not_asked_and_who_is_away_is() -> None:
    """Being away takes no right: where the stand-in may not decide, who is away is asked all the same."""
    away = {"bob": ("ann",)}
    assert _asked(_opened(_stage("clerk", "bob")), away, sender="ann") == ("bob",)
    state = _decide(_opened(_stage("clerk", "ann"), _stage("manager", "bob")), "ann")
    assert _asked(state, away) == ("bob",)
    assert _asked(state, {"bob": ("ann", "dan")}) == ("dan",)
    assert _asked(state, {"bob": ("dan", "ann")}) == ("dan",)


def test_one_stand_in_for_two_is_asked_once_and_others_as_far_as_they_are_needed() -> None:
    """Eva stands in for both: where one yes is enough, she alone is asked; for two, also one who is away."""
    away = {"ann": ("eva",), "bob": ("eva",)}
    assert _asked(_opened(_stage("clerk", "ann", "bob")), away) == ("eva",)
    both = _opened(_stage("clerk", "ann", "bob", quorum=2))
    assert set(_asked(both, away)) in ({"eva", "ann"}, {"eva", "bob"})
    assert _asked(_decide(both, "eva", away=away), away) == ("bob",)


# ---------------------------------------------------------------- enough people for what follows


def test_who_is_needed_later_does_not_approve_now() -> None:
    """Ann is the only manager: as a clerk Bob has to approve. She may still reject, and ask."""
    clerk, manager = _stage("clerk", "ann", "bob"), _stage("manager", "ann")
    state = _opened(clerk, manager)
    assert _code(state, "ann") == "needed_later"
    assert _asked(state) == ("bob",)
    assert _decide(state, "ann", "reject").outcome == "rejected"
    assert _decide(state, "ann", "ask", sender="sue").stages[0].question == "ann"
    assert _decide(_decide(state, "bob"), "ann").outcome == "approved"


def test_stand_in_who_is_needed_later_does_not_approve_now() -> None:
    """Dan stands in for Ann as a clerk, and is the manager."""
    state, away = _opened(_stage("clerk", "ann"), _stage("manager", "dan")), {"ann": ("dan",)}
    assert _code(state, "dan", away=away) == "needed_later"
    assert _asked(state, away) == ("ann",)


def test_stage_whose_own_approvers_are_used_up_goes_to_the_next_in_line_at_once() -> None:
    """Not after five days in which nobody could decide; what is left of the time is the same."""
    manager = _stage("manager", "ann", escalate_to=("cleo",), escalate_after=5 * DAY)
    state = _decide(_opened(_stage("clerk", "ann", "bob"), manager), "ann")
    current = state.open_stage
    assert current is not None
    assert (current.approvers, current.escalated, _asked(state)) == (("ann", "cleo"), True, ("cleo",))
    assert stages.next_alarm(current).kind == "expiry"
    untouched = _decide(_opened(_stage("clerk", "ann", "bob"), manager), "bob").open_stage
    assert untouched is not None
    assert (untouched.approvers, untouched.escalated) == (("ann",), False)


# ---------------------------------------------------------------- whatever happens


def _brute_force(places: Sequence[frozenset[str]]) -> bool:
    return any(len(set(chosen)) == len(chosen) for chosen in itertools.product(*places))


@given(st.lists(st.frozensets(st.sampled_from(PEOPLE)), max_size=5))
def test_different_people_are_found_where_there_are_some(places: list[frozenset[str]]) -> None:
    """Held against trying everything."""
    assert different_people_for(places) == _brute_force(places)


_people = st.lists(st.sampled_from(PEOPLE), unique=True, max_size=3)


@st.composite
def _asked_for(draw: st.DrawFn) -> tuple[Stage, ...]:
    """Stages that a policy may ask for: different people can fill them all."""
    found = []
    for n in range(draw(st.integers(1, 3))):
        approvers = draw(_people.filter(bool))
        more = tuple(one for one in draw(_people) if one not in approvers)
        quorum = draw(st.integers(1, len(approvers)))
        meaning = draw(st.sampled_from(["reject", "escalate", "approve"])) if more else "reject"
        found.append(
            _stage(f"s{n}", *approvers, quorum=quorum, escalate_to=more, on_expiry=meaning,
                   escalate_after=5 * DAY if more else None)
        )  # fmt: skip
    assume(can_be_filled(found))
    return tuple(found)


_away = st.dictionaries(st.sampled_from(PEOPLE), st.sampled_from(PEOPLE))
_seeds = st.integers(0, 2**32)


def _stand_ins(edges: dict[str, str]) -> dict[str, tuple[str, ...]]:
    absent = [Absence(who, to, START + DAY, START) for who, to in edges.items() if who != to]
    return {one: stand_ins(one, absent, START) for one in PEOPLE}


def _something_happens(state: Progress, away: Away, rng: random.Random) -> Progress:
    """Anybody clicks, or an alarm comes; what is refused changes nothing."""
    current = state.open_stage
    assert current is not None
    if rng.random() < 0.2:
        alarm = stages.next_alarm(current)
        state = _after(state, alarm.kind, current.name)
        waiting = next((one.name for one in state.stages if one.status == "waiting"), None)
        return (
            _after(state, "stage_opened", waiting) if waiting and stages.may_open(state, waiting) else state
        )
    with suppress(DecisionRefused):
        state = _decide(state, rng.choice(PEOPLE), away=away)
    return state


@given(_asked_for(), st.lists(_away, min_size=8, max_size=8), _seeds)
def test_open_stage_waits_for_people_who_can_decide(
    asked: tuple[Stage, ...], absences: list[dict[str, str]], seed: int
) -> None:
    """At every moment somebody is asked, and everybody who is asked can approve; whoever is away changes."""
    state, rng = _opened(*asked), random.Random(seed)
    for edges in absences:
        away = _stand_ins(edges)
        if state.open_stage is None:
            break
        people = _asked(state, away)
        assert people, state
        for person in people:
            _decide(state, person, away=away)  # does not raise
        state = _something_happens(state, away, rng)


@given(_asked_for(), _away, _seeds)
def test_whoever_is_asked_says_yes_and_it_is_approved(
    asked: tuple[Stage, ...], edges: dict[str, str], seed: int
) -> None:
    """Whatever order they come in, nobody is stuck; and each seat and each person counts once."""
    state, rng, away = _opened(*asked), random.Random(seed), _stand_ins(edges)
    decided: list[str] = []
    for _ in range(20):
        if state.open_stage is None:
            break
        before, barred = state.open_stage, set(decided)
        person = rng.choice(_asked(state, away))
        state = _decide(state, person, away=away)
        seat = next(one for one, who in state.stage(before.name).approvals.items() if who == person)
        assert person not in barred
        assert seat not in barred, f"{seat} decided before, and {person} took their seat"
        decided.append(person)
    assert state.outcome == "approved"
    assert len(set(decided)) == len(decided) == sum(stage.quorum for stage in asked)


# ---------------------------------------------------------------- whose right has ended


def test_who_is_not_in_the_policy_any_more_decides_nothing() -> None:
    """Neither themselves nor by a stand-in; a stranger is still told that it is not their turn."""
    state = _opened(_stage("clerk", "ann", "bob"))
    left = frozenset({"ann", "dan"})
    away = {"bob": ("dan",)}
    assert _code(state, "bob", people=left) == "right_ended"
    assert _code(state, "dan", people=left, away=away) == "right_ended"
    assert _code(state, "eva", people=left) == "not_your_turn"
    assert deciding.waiting_for(state, None, away, left) == ("ann",)
    assert _decide(state, "ann", people=left).outcome == "approved"


def test_stand_in_who_left_is_not_asked() -> None:
    """The one before in the chain is."""
    state = _opened(_stage("clerk", "ann"))
    assert deciding.waiting_for(state, None, {"ann": ("bob", "eva")}, frozenset({"ann", "bob"})) == ("bob",)


def test_who_left_does_not_count_among_those_that_are_needed_later() -> None:
    """Ann is the only one left for the manager's stage, so Bob has to approve as a clerk."""
    state = _opened(_stage("clerk", "ann", "bob"), _stage("manager", "ann", "cleo"))
    left = frozenset({"ann", "bob"})
    assert _code(state, "ann", people=left) == "needed_later"
    assert deciding.waiting_for(state, None, {}, left) == ("bob",)


def test_a_later_stage_that_all_have_left_bars_nobody_now() -> None:
    """It is made good by who may reassign it; meanwhile the first stage goes on."""
    state = _opened(_stage("clerk", "ann"), _stage("manager", "cleo"))
    state = _decide(state, "ann", people=frozenset({"ann"}))
    assert state.open_stage is not None
    assert deciding.waiting_for(state, None, {}, frozenset({"ann"})) == ()
