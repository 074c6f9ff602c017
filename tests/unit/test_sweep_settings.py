"""Settings of the sweep, and what is registered with them."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import pytest

from adapters.setting_values import SettingError
from adapters.sweep_settings import read_sweep, sweep_at_once, sweep_schedule


def test_defaults() -> None:
    """Once a day, nothing is deleted, nothing is polled."""
    made = read_sweep({})
    assert (made.container, made.minutes, made.most, made.clear) == ("inbox", 60, 100_000, False)
    assert sweep_schedule({}) == "0 0 2 * * *"
    assert sweep_at_once({}) == ("", "inbox/now/{name}", "AzureWebJobsStorage")


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("SETTLE_SWEEP_CONTAINER", "In Box", "lower-case"),
        ("SETTLE_SWEEP_CONTAINER", "settle", "another one"),
        ("SETTLE_SWEEP_SCHEDULE", "daily", "six fields"),
        ("SETTLE_SWEEP_SCHEDULE", "0 0 2 * *", "six fields"),
        ("SETTLE_SWEEP_MINUTES", "0", "above 0"),
        ("SETTLE_SWEEP_MINUTES", "9999", "1440"),
        ("SETTLE_SWEEP_DOCUMENTS", "1000000", "100000"),
        ("SETTLE_SWEEP_AFTER", "move", "keep or delete"),
        ("SETTLE_SWEEP_AT_ONCE", "true", "poll or EventGrid"),
        ("SETTLE_SWEEP_NOW", "{name}/", "folder"),
    ],
)
def test_setting_that_cannot_be_used(name: str, value: str, hint: str) -> None:
    """The error says what to set; what is registered has its default meanwhile, so that there is a host."""
    with pytest.raises(SettingError, match=hint):
        read_sweep({name: value})
    assert sweep_schedule({name: value}) == "0 0 2 * * *"
    assert sweep_at_once({name: value})[0] == ""


@pytest.mark.parametrize("other", ["SETTLE_ARCHIVE_CONTAINER", "SETTLE_ANCHOR_CONTAINER"])
def test_what_is_kept_is_not_swept(other: str) -> None:
    """A sweep may delete what it took."""
    with pytest.raises(SettingError, match=other):
        read_sweep({other: "kept", "SETTLE_SWEEP_CONTAINER": "kept"})
    assert read_sweep({other: "kept"}).container == "inbox"


def _triggers(monkeypatch: pytest.MonkeyPatch, **environment: str) -> dict[str, Any]:
    """The triggers that are registered with some settings."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    before = sys.modules.pop("triggers.sweeping", None)
    try:
        module = importlib.import_module("triggers.sweeping")
        built = [builder.build() for builder in module.bp._function_builders]
    finally:
        if before is not None:
            sys.modules["triggers.sweeping"] = before
    return {one.get_function_name(): one.get_trigger().get_dict_repr() for one in built}


def test_timer_alone_is_registered_of_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """A blob trigger costs requests while nothing comes."""
    found = _triggers(monkeypatch)
    assert {name: one["schedule"] for name, one in found.items()} == {"sweep_inbox": "0 0 2 * * *"}


def test_sweep_that_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is registered."""
    assert _triggers(monkeypatch, SETTLE_SWEEP_SCHEDULE="off") == {}


@pytest.mark.parametrize(("value", "source"), [("poll", None), ("EventGrid", "EventGrid")])
def test_blob_trigger_where_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, value: str, source: str | None
) -> None:
    """With the connection of the documents."""
    found = _triggers(
        monkeypatch,
        SETTLE_SWEEP_AT_ONCE=value,
        SETTLE_SWEEP_CONTAINER="post",
        SETTLE_SWEEP_NOW="quick/",
        SETTLE_STORAGE="x",
    )["take_blob"]
    assert (found["path"], found["connection"]) == ("post/quick/{name}", "SETTLE_STORAGE")
    assert str(getattr(found.get("source"), "value", found.get("source"))) == str(source)
