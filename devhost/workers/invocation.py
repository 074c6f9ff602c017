"""One call of one function: its arguments, its outputs, and how an error is told.

Values are converted by the converter classes of azure-functions, so that user code sees exactly the types
that the real worker hands over.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import itertools
import secrets
import threading
import traceback
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import azure.functions as func
from azure.functions import meta

from devhost.app.index import Binding, FunctionInfo
from devhost.engine.ports import ActivityError

__all__ = ["BindingIO", "Call", "Invoker", "describe_error"]

_IMPLICIT_OUTPUT = ("orchestrationTrigger", "activityTrigger", "entityTrigger")
# Frames that stand between the host and user code in a traceback.
_MACHINERY = tuple(
    str(folder)
    for folder in (
        Path(__file__).parents[1],
        Path(asyncio.__file__).parent,
        Path(concurrent.futures.__file__).parent,
    )
)
_THREAD_LOCAL = threading.local()


class BindingIO(Protocol):
    """Reads and writes what bindings other than the trigger stand for (queues, blobs). May block."""

    def read(self, binding: Binding, data: Mapping[str, str]) -> meta.Datum | None:
        """Return the value of an input binding; ``data`` fills the ``{tokens}`` of its path."""
        ...

    def write(self, binding: Binding, value: meta.Datum, data: Mapping[str, str]) -> None:
        """Store the value of an output binding."""
        ...


class _Output(func.Out):
    """The object behind ``func.Out`` parameters."""

    def __init__(self) -> None:
        self._value: Any = None

    def set(self, val: Any) -> None:
        self._value = val

    def get(self) -> Any:
        return self._value


@dataclass
class _TraceContext:
    trace_parent: str = ""
    trace_state: str = ""
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass
class _RetryContext:
    retry_count: int = 0
    max_retry_count: int = 0
    exception: Any = None


@dataclass
class _Context:
    """What ``azure.functions.Context`` describes."""

    function_name: str = ""
    function_directory: str = ""
    invocation_id: str = ""
    trace_context: Any = None
    retry_context: Any = None
    thread_local_storage: Any = _THREAD_LOCAL


func.Context.register(_Context)


@dataclass
class Call:
    """A function with everything that it is called with."""

    function: FunctionInfo
    invocation_id: str
    arguments: dict[str, Any]
    outputs: dict[str, _Output]
    data: Mapping[str, str]

    def run(self) -> Any:
        """Call a plain function in the present thread and return what it returns."""
        _THREAD_LOCAL.invocation_id = self.invocation_id
        return self.function.call(**self.arguments)


class Invoker:
    """Prepares calls, and takes what they return. ``client_binding`` is the durable client's text."""

    def __init__(self, client_binding: str = "", io: BindingIO | None = None):
        self.client_binding = client_binding
        self._io = io

    def prepare(
        self,
        function: FunctionInfo,
        trigger_value: Any,
        *,
        data: Mapping[str, str] | None = None,
        trace_parent: str = "",
    ) -> Call:
        """Put the arguments of a call together. Reads input bindings, so it may block when there are any."""
        data = data or {}
        invocation_id = str(uuid.uuid4())
        arguments = {function.trigger.name: trigger_value}
        for binding in function.inputs:
            arguments[binding.name] = self._input(binding, data)
        outputs = {binding.name: _Output() for binding in function.outputs}
        if function.wants_context:
            arguments["context"] = _context(function, invocation_id, trace_parent)
        return Call(function, invocation_id, {**arguments, **outputs}, outputs, data)

    def _input(self, binding: Binding, data: Mapping[str, str]) -> Any:
        if binding.type == "durableClient":
            return self.client_binding
        if self._io is None:
            raise RuntimeError(
                f"the input binding '{binding.name}' of type {binding.type} is not served here"
            )
        found = self._io.read(binding, data)
        return None if found is None else decode(binding, found, {})

    def needs_io(self, function: FunctionInfo) -> bool:
        """Tell whether preparing or finishing a call of ``function`` may block."""
        return any(one.type != "durableClient" for one in function.inputs) or any(
            True for _ in function.outputs
        )

    def finish(self, call: Call, returned: Any) -> Any:
        """Write the outputs of a call and return its value. Raises as the worker does for a stray value."""
        function = call.function
        if (
            returned is not None
            and function.returned is None
            and function.trigger.type not in _IMPLICIT_OUTPUT
        ):
            # The missing space is the real worker's.
            raise RuntimeError(
                f"function {function.name!r} without a $return bindingreturned a non-None value"
            )
        for binding in function.outputs:
            value = call.outputs[binding.name].get()
            if value is not None:
                self._output(binding, value, call.data)
        if function.returned is not None and function.returned.type != "http" and returned is not None:
            self._output(function.returned, returned, call.data)
        return returned

    def _output(self, binding: Binding, value: Any, data: Mapping[str, str]) -> None:
        if self._io is None:
            raise RuntimeError(
                f"the output binding '{binding.name}' of type {binding.type} is not served here"
            )
        self._io.write(binding, encode(binding, value), data)


def _context(function: FunctionInfo, invocation_id: str, trace_parent: str) -> _Context:
    trace = trace_parent or f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"
    retries = int((function.retry or {}).get("max_retry_count") or 0)
    return _Context(
        function_name=function.name,
        function_directory=str(function.folder),
        invocation_id=invocation_id,
        trace_context=_TraceContext(trace_parent=trace),
        retry_context=_RetryContext(max_retry_count=retries),
    )


@functools.cache
def _converter(binding_type: str) -> Any:
    found = meta.get_binding_registry().get(binding_type)
    if found is None:
        raise RuntimeError(f"azure-functions has no converter for the binding type {binding_type}")
    return found


def decode(binding: Binding, value: meta.Datum, metadata: Mapping[str, meta.Datum]) -> Any:
    """Turn what came from outside into the object that user code gets."""
    return _converter(binding.type).decode(value, trigger_metadata=metadata)


def encode(binding: Binding, value: Any) -> meta.Datum:
    """Turn what user code gave into what goes outside."""
    return _converter(binding.type).encode(value, expected_type=None)


def describe_error(error: BaseException) -> ActivityError:
    """Return ``Type: text`` and the traceback from the first frame outside of the host on."""
    described = traceback.TracebackException.from_exception(error)
    kept = list(itertools.dropwhile(lambda frame: frame.filename.startswith(_MACHINERY), described.stack))
    if kept:
        described.stack = traceback.StackSummary.from_list(kept)
    return ActivityError(f"{type(error).__name__}: {error}", "".join(described.format()))
