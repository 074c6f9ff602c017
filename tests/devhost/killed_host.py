"""``python -m devhost`` that kills itself at a commit: KILL_AT is ``before:7`` or ``after:7``.

The hook of the store is set from outside, so that the host itself knows nothing of it.
"""

from __future__ import annotations

import functools
import os
import runpy
import signal

from devhost.state.store import Store


def _kill(when: str, number: int) -> None:
    if f"{when}:{number}" == os.environ["KILL_AT"]:
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    Store.open = functools.partial(Store.open, hook=_kill)
    runpy.run_module("devhost", run_name="__main__")
