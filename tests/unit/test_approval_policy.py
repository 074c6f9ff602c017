"""The policy file: every problem is told with its place, and the first rule that matches wins."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from adapters import policies
from adapters.settings import APP_ROOT, from_environment
from invoicing.approval import durations
from invoicing.approval.facts import Facts, facts_of, supplier_key
from invoicing.approval.policy import PolicyInvalid, Stage, can_be_filled
from invoicing.approval.policy_file import parse
from invoicing.records.document import DocumentRow, InvoiceSummary
from tests.unit.report_rows import finding, row

PEOPLE = {f"{one}@example.com": {"name": one.title()} for one in ("ann", "bob", "eva")}
ANN, BOB, EVA = PEOPLE
STAGE = {"name": "clerk", "approvers": [ANN, BOB], "expire_after": "P14D"}


def _policy(*, people: Any = None, rules: Any = None, **stage: Any) -> dict[str, Any]:
    last = {"name": "all", "when": {}, "stages": [STAGE | stage]}
    return {"version": 1, "people": PEOPLE if people is None else people, "rules": rules or [last]}


def _problems(value: Any) -> tuple[str, ...]:
    with pytest.raises(PolicyInvalid) as refused:
        parse(json.dumps(value).encode())
    return refused.value.problems


def _rule(when: dict[str, Any], name: str = "one", stages: Any = ()) -> dict[str, Any]:
    return {"name": name, "when": when, "stages": list(stages)}


def _name(rules: list[dict[str, Any]], facts: Facts) -> str:
    return parse(json.dumps(_policy(rules=[*rules, _rule({}, "else")])).encode()).rule_for(facts).name


def _facts(amount: str | None = "100.00", currency: str = "EUR", known: bool = True, *found: str) -> Facts:
    return Facts(Decimal(amount) if amount else None, currency, known, frozenset(found))


def test_people_are_known_by_their_id_however_they_are_written() -> None:
    """In people, deputies, approvers and the next in line."""
    people = {
        "Ann@Example.com": {"name": "Ann", "deputy": "Bob@müller.example"},
        "bob@Müller.example": {"name": "B"},
    }
    stage = STAGE | {
        "approvers": ["ANN@example.com"],
        "escalate_to": ["bob@MÜLLER.example"],
        "escalate_after": "P1D",
    }
    policy = parse(json.dumps(_policy(people=people, rules=[_rule({}, stages=[stage])])).encode())
    bob = "bob@xn--mller-kva.example"
    assert (policy.people[ANN].deputy, list(policy.people)) == (bob, [ANN, bob])
    assert (policy.rules[0].stages[0].approvers, policy.rules[0].stages[0].escalate_to) == ((ANN,), (bob,))


def test_administrators_need_not_be_approvers() -> None:
    """Where nobody is named, everybody looks after runs."""
    policy = parse(json.dumps(_policy() | {"administrators": ["IT@example.com", ANN]}).encode())
    assert policy.administrators == {"it@example.com", ANN}
    assert [policy.looks_after_runs(who) for who in (ANN, "it@example.com", BOB)] == [True, True, False]
    assert parse(json.dumps(_policy()).encode()).looks_after_runs(BOB)
    for wrong in ("ann", [], ["no address"], [ANN, ANN.upper()], [7]):
        with pytest.raises(PolicyInvalid, match="administrators"):
            parse(json.dumps(_policy() | {"administrators": wrong}).encode())


def test_people_get_digests_unless_the_policy_says_otherwise() -> None:
    """Who said something themselves is asked elsewhere."""
    people = PEOPLE | {ANN: {"name": "Ann", "messages": "single"}}
    policy = parse(json.dumps(_policy(people=people)).encode())
    assert (policy.people[ANN].messages, policy.people[BOB].messages) == ("single", "digest")


def test_shipped_policy_can_be_used() -> None:
    """And each of its stages survives the way into a request and back."""
    policy = parse((APP_ROOT / "policy.json").read_bytes())
    stages = [stage for rule in policy.rules for stage in rule.stages]
    kept = TypeAdapter(list[Stage])
    assert stages
    assert kept.validate_json(kept.dump_json(stages)) == stages


@pytest.mark.parametrize(
    ("value", "place", "words"),
    [
        ([], "", "not a JSON object"),
        ({"version": 2, "people": PEOPLE, "rules": []}, "version", "must be 1"),
        (_policy(people={}), "people", "names nobody"),
        (_policy(people=PEOPLE | {"tom": {"name": "Tom"}}), "people.tom", "not an e-mail address"),
        (_policy(people=PEOPLE | {"\u212aarl@example.com": {"name": "K"}}), "people.", "KELVIN SIGN"),
        (_policy(people=PEOPLE | {"Ann@Example.com": {"name": "Ann"}}), "people.Ann", "who is there already"),
        (_policy(people=PEOPLE | {"tom@example.com": {}}), "people.tom@example.com.name", "is missing"),
        (_policy(people=PEOPLE | {"tom@example.com": 5}), "people.tom@example.com.name", "is missing"),
        (_policy(people=PEOPLE | {ANN: {"name": "x" * 101}}), f"people.{ANN}.name", "more than 100"),
        (_policy(people=PEOPLE | {ANN: {"name": "A\u202enn"}}), f"people.{ANN}.name", "cannot be seen"),
        (_policy(people=PEOPLE | {ANN: {"name": "A\nnn"}}), f"people.{ANN}.name", "line break"),
        (_policy(people=PEOPLE | {ANN: {"name": "\ud800"}}), f"people.{ANN}.name", "half a character"),
        (_policy(people=PEOPLE | {ANN: {"name": "A", "deputy": ["x"]}}), f"people.{ANN}.deputy", "is not an"),
        (_policy(rules=[_rule({}, "one\x00")]), "rules[0].name", "control character"),
        ({"version": 1, "a\ud800": 1}, "a\ufffd", "half a character"),
        (_policy(approvers=[ANN, "Ann@EXAMPLE.com"]), "rules[0].stages[0].approvers", "twice"),
        (_policy(approvers=[5]), "rules[0].stages[0].approvers[0]", "not an e-mail address"),
        (
            _policy(people=PEOPLE | {ANN: {"name": "A", "deputy": "x@y"}}),
            f"people.{ANN}.deputy",
            "not one of",
        ),
        (
            _policy(people=PEOPLE | {ANN: {"name": "A", "messages": "never"}}),
            f"people.{ANN}.messages",
            "digest or",
        ),
        (
            _policy(people=PEOPLE | {ANN: {"name": "A", "messages": []}}),
            f"people.{ANN}.messages",
            "digest or",
        ),
        (_policy(approvers=[]), "rules[0].stages[0].approvers", "empty or missing"),
        (_policy(approvers=["tom@example.com"]), "rules[0].stages[0].approvers[0]", "not one of the people"),
        (_policy(approvers=[ANN, ANN]), "rules[0].stages[0].approvers", "twice"),
        (_policy(quorum=3), "rules[0].stages[0].quorum", "from 1 to 2"),
        (_policy(quorum=0), "rules[0].stages[0].quorum", "from 1 to 2"),
        (_policy(quorum="2"), "rules[0].stages[0].quorum", "not a whole number"),
        (_policy(quorum=True), "rules[0].stages[0].quorum", "not a whole number"),
        (_policy(expire_after=None), "rules[0].stages[0].expire_after", "is missing"),
        (_policy(expire_after="14 days"), "rules[0].stages[0].expire_after", "not a duration"),
        (_policy(expire_after="P1M"), "rules[0].stages[0].expire_after", "not a duration"),
        (_policy(expire_after="P400D"), "rules[0].stages[0].expire_after", "longer than"),
        (_policy(expire_after=14), "rules[0].stages[0].expire_after", "not a duration"),
        (_policy(remind_after="P14D"), "rules[0].stages[0].remind_after", "not before expire_after"),
        (_policy(remind_every="P1D"), "rules[0].stages[0].remind_every", "needs remind_after"),
        (_policy(escalate_after="P1D"), "rules[0].stages[0].escalate_to", "names nobody"),
        (_policy(on_expiry="escalate"), "rules[0].stages[0].escalate_to", "names nobody"),
        (_policy(on_expiry="pay"), "rules[0].stages[0].on_expiry", "reject, approve or escalate"),
        (_policy(name="The Clerk"), "rules[0].stages[0].name", "small letters"),
        (_policy(aprovers=[ANN]), "rules[0].stages[0].aprovers", "unknown"),
        (_policy(rules=[_rule({"currency": ["EUR"]})]), "rules[0].when", "must match everything"),
        (_policy(rules=[_rule({"amount_below": "5"})]), "rules[0].when", "needs a currency"),
        (_policy(rules=[_rule({"amount_below": 5.0})]), "rules[0].when.amount_below", "in quotes"),
        (_policy(rules=[_rule({"currency": ["euro"]})]), "rules[0].when.currency", "codes"),
        (_policy(rules=[_rule({"findings": []})]), "rules[0].when.findings", "list of rules"),
        (_policy(rules=[{"name": "x", "when": {}}]), "rules[0].stages", "nobody has to approve"),
        (_policy(rules=[_rule({}), _rule({})]), "rules", "same name"),
        (_policy(rules=[_rule({}, stages=[STAGE, STAGE])]), "rules[0].stages", "same name"),
    ],
)
def test_problem_is_told_with_its_place(value: Any, place: str, words: str) -> None:
    """So that whoever wrote it finds it."""
    problems = _problems(value)
    assert any(one.startswith(place) and words in one for one in problems), problems


def test_loop_of_deputies_is_refused() -> None:
    """Ann for Bob, Bob for Eva, Eva for Ann: nobody would be left."""
    loop = {ANN: BOB, BOB: EVA, EVA: ANN}
    people = {who: {"name": who, "deputy": deputy} for who, deputy in loop.items()}
    (problem,) = _problems(_policy(people=people))
    assert "circle" in problem


def test_stages_that_the_same_people_would_have_to_fill_are_refused() -> None:
    """Two stages of one person each, and it is the same person."""
    stages = [STAGE | {"approvers": [ANN]}, STAGE | {"name": "boss", "approvers": [ANN]}]
    (problem,) = _problems(_policy(rules=[_rule({}, stages=stages)]))
    assert "not enough different people" in problem


def test_every_problem_is_told_at_once() -> None:
    """One look mends the file."""
    assert len(_problems(_policy(quorum=7, expire_after="soon", approvers=["x"], on_expiry="pay"))) >= 4


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"1" * 5000, "not JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 900 + b"1" + b"}" * 900, "cannot be used"),
        (b" " * 2**21, "more than 1024 KiB"),
    ],
    ids=lambda value: repr(value[:8]),
)
def test_file_that_does_not_parse_is_a_problem(data: bytes, words: str) -> None:
    """Not a crash; nor is one that is deep, or large."""
    with pytest.raises(PolicyInvalid, match=words):
        parse(data)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["version", "people", "rules", "name", "when", "stages", "approvers", "quorum"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_whatever_stands_in_the_file_it_is_refused_in_words(value: Any) -> None:
    """Never another exception."""
    with pytest.raises(PolicyInvalid) as refused:
        parse(json.dumps(value).encode())
    assert refused.value.problems


def test_first_rule_that_matches_wins() -> None:
    """Amounts from (included) to (not included)."""
    rules = [
        _rule({"currency": ["EUR"], "amount_below": "100.00"}, "small"),
        _rule({"currency": ["EUR"], "amount_from": "100.00", "amount_below": "200.00"}, "medium"),
    ]
    names = [_name(rules, _facts(amount)) for amount in ("99.99", "100.00", "199.99", "200.00")]
    assert names == ["small", "medium", "medium", "else"]
    assert _name(rules, _facts("1.00", "USD")) == "else"
    assert _name(rules, _facts(None)) == "else", "an amount that is missing is not small"


def test_supplier_and_findings_count() -> None:
    """Known suppliers, clean invoices, and certain findings."""
    assert _name([_rule({"supplier_known": True})], _facts(known=True)) == "one"
    assert _name([_rule({"supplier_known": True})], _facts(known=False)) == "else"
    assert _name([_rule({"findings": "none"})], _facts("1", "EUR", True, "SETTLE-VAT-ID")) == "else"
    assert _name([_rule({"findings": ["SETTLE-IBAN"]})], _facts("1", "EUR", True, "SETTLE-IBAN")) == "one"
    assert _name([_rule({"findings": ["SETTLE-IBAN"]})], _facts()) == "else"


def test_rule_may_ask_that_all_rules_of_the_profile_ran() -> None:
    """An invoice that was judged by a part of its rules goes the longer way."""
    rule = _rule({"fully_checked": True})
    assert _name([rule], replace(_facts(), fully_checked=True)) == "one"
    assert _name([rule], _facts()) == "else"
    assert _name([_rule({"fully_checked": False})], _facts()) == "one"


def test_facts_come_from_the_row() -> None:
    """A credit note counts by its size, information is no finding, and a VAT id has no spaces."""
    found = [finding("A", "information", "", "settle"), finding("B", "warning", "", "settle")]
    shown = {"payable": "-5.50", "currency": "EUR", "seller_vat_id": "DE 1"}
    checked = DocumentRow.model_validate(row(invoice=shown, findings=found))
    expected = Facts(Decimal("5.50"), "EUR", False, frozenset({"B"}), fully_checked=True)
    assert facts_of(checked, supplier_known=False) == expected
    assert supplier_key(InvoiceSummary(seller_vat_id="DE 1")) == supplier_key(
        InvoiceSummary(seller_vat_id="de1")
    )
    assert supplier_key(InvoiceSummary()) is None


def test_sender_leaves_a_gap_that_others_must_fill() -> None:
    """Ann sent it in: of Ann and Bob, two are needed, so nobody can fill the second place."""
    stage = Stage("clerk", (ANN, BOB), timedelta(days=1), quorum=2)
    assert can_be_filled([stage])
    assert not can_be_filled([stage], frozenset({ANN}))


@given(st.integers(1, 366 * 24 * 3600).map(lambda seconds: timedelta(seconds=seconds)))
def test_duration_survives_its_text(length: timedelta) -> None:
    """`write` and `parse` are inverse."""
    assert durations.parse(durations.write(length)) == length


def test_policy_that_is_missing_or_changes_is_noticed(tmp_path: Path) -> None:
    """No file: a clear error. A new file: the next look has it."""
    settings = from_environment({"AzureWebJobsStorage": "x", "SETTLE_POLICY": str(tmp_path / "p.json")})
    with pytest.raises(PolicyInvalid, match="SETTLE_POLICY"):
        policies.load(settings)
    settings.policy_file.write_text(json.dumps(_policy()))
    assert policies.load(settings).rules[0].stages[0].quorum == 1
    settings.policy_file.write_text(json.dumps(_policy(quorum=2)))
    assert policies.load(settings).rules[0].stages[0].quorum == 2
