"""Where the user's code stands: the source line of each action that it asked for, and of its end.

Positions are read from the generator that the SDK drives; the code runs exactly as it does in the engine. The
one name of the SDK that is leaned on is ``_add_to_actions`` of the context: without it there is no line per
action, and the line where the generator stands at the end is told instead.
"""

from __future__ import annotations

import linecache
import sys
import sysconfig
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, GeneratorType
from typing import Any

import azure.durable_functions as df

from devhost.app.index import AppIndex

__all__ = ["Position", "Trace", "TracingRunner"]

_SDK = str(Path(df.__file__).parent)
_LIBRARIES = (_SDK, sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), str(Path(__file__).parent))


@dataclass(frozen=True)
class Position:
    """A line of the user's code."""

    file: str
    line: int
    function: str

    @property
    def source(self) -> str:
        """The text of the line, stripped; empty when the file is not there."""
        return linecache.getline(self.file, self.line).strip()

    def __str__(self) -> str:
        return f"{_short(self.file)}:{self.line} in {self.function}"


def _short(file: str) -> str:
    try:
        return str(Path(file).relative_to(Path.cwd()))
    except ValueError:
        return file


class Trace:
    """What one replay told about positions. ``actions[n]`` belongs to the n-th action of the reply."""

    def __init__(self) -> None:
        self.actions: list[Position | None] = []
        self._generator: Any = None
        self._frame: FrameType | None = None
        self._error: BaseException | None = None

    def watch(self, user: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Return a stand-in for the orchestrator function, for the SDK to call."""

        def watched(context: Any) -> Any:
            self._follow_actions(context)
            made = user(context)
            if isinstance(made, GeneratorType):
                self._generator, self._frame = made, made.gi_frame
            return made

        return watched

    def _follow_actions(self, context: Any) -> None:
        add = getattr(context, "_add_to_actions", None)
        if add is None:
            return

        def add_and_note(action: Any) -> None:
            before = len(context._actions[0])
            add(action)
            if len(context._actions[0]) > before:
                self.actions.append(self._now())

        context._add_to_actions = add_and_note

    def _now(self) -> Position | None:
        if self._generator is None or self._generator.gi_running:
            return _caller()
        return _standing(self._generator)

    def failed(self, error: BaseException) -> None:
        """Note what the SDK raised for the user's code."""
        self._error = error.__cause__ or error

    @property
    def waits(self) -> bool:
        """Whether the code has neither returned nor raised."""
        return self._generator is not None and self._generator.gi_frame is not None

    @property
    def end(self) -> Position | None:
        """The line where the code waits, returned or raised."""
        if self.waits:
            return _standing(self._generator)
        if self._error is not None:
            return _raised(self._error)
        # The frame of a generator that has returned keeps the line of its return.
        return _position(self._frame) if self._frame is not None else None

    def action(self, number: int) -> Position | None:
        """Return the line that asked for an action of the reply."""
        return self.actions[number] if number < len(self.actions) else None


def _position(frame: FrameType) -> Position:
    return Position(
        frame.f_code.co_filename, frame.f_lineno or frame.f_code.co_firstlineno, frame.f_code.co_name
    )


def _standing(generator: Any) -> Position | None:
    inner = generator
    while isinstance(getattr(inner, "gi_yieldfrom", None), GeneratorType):
        inner = inner.gi_yieldfrom
    return _position(inner.gi_frame) if inner.gi_frame is not None else None


def _caller() -> Position | None:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_LIBRARIES):
        frame = frame.f_back
    return None if frame is None else _position(frame)


def _raised(error: BaseException) -> Position | None:
    found: Position | None = None
    step = error.__traceback__
    while step is not None:
        if not step.tb_frame.f_code.co_filename.startswith(_LIBRARIES):
            code = step.tb_frame.f_code
            found = Position(code.co_filename, step.tb_lineno, code.co_name)
        step = step.tb_next
    return found


class TracingRunner:
    """The engine's ``Runner`` for replays: orchestrators only. ``reply`` and ``trace`` are of the last
    one.
    """

    def __init__(self, index: AppIndex):
        self._index = index
        self.trace = Trace()

    def run_orchestrator(self, function_name: str, context_json: str) -> str:
        """Replay and return the SDK's reply; raises what it raises."""
        call = self._index.functions[function_name].call
        user = getattr(call, "orchestrator_function", None)
        self.trace = trace = Trace()
        if user is not None:
            handle: Any = df.Orchestrator.create(trace.watch(user))
            handle._df_input_type = getattr(call, "_df_input_type", None)
            call = handle
        try:
            with warnings.catch_warnings():
                # The SDK warns of every completion it does not expect: that is what is being found out here.
                warnings.simplefilter("ignore")
                return call(context_json)
        except BaseException as error:
            trace.failed(error)
            raise

    def run_entity(self, function_name: str, batch_json: str) -> str:
        """Entities have no replay."""
        raise RuntimeError("a replay runs no entities")

    def submit_activity(self, function_name: str, input_json: str, done: Callable[..., None]) -> None:
        """Activities are not run: their results are in the history."""
        raise RuntimeError("a replay runs no activities")
