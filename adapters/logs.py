"""What libraries may write into the log. `logLevel` of host.json does not reach the loggers of Python."""

from __future__ import annotations

import logging

#: The Azure SDK writes about 26 lines for each storage request at the level INFO.
QUIET = ("azure",)


def quiet_libraries() -> None:
    """Let libraries write warnings and errors only."""
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
