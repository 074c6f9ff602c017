"""The errors that the host raises on purpose.

    DevhostError
    ├── SettingsError            a setting, host.json or local.settings.json is wrong
    ├── AppError                 the function app cannot be loaded or indexed
    ├── PortInUse                another program listens on the port already
    ├── StateFileError           the state file cannot be used
    │   ├── StateFileInUse       another host has it open
    │   └── StateFileVersion     another version of the host wrote it, or it is no state file
    ├── EngineStopped            the engine is not running any more
    └── RequestError             what a caller asked for cannot be done
        ├── UnknownFunction      no orchestrator, activity or entity of that name
        ├── InvalidInstanceId    an instance id that the real host refuses
        ├── InstanceExists       start: the id belongs to an instance that is not finished
        ├── InstanceNotFound     no instance of that id
        ├── InstanceFinished     the instance is completed, failed or terminated
        ├── InvalidState         the instance is in a state that does not allow the request
        └── RewindImpossible     a sub-orchestration that would have to be rewound is gone

The text of a RequestError is the text of the real host where that is known, so that callers who match on it
see the same thing here.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = [
    "AppError",
    "DevhostError",
    "EngineStopped",
    "InstanceExists",
    "InstanceFinished",
    "InstanceNotFound",
    "InvalidInstanceId",
    "InvalidState",
    "PortInUse",
    "RequestError",
    "RewindImpossible",
    "SettingsError",
    "StateFileError",
    "StateFileInUse",
    "StateFileVersion",
    "UnknownFunction",
]


class DevhostError(Exception):
    """Base of all errors that the host raises on purpose."""


class SettingsError(DevhostError):
    """A setting, host.json or local.settings.json is wrong; the text says which and how to mend it."""


class AppError(DevhostError):
    """The function app cannot be loaded or indexed; the text says which function and how to mend it."""


class PortInUse(DevhostError):
    """Another program listens on the port already; the text says what to do."""


class StateFileError(DevhostError):
    """The state file cannot be used; the text says why and what to do."""


class StateFileInUse(StateFileError):
    """Another host has the state file open."""


class StateFileVersion(StateFileError):
    """The file was written by another version of the host, or it is no state file at all."""


class EngineStopped(DevhostError):
    """The engine has stopped (or crashed) and takes no more requests."""


class RequestError(DevhostError):
    """What a caller asked for cannot be done."""


class UnknownFunction(RequestError):
    """No function of that kind (``orchestrator``, ``activity`` or ``entity``) and name is in the app."""

    def __init__(self, kind: str, name: str, known: Sequence[str]):
        names = ", ".join(f"'{one}'" for one in known)
        listed = (
            f"The following are the known {kind} functions: {names}."
            if known
            else f"No {kind} functions are currently registered!"
        )
        article = "an" if kind[0] in "aeiou" else "a"
        super().__init__(
            f"The function '{name}' doesn't exist, is disabled, or is not {article} {kind} function. "
            f"Additional info: {listed}"
        )
        self.kind = kind
        self.name = name


class InvalidInstanceId(RequestError):
    """An instance id that the real host refuses; the text is the rule that it breaks."""


class InstanceExists(RequestError):
    """The id of a start belongs to an instance that is not finished yet."""

    def __init__(self, instance_id: str, status: str):
        super().__init__(f"An Orchestration instance with the status {status} already exists.")
        self.instance_id = instance_id
        self.status = status


class InstanceNotFound(RequestError):
    """There is no instance of that id."""

    def __init__(self, instance_id: str):
        super().__init__(f"No instance with ID '{instance_id}' found.")
        self.instance_id = instance_id


class InstanceFinished(RequestError):
    """The instance is completed, failed or terminated, and takes no more messages."""

    def __init__(self, instance_id: str, status: str):
        super().__init__(f"Instance with ID '{instance_id}' is finished: its status is {status}.")
        self.instance_id = instance_id
        self.status = status


class InvalidState(RequestError):
    """The state of the instance does not allow the request (suspended twice, purged while running …)."""

    def __init__(self, instance_id: str, status: str, text: str):
        super().__init__(text)
        self.instance_id = instance_id
        self.status = status


class RewindImpossible(RequestError):
    """A failed sub-orchestration was purged, so that its parent cannot be rewound any more."""

    def __init__(self, instance_id: str, child_id: str):
        super().__init__(
            f"Cannot rewind the orchestration instance '{instance_id}': its sub-orchestration '{child_id}' "
            "has failed and is gone."
        )
        self.instance_id = instance_id
        self.child_id = child_id
