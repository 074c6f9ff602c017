"""Claims: which invoices are the same, and who owns one."""

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoicing.duplicates import SHARDS, BadClaim, claim_key, merge, release, shard_of, supplier_identity
from tests.unit.linear import processor_seconds


def _key(number: str, supplier: str = "DE123456789", type_code: str | None = "380") -> str:
    key = claim_key(supplier, number, type_code)
    assert key is not None
    return key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("RE-2024/001", "re 2024 001"),
        ("RE-2024/001", "RE2024.001"),
        ("RE-2024/001", "  RE – 2024 // 001 "),
        ("RE-2024/001", "\uff32\uff25-2024/001"),
        ("A.17-B", "a17b"),
        ("Rg_Nr 5", "RG-NR. 5"),
        ("É-1", "e\u0301 1"),
    ],
)
def test_case_spaces_and_punctuation_of_a_number_do_not_matter(one: str, other: str) -> None:
    """A number retyped, or written by another program, is still the same number."""
    assert _key(one) == _key(other)


def test_an_endless_number_takes_no_endless_time() -> None:
    """Accents that have to be brought into order: 320 KB of them took thirteen seconds."""
    endless = "a" + "\u0300\u0316" * 500_000
    assert processor_seconds(lambda: _key(endless)) < 5
    assert _key(endless) == _key(endless)
    assert _key(endless) != _key(endless + "b")
    assert processor_seconds(lambda: _key("1", supplier=endless)) < 5


@pytest.mark.parametrize(
    ("one", "other"), [("007", "7"), ("2024-1-11", "2024-11-1"), ("2024-001", "2024-0001"), ("A1", "B1")]
)
def test_numbers_that_suppliers_tell_apart_stay_apart(one: str, other: str) -> None:
    """Leading zeros stay, and so does a break between two digits."""
    assert _key(one) != _key(other)


def test_vat_id_is_compared_without_its_layout() -> None:
    """Spaces and dots in a VAT id are layout; another VAT id is another supplier."""
    assert _key("1", supplier="DE 123.456.789") == _key("1", supplier="de123456789")
    assert _key("1", supplier="DE123456789") != _key("1", supplier="DE123456788")


def test_credit_note_may_carry_the_number_of_an_invoice() -> None:
    """A cancellation with the number of what it cancels is no duplicate; a corrected invoice is."""
    assert _key("17", type_code="381") != _key("17", type_code="380")
    assert _key("17", type_code="381") == _key("17", type_code="83")
    assert _key("17", type_code="384") == _key("17", type_code="380") == _key("17", type_code=None)


@pytest.mark.parametrize("nothing", [None, "", "  ", "---"])
def test_no_key_without_number_or_supplier(nothing: str | None) -> None:
    """What has no number or no supplier cannot be compared."""
    assert claim_key(nothing, "17") is None
    assert claim_key("DE123456789", nothing) is None


def test_supplier_is_vat_id_else_legal_id_else_name() -> None:
    """The most telling identifier that is there identifies the supplier."""
    assert supplier_identity("DE1", "HRB 1", "A") == "DE1"
    assert supplier_identity(" - ", "HRB 1", "A") == "HRB 1"
    assert supplier_identity(None, None, "A") == "A"
    assert supplier_identity(None, "", None) is None


@given(st.text(), st.text())
def test_key_is_32_hex_digits_or_none(supplier: str, number: str) -> None:
    """Any text at all makes a key that a shard can hold, or none."""
    key = claim_key(supplier, number)
    assert key is None or merge("", [(key, "b/1")])[1] == {key: "b/1"}


def test_keys_spread_over_all_shards() -> None:
    """No shard grows much beyond the others."""
    counts = [0] * SHARDS
    for n in range(3200):
        counts[shard_of(_key(f"R{n}"))] += 1
    assert min(counts) > 120
    assert max(counts) < 280


def test_first_document_of_a_batch_owns_the_invoice() -> None:
    """Wanted is in document order, so the lowest n wins."""
    key = _key("17")
    text, holders = merge("", [(key, "b/000003"), (key, "b/000009")])
    assert holders == {key: "b/000003"}
    assert text == f"{key} b/000003\n"


def test_what_was_claimed_before_wins() -> None:
    """A claim of an earlier batch is not taken over; the answer names its owner."""
    key, other = _key("17"), _key("18")
    before, _ = merge("", [(key, "a/000001")])
    after, holders = merge(before, [(key, "b/000001"), (other, "b/000002")])
    assert holders == {key: "a/000001", other: "b/000002"}
    assert sorted(after.splitlines()) == sorted([f"{key} a/000001", f"{other} b/000002"])


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 9)), max_size=60))
def test_merge_again_changes_nothing(pairs: list[tuple[int, int]]) -> None:
    """A repeated activity gets the same text and the same answers."""
    wanted = [(_key(f"R{number}"), f"b/{owner}") for number, owner in pairs]
    text, holders = merge("", wanted)
    assert merge(text, wanted) == (text, holders)
    assert text.splitlines() == sorted(text.splitlines())


def test_text_depends_only_on_the_claims() -> None:
    """The same claims in another order make the same bytes."""
    wanted = [(_key(f"R{n}"), f"b/{n}") for n in range(200)]
    shuffled = random.Random(7).sample(wanted, len(wanted))
    assert merge("", wanted)[0] == merge("", shuffled)[0]


def test_release_frees_the_claim_of_its_owner_only() -> None:
    """The invoice may be sent again; what others hold stays theirs, also where their name begins the same."""
    mine, theirs = _key("1"), _key("2")
    text, _ = merge("", [(mine, "b1/1"), (theirs, "b1/17")])
    assert release(text, mine, "b1/1") == f"{theirs} b1/17\n"
    assert release(text, theirs, "b1/1") == text
    with pytest.raises(BadClaim):
        release(text, mine, "")


@pytest.mark.parametrize("line", ["nonsense", "0" * 32, "0" * 31 + " b/1", "0" * 32 + " "])
def test_damaged_shard_is_refused(line: str) -> None:
    """Better to stop than to write back a shard that lost claims."""
    with pytest.raises(BadClaim):
        merge(line + "\n", [])


def test_owner_with_a_line_break_is_refused() -> None:
    """It would forge a second claim."""
    with pytest.raises(BadClaim, match="owner"):
        merge("", [("0" * 32, f"b/1\n{'1' * 32} b/2")])


def test_owner_name_may_hold_odd_spaces_and_separators() -> None:
    """Only the line feed ends a line."""
    owner = "b/odd name\u2028\x85\r"
    text, _ = merge("", [("0" * 32, owner)])
    assert merge(text, [("0" * 32, "c/1")])[1] == {"0" * 32: owner}


def test_merge_takes_linear_time() -> None:
    """Ten times the claims take about ten times as long, far from a hundred."""

    def seconds(count: int) -> float:
        wanted = [(f"{n * 2654435761 % 2**128:032x}", f"b/{n}") for n in range(count)]
        start = time.process_time()
        merge(merge("", wanted)[0], wanted)
        return time.process_time() - start

    seconds(1_000)
    assert seconds(50_000) < 30 * max(seconds(5_000), 0.001)
