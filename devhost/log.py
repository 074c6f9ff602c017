"""Log lines of the host: readable text for people, or one JSON object a line for programs."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TextIO

__all__ = ["configure"]

_LEVELS = {
    "trace": logging.DEBUG,
    "debug": logging.DEBUG,
    "information": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
    "none": logging.CRITICAL + 10,
}


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
        mark = "" if record.levelno <= logging.INFO else f"{record.levelname}: "
        name = "" if record.name in ("root", "devhost") else f"[{record.name}] "
        text = f"[{moment}Z] {mark}{name}{record.getMessage()}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def configure(log_format: str, levels: Mapping[str, str], stream: TextIO | None = None) -> None:
    """Send all logging to ``stream`` (standard error) as ``text`` or ``json``.

    ``levels`` is ``logging.logLevel`` of host.json: ``default`` goes to the root logger, any other category
    to the logger of that name in lower case.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_Json() if log_format == "json" else _Text())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    # The storage SDK logs each request with all its headers; asyncio the creation of its selector.
    for quiet in ("azure", "asyncio"):
        logging.getLogger(quiet).setLevel(logging.WARNING)
    for category, level in levels.items():
        number = _LEVELS.get(level.strip().lower())
        if number is not None:
            (root if category.lower() == "default" else logging.getLogger(category.lower())).setLevel(number)
