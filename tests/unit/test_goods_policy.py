"""The section `goods_receipt` of the policy: read and checked with the whole file."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from invoicing.approval.policy import Policy, PolicyInvalid
from invoicing.approval.policy_file import parse
from invoicing.matching.told import MISMATCHES, ORDER_MISSING

ANN = "ann@example.com"
STAGE = {"name": "clerk", "approvers": [ANN], "expire_after": "P14D"}
ASKS = {"name": "goods", "when": {"findings": list(MISMATCHES)}, "stages": [STAGE]}
FREE = {"name": "small", "when": {"currency": ["EUR"], "amount_below": "100"}, "stages": []}
REST = {"name": "rest", "when": {}, "stages": [STAGE]}


def policy(section: Any, *rules: dict[str, Any]) -> Policy:
    """A policy with a section, and rules."""
    value = {"version": 1, "people": {ANN: {"name": "Ann"}}, "rules": list(rules or (REST,))}
    return parse(json.dumps(value | ({} if section is None else {"goods_receipt": section})).encode())


def problems(section: Any, *rules: dict[str, Any]) -> str:
    """What is wrong with it."""
    with pytest.raises(PolicyInvalid) as caught:
        policy(section, *rules)
    return "; ".join(caught.value.problems)


def test_section_that_is_left_out_means_nobody_waits() -> None:
    """The app is as it was."""
    assert policy(None).goods is None


def test_section_is_read() -> None:
    """Everything in it."""
    goods = policy(
        {
            "about": "what for",
            "quantity_percent": "2.5",
            "quantity_units": "1",
            "price_percent": "0.5",
            "wait": "P30D",
            "remind_after": "P7D",
            "remind_every": "P3D",
            "remind": [ANN],
            "unknown_order": "wait",
        }
    ).goods
    assert goods is not None
    assert goods.wait == timedelta(days=30)
    assert (goods.quantity_percent, goods.quantity_units) == (Decimal("2.5"), Decimal(1))
    assert (goods.remind, goods.unknown_order) == ((ANN,), "wait")


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ([], "goods_receipt: is not an object"),
        ({}, "goods_receipt.wait: is missing"),
        ({"wait": "P9000D"}, "goods_receipt.wait: is longer than 366 days"),
        ({"wait": "P1D", "quantity_percent": 2}, 'goods_receipt.quantity_percent: is not a number in quotes'),
        ({"wait": "P1D", "price_percent": "101"}, "goods_receipt.price_percent: is more than 100"),
        ({"wait": "P1D", "remind": ["x@example.com"]}, "is not one of the people"),
        ({"wait": "P1D", "remind_after": "P2D", "remind": [ANN]}, "is not before wait"),
        ({"wait": "P1D", "remind_every": "PT1H"}, "goods_receipt.remind_every: needs remind_after"),
        ({"wait": "P1D", "remind_after": "PT1H"}, "goods_receipt.remind: names nobody"),
        ({"wait": "P1D", "unknown_order": "guess"}, "unknown_order: is go_on or wait or ignore"),
        ({"wait": "P1D", "order_required": True}, "order_required: is no or where_ordered or always"),
        ({"wait": "P1D", "tolerance": "1"}, "goods_receipt.tolerance: is unknown"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(section: Any, expected: str) -> None:
    """When the policy is loaded, not when the first goods come."""
    assert expected in problems(section)


def test_no_rule_lets_through_what_does_not_match() -> None:
    """A rule that asks nobody has to leave mismatches to others, or to come after one that asks."""
    wait = {"wait": "P1D"}
    assert "rules[0].when.findings: asks nobody" in problems(wait, FREE, REST)
    assert policy(wait, ASKS, FREE, REST).goods
    assert policy(wait, FREE | {"when": FREE["when"] | {"findings": "none"}}, REST).goods
    assert policy(None, FREE, REST).goods is None
    required = wait | {"order_required": "always"}
    assert "asks nobody" in problems(required, ASKS, FREE, REST)
    said = FREE | {"when": FREE["when"] | {"findings": [ORDER_MISSING]}}
    assert policy(required, ASKS, said, REST).goods
    part = {**ASKS, "when": {"findings": list(MISMATCHES[:2])}}
    assert "asks nobody" in problems(wait, part, FREE, REST)


def test_reminders_come_at_their_times() -> None:
    """After seven days, then each three, and none when the time is over."""
    goods = policy({"wait": "P14D", "remind_after": "P7D", "remind_every": "P3D", "remind": [ANN]}).goods
    assert goods is not None
    due = [goods.reminders_due(timedelta(days=day)) for day in (0, 6, 7, 9, 10, 13)]
    assert due == [0, 0, 1, 1, 2, 3]
    assert [goods.next_reminder(sent) for sent in range(4)] == [
        timedelta(days=7), timedelta(days=10), timedelta(days=13), None,
    ]  # fmt: skip
