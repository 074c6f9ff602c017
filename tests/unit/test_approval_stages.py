"""A stage as a state machine: whatever order decisions come in, it ends once, and by the right people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoicing.approval import deciding, delegation, ledger, stages
from invoicing.approval.deciding import DecisionRefused
from invoicing.approval.delegation import BadDelegation
from invoicing.approval.ledger import Draft, Entry
from invoicing.approval.policy import Stage
from invoicing.approval.stages import Progress
from invoicing.records.absence import Absence

START = datetime(2026, 5, 1, tzinfo=UTC)
DAY = timedelta(days=1)
PEOPLE = ("ann", "bob", "eva", "dan")
CLERK = Stage("clerk", ("ann", "bob", "eva"), 14 * DAY, quorum=2)
BOSS = Stage("boss", ("dan", "ann"), 14 * DAY)


def _after(state: Progress, draft: Draft) -> Progress:
    return stages.after(state, Entry(**vars(draft)))


def _opened(*asked: Stage) -> Progress:
    draft = Draft(kind="stage_opened", at=START.isoformat(), stage=asked[0].name)
    return _after(stages.progress(asked, []), draft)


def _system(kind: ledger.Kind, stage: str, day: float) -> Draft:
    return Draft(kind=kind, at=(START + day * DAY).isoformat(), stage=stage)


clicks = st.lists(
    st.tuples(
        st.sampled_from(PEOPLE),
        st.sampled_from(["approve", "approve", "reject", "ask"]),
        st.sampled_from(["clerk", "boss"]),
    ),
    max_size=12,
)


@given(clicks)
def test_whatever_is_clicked_a_stage_ends_once_and_by_different_people(
    clicked: list[tuple[str, ledger.Kind, str]],
) -> None:
    """Only what `check_decision` allows is written; then nothing follows an end."""
    state, written = _opened(CLERK, BOSS), []
    for who, kind, stage in clicked:
        try:
            deciding.check_decision(
                state, stage=stage, who=who, decision=kind, comment="x", sender="sue", stand_ins={}
            )
        except DecisionRefused:
            continue
        before = state
        state = _after(state, Draft(kind=kind, at=START.isoformat(), stage=stage, who=who))
        written.append((who, kind, stage))
        assert before.stage(stage).status == "open"
        if stages.may_open(state, "boss"):
            state = _after(state, _system("stage_opened", "boss", 1))
    approved = [who for who, kind, _ in written if kind == "approve"]
    assert len(approved) == len(set(approved))
    if state.outcome == "approved":
        assert sum(stage == "clerk" and kind == "approve" for _, kind, stage in written) == 2
    rejected = [stage for _, kind, stage in written if kind == "reject"]
    assert len(rejected) <= 1
    assert (state.outcome == "rejected") == bool(rejected)


def test_next_alarm_is_the_earliest_and_the_end_wins_a_tie() -> None:
    """Reminder, then escalation, then expiry; of two at one moment the one that changes more."""
    stage = Stage(
        "clerk", ("ann",), 4 * DAY, remind_after=DAY, remind_every=3 * DAY, escalate_after=2 * DAY,
        escalate_to=("bob",),
    )  # fmt: skip
    state, seen = _opened(stage), []
    while state.open_stage is not None:
        alarm = stages.next_alarm(state.open_stage)
        seen.append((alarm.kind, (alarm.at - START) / DAY, alarm.key))
        assert stages.alarm_still_due(state, "clerk", alarm.key)
        state = _after(state, Draft(kind=alarm.kind, at=alarm.at.isoformat(), stage="clerk"))
        assert not stages.alarm_still_due(state, "clerk", alarm.key)
    assert seen == [
        ("reminder", 1, "reminder.clerk.1"),
        ("escalation", 2, "escalation.clerk"),
        ("expiry", 4, "expiry.clerk.1"),
    ]


def test_stage_opens_in_its_turn_only() -> None:
    """Not before the one before approved, and once."""
    state = stages.progress([CLERK, BOSS], [])
    assert stages.may_open(state, "clerk")
    assert not stages.may_open(state, "boss")
    assert not stages.may_open(_opened(CLERK, BOSS), "clerk")


def test_entries_that_mean_nothing_change_nothing() -> None:
    """An approval of a stage that waits, a reminder of one that is over, an unknown stage."""
    state = stages.progress([CLERK], [])
    for draft in (
        Draft(kind="approve", at=START.isoformat(), stage="clerk", who="ann"),
        _system("reminder", "clerk", 1),
        _system("expiry", "board", 1),
    ):
        assert _after(state, draft).stages == state.stages


def test_stand_in_of_the_sender_may_not_decide() -> None:
    """Whoever acts in the sender's name is the sender."""
    state = _opened(CLERK)
    with pytest.raises(DecisionRefused) as refused:
        deciding.check_decision(
            state, stage="clerk", who="dan", decision="approve", comment="", sender="ann",
            stand_ins={"ann": ("dan",)},
        )  # fmt: skip
    assert refused.value.code == "sender_may_not"


def test_own_place_is_taken_before_somebody_elses() -> None:
    """Bob, who stands in for Ann, decides for himself: Ann's place stays free for another."""
    place = deciding.check_decision(
        _opened(CLERK), stage="clerk", who="bob", decision="approve", comment="", sender=None,
        stand_ins={"ann": ("bob",)},
    )  # fmt: skip
    assert place == "bob"


# ---------------------------------------------------------------- absence


def _away(who: str, to: str, days: float = 5) -> Absence:
    return Absence(who, to, START + days * DAY, START)


def test_chain_of_absences_ends_with_who_is_there() -> None:
    """Ann names Bob, who is away too and named Eva."""
    away = [_away("ann", "bob"), _away("bob", "eva")]
    assert delegation.stand_ins("ann", away, START) == ("bob", "eva")
    assert delegation.stand_ins("dan", away, START) == ()


def test_absence_ends() -> None:
    """At its moment."""
    assert delegation.stand_ins("ann", [_away("ann", "bob", 5)], START + 5 * DAY) == ()
    assert delegation.stand_ins("ann", [_away("ann", "bob", 5)], START + 4.99 * DAY) == ("bob",)


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (_away("ann", "ann"), "self"),
        (_away("ann", "bob", -1), "past"),
        (_away("ann", "bob", 400), "too_long"),
        (_away("eva", "ann"), "loop"),
    ],
)
def test_absence_that_cannot_be_is_refused(wanted: Absence, code: str) -> None:
    """Ann is away for Bob, Bob for Eva: Eva cannot name Ann."""
    others = [_away("ann", "bob"), _away("bob", "eva")]
    with pytest.raises(BadDelegation) as refused:
        delegation.check(wanted, others, START)
    assert refused.value.code == code


@given(st.dictionaries(st.sampled_from(PEOPLE), st.sampled_from(PEOPLE)))
def test_loops_are_harmless(edges: dict[str, str]) -> None:
    """Two people can name each other at the same moment: nobody is asked twice or for ever."""
    away = [_away(who, to) for who, to in edges.items()]
    for person in PEOPLE:
        chain = delegation.stand_ins(person, away, START)
        assert person not in chain
        assert len(set(chain)) == len(chain)
    loop = delegation.loop_in(edges)
    if loop is not None:
        following = (*loop[1:], loop[0])
        assert [edges[who] for who in loop] == list(following)
