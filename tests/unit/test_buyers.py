"""Whether an invoice is addressed to us: by its ids, and by its name where it states none."""

from __future__ import annotations

import json

import pytest

from adapters.settings import APP_ROOT
from invoicing.approval.buyers import Company, foreign_buyer, is_ours
from invoicing.approval.policy import PolicyInvalid
from invoicing.approval.policy_file import parse
from invoicing.approval.routing import rule_on
from invoicing.assess import summary
from invoicing.opening import read_invoice
from invoicing.records.document import DocumentRow, InvoiceSummary
from tests.unit.report_rows import invoice, row

US = (
    Company(("Hansa Werkzeuge GmbH",), ("DE535847084",), ("HRB 4711 Lübeck",), ("ap@hansa.example",)),
    Company(("Hansa Outillage SAS", "Hansa France"), ("FR86924794662",)),
)


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({"buyer_vat_id": "DE535847084"}, True),
        ({"buyer_vat_id": "de 535 847 084", "buyer": "Somebody"}, True),
        ({"buyer_vat_id": "535847084"}, True),
        ({"buyer_vat_id": "DE999999999", "buyer": "Hansa Werkzeuge GmbH"}, False),
        ({"buyer_vat_id": "DE999999999", "buyer_legal_id": "hrb 4711 lübeck"}, False),
        ({"buyer_vat_id": "BE86924794662", "buyer": "Else"}, False),
        ({"buyer_vat_id": "86924794662"}, True),
        ({"buyer_vat_id": "DE999999999", "buyer_address": "ap@hansa.example"}, False),
        ({"buyer_legal_id": "hrb 4711 lübeck"}, True),
        ({"buyer_legal_id": "HRB 1"}, False),
        ({"buyer_address": " AP@Hansa.example"}, True),
        ({"buyer_address": "ap@other.example", "buyer": "Hansa Werkzeuge GmbH"}, False),
        ({"buyer": "HANSA  Werkzeuge, GmbH."}, True),
        ({"buyer": "Hansa France"}, True),
        ({"buyer": "Hansa Werkzeuge AG"}, False),
        ({"buyer": None}, False),
    ],
)
def test_invoice_is_ours_by_its_ids_and_else_by_its_name(
    stated: dict[str, str | None], expected: bool
) -> None:
    """An id that can be compared and is another one outweighs the name, which anybody can write."""
    assert is_ours(US, InvoiceSummary(**stated)) is expected  # pyright: ignore[reportArgumentType]
    assert is_ours((), InvoiceSummary(**stated)), "where nobody is named, each is"  # pyright: ignore


def test_id_that_no_company_has_is_not_compared() -> None:
    """A company without a VAT id in the policy is still known by its name, beside others that have one."""
    companies = (*US, Company(("Landratsamt",)))
    assert is_ours(companies, InvoiceSummary(buyer="Landratsamt", buyer_vat_id="DE1"))


def _policy(*rules: dict[str, object], **more: object) -> dict[str, object]:
    people = {"ann@example.com": {"name": "Ann"}}
    buyers = [{"names": ["Hansa"], "vat_ids": ["DE535847084"]}]
    return {"version": 1, "people": people, "buyers": buyers, "rules": list(rules)} | more


_NOBODY = {"name": "nobody", "when": {}, "stages": []}
_SMALL = {"name": "small", "when": {"currency": ["EUR"]}, "stages": []}
_ALL = {"name": "all", "when": {}, "stages": [
    {"name": "clerk", "approvers": ["ann@example.com"], "expire_after": "P1D"}]}  # fmt: skip


def _row(**buyer: str) -> DocumentRow:
    return DocumentRow.model_validate(row(invoice=invoice(**buyer)))


def test_invoice_to_somebody_else_is_never_booked_without_a_person() -> None:
    """Also by a rule that says nothing of findings; where no rule has people, it ends with what to do."""
    ours = _row(buyer_vat_id="DE535847084")
    foreign = _row(buyer="Else Ltd", buyer_vat_id="DE1")
    policy = parse(json.dumps(_policy(_SMALL, _ALL)).encode())
    assert rule_on(policy, ours, {}, None).rule == "small"
    ruling = rule_on(policy, foreign, {}, None)
    assert (ruling.rule, [stage.name for stage in ruling.stages]) == ("all", ["clerk"])
    assert ruling.row.findings[-1].rule == "SETTLE-BUYER"
    assert "Else Ltd, DE1" in ruling.row.findings[-1].text
    lost = rule_on(parse(json.dumps(_policy(_NOBODY)).encode()), foreign, {}, None)
    assert lost.problem is not None
    assert lost.problem.code == "foreign_buyer"


@pytest.mark.parametrize(
    "wrong",
    [
        {"names": "Hansa"},
        [{"names": []}],
        [{"vat_ids": ["DE1"]}],
        [{"names": ["A"], "vat": ["DE1"]}],
        ["Hansa"],
        [{"names": ["A"], "vat_ids": [7]}],
        [{"names": ["A"]}] * 201,
    ],
)
def test_buyers_that_cannot_be_read_are_told_with_their_place(wrong: object) -> None:
    """As everything in the policy."""
    with pytest.raises(PolicyInvalid, match="buyers"):
        parse(json.dumps(_policy(_ALL, buyers=wrong)).encode())


def test_example_policy_names_the_buyers_of_the_samples() -> None:
    """So that the samples go the way that they are described to go."""
    policy = parse((APP_ROOT / "policy.json").read_bytes())
    read = [read_invoice(path.name, path.read_bytes()) for path in (APP_ROOT / "samples").rglob("*.xml")]
    found = [summary(one) for one in read if one is not None]
    assert len(found) > 25
    assert [one.buyer for one in found if not is_ours(policy.buyers, one)] == []
    assert is_ours(policy.buyers, InvoiceSummary(buyer="Hansa Logistik GmbH", buyer_vat_id="DE535847084"))


def test_nobody_named_is_told_as_nobody() -> None:
    """Text of an invoice without a buyer."""
    assert foreign_buyer(InvoiceSummary()).text.startswith("It is addressed to nobody, which")
