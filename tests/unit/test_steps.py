"""Steps with typed inputs and outputs: what is called and who calls it share one definition."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime
from decimal import Decimal

import azure.durable_functions as df
import pytest
from pydantic import ValidationError

from activities.registering import activity
from invoicing.records.base import Moment, Money, Record, Step, moment_of, optional


class Ask(Record):
    """An input."""

    amount: Money
    at: Moment
    note: str | None = optional()


class Answer(Record):
    """An output."""

    doubled: Money


STEP = Step("double_amount", Ask, Answer)
AT = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


def _registered() -> object:
    bp = df.Blueprint()

    @activity(bp, STEP)
    def double(ask: Ask) -> Answer:
        """Double it."""
        return Answer(doubled=ask.amount * 2)

    return double


def test_activity_takes_and_gives_json_and_its_body_takes_and_gives_records() -> None:
    """In the task hub it has the step's name, whatever the function is called."""
    function = _registered()._function  # type: ignore[attr-defined]
    written = STEP.written_input(Ask(amount=Decimal("1.50"), at=AT))

    assert written == {"amount": "1.50", "at": "2026-01-02T03:04:00+00:00"}
    assert function.get_user_function()(written) == {"doubled": "3.00"}
    assert function.get_function_name() == "double_amount"
    assert list(inspect.signature(function.get_user_function()).parameters) == ["job"]


def test_amounts_keep_their_digits_and_are_never_binary_fractions() -> None:
    """`1E3` is written out, and a JSON number with a fraction is refused."""
    assert Ask(amount=Decimal("1E3"), at=AT).as_plain()["amount"] == "1000"
    with pytest.raises(ValidationError, match="amount"):
        STEP.parsed_input({"amount": 1.1, "at": AT.isoformat()})


@pytest.mark.parametrize("wrong", [{}, {"amount": "1"}, {"amount": "1", "at": "2026-01-02T03:04:00"}, "text"])
def test_input_that_is_none_names_what_is_wrong(wrong: object) -> None:
    """A field that is missing, or a time without a zone, is an error and no guess."""
    with pytest.raises(ValidationError):
        STEP.parsed_input(wrong)


def test_what_is_wrong_is_named_and_never_quoted() -> None:
    """The text of the error goes into the history and the log of the host."""
    with pytest.raises(ValidationError, match="amount") as raised:
        STEP.parsed_input({"amount": "DE89370400440532013000", "at": AT.isoformat()})
    assert "DE89" not in str(raised.value)
    with pytest.raises(ValidationError) as raised:
        Step("count", int, int).parsed_input("DE89370400440532013000")
    assert "DE89" not in str(raised.value)


def test_record_comes_back_as_it_was_written_and_cannot_be_changed() -> None:
    """The same record gives the same bytes."""
    ask = Ask(amount=Decimal("12.340"), at=AT, note="ß")
    assert Ask.model_validate_json(ask.as_json()) == ask
    assert ask.as_json() == Ask.model_validate_json(ask.as_json()).as_json()
    with pytest.raises(ValidationError):
        ask.note = "other"  # type: ignore[misc]


def test_moment_without_a_zone_is_no_moment() -> None:
    """A text of `isoformat` is read back."""
    assert moment_of(AT.isoformat()) == AT
    with pytest.raises(ValueError, match="zone"):
        moment_of("2026-01-02T03:04:00")
