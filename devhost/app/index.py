"""Load a function app and list its functions: names, bindings, and the checks that the real host makes.

The app is the one object of a class derived from ``FunctionRegister`` (``FunctionApp``, ``DFApp`` …) among
the attributes of ``function_app.py``.
"""

from __future__ import annotations

import importlib
import inspect
import json
import sys
import traceback
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from azure.functions.decorators.function_app import Function, FunctionRegister

from devhost.app import checks as app_checks
from devhost.app.settings import Settings, expand
from devhost.errors import AppError, SettingsError

__all__ = ["AppIndex", "Binding", "FunctionInfo", "import_app", "index_app", "load_app"]

ORCHESTRATION, ACTIVITY, ENTITY = "orchestrationTrigger", "activityTrigger", "entityTrigger"
_DURABLE_NAME = {ORCHESTRATION: "orchestration", ACTIVITY: "activity", ENTITY: "entityName"}
# Names of other things, and texts that the real host leaves alone.
_NOT_EXPANDED = {"name", "type", "direction", "connection", "dataType", "route", *_DURABLE_NAME.values()}


@dataclass(frozen=True)
class Binding:
    """One binding of a function; ``properties`` has the camelCase keys of function.json."""

    name: str
    type: str
    direction: str
    properties: Mapping[str, Any]

    @property
    def is_trigger(self) -> bool:
        """Whether this binding starts the function."""
        return self.type.lower().endswith("trigger")


@dataclass(frozen=True)
class FunctionInfo:
    """One function of the app: what to call, and what to hand to it."""

    name: str
    call: Callable[..., Any]
    trigger: Binding
    bindings: tuple[Binding, ...]
    is_async: bool
    wants_context: bool
    folder: Path
    retry: Mapping[str, str] | None = None

    @property
    def inputs(self) -> Iterator[Binding]:
        """Bindings that bring a value in, without the trigger."""
        return (one for one in self.bindings if not one.is_trigger and one.direction == "IN")

    @property
    def outputs(self) -> Iterator[Binding]:
        """Bindings that take a value out, without ``$return``."""
        return (one for one in self.bindings if one.direction == "OUT" and one.name != "$return")

    @property
    def returned(self) -> Binding | None:
        """The ``$return`` binding, None when the function has none."""
        return next((one for one in self.bindings if one.name == "$return"), None)

    @property
    def durable_name(self) -> str:
        """The name by which orchestrations call it."""
        return self.trigger.properties.get(_DURABLE_NAME.get(self.trigger.type, ""), None) or self.name


@dataclass
class AppIndex:
    """The functions of one app, and the tables of durable names (a ``Catalog`` for the engine)."""

    functions: dict[str, FunctionInfo]
    disabled: frozenset[str] = frozenset()
    warnings: list[str] = field(default_factory=list)

    def __post_init__(self):
        self._durable: dict[str, dict[str, FunctionInfo]] = {ORCHESTRATION: {}, ACTIVITY: {}, ENTITY: {}}
        for function in self.enabled():
            table = self._durable.get(function.trigger.type)
            if table is not None:
                table[function.durable_name.lower()] = function

    def enabled(self, trigger_type: str | None = None) -> list[FunctionInfo]:
        """Return the functions that are not disabled, by name, of one trigger type or of all."""
        found = [one for name, one in self.functions.items() if name not in self.disabled]
        return sorted(
            (one for one in found if trigger_type in (None, one.trigger.type)),
            key=lambda one: one.name.lower(),
        )

    def find(self, name: str) -> FunctionInfo | None:
        """Return the enabled function called ``name`` (case is ignored), or None."""
        return next((one for one in self.enabled() if one.name.lower() == name.lower()), None)

    def _function_name(self, trigger_type: str, name: str) -> str | None:
        found = self._durable[trigger_type].get(name.lower())
        return found.name if found else None

    def _known(self, trigger_type: str) -> list[str]:
        return sorted(one.durable_name for one in self._durable[trigger_type].values())

    def orchestrator(self, name: str) -> str | None:
        """Return the function name of an orchestrator by its durable name."""
        return self._function_name(ORCHESTRATION, name)

    def activity(self, name: str) -> str | None:
        """Return the function name of an activity by its durable name."""
        return self._function_name(ACTIVITY, name)

    def entity(self, name: str) -> str | None:
        """Return the function name of an entity by its durable name."""
        return self._function_name(ENTITY, name)

    def known_orchestrators(self) -> list[str]:
        """Return the durable names of all orchestrators, sorted."""
        return self._known(ORCHESTRATION)

    def known_activities(self) -> list[str]:
        """Return the durable names of all activities, sorted."""
        return self._known(ACTIVITY)

    def known_entities(self) -> list[str]:
        """Return the durable names of all entities, sorted."""
        return self._known(ENTITY)


def load_app(settings: Settings) -> AppIndex:
    """Import the app in ``settings.app_folder`` and index it. Raises AppError."""
    script = settings.value("PYTHON_SCRIPT_FILE_NAME") or "function_app.py"
    return index_app(import_app(settings.app_folder, script), settings)


def import_app(folder: Path, script: str = "function_app.py") -> FunctionRegister:
    """Import ``script`` of ``folder`` and return its one function app.

    The folder comes first on ``sys.path``. Raises AppError with the traceback when the import fails.
    """
    folder = folder.resolve()
    if not (folder / script).is_file():
        raise AppError(
            f"There is no {script} in {folder}. Start the host with --app and the folder that has it."
        )
    name = Path(script).stem
    _first_on_path(folder)
    loaded = sys.modules.get(name)
    if loaded is not None and Path(getattr(loaded, "__file__", None) or "") != folder / script:
        del sys.modules[name]
    try:
        module = importlib.import_module(name)
    except Exception as error:
        raise AppError(f"{script} could not be imported:\n{_own_traceback(error, folder)}") from error
    return _only_app(module, script)


def _first_on_path(folder: Path) -> None:
    text = str(folder)
    if text in sys.path:
        sys.path.remove(text)
    sys.path.insert(0, text)
    importlib.invalidate_caches()


def _own_traceback(error: BaseException, folder: Path) -> str:
    """The traceback from the first frame inside of the app on: what comes before is the import machinery."""
    frame = error.__traceback__
    while frame is not None and not frame.tb_frame.f_code.co_filename.startswith(str(folder)):
        frame = frame.tb_next
    return "".join(traceback.format_exception(type(error), error, frame)).rstrip()


def _only_app(module: Any, script: str) -> FunctionRegister:
    apps = [value for value in vars(module).values() if isinstance(value, FunctionRegister)]
    if not apps:
        raise AppError(
            f"Could not find top level function app instances in {script}. "
            f"Write for example: app = azure.functions.FunctionApp()"
        )
    if len(apps) > 1:
        raise AppError(
            f"More than one {type(apps[0]).__name__} or other top level function app instances are defined. "
            f"Keep one in {script}; one app under two names counts twice."
        )
    return apps[0]


_LISTED: weakref.WeakKeyDictionary[FunctionRegister, list[Function]] = weakref.WeakKeyDictionary()


def _functions_of(app: FunctionRegister) -> list[Function]:
    # A second get_functions() on the same app raises, so the list is kept with the app.
    if app not in _LISTED:
        try:
            _LISTED[app] = app.get_functions()
        except ValueError as error:
            raise AppError(str(error)) from error
    return _LISTED[app]


def index_app(app: FunctionRegister, settings: Settings) -> AppIndex:
    """List and check the functions of ``app``. Raises AppError that names every function with a problem."""
    functions: dict[str, FunctionInfo] = {}
    problems: list[str] = []
    warnings: list[str] = []
    for listed in _functions_of(app):
        function, found = _function(listed, settings)
        problems += found
        problems += app_checks.problems(function)
        warnings += app_checks.warnings(function)
        if function.name.lower() in {name.lower() for name in functions}:
            problems.append(f"function '{function.name}': another function has the same name; rename one.")
        functions[function.name] = function
    problems += app_checks.clashes(list(functions.values()))
    if problems:
        listing = "\n".join(f"  - {one}" for one in problems)
        raise AppError(f"The app cannot be started:\n{listing}")
    disabled = frozenset(name for name in functions if settings.disabled(name))
    return AppIndex(functions, disabled, warnings)


def _function(listed: Function, settings: Settings) -> tuple[FunctionInfo, list[str]]:
    problems: list[str] = []
    name = listed.get_function_name() or ""
    bindings = [_binding(json.loads(text), name, settings, problems) for text in listed.get_raw_bindings()]
    call = listed.get_user_function()
    parameters = inspect.signature(call).parameters
    function = FunctionInfo(
        name=name,
        call=call,
        trigger=next(one for one in bindings if one.is_trigger),
        bindings=tuple(bindings),
        is_async=inspect.iscoroutinefunction(call),
        wants_context="context" in parameters and all(one.name != "context" for one in bindings),
        folder=settings.app_folder,
        retry=listed.get_settings_dict("retry_policy"),
    )
    return function, problems


def _binding(raw: dict[str, Any], function: str, settings: Settings, problems: list[str]) -> Binding:
    properties = dict(raw)
    for key, value in raw.items():
        if isinstance(value, str) and "%" in value and key not in _NOT_EXPANDED:
            try:
                properties[key] = expand(value, settings.values, f"function '{function}', {key}")
            except SettingsError as error:
                problems.append(str(error))
    return Binding(raw["name"], raw["type"], raw["direction"], properties)
