"""``python -m devhost``, each episode decided both ways; what differs is written to the file BOTH_WAYS."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from devhost import host
from devhost.cli import main
from devhost.orchestration.sdk_probe import Both


def _decider(handle_of: Any, *_: Any) -> Any:
    def make(plain: Any) -> Both:
        made.append(Both(plain, handle_of))
        return made[-1]

    return make


if __name__ == "__main__":
    made: list[Both] = []
    host.sticky_decider = _decider
    code = main()
    found = {"kept": made[0].kept, "differences": made[0].differences}
    Path(os.environ["BOTH_WAYS"]).write_text(json.dumps(found))
    sys.exit(code)
