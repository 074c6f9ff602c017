"""Reading the policy file: all of it is checked at once, and each problem is told with its place."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from invoicing import texts
from invoicing.approval import durations
from invoicing.approval.buyers import Company
from invoicing.approval.delegation import loop_in
from invoicing.approval.gathering import WISHES, Wish
from invoicing.approval.goods_section import read_goods
from invoicing.approval.names import is_stage_name
from invoicing.approval.persons import BadPerson, person_id
from invoicing.approval.policy import Condition, Person, Policy, PolicyInvalid, Rule, Stage, can_be_filled
from invoicing.file_values import Object, is_list, is_object

_AMOUNT = re.compile(r"[0-9]{1,15}(\.[0-9]{1,4})?")
_CURRENCY = re.compile(r"[A-Z]{3}")
_POLICY = {"version", "people", "rules", "about", "goods_receipt", "compare_in", "administrators", "buyers"}
_WHEN = {"currency", "amount_from", "amount_below", "supplier_known", "fully_checked", "findings"}
_STAGE = {"name", "approvers", "quorum", "on_expiry", "escalate_to"}
_TIMES = {"remind_after", "remind_every", "escalate_after", "expire_after"}
# Names are shown in lists, on buttons and in subjects of mails; texts are those of rules and of `about`.
_LONGEST_NAME, _LONGEST_TEXT, _LARGEST = 100, 2000, 1024 * 1024
_MOST_BUYERS = 200
# Longer than this nothing waits for a person: it would outlive what the host keeps of a workflow.
_LONGEST = timedelta(days=366)


def parse(data: bytes) -> Policy:
    """Read a policy. Raises PolicyInvalid with every problem and its place."""
    if len(data) > _LARGEST:
        raise PolicyInvalid([f"it has more than {_LARGEST // 1024} KiB"])
    try:
        value = json.loads(data)
        problems = list(_bad_texts(value))
    except RecursionError as error:
        raise PolicyInvalid(["it is nested too deeply"]) from error
    except ValueError as error:
        raise PolicyInvalid([f"it is not JSON: {error}"]) from error
    if problems:
        raise PolicyInvalid(problems)
    reader = _Reader()
    policy = reader.policy(value)
    if reader.problems:
        raise PolicyInvalid(reader.problems)
    return policy


def _bad_texts(value: Any, place: str = "") -> Iterator[str]:
    """What is wrong with texts anywhere in the file, names of fields included."""
    if isinstance(value, str):
        if wrong := texts.fault(value, _LONGEST_TEXT):
            yield f"{place}: {wrong}"
    elif is_list(value):
        for n, item in enumerate(value):
            yield from _bad_texts(item, f"{place}[{n}]")
    elif is_object(value):
        for name, field in value.items():
            inside = f"{place}.{texts.cleaned(name, _LONGEST_NAME)}".lstrip(".")
            if wrong := texts.fault(name, _LONGEST_TEXT):
                yield f"{inside}: its name {wrong}"
            yield from _bad_texts(field, inside)


class _Reader:
    """Reads what it can and notes what it cannot; what is read counts only where nothing was noted."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.people: dict[str, Person] = {}
        self.compare_in: str | None = None

    def note(self, place: str, problem: str) -> None:
        """Add a problem."""
        self.problems.append(f"{place}: {problem}" if place else problem)

    # ------------------------------------------------------------ the parts

    def policy(self, value: Any) -> Policy:
        """The whole file."""
        if not is_object(value):
            self.note("", "it is not a JSON object")
            return Policy({})
        self.known(value, _POLICY, "")
        if value.get("version") != 1:
            self.note("version", "must be 1")
        self.read_people(value.get("people"))
        self.compare_in = self.currency(value.get("compare_in"), "compare_in")
        rules = self.items(value.get("rules"), "rules", self.rule)
        if rules and rules[-1].when != Condition():
            self.note(f"rules[{len(rules) - 1}].when", "the last rule must match everything: leave it empty")
        if len({rule.name for rule in rules}) < len(rules):
            self.note("rules", "two rules have the same name")
        goods = read_goods(self, value.get("goods_receipt"), rules)
        administrators = self.administrators(value.get("administrators"))
        buyers = tuple(self.items(value.get("buyers", []), "buyers", self.company, may_be_empty=True))
        if len(buyers) > _MOST_BUYERS:
            self.note("buyers", f"names more than {_MOST_BUYERS} companies")
        return Policy(self.people, tuple(rules), goods, self.compare_in, administrators, buyers)

    def read_people(self, value: Any) -> None:
        """The people, and that they stand in for each other without a loop."""
        if not is_object(value) or not value:
            self.note("people", "names nobody")
            return
        for address, about in value.items():
            place = f"people.{address}"
            person = self.person_id(address, place)
            if person in self.people:
                self.note(place, f"is {person}, who is there already")
            fields: Object = about if is_object(about) else {}
            self.known(fields, {"name", "deputy", "messages"}, place)
            name = self.name(fields.get("name"), f"{place}.name")
            deputy = fields.get("deputy")
            known = None if deputy is None else self.person_id(deputy, f"{place}.deputy")
            wish = self.wish(fields.get("messages", "digest"), place)
            self.people[person] = Person(person, name or person, known, wish)
        deputies = {who.id: who.deputy for who in self.people.values() if who.deputy is not None}
        for person, deputy in deputies.items():
            if deputy not in self.people:
                self.note(f"people.{person}.deputy", f"{deputy} is not one of the people")
        if loop := loop_in(deputies):
            self.note("people", f"the deputies go round in a circle: {' -> '.join((*loop, loop[0]))}")

    def administrators(self, value: Any) -> frozenset[str]:
        """Who looks after Settle; they need not be approvers."""
        if value is None:
            return frozenset()
        found = self.items(value, "administrators", self.person_id)
        if len(set(found)) < len(found):
            self.note("administrators", "names somebody twice")
        return frozenset(found)

    def company(self, value: Any, place: str) -> Company:
        """One of the companies that we are."""
        if not is_object(value):
            self.note(place, "is not an object")
            return Company(())
        self.known(value, {"names", "vat_ids", "legal_ids", "electronic_addresses"}, place)

        def texts_of(field: str) -> tuple[str, ...]:
            found = value.get(field, [])
            return tuple(self.items(found, f"{place}.{field}", self.name, may_be_empty=field != "names"))

        return Company(
            texts_of("names"), texts_of("vat_ids"), texts_of("legal_ids"), texts_of("electronic_addresses")
        )

    def wish(self, value: Any, place: str) -> Wish:
        """How somebody gets messages."""
        if value in WISHES:
            return value
        self.note(f"{place}.messages", f"is {' or '.join(WISHES)}")
        return "digest"

    def rule(self, value: Any, place: str) -> Rule:
        """One rule."""
        if not is_object(value):
            self.note(place, "is not an object")
            return Rule("", Condition(), ())
        self.known(value, {"name", "when", "stages"}, place)
        name = self.name(value.get("name"), f"{place}.name")
        when = self.condition(value.get("when", {}), f"{place}.when")
        if "stages" not in value:
            self.note(f"{place}.stages", "is missing; an empty list means that nobody has to approve")
        stages = self.items(value.get("stages", []), f"{place}.stages", self.stage, may_be_empty=True)
        if len({stage.name for stage in stages}) < len(stages):
            self.note(f"{place}.stages", "two stages have the same name")
        if not can_be_filled(stages):
            self.note(f"{place}.stages", "there are not enough different people for all stages together")
        return Rule(name, when, tuple(stages))

    def condition(self, value: Any, place: str) -> Condition:
        """When a rule applies."""
        if not is_object(value):
            self.note(place, "is not an object")
            return Condition()
        self.known(value, _WHEN, place)
        condition = Condition(
            currency=self.currencies(value.get("currency"), f"{place}.currency"),
            amount_from=self.amount(value, "amount_from", place),
            amount_below=self.amount(value, "amount_below", place),
            supplier_known=self.of(value, "supplier_known", bool, None, place),
            fully_checked=self.of(value, "fully_checked", bool, None, place),
            findings=self.findings(value.get("findings", "any"), f"{place}.findings"),
        )
        lowest = condition.amount_from
        limit = condition.amount_below
        if (lowest is not None or limit is not None) and condition.currency is None:
            if self.compare_in is None:
                self.note(place, "an amount needs a currency beside it, or the policy a compare_in")
            condition = replace(condition, compare_in=self.compare_in)
        if lowest is not None and limit is not None and lowest >= limit:
            self.note(place, "amount_from is not below amount_below, so nothing matches")
        return condition

    def stage(self, value: Any, place: str) -> Stage:
        """One stage."""
        if not is_object(value):
            self.note(place, "is not an object")
            return Stage("", (), timedelta(days=1))
        self.known(value, _STAGE | _TIMES, place)
        name = value.get("name")
        if not isinstance(name, str) or not is_stage_name(name):
            self.note(f"{place}.name", "is not of small letters, digits and hyphens")
            name = ""
        times = {field: self.span(value, field, place) for field in sorted(_TIMES)}
        expire_after = times.pop("expire_after")
        if expire_after is None:
            self.note(f"{place}.expire_after", "is missing: a stage must not wait for ever")
        stage = Stage(
            name=name,
            approvers=self.persons(value.get("approvers"), f"{place}.approvers"),
            quorum=self.of(value, "quorum", int, 1, place),
            escalate_to=self.persons(value.get("escalate_to", []), f"{place}.escalate_to", may_be_empty=True),
            on_expiry=self.of(value, "on_expiry", str, "reject", place),  # pyright: ignore[reportArgumentType]
            expire_after=expire_after or timedelta(days=1),
            **times,
        )
        self.check_stage(stage, place)
        return stage

    def check_stage(self, stage: Stage, place: str) -> None:
        """What the parts of a stage must be to each other."""
        if not 1 <= stage.quorum <= max(len(stage.approvers), 1):
            self.note(f"{place}.quorum", f"must be from 1 to {len(stage.approvers)}, the number of approvers")
        if stage.on_expiry not in ("reject", "approve", "escalate"):
            self.note(f"{place}.on_expiry", "is reject, approve or escalate")
        if (stage.escalate_after or stage.on_expiry == "escalate") and not stage.escalate_to:
            self.note(f"{place}.escalate_to", "names nobody to escalate to")
        if stage.remind_every and not stage.remind_after:
            self.note(f"{place}.remind_every", "needs remind_after")
        for name in ("remind_after", "escalate_after"):
            span = getattr(stage, name)
            if span and span >= stage.expire_after:
                self.note(f"{place}.{name}", "is not before expire_after, so it never happens")

    # ------------------------------------------------------------ the values

    def known(self, value: Object, names: set[str], place: str) -> None:
        """Note fields that mean nothing: mostly a mistyped name."""
        for name in value:
            if name not in names:
                self.note(f"{place}.{name}".lstrip("."), f"is unknown; known are {', '.join(sorted(names))}")

    def items(
        self, value: Any, place: str, read: Callable[[Any, str], Any], *, may_be_empty: bool = False
    ) -> list[Any]:
        """A list, each item read with its place."""
        if not is_list(value) or not (value or may_be_empty):
            self.note(place, "is not a list" if value else "is empty or missing")
            return []
        return [read(item, f"{place}[{n}]") for n, item in enumerate(value)]

    def of(self, value: Object, name: str, kind: type, default: Any, place: str) -> Any:
        """A value of a kind, or the default where it is left out."""
        found = value.get(name, default)
        if found is default or type(found) is kind:
            return found
        wanted = {bool: "true or false", int: "a whole number", str: "a text"}[kind]
        self.note(f"{place}.{name}", f"is not {wanted}")
        return default

    def name(self, value: Any, place: str) -> str:
        """The name of a person or a rule: one short line, in which everything can be seen."""
        if not isinstance(value, str) or not value.strip():
            self.note(place, "is missing")
            return ""
        if texts.cleaned(value, _LONGEST_NAME) != value:
            self.note(place, f"has more than {_LONGEST_NAME} characters, or some that cannot be seen")
        return value

    def person_id(self, value: Any, place: str) -> str:
        """The id of a person by their address; what is none is noted and stays as it is."""
        text = value if isinstance(value, str) else repr(value)
        try:
            return person_id(text)
        except BadPerson as error:
            self.note(place, f"{texts.quoted(text)} {error}")
            return text

    def persons(self, value: Any, place: str, *, may_be_empty: bool = False) -> tuple[str, ...]:
        """A list of people, each once and known."""
        found = self.items(value, place, self.person_id, may_be_empty=may_be_empty)
        for n, person in enumerate(found):
            if person not in self.people:
                self.note(f"{place}[{n}]", f"{texts.quoted(person)} is not one of the people")
        if len(set(found)) < len(found):
            self.note(place, "names somebody twice")
        return tuple(found)

    def amount(self, value: Object, name: str, place: str) -> Decimal | None:
        """A decimal text: a JSON number would be a binary fraction."""
        text = value.get(name)
        if text is None:
            return None
        if isinstance(text, str) and _AMOUNT.fullmatch(text):
            return Decimal(text)
        self.note(f"{place}.{name}", 'is not an amount in quotes, such as "1000.00"')
        return None

    def span(self, value: Object, name: str, place: str) -> timedelta | None:
        """An ISO 8601 duration."""
        text = value.get(name)
        if text is None:
            return None
        try:
            span = durations.parse(text if isinstance(text, str) else repr(text))
        except ValueError as error:
            self.note(f"{place}.{name}", str(error))
            return None
        if span > _LONGEST:
            self.note(f"{place}.{name}", f"is longer than {_LONGEST.days} days")
        return span

    def currency(self, value: Any, place: str) -> str | None:
        """One ISO 4217 code."""
        if value is None or (isinstance(value, str) and _CURRENCY.fullmatch(value)):
            return value
        self.note(place, 'is not the code of a currency such as "EUR"')
        return None

    def currencies(self, value: Any, place: str) -> frozenset[str] | None:
        """A list of ISO 4217 codes."""
        if value is None:
            return None
        found = self.items(value, place, lambda code, _: code)
        if not all(isinstance(code, str) and _CURRENCY.fullmatch(code) for code in found):
            self.note(place, 'is not a list of codes such as ["EUR"]')
            return None
        return frozenset(found)

    def findings(self, value: Any, place: str) -> Any:
        """`none`, `any`, or a list of rules."""
        if value in ("none", "any"):
            return value
        if is_list(value) and value and all(isinstance(rule, str) and rule for rule in value):
            return frozenset(value)
        self.note(place, 'is "none", "any" or a list of rules such as ["SETTLE-IBAN"]')
        return "any"
