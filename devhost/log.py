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

    ``levels`` is ``logging.logLevel`` of host.json, of which ``default`` counts. The other categories are
    those of the host's own code: as on the real host, none of them is a logger of Python.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_Json() if log_format == "json" else _Text())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    # asyncio logs the creation of its selector. What the app's packages log is the app's to quiet.
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    default = next((level for category, level in levels.items() if category.lower() == "default"), "")
    number = _LEVELS.get(default.strip().lower())
    if number is not None:
        root.setLevel(number)
