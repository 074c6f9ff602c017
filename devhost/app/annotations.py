"""Type annotations of functions: the real worker reads them, and refuses an app over those it cannot use."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import azure.functions as func
from azure.functions import meta

if TYPE_CHECKING:
    from devhost.app.index import Binding, FunctionInfo

__all__ = ["annotation_problems", "plain_type"]

_IMPLICIT_OUTPUT = ("orchestrationTrigger", "activityTrigger", "entityTrigger")


def plain_type(function: FunctionInfo) -> type[str] | type[bytes] | None:
    """Return str or bytes where the trigger's parameter is annotated so: it then gets the bare content."""
    try:
        found = typing.get_type_hints(function.call).get(function.trigger.name)
    except Exception:  # noqa: BLE001 - told by annotation_problems when the host starts
        return None
    return found if found in (str, bytes) else None


def annotation_problems(function: FunctionInfo, where: str) -> Iterator[str]:
    """Yield the annotations over which the real worker does not load the function."""
    try:
        hints = typing.get_type_hints(function.call)
    except Exception as error:  # noqa: BLE001 - evaluating annotations runs user code
        yield f"{where}: its annotations cannot be resolved ({error}); import the names at run time."
        return
    for binding in function.bindings:
        if binding.name in hints:
            yield from _parameter(binding, hints[binding.name], where)
    if "context" in hints and function.wants_context:
        found = hints["context"]
        if not (isinstance(found, type) and found.__name__ == "Context"):
            yield f"{where}: the parameter 'context' must be annotated func.Context, or not at all."
    if function.returned is not None and "return" in hints:
        yield from _returned(function.returned, hints["return"], where)


def _parameter(binding: Binding, annotation: Any, where: str) -> Iterator[str]:
    is_out = (typing.get_origin(annotation) or annotation) is func.Out
    if is_out:
        annotation = next(iter(typing.get_args(annotation)), str)
    if (binding.direction == "OUT") is not is_out:
        needed = "func.Out[...]" if binding.direction == "OUT" else "a type other than func.Out"
        yield f"{where}: the parameter '{binding.name}' must be annotated with {needed} or not at all."
    elif not _is_usable(annotation):
        yield (
            f"{where}: the annotation {_shown(annotation)} of '{binding.name}' is none that Azure takes; "
            f"use a plain class such as dict, list or str, or leave it out."
        )
    elif not _fits(binding, annotation, out=is_out):
        yield f"{where}: '{binding.name}' of type {binding.type} cannot be annotated {_shown(annotation)}."


def _returned(binding: Binding, annotation: Any, where: str) -> Iterator[str]:
    if not isinstance(annotation, type) or isinstance(annotation, types.GenericAlias):
        shown = _shown(annotation)
        yield f"{where}: the return annotation {shown} must be one class, e.g. func.HttpResponse."
    elif not _fits(binding, annotation, out=True):
        yield f"{where}: the return annotation {_shown(annotation)} does not fit the binding {binding.type}."


def _is_usable(annotation: Any) -> bool:
    """Whether it is a class or an alias of `typing`; unions and built-in generics are not."""
    if isinstance(annotation, (types.GenericAlias, types.UnionType)):
        return False
    if isinstance(annotation, type):
        return True
    return typing.get_origin(annotation) not in (None, typing.Union)


def _fits(binding: Binding, annotation: Any, *, out: bool) -> bool:
    if annotation in (str, bytes) and binding.type not in _IMPLICIT_OUTPUT:
        return True  # taken as a generic binding
    converter = meta.get_binding_registry().get(binding.type)
    check = getattr(converter, f"check_{'output' if out else 'input'}_type_annotation", None)
    if check is None:
        return True
    try:
        return bool(check(annotation))
    except TypeError:
        return True  # an alias that the converter cannot look into


def _shown(annotation: Any) -> str:
    return f"'{annotation.__name__}'" if isinstance(annotation, type) else f"'{annotation}'"
