"""What libraries may write into the log of the app."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from adapters.logs import quiet_libraries

ROOT = Path(__file__).resolve().parents[2]


def test_storage_requests_of_the_sdk_write_no_lines(caplog: pytest.LogCaptureFixture) -> None:
    """Its policy logs each request and answer at INFO; warnings still come."""
    quiet_libraries()
    policy = logging.getLogger("azure.core.pipeline.policies.http_logging_policy")
    with caplog.at_level(logging.INFO):
        policy.info("Request URL: ...")
        policy.warning("something is wrong")
    assert [record.message for record in caplog.records] == ["something is wrong"]


def test_app_quiets_them_when_it_is_loaded() -> None:
    """Where it is composed, so on every host."""
    assert "quiet_libraries()" in (ROOT / "function_app.py").read_text("utf-8")


def test_task_hub_writes_warnings_only() -> None:
    """Both loggers of the Durable Task framework are chatty at Information on the real host."""
    levels = json.loads((ROOT / "host.json").read_text("utf-8"))["logging"]["logLevel"]
    assert levels["DurableTask.AzureStorage"] == levels["DurableTask.Core"] == "Warning"
