"""VAT ids of every country that python-stdnum knows: right ones pass however they are written."""

from __future__ import annotations

import doctest
import re
from pkgutil import iter_modules
from typing import Any

import pytest
import stdnum
from stdnum import get_cc_module

from invoicing.vat_ids import is_plausible

#: The package knows their form and no check digit.
WITHOUT_CHECK_DIGITS = {"ad", "al", "dz", "eg", "fo", "is", "ke", "kr", "sm", "tn"}
PREFIX = {"gr": "EL", "mc": "FR"}


def _examples() -> list[tuple[str, str]]:
    """Country and a right number, out of the examples in the package's own documentation."""
    found: list[tuple[str, str]] = []
    for info in iter_modules(stdnum.__path__):
        country = info.name.rstrip("_")
        module: Any = get_cc_module(country, "vat") if len(country) == 2 and country != "eu" else None
        if module is None:
            continue
        for example in doctest.DocTestParser().get_examples(module.__doc__):
            given = re.match(r"validate\('([^']+)'\)", example.source)
            if given and example.exc_msg is None:
                found.append((country, given[1]))
    return found


EXAMPLES = _examples()


def _prefixed(country: str, number: str) -> str:
    prefix = PREFIX.get(country, country.upper())
    module: Any = get_cc_module(country, "vat")
    compact = module.compact(number)
    return compact if compact.startswith(prefix) else prefix + compact


def _with_one_wrong_digit(country: str, number: str) -> list[str]:
    """The number with each digit in turn replaced by the next one, as far as the country finds that wrong."""
    module: Any = get_cc_module(country, "vat")
    text = module.compact(number)
    places = [place for place, char in enumerate(text) if char in "0123456789"]
    changed = [f"{text[:at]}{(int(text[at]) + 1) % 10}{text[at + 1 :]}" for at in places]
    return [other for other in changed if not module.is_valid(other)]


def test_there_are_examples_of_many_countries() -> None:
    """A package that documents itself in another way would leave nothing to test."""
    assert len({country for country, _ in EXAMPLES}) > 70


@pytest.mark.parametrize(("country", "number"), EXAMPLES)
def test_right_id_passes_with_and_without_its_prefix(country: str, number: str) -> None:
    """As documents have it, with the country of the address or without it."""
    assert is_plausible(number, country.upper())
    assert is_plausible(_prefixed(country, number), country.upper())
    assert is_plausible(_prefixed(country, number), None)


@pytest.mark.parametrize(("country", "number"), EXAMPLES)
def test_one_wrong_digit_is_found_with_and_without_the_prefix(country: str, number: str) -> None:
    """In most places where the country has check digits."""
    wrong = _with_one_wrong_digit(country, number)
    assert wrong or country in WITHOUT_CHECK_DIGITS
    for text in wrong:
        assert not is_plausible(_prefixed(country, text), country.upper())
        assert not text[:2].isdigit() or not is_plausible(text, country.upper())


@pytest.mark.parametrize(
    "vat_id", ["EU372000013", "EU528003555", "XX123", "123456", "ZZ", "", "GB980780684", "XI980780684"]
)
def test_what_no_country_judges_passes(vat_id: str) -> None:
    """Ids of the One Stop Shop, unknown prefixes, and no prefix without a country to ask."""
    assert is_plausible(vat_id, None)


@pytest.mark.parametrize(
    "vat_id", ["DE123456789", "D E 1 2 3 4 5 6 7 8 9", "ATU13585628", "x" * 41, "DE" + "1" * 39]
)
def test_wrong_ids_are_found_whatever_the_country_of_the_address(vat_id: str) -> None:
    """The prefix decides; the length is limited before anything else."""
    for country in (None, "DE", "AT", "US", "??", "GERMANY"):
        assert not is_plausible(vat_id, country)


def test_id_of_another_country_than_the_address_passes_by_its_prefix() -> None:
    """A Swiss company may be registered in Germany."""
    assert is_plausible("DE136695976", "CH")
    assert not is_plausible("DE136695977", "CH")
