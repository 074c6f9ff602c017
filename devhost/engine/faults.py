"""The one fault that tests put into the host: sudden death."""

from __future__ import annotations

__all__ = ["HostCrash"]


class HostCrash(BaseException):
    """Raised in a commit hook or by a runner, it ends the engine at once, as kill -9 ends the process.

    Nothing is written or sent any more. A BaseException, so that no handler on the way takes it for an error.
    """
