"""What a document may cost, and what is said of one that costs more."""

from __future__ import annotations

import pytest

from adapters.checking.budget import MIB, Breach, Budget, Usage, breach, crashed, failed, over_budget
from adapters.setting_values import SettingError
from adapters.settings import from_environment
from invoicing.findings import MAX_TEXT
from invoicing.outcomes import set_aside_row

BUDGET = Budget(cpu=20.0, memory=1024 * MIB)


@pytest.mark.parametrize(
    ("usage", "over"),
    [
        (Usage(20.0, 40.0, 1024 * MIB), None),
        (Usage(20.1, 20.2, 0), "cpu"),
        (Usage(1.0, 40.1, 0), "clock"),
        (Usage(20.1, 40.1, 0), "cpu"),
        (Usage(20.1, 40.1, 1024 * MIB + 1), "memory"),
    ],
)
def test_limits_are_told_apart(usage: Usage, over: Breach | None) -> None:
    """What a limit allows is within it; memory comes first, since it may be another document's."""
    assert breach(BUDGET, usage) == over


@pytest.mark.parametrize("code", [None, 3, -9, -11, -63, -200])
def test_reasons_are_whole_sentences_that_fit_into_a_finding(code: int | None) -> None:
    """Whatever ended the process, with or without a name for it."""
    reasons = [
        crashed(code),
        failed("E" * 60),
        *(over_budget(BUDGET, over) for over in ("cpu", "clock", "memory")),
    ]
    for reason in reasons:
        text = set_aside_row(1, "a.xml", 1, "0", reason).findings[0].text
        assert text.endswith(reason)
        assert reason.endswith(".")
        assert len(text) < MAX_TEXT


def test_budget_comes_from_the_settings() -> None:
    """Seconds and MiB, with the defaults of the README."""
    settings = {"AzureWebJobsStorage": "unused"}
    assert from_environment(settings).document_budget == BUDGET
    changed = settings | {"SETTLE_DOCUMENT_SECONDS": "30", "SETTLE_DOCUMENT_MIB": "2048"}
    assert from_environment(changed).document_budget == Budget(cpu=30.0, memory=2048 * MIB)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SETTLE_DOCUMENT_SECONDS", "4"),
        ("SETTLE_DOCUMENT_SECONDS", "31"),
        ("SETTLE_DOCUMENT_MIB", "511"),
        ("SETTLE_DOCUMENT_MIB", "much"),
    ],
)
def test_budget_that_cannot_work_is_refused(name: str, value: str) -> None:
    """The text says which values can."""
    with pytest.raises(SettingError, match=f"{name} is .*{value}.* whole number"):
        from_environment({"AzureWebJobsStorage": "unused", name: value})
