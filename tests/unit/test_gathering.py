"""Which messages wait for company, and when they go out."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoicing.approval.gathering import Slot, pace, slot_at, slot_key

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
FAR, NEAR = NOW + timedelta(days=14), NOW + timedelta(hours=20)
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))


@pytest.mark.parametrize(
    ("kind", "deadline", "due", "expected"),
    [
        ("request", FAR, None, "slot"),
        ("request", FAR, date(2026, 6, 1), "slot"),
        ("request", FAR, date(2026, 5, 7), "soon"),
        ("request", FAR, date(2025, 1, 1), "soon"),
        ("request", NEAR, None, "soon"),
        ("reminder", FAR, None, "slot"),
        ("reminder", NEAR, None, "soon"),
        ("escalation", FAR, None, "soon"),
        ("expired", NEAR, date(2025, 1, 1), "slot"),
        ("decided", None, date(2025, 1, 1), "slot"),
        ("question", FAR, None, "now"),
        ("answer", FAR, None, "now"),
    ],
)
def test_what_is_urgent_waits_less(kind: str, deadline: datetime, due: date, expected: str) -> None:
    """Talk goes at once; an escalation, an end that is near and a payment that is due go within a minute."""
    assert pace(kind, "digest", NOW, deadline, due) == expected
    assert pace(kind, "single", NOW, deadline, due) == "now"


@given(MOMENTS, st.integers(1, 86_400), st.sampled_from(["ann@example.com", "bob@example.com", ""]))
def test_moment_is_in_its_slot_and_the_slot_ends_after_it(moment: datetime, seconds: int, who: str) -> None:
    """Not later than its length; the next slot begins there."""
    key = slot_key("mail", (who,), seconds)
    slot = slot_at(key, seconds, moment)
    assert moment < slot.ends <= moment + timedelta(seconds=seconds)
    assert slot_at(key, seconds, slot.ends) == Slot(key, slot.number + 1, seconds)
    assert slot_at(key, seconds, slot.ends - timedelta(microseconds=1)) == slot


@given(MOMENTS, st.integers(0, 10**7))
def test_following_slot_is_a_later_one(moment: datetime, passed: int) -> None:
    """That of the moment, where it is later already."""
    slot = slot_at(slot_key("mail", ("ann@example.com",), 900), 900, moment)
    later = slot.ends + timedelta(seconds=passed)
    assert slot.following(later) == slot_at(slot.key, 900, later)
    assert slot.following(moment).number == slot.number + 1


def test_people_do_not_all_get_their_mail_in_the_same_second() -> None:
    """Slots begin at another moment for each of them, and are as long."""
    keys = [slot_key("mail", (f"p{n}@example.com",), 900) for n in range(200)]
    ends = {slot_at(key, 900, NOW).ends for key in keys}
    assert len(ends) > 150
    assert max(ends) - min(ends) < timedelta(seconds=900)


def test_slots_of_other_channels_people_and_lengths_are_others() -> None:
    """Or a message would go out with those of somebody else."""
    keys = {
        slot_key(channel, to, seconds)
        for channel in ("mail", "outbox")
        for to in (("a@x.y",), ("b@x.y",))
        for seconds in (60, 900)
    }
    assert len(keys) == 8
