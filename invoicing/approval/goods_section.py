"""The section `goods_receipt` of the policy file: how an order, its goods and its invoices are compared."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, Protocol, cast

from invoicing.approval.policy import Condition, Rule
from invoicing.matching.told import MISMATCHES, ORDER_MISSING
from invoicing.matching.tolerances import GoodsPolicy, OrderRequired, UnknownOrder

_PLACE = "goods_receipt"
_FIELDS = {
    "about",
    "quantity_percent",
    "quantity_units",
    "price_percent",
    "wait",
    "remind_after",
    "remind_every",
    "remind",
    "unknown_order",
    "order_required",
}
_TOLERANCE = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?")
_MOST_PERCENT = Decimal(100)
_UNKNOWN_ORDER: tuple[UnknownOrder, ...] = ("go_on", "wait", "ignore")
_ORDER_REQUIRED: tuple[OrderRequired, ...] = ("no", "where_ordered", "always")
# More often than that, people take reminders for noise.
_SHORTEST = timedelta(minutes=1)


class Section(Protocol):
    """What reads the parts of the policy file, and notes what is wrong with them."""

    def note(self, place: str, problem: str) -> None:
        """Add a problem."""
        ...

    def known(self, value: dict[str, Any], names: set[str], place: str) -> None:
        """Note fields that are not known."""
        ...

    def span(self, value: dict[str, Any], name: str, place: str) -> timedelta | None:
        """An ISO 8601 duration."""
        ...

    def persons(self, value: Any, place: str, *, may_be_empty: bool = False) -> tuple[str, ...]:
        """A list of people, each once and known."""
        ...


def read_goods(section: Section, value: Any, rules: Sequence[Rule]) -> GoodsPolicy | None:
    """The section; None where there is none: no invoice waits for goods then."""
    if value is None:
        return None
    if not isinstance(value, dict):
        section.note(_PLACE, "is not an object")
        return None

    fields = cast(dict[str, Any], value)
    section.known(fields, _FIELDS, _PLACE)
    wait = section.span(fields, "wait", _PLACE)
    if wait is None:
        section.note(f"{_PLACE}.wait", "is missing: an invoice must not wait for ever")
    policy = GoodsPolicy(
        wait=wait or timedelta(days=1),
        quantity_percent=_tolerance(section, fields, "quantity_percent", _MOST_PERCENT),
        quantity_units=_tolerance(section, fields, "quantity_units"),
        price_percent=_tolerance(section, fields, "price_percent", _MOST_PERCENT),
        remind_after=section.span(fields, "remind_after", _PLACE),
        remind_every=section.span(fields, "remind_every", _PLACE),
        remind=section.persons(fields.get("remind", []), f"{_PLACE}.remind", may_be_empty=True),
        unknown_order=_unknown_order(section, fields.get("unknown_order", "go_on")),
        order_required=_order_required(section, fields.get("order_required", "no")),
    )
    _check_reminders(section, policy)
    _check_rules(section, rules, policy)
    return policy


def _tolerance(section: Section, fields: dict[str, Any], name: str, most: Decimal | None = None) -> Decimal:
    text = fields.get(name, "0")
    if not isinstance(text, str) or not _TOLERANCE.fullmatch(text):
        section.note(f"{_PLACE}.{name}", 'is not a number in quotes, such as "2.5"')
        return Decimal(0)
    number = Decimal(text)
    if most is not None and number > most:
        section.note(f"{_PLACE}.{name}", f"is more than {most}")
    return number


def _unknown_order(section: Section, value: Any) -> UnknownOrder:
    if value in _UNKNOWN_ORDER:
        return value
    section.note(f"{_PLACE}.unknown_order", f"is {' or '.join(_UNKNOWN_ORDER)}")
    return "go_on"


def _order_required(section: Section, value: Any) -> OrderRequired:
    if value in _ORDER_REQUIRED:
        return value
    section.note(f"{_PLACE}.order_required", f"is {' or '.join(_ORDER_REQUIRED)}")
    return "no"


def _check_reminders(section: Section, policy: GoodsPolicy) -> None:
    if policy.remind_every and not policy.remind_after:
        section.note(f"{_PLACE}.remind_every", "needs remind_after")
    if policy.remind_after and policy.remind_after >= policy.wait:
        section.note(f"{_PLACE}.remind_after", "is not before wait, so it never happens")
    if policy.remind_every and policy.remind_every < _SHORTEST:
        section.note(f"{_PLACE}.remind_every", "is less than a minute")
    if policy.remind_after and not policy.remind:
        section.note(f"{_PLACE}.remind", "names nobody to remind")


def _check_rules(section: Section, rules: Sequence[Rule], policy: GoodsPolicy) -> None:
    """What does not match goes to a person: no rule that asks nobody may let it through before.

    An invoice that names no order may be let through by a rule that says so in words.
    """
    named: set[str] = set()
    asking: set[str] = set(MISMATCHES)
    if policy.order_required != "no":
        asking.add(ORDER_MISSING)
    for n, rule in enumerate(rules):
        asked = rule.when.findings
        if rule.stages and isinstance(asked, frozenset) and rule.when == Condition(findings=asked):
            named |= asked
        lets_through = asking if asked == "any" else set(MISMATCHES) & set(asked)
        if asked != "none" and not rule.stages and lets_through - named:
            section.note(
                f"rules[{n}].when.findings",
                "asks nobody, though an invoice that does not match its order and goods may come here: say "
                f'"none", or put a rule for {", ".join(sorted(asking - named))} before it',
            )
