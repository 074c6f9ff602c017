"""One person has one id, whoever writes their address; and nobody gets it by a letter that looks alike."""

from __future__ import annotations

import unicodedata
from contextlib import suppress

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from invoicing.approval.persons import LONGEST, BadPerson, is_person_id, person_id

ANN = "ann.roth@example.com"


@pytest.mark.parametrize(
    ("address", "person"),
    [
        ("Ann.Roth@Example.COM", ANN),
        (f"  {ANN}\n", ANN),
        ("ann@müller.example", "ann@xn--mller-kva.example"),
        ("ann@MÜLLER.example", "ann@xn--mller-kva.example"),
        ("ann@mu\u0308ller.example", "ann@xn--mller-kva.example"),
        ("ann@XN--MLLER-KVA.example", "ann@xn--mller-kva.example"),
        ("ann@straße.de", "ann@xn--strae-oqa.de"),
        ("ann@東京タワー.jp", "ann@xn--5ck2eqb538s34z.jp"),
        ("ann@example.com.", "ann@example.com"),
        ("o'brien@example.ie", "o'brien@example.ie"),
        ("ann_gmail.com#EXT#@tenant.onmicrosoft.com", "ann_gmail.com#ext#@tenant.onmicrosoft.com"),
        ("ann@localhost", "ann@localhost"),
    ],
)
def test_every_way_to_write_an_address_leads_to_one_id(address: str, person: str) -> None:
    """Capitals, blanks around it, the two forms of a domain; and the id leads to itself."""
    assert person_id(address) == person
    assert person_id(person) == person


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("\u212aarl@example.com", "U+212A (KELVIN SIGN) before the @"),
        ("karl@\u212aelvin.de", "U+212A (KELVIN SIGN) in its domain"),
        ("\u0430nn.roth@example.com", "CYRILLIC SMALL LETTER A"),
        ("ann.roth@ex\u0430mple.com", "several scripts"),
        ("ann.roth@xn--exmple-4nf.com", "several scripts"),
        ("ann\u200b.roth@example.com", "ZERO WIDTH SPACE"),
        ("ann.roth@exam\u200bple.com", "ZERO WIDTH SPACE"),
        ("ann.roth@exam\u00adple.com", "SOFT HYPHEN"),
        ("\uff41nn.roth@example.com", "FULLWIDTH LATIN SMALL LETTER A"),
        ("ann.roth@\uff45xample.com", "FULLWIDTH LATIN SMALL LETTER E"),
        ("ann.roth@example\u3002com", "IDEOGRAPHIC FULL STOP"),
        ("ann.roth\uff20example.com", "is not an e-mail address"),
        ("ann.roth@\ud800.com", "U+D800"),
        ("jos\u00e9@example.com", "where ASCII alone is taken"),
    ],
)
def test_what_looks_alike_is_refused_by_its_name(address: str, said: str) -> None:
    """It is never mended: mended, it would be somebody else's."""
    with pytest.raises(BadPerson, match=r"^(has|is) ") as refused:
        person_id(address)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ann",
        "@example.com",
        "ann@",
        "a@b@example.com",
        "<ann@example.com>",
        "ann roth@example.com",
        "ann@example.com, bob@example.com",
        "ann\x00@example.com",
        "ann\n@example.com",
        ".ann@example.com",
        "ann@-example.com",
        "ann@a..b",
        "ann@xn--zzzz99999.com",
        "x" * 65 + "@example.com",
        "ann@" + "x" * LONGEST,
        "ann@" + "ü.".join("x" * 60 for _ in range(4)),
        "x" * 1_000_000 + "@example.com",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    """With the end of a sentence that says what an address looks like."""
    with pytest.raises(BadPerson):
        person_id(text)


@given(st.text(st.characters(codec=None, exclude_categories=()), max_size=40))
def test_nothing_but_the_address_itself_becomes_ann(text: str) -> None:
    """Whatever else is written in it: an id is that of Ann only where the letters are hers."""
    for address in (text, f"{text}@example.com", f"ann.roth@{text}", f"ann.roth{text}@example.com"):
        try:
            person = person_id(address)
        except BadPerson:
            continue
        assert is_person_id(person)
        assert person.isascii()
        if person == ANN:
            assert unicodedata.normalize("NFC", address).strip().lower().removesuffix(".") == ANN


@given(st.characters(exclude_categories=("Cs",)), st.integers(0, len(ANN) - 1))
def test_no_letter_of_the_world_stands_for_one_of_hers(letter: str, place: int) -> None:
    """One letter of her address replaced: it is somebody else's, or nobody's."""
    assume(letter.lower() != ANN[place])
    changed = ANN[:place] + letter + ANN[place + 1 :]
    with suppress(BadPerson):
        assert person_id(changed) != ANN
