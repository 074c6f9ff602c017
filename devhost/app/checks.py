"""The checks that the real host makes of each function when it starts, as texts that say what to mend."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from devhost.app.annotations import annotation_problems
from devhost.errors import AppError
from devhost.http.routing import parse_template

if TYPE_CHECKING:
    from devhost.app.index import FunctionInfo

__all__ = ["clashes", "problems", "warnings"]

_FUNCTION_NAME = re.compile(r"^[a-z][a-z0-9_\-]{0,127}$", re.IGNORECASE)
_BINDING_NAME = re.compile(r"^([a-zA-Z][a-zA-Z0-9]{0,127}|\$return)$")
_WRAPPED = ("orchestrationTrigger", "entityTrigger")
_DURABLE = (*_WRAPPED, "activityTrigger")
_SERVED = (*_DURABLE, "httpTrigger", "timerTrigger", "queueTrigger", "blobTrigger")
_BOUND = ("durableClient", "http", "queue", "blob")
_RESERVED_ROUTES = ("admin", "runtime")


def problems(function: FunctionInfo) -> Iterator[str]:
    """Yield what would keep the real host from loading ``function``."""
    where = f"function '{function.name}'"
    if not _FUNCTION_NAME.match(function.name) or function.name.lower() == "host":
        yield (
            f"{where}: the name is not allowed; use a letter and then up to 127 letters, digits, '_' or '-', "
            f"and not 'host'."
        )
    yield from _binding_problems(function, where)
    yield from _parameter_problems(function, where)
    if function.trigger.type == "orchestrationTrigger" and function.durable_name.startswith("@"):
        yield f"{where}: the name of an orchestrator cannot begin with '@', which marks entities."
    if function.trigger.type == "httpTrigger":
        yield from _route_problems(function, where)


def _binding_problems(function: FunctionInfo, where: str) -> Iterator[str]:
    seen: set[str] = set()
    for binding in function.bindings:
        if not _BINDING_NAME.match(binding.name):
            yield (
                f"{where}: the binding name '{binding.name}' is not allowed; use letters and digits only, "
                f"e.g. '{_camel(binding.name)}'."
            )
        if binding.name.lower() in seen:
            yield f"{where}: two bindings are called '{binding.name}'; rename one."
        seen.add(binding.name.lower())


def _camel(name: str) -> str:
    first, *rest = [part for part in re.split(r"[^A-Za-z0-9]+", name) if part] or ["value"]
    return first.lstrip("0123456789") + "".join(part.capitalize() for part in rest)


def _parameter_problems(function: FunctionInfo, where: str) -> Iterator[str]:
    if function.trigger.type in _WRAPPED:
        return  # the SDK wraps them in a function of its own
    parameters = set(inspect.signature(function.call).parameters)
    bound = {binding.name for binding in function.bindings} - {"$return"}
    for name in sorted(parameters - bound - {"context"}):
        yield f"{where}: the parameter '{name}' has no binding; bind it by a decorator or remove it."
    yield from annotation_problems(function, where)
    for name in sorted(bound - parameters):
        yield f"{where}: the binding '{name}' has no parameter; add the parameter or remove the decorator."


def _route_problems(function: FunctionInfo, where: str) -> Iterator[str]:
    route = str(function.trigger.properties.get("route") or function.name)
    try:
        parse_template(route)
    except AppError as error:
        yield f"{where}: {error}"
    if route.strip("/").split("/")[0].lower() in _RESERVED_ROUTES:
        yield f"{where}: the route '{route}' begins with a reserved word (admin, runtime); choose another."


def warnings(function: FunctionInfo) -> Iterator[str]:
    """Yield what works here and not on the real host, or the other way round."""
    where = f"function '{function.name}'"
    trigger = function.trigger
    if trigger.type in _WRAPPED and trigger.name != "context":
        yield f'{where}: context_name is "{trigger.name}"; Azure loads the function only if it is "context".'
    if trigger.type not in _SERVED:
        yield (
            f"{where}: nothing here fires a {trigger.type}; "
            f"POST /admin/functions/{function.name} runs it by hand."
        )
    has_client = any(binding.type == "durableClient" for binding in function.bindings)
    if has_client and not inspect.iscoroutinefunction(inspect.unwrap(function.call)):
        yield f"{where}: a function with a durable client must be 'async def'; each call of this one fails."
    for binding in function.bindings:
        if not binding.is_trigger and binding.type not in _BOUND:
            yield f"{where}: the binding '{binding.name}' of type {binding.type} is not served here."


def clashes(functions: list[FunctionInfo]) -> Iterator[str]:
    """Yield routes and durable names that two functions claim."""
    claimed: dict[tuple[str, ...], str] = {}
    for function in sorted(functions, key=lambda one: one.name.lower()):
        for claim, what in _claims(function):
            if claim in claimed:
                yield f"function '{function.name}': {what} is taken by the function '{claimed[claim]}'."
            claimed.setdefault(claim, function.name)


def _claims(function: FunctionInfo) -> Iterator[tuple[tuple[str, ...], str]]:
    trigger = function.trigger
    if trigger.type in _DURABLE:
        yield (trigger.type, function.durable_name.lower()), f"the durable name '{function.durable_name}'"
    if trigger.type == "httpTrigger":
        route = str(trigger.properties.get("route") or function.name).strip("/")
        for method in trigger.properties.get("methods") or ["*"]:
            yield (route.lower(), method), f"the route '{route}' with the method {method}"
