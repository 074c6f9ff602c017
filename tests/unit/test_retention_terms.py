"""What may go, when, and what has to stay: the decision of retention, and its settings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.retention_settings import read_retention
from adapters.setting_values import SettingError
from invoicing.records.retention import PurgeCounts, Tombstone
from invoicing.retention import names
from invoicing.retention.terms import Terms, ThingFacts, Verdict, verdict

NOW = datetime(2030, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
GOES, STAYS = Verdict("all"), Verdict("nothing")


def facts(age: timedelta = 400 * DAY, **changes: Any) -> ThingFacts:
    """A batch of which nothing is open."""
    values: dict[str, Any] = {
        "kind": "batch",
        "changed": NOW - age,
        "held": False,
        "under_way": False,
        "has_case": False,
        "open_approvals": 0,
        "payables": 0,
    }
    return ThingFacts(**values | changes)


def test_nothing_goes_without_a_term() -> None:
    """Unset means for good."""
    assert verdict(facts(100_000 * DAY), Terms(), NOW) == STAYS
    assert verdict(facts(100_000 * DAY), Terms(invoices=DAY, runs=DAY), NOW) == STAYS
    assert not Terms(paid_after=DAY).any


def test_a_thing_goes_when_its_last_change_is_old_enough() -> None:
    """To the moment."""
    terms = Terms(batches=365 * DAY)
    assert verdict(facts(365 * DAY), terms, NOW) == GOES
    assert verdict(facts(365 * DAY - timedelta(seconds=1)), terms, NOW) == STAYS


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"held": True}, "hold"),
        ({"under_way": True}, "run"),
        ({"has_case": True}, "case"),
        ({"open_approvals": 1}, "approval"),
        ({"payables": 1, "booked": NOW - 400 * DAY}, "payable"),
        ({"held": True, "under_way": True}, "hold"),
    ],
)
def test_what_is_held_or_open_stays(changes: dict[str, Any], why: Any) -> None:
    """Whatever its age; the documents alone stay as well."""
    assert verdict(facts(**changes), Terms(batches=DAY), NOW) == Verdict("nothing", why)
    assert verdict(facts(**changes), Terms(documents=DAY), NOW) == Verdict("nothing", why)
    assert verdict(facts(timedelta(0), **changes), Terms(batches=DAY), NOW) == STAYS


def test_a_payable_is_paid_when_the_setting_says_so() -> None:
    """Settle pays nothing itself."""
    booked = facts(payables=1, booked=NOW - 30 * DAY)
    assert verdict(booked, Terms(batches=DAY, paid_after=30 * DAY), NOW) == GOES
    assert verdict(booked, Terms(batches=DAY, paid_after=31 * DAY), NOW).why == "payable"


def test_documents_go_before_the_rest_or_the_rest_waits_for_them() -> None:
    """A term of their own that is longer holds back what they belong to."""
    before = Terms(batches=365 * DAY, documents=90 * DAY)
    assert verdict(facts(90 * DAY), before, NOW) == Verdict("documents")
    assert verdict(facts(90 * DAY, documents_gone=True), before, NOW) == STAYS
    assert verdict(facts(365 * DAY, documents_gone=True), before, NOW) == GOES
    longer = Terms(batches=90 * DAY, documents=365 * DAY)
    assert verdict(facts(364 * DAY), longer, NOW) == STAYS
    assert verdict(facts(365 * DAY), longer, NOW) == GOES
    alone = Terms(documents=90 * DAY)
    assert verdict(facts(9_000 * DAY), alone, NOW) == Verdict("documents")
    assert alone.kinds == ("batch", "invoice")


def test_ids_that_can_be_held() -> None:
    """A batch, a document of one, an invoice that came alone."""
    batch, invoice = "b" + "1" * 24, "i" + "2" * 24
    assert names.thing_of(batch) == batch
    assert names.thing_of(f"{batch}-17") == batch
    assert names.thing_of(invoice) == invoice
    for bad in ("", "b1", f"{batch}-0", f"{invoice}-1", f"{batch}/1", "a" + "1" * 24, f"{batch}-12345678"):
        assert names.thing_of(bad) is None
    assert names.holdable_of(f"{batch}/17") == f"{batch}-17"


def test_settings() -> None:
    """Days, whole or with a fraction; 0 and nothing mean for good."""
    read = read_retention({"SETTLE_KEEP_BATCHES_DAYS": "365", "SETTLE_KEEP_RUNS_DAYS": "0.5"})
    assert read.terms == Terms(batches=365 * DAY, runs=DAY / 2)
    assert read_retention({"SETTLE_KEEP_BATCHES_DAYS": "0", "SETTLE_KEEP_RUNS_DAYS": " "}).terms == Terms()
    assert read_retention({}).archive_documents is False
    wrong = [
        ("SETTLE_KEEP_INVOICES_DAYS", "-1"),
        ("SETTLE_KEEP_INVOICES_DAYS", "a year"),
        ("SETTLE_KEEP_INVOICES_DAYS", "1e9"),
        ("SETTLE_ARCHIVE_DOCUMENTS", "perhaps"),
        ("SETTLE_ARCHIVE_CONTAINER", "A"),
        ("SETTLE_RETENTION_SECONDS", "5"),
    ]
    for name, value in wrong:
        with pytest.raises(SettingError, match=name):
            read_retention({name: value})


def test_a_tombstone_says_where_the_archive_is() -> None:
    """The text that whoever asks for a purged thing gets."""
    values: dict[str, Any] = {
        "id": "b" + "1" * 24, "kind": "batch", "stage": "purged", "at": NOW, "created": NOW, "window": "r.1",
        "container": "settle-archive", "counts": PurgeCounts(),
    }  # fmt: skip
    record = {"name": "archive/b/record-1.json", "size": 1, "sha256": "0" * 64}
    whole = Tombstone(part="all", record=record, **values)  # pyright: ignore[reportArgumentType]
    assert "archived and purged on 2030-01-01" in whole.text
    assert "container settle-archive" in whole.text
    assert "archive/b/record-1.json" in whole.text
    documents = Tombstone(part="documents", record=None, **values)
    assert documents.text.startswith("The documents of the batch")
