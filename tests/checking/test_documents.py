"""Documents on their way through the checker process, with the official rules and with rules that do harm."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import psutil
import pytest

from adapters.checking import checker as checker_module
from adapters.checking.budget import MIB, Budget
from adapters.checking.checker import SupervisedChecker, SupervisedReader
from adapters.checking.supervisor import GivenUp
from invoicing.assess import Checker, row
from invoicing.batching import Document
from invoicing.opening import read_invoice
from invoicing.outcomes import RowLine, line_of
from invoicing.rules.folder import RulesMissing
from tests.checking.kit import SMALL, odd
from tests.fakes.odd_rules import noted, odd_rules
from tests.official_rules import RULES, checker, needs_rules
from tests.unit.invoice_documents import EN16931, XRECHNUNG, cii, pdf, ubl, ubl_credit_note

pytestmark = needs_rules

DAY = date(2026, 6, 1)
#: Short, so that tests need not wait, and enough for good documents on a busy machine.
BUDGET = Budget(cpu=5.0, memory=700 * MIB)


@pytest.fixture
def made() -> Iterator[Callable[..., SupervisedChecker]]:
    """Makes checkers, whose processes are ended after the test."""
    some: list[SupervisedChecker] = []

    def make(rules: Path = RULES, budget: Budget = BUDGET) -> SupervisedChecker:
        some.append(SupervisedChecker(rules, budget))
        return some[-1]

    yield make
    for one in some:
        one.end()


def _documents(*contents: bytes) -> list[Document]:
    return [Document(n, f"{n}.xml", content) for n, content in enumerate(contents, 1)]


def _outcomes(results: list[RowLine | GivenUp]) -> list[str]:
    return [one.outcome if isinstance(one, RowLine) else "given up" for one in results]


def _wide(notes: int) -> bytes:
    """An XRechnung that is valid by the schema, with so many notes that are empty."""
    place = "<cbc:DocumentCurrencyCode>"
    return ubl((EN16931, XRECHNUNG), (place, "<cbc:Note/>" * notes + place))


def test_rows_are_those_that_the_check_makes_in_this_process(made: Callable[..., SupervisedChecker]) -> None:
    """Byte for byte, whatever the document is: the process is only where it happens."""
    samples = sorted((RULES.parent / "samples" / "invoices").iterdir())
    contents = [
        ubl(),
        ubl_credit_note(),
        cii(),
        pdf({"factur-x.xml": cii()}),
        b"",
        b"<a/>",
        b"%PDF-1.7\n%%EOF",
    ]
    documents = _documents(*contents, *(file.read_bytes() for file in samples))
    here = [
        line_of(row(one.n, one.name, one.content, checker().assess(one.name, one.content, DAY)))
        for one in documents
    ]
    assert made().check(documents, DAY) == here


def test_document_that_takes_very_long_in_the_official_rules(made: Callable[..., SupervisedChecker]) -> None:
    """480,000 empty notes, 5 MB, valid by the schema: set aside in time, and its neighbours are valid."""
    results = made().check(_documents(ubl(), _wide(480_000), cii(), ubl_credit_note()), DAY)
    assert _outcomes(results) == ["valid", "given up", "valid", "valid"]
    assert isinstance(results[1], GivenUp)
    assert "more than" in results[1].reason


@pytest.mark.parametrize(
    ("note", "seconds", "words"),
    [("hang", 5.0, "SETTLE_DOCUMENT_SECONDS"), ("eat", 60.0, "700 MiB of memory")],
)
def test_rules_that_never_end_cost_the_document_at_which_they_do(
    made: Callable[..., SupervisedChecker], tmp_path: Path, note: str, seconds: float, words: str
) -> None:
    """Inside of Saxon, which holds the interpreter lock: nothing but the end of the process helps."""
    checking = made(odd_rules(tmp_path / "rules", RULES), Budget(cpu=seconds, memory=BUDGET.memory))
    results = checking.check(_documents(noted("a"), noted(note), noted("b"), noted("c")), DAY)
    assert _outcomes(results) == ["valid", "given up", "valid", "valid"]
    assert isinstance(results[1], GivenUp)
    assert words in results[1].reason


def test_rules_that_call_themselves_without_end_are_a_finding_or_cost_the_document(
    made: Callable[..., SupervisedChecker], tmp_path: Path
) -> None:
    """Saxon's stack ends before its time does; in either case the neighbours go on."""
    checking = made(odd_rules(tmp_path / "rules", RULES))
    results = checking.check(_documents(noted("a"), noted("deep"), noted("b")), DAY)
    assert _outcomes(results) in (["valid", "invalid", "valid"], ["valid", "given up", "valid"])


def test_what_saxon_says_of_an_invoice_reaches_no_log(
    made: Callable[..., SupervisedChecker],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Messages of rules and traces of errors hold values: an error is a finding, and nothing is written."""
    rules = odd_rules(tmp_path / "rules", RULES)
    documents = _documents(noted("message DE89370400440532013000"), noted("error DE89370400440532013000"))
    for one in documents:
        Checker(rules).assess(one.name, one.content)
    assert capfd.readouterr().err.count("DE89370400440532013000") == 2, "Saxon writes them in this process"
    results = made(rules).check(documents, DAY)
    assert _outcomes(results) == ["valid", "invalid"]
    assert isinstance(results[1], RowLine)
    assert json.loads(results[1].text)["findings"][0]["rule"] == "SETTLE-RULES-ERROR"
    shown = capfd.readouterr()
    assert shown.out + shown.err + caplog.text == ""


def test_rules_that_go_away_are_a_fault_of_the_installation(
    made: Callable[..., SupervisedChecker], tmp_path: Path
) -> None:
    """No document is blamed: they are waited for, as where they were never there; then it goes on."""
    rules = odd_rules(tmp_path / "rules", RULES)
    sheet = rules / "xslt" / "EN16931-UBL-validation.xsl"
    text = sheet.read_text()
    checking = made(rules)
    sheet.write_text("<not-a-stylesheet/>")
    with pytest.raises(
        RulesMissing, match=r"EN16931-UBL-validation\.xsl .* python -m invoicing\.rules\.fetch"
    ):
        checking.check(_documents(noted("a")), DAY)
    sheet.write_text(text)
    assert _outcomes(checking.check(_documents(noted("a")), DAY)) == ["valid"]
    (rules / "schema" / "ubl" / "maindoc" / "UBL-CreditNote-2.1.xsd").unlink()
    with pytest.raises(RulesMissing, match=r"UBL-CreditNote-2\.1\.xsd"):
        checking.check(_documents(ubl_credit_note()), DAY)
    with pytest.raises(RulesMissing):
        SupervisedChecker(rules, BUDGET)


def test_threads_share_one_process(made: Callable[..., SupervisedChecker]) -> None:
    """Each gets its own rows, whoever else asks."""
    checking, found = made(), dict[int, list[str]]()
    before = len(psutil.Process().children())

    def ask(number: int) -> None:
        results = checking.check(_documents(*([ubl(("R-17", f"R-{number}"))] * 10)), DAY)
        found[number] = [
            json.loads(one.text)["invoice"]["number"] for one in results if isinstance(one, RowLine)
        ]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == {number: [f"R-{number}"] * 10 for number in range(4)}
    assert len(psutil.Process().children()) == before + 1


def test_call_that_is_late_checks_one_document_at_least(made: Callable[..., SupervisedChecker]) -> None:
    """So that calls of a workflow come to an end, each with something done."""
    results = made().check(_documents(*([ubl()] * 20)), DAY, until=0.0)
    assert 1 <= len(results) < 20


# ---------------------------------------------------------------- invoices on pages


def test_reader_reads_what_the_check_reads() -> None:
    """The whole invoice, with all its digits and dates; None for what is none."""
    reader = SupervisedReader(RULES)
    try:
        for content in (ubl(), ubl_credit_note(), cii(), pdf({"factur-x.xml": cii()})):
            assert reader.read("a.xml", content) == read_invoice("a.xml", content)
        assert reader.read("a.xml", b"Dear Sir") is None
    finally:
        reader.end()


@pytest.mark.parametrize("content", [b"spin", b"segfault", b"raise value"])
def test_document_that_harms_the_reader_is_not_shown(content: bytes) -> None:
    """The page then shows what the check found."""
    reader = SupervisedReader(RULES, SMALL, odd())
    try:
        assert reader.read("a.xml", content) is None
    finally:
        reader.end()


def test_reader_that_cannot_start_is_no_failure_of_the_page(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged; the page shows what the check found."""
    assert SupervisedReader(RULES, SMALL, odd(rules="import-error")).read("a.xml", ubl()) is None
    assert "ended at its start with code 1. ImportError" in caplog.text


def test_reader_ends_when_nobody_looks_at_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its memory is given back; the next page starts another."""
    ended = threading.Event()
    monkeypatch.setattr(checker_module, "_IDLE", 0.05)
    reader = SupervisedReader(RULES)
    end = reader._supervisor.end
    monkeypatch.setattr(reader._supervisor, "end", lambda: (end(), ended.set()))
    before = set(psutil.Process().children())
    assert reader.read("a.xml", ubl()) is not None
    [process] = set(psutil.Process().children()) - before
    assert ended.wait(30)
    assert not process.is_running()
    assert reader.read("a.xml", ubl()) is not None
    reader.end()
