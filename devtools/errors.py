"""What can go wrong in a local command.

DevError            says what is wrong and what to do; ends the command with exit code 1
  CommandFailed     a program that a command had started ended with an error
  ServiceFailed     Azurite or the host ended, or never became ready
  ApiError          the app answered a request with an error
"""


class DevError(Exception):
    """A failure that the user can do something about.

    ``message`` says what happened, ``hint`` what to do, ``details`` are lines to show as they are
    (the last lines of a log, for example).
    """

    def __init__(self, message: str, *, hint: str = "", details: list[str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details or []


class CommandFailed(DevError):
    """A program that a command had started ended with an error."""


class ServiceFailed(DevError):
    """Azurite or the host ended, or never became ready."""


class ApiError(DevError):
    """The app answered with an error; ``status`` is the HTTP status and ``code`` the app's own code."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(
            f"The app answered {status} ({code}): {message}"
            if code
            else f"The app answered {status}: {message}"
        )
        self.status = status
        self.code = code
