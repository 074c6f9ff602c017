"""What may not be in a text from outside, and what is made of a name that has it all the same."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoicing import texts

ANYTHING = st.text(st.characters(codec=None, exclude_categories=()), max_size=80)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a\ud800", "half a character, U+D800"),
        ("\udfff", "half a character, U+DFFF"),
        ("a\x00b", "a control character, U+0000"),
        ("\x1b[31m", "a control character, U+001B"),
        ("\x7f", "a control character, U+007F"),
        ("\x85", "a control character, U+0085"),
        ("\uffff", "U+FFFF, which is no character"),
        ("a\nb", "a tab or a line break, U+000A"),
        ("a\tb", "a tab or a line break, U+0009"),
        ("a\u2028b", "a tab or a line break, U+2028"),
        ("x" * 81, "more than 80 characters"),
    ],
)
def test_fault_names_what_is_wrong(text: str, said: str) -> None:
    """With the character's number, since it cannot be seen."""
    assert said in (texts.fault(text, 80) or "")


@pytest.mark.parametrize("text", ["", "Müller & Söhne", "Ωμέγα", "発注書", "😀", "a\u200cb", "x" * 80])
def test_text_of_any_language_is_good(text: str) -> None:
    """Whole characters of every script, emoji and joiners included."""
    assert texts.fault(text, 80) is None


def test_several_lines_are_good_where_they_are_meant() -> None:
    """A comment has line breaks; a control character it has not."""
    assert texts.fault("one\r\n\ttwo", 80, lines=True) is None
    assert texts.fault("one\x00two", 80, lines=True)


@given(ANYTHING)
def test_what_has_no_fault_can_be_written_and_has_one_line(text: str) -> None:
    """As UTF-8, which is what storage and answers are written in."""
    if texts.fault(text, 80) is None:
        assert text.encode().decode() == text
        assert len(text.splitlines()) <= 1


@given(ANYTHING)
def test_cleaned_text_has_no_fault(text: str) -> None:
    """Whatever came in; a second time changes nothing more."""
    clean = texts.cleaned(text, 40)
    assert texts.fault(clean, 40) is None
    assert texts.cleaned(clean, 40) == clean


def test_cleaned_text_keeps_what_is_good_and_is_cut() -> None:
    """A direction override would show a program as a picture."""
    assert texts.cleaned("Rechnung März.xml", 40) == "Rechnung März.xml"
    assert texts.cleaned("gpj\u202e.exe\x00", 40) == "gpj\ufffd.exe\ufffd"
    assert texts.cleaned("x" * 50, 10) == "x" * 9 + "…"


@given(ANYTHING)
def test_masked_text_can_be_written(text: str) -> None:
    """As many characters as before, line breaks among them."""
    shown = texts.masked(text)
    assert (len(shown), shown.count("\n")) == (len(text), text.count("\n"))
    shown.encode()


def test_quote_is_short_and_harmless() -> None:
    """It stands in a message, which goes into an answer and into the log."""
    assert texts.quoted("pre\ud800fix\n") == "“pre\ufffdfix\ufffd”"
    assert len(texts.quoted("x" * 10_000)) == texts.LONGEST_QUOTE + 2


def test_work_grows_with_the_length_allowed_and_not_with_the_length_sent() -> None:
    """A name of 50 million characters is cut before it is looked at."""
    huge, began = "\ud800" * 50_000_000, time.perf_counter()
    assert len(texts.cleaned(huge, 400)) == 400
    assert texts.fault(huge, 400)
    assert time.perf_counter() - began < 1
