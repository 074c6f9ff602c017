"""Settings of a function app, read as Core Tools reads them.

Three sources, the strongest first: the process environment, ``Values`` of ``local.settings.json``,
``host.json``. A value of ``host.json`` can be overridden by a setting named
``AzureFunctionsJobHost__<path>`` with ``__`` between the steps of the path. Keys ignore case, as in .NET.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from devhost.app.host_json import HostJson, read_host_json, unknown_keys
from devhost.errors import SettingsError

__all__ = [
    "DurableSettings",
    "HttpSettings",
    "QueueSettings",
    "Settings",
    "expand",
    "load_settings",
    "timespan",
]

_TIMESPAN = re.compile(
    r"^(?P<minus>-)?(?:(?P<d>\d+)\.)?(?P<h>\d{1,2}):(?P<m>\d{1,2})(?::(?P<s>\d{1,2})(?:\.(?P<f>\d{1,7}))?)?$"
)
_HUB_NAME = re.compile(r"^[A-Za-z][A-Za-z0-9]{2,44}$")
_CORES = os.cpu_count() or 1
DEFAULT_FUNCTION_TIMEOUT = 30 * 60.0
# A storage queue hides a message for seven days at most.
_LONGEST_HIDDEN = 7 * 86400.0


@dataclass(frozen=True)
class DurableSettings:
    """The values of ``extensions.durableTask`` in host.json that a host without Azure Storage can honour."""

    hub_name: str = "TestHubName"
    max_concurrent_activity_functions: int = 10 * _CORES
    max_concurrent_orchestrator_functions: int = 10 * _CORES
    max_concurrent_entity_functions: int = 10 * _CORES
    max_orchestration_actions: int = 100_000
    max_entity_operation_batch_size: int = 5000
    overridable_existing_instance_states: str = "NonRunningStates"
    use_graceful_shutdown: bool = False
    store_inputs_in_orchestration_history: bool = False
    default_async_request_sleep_seconds: float = 30.0
    default_version: str | None = None
    version_match_strategy: str = "CurrentOrOlder"
    version_failure_strategy: str = "Reject"
    local_rpc_endpoint_enabled: bool = True


@dataclass(frozen=True)
class HttpSettings:
    """The values of ``extensions.http``."""

    route_prefix: str = "api"
    max_body_bytes: int = 104_857_600


@dataclass(frozen=True)
class QueueSettings:
    """The values of ``extensions.queues``; times in seconds."""

    batch_size: int = 16
    new_batch_threshold: int = 8 * _CORES
    max_dequeue_count: int = 5
    visibility_timeout: float = 0.0
    max_polling_interval: float = 60.0
    base64: bool = True


@dataclass(frozen=True)
class Settings:
    """Everything the host has to know about one app, checked and with defaults filled in."""

    app_folder: Path
    values: Mapping[str, str]
    durable: DurableSettings = field(default_factory=DurableSettings)
    http: HttpSettings = field(default_factory=HttpSettings)
    queues: QueueSettings = field(default_factory=QueueSettings)
    function_timeout: float | None = DEFAULT_FUNCTION_TIMEOUT
    log_levels: Mapping[str, str] = field(default_factory=dict)
    local_http_port: int | None = None
    cors_origins: tuple[str, ...] = ()
    worker_process_count: int = 1
    thread_count: int | None = None
    warnings: tuple[str, ...] = ()
    local_values: Mapping[str, str] = field(default_factory=dict)

    def value(self, name: str) -> str | None:
        """Return the setting called ``name`` (case is ignored), or None."""
        found = self.values.get(name)
        return found if found is not None else _lookup(self.values, name)

    def connection(self, name: str) -> str:
        """Return the connection string for a binding's ``connection``.

        ``AzureWebJobs<name>`` comes first, then ``<name>``, then ``ConnectionStrings:<name>``; an empty name
        means ``AzureWebJobsStorage``. Raises SettingsError when none is set.
        """
        name = name or "AzureWebJobsStorage"
        for key in (f"AzureWebJobs{name}", name, f"ConnectionStrings:{name}"):
            if found := self.value(key):
                return found
        raise SettingsError(
            f"no connection string: none of the settings 'AzureWebJobs{name}' and '{name}' is set. "
            f"Add one to Values in local.settings.json (for Azurite: UseDevelopmentStorage=true)."
        )

    def disabled(self, function_name: str) -> bool:
        """Tell whether ``AzureWebJobs.<function>.Disabled`` (or its underscore form) is true."""
        keys = (f"AzureWebJobs.{function_name}.Disabled", f"AzureWebJobs_{function_name}_Disabled")
        return any((self.value(key) or "").strip().lower() in ("1", "true") for key in keys)


def load_settings(app_folder: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """Read host.json, local.settings.json and the environment of the app in ``app_folder``.

    Raises SettingsError with the file, the key and the mend. A missing local.settings.json is allowed, and so
    is a missing host.json (all defaults).
    """
    environment = dict(os.environ if environment is None else environment)
    local = _read_local_settings(app_folder / "local.settings.json")
    values = {**local.values, **environment}
    host_json = read_host_json(app_folder / "host.json", values)
    warnings = [*local.warnings, *unknown_keys(host_json)]
    return Settings(
        app_folder=app_folder,
        values=values,
        durable=_durable(host_json, values),
        http=_http(host_json, values),
        queues=_queues(host_json),
        function_timeout=_function_timeout(host_json),
        log_levels=host_json.texts("logging.logLevel"),
        local_http_port=local.port,
        cors_origins=local.cors_origins,
        worker_process_count=_count(values, "FUNCTIONS_WORKER_PROCESS_COUNT", 1, 10) or 1,
        thread_count=_count(values, "PYTHON_THREADPOOL_THREAD_COUNT", 1, 32),
        warnings=tuple(warnings),
        local_values=local.values,
    )


def expand(text: str, values: Mapping[str, str], where: str) -> str:
    """Replace each ``%NAME%`` in ``text`` by the setting NAME. Raises SettingsError naming ``where``."""
    return "".join(_expanded_parts(text, values, where))


def _expanded_parts(text: str, values: Mapping[str, str], where: str) -> Iterator[str]:
    parts = text.split("%")
    if len(parts) % 2 == 0:
        raise SettingsError(f"{where}: '{text}' has a '%' without a partner; write %SETTING_NAME%.")
    for position, part in enumerate(parts):
        if position % 2 == 0:
            yield part
            continue
        found = _lookup(values, part)
        if found is None:
            raise SettingsError(
                f"{where}: '%{part}%' does not resolve to a value. "
                f"Set {part} in local.settings.json or in the environment."
            )
        yield found


def timespan(text: str, where: str) -> float:
    """Return the seconds of a .NET TimeSpan text, ``[-][d.]hh:mm[:ss[.fffffff]]``."""
    match = _TIMESPAN.match(text.strip())
    if not match:
        raise SettingsError(f"{where}: '{text}' is not a time span; write hh:mm:ss, e.g. 00:05:00.")
    part = match.groupdict(default="0")
    seconds = int(part["d"]) * 86400 + int(part["h"]) * 3600 + int(part["m"]) * 60 + int(part["s"])
    total = seconds + float(f"0.{part['f']}")
    return -total if match["minus"] else total


@dataclass(frozen=True)
class _Local:
    values: dict[str, str]
    port: int | None = None
    cors_origins: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def _read_local_settings(path: Path) -> _Local:
    if not path.exists():
        return _Local({})
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise SettingsError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("Values", {}), dict):
        raise SettingsError(f'{path}: an object with "Values": {{...}} is expected.')
    if content.get("IsEncrypted") is True:
        raise SettingsError(f"{path} is encrypted; decrypt it with 'func settings decrypt'.")
    return _local_from(content, path)


def _local_from(content: dict[str, Any], path: Path) -> _Local:
    values: dict[str, str] = {}
    warnings: list[str] = []
    for key, value in (content.get("Values") or {}).items():
        if isinstance(value, str):
            values[key] = value
        else:
            warnings.append(
                f"{path.name}: Values.{key} is left out, since it is not a string; put it in quotes."
            )
    for key, value in (content.get("ConnectionStrings") or {}).items():
        text = value.get("ConnectionString") if isinstance(value, dict) else value
        if isinstance(text, str):
            values[f"ConnectionStrings:{key}"] = text
    host = content.get("Host") or {}
    cors = tuple(part.strip() for part in str(host.get("CORS") or "").split(",") if part.strip())
    return _Local(values, _port(host.get("LocalHttpPort"), path), cors, tuple(warnings))


def _port(value: Any, path: Path) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not str(value).isdigit() or not 0 < int(value) < 65536:
        raise SettingsError(f"{path}: Host.LocalHttpPort must be a number from 1 to 65535, not {value!r}.")
    return int(value)


def _durable(host_json: HostJson, values: Mapping[str, str]) -> DurableSettings:
    at = "extensions.durableTask."
    if host_json.boolean(at + "extendedSessionsEnabled", False):
        raise SettingsError(
            "host.json: extendedSessionsEnabled of durableTask is supported for .NET only. "
            "Remove the setting or set it to false."
        )
    _check_storage_provider(host_json)
    default = DurableSettings()
    return DurableSettings(
        hub_name=_hub_name(host_json, values),
        max_concurrent_activity_functions=host_json.number(
            at + "maxConcurrentActivityFunctions", default.max_concurrent_activity_functions, low=1
        ),
        max_concurrent_orchestrator_functions=host_json.number(
            at + "maxConcurrentOrchestratorFunctions", default.max_concurrent_orchestrator_functions, low=1
        ),
        max_concurrent_entity_functions=host_json.number(
            at + "maxConcurrentEntityFunctions", default.max_concurrent_entity_functions, low=1
        ),
        max_orchestration_actions=host_json.number(at + "maxOrchestrationActions", 100_000, low=1),
        max_entity_operation_batch_size=host_json.number(at + "maxEntityOperationBatchSize", 5000, low=1),
        overridable_existing_instance_states=host_json.choice(
            at + "overridableExistingInstanceStates", ("NonRunningStates", "AnyState")
        ),
        use_graceful_shutdown=host_json.boolean(at + "useGracefulShutdown", False),
        store_inputs_in_orchestration_history=host_json.boolean(
            at + "storeInputsInOrchestrationHistory", False
        ),
        default_async_request_sleep_seconds=host_json.number(
            at + "httpSettings.defaultAsyncRequestSleepTimeMilliseconds", 30_000, low=0
        )
        / 1000,
        default_version=host_json.text(at + "defaultVersion") or None,
        version_match_strategy=host_json.choice(
            at + "versionMatchStrategy", ("CurrentOrOlder", "None", "Strict")
        ),
        version_failure_strategy=host_json.choice(at + "versionFailureStrategy", ("Reject", "Fail")),
        local_rpc_endpoint_enabled=host_json.boolean(at + "localRpcEndpointEnabled", True),
    )


def _check_storage_provider(host_json: HostJson) -> None:
    """Refuse times that the queues of the real host do not take; here there are no such queues."""
    for key in ("controlQueueVisibilityTimeout", "workItemQueueVisibilityTimeout", "maxQueuePollingInterval"):
        where = f"extensions.durableTask.storageProvider.{key}"
        text = host_json.text(where)
        if text is not None and not 0 < timespan(text, f"host.json: {where}") <= _LONGEST_HIDDEN:
            raise SettingsError(
                f"host.json: {where} is '{text}'; it must be more than no time, and at most 7.00:00:00."
            )


def _hub_name(host_json: HostJson, values: Mapping[str, str]) -> str:
    key = "extensions.durableTask.hubName"
    written = host_json.text(key)
    if not written:
        site = re.sub(r"[^A-Za-z0-9]", "", _lookup(values, "WEBSITE_SITE_NAME") or "")[:45]
        return site if _HUB_NAME.match(site) else "TestHubName"
    name = expand(written, values, f"host.json: {key}")
    if not _HUB_NAME.match(name):
        raise SettingsError(
            f"host.json: {key} '{name}' is no valid task hub name; it has 3 to 45 letters and digits and "
            f"starts with a letter."
        )
    return name


def _http(host_json: HostJson, values: Mapping[str, str]) -> HttpSettings:
    prefix = host_json.text("extensions.http.routePrefix")
    limit = _count(values, "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT", 1, 2**31 - 1)
    return HttpSettings(
        route_prefix="api" if prefix is None else prefix.strip("/"),
        max_body_bytes=limit or HttpSettings.max_body_bytes,
    )


def _queues(host_json: HostJson) -> QueueSettings:
    at = "extensions.queues."
    batch_size = host_json.number(at + "batchSize", 16, low=1, high=32)

    def seconds(key: str, default: float) -> float:
        text = host_json.text(at + key)
        return default if text is None else timespan(text, f"host.json: {at}{key}")

    return QueueSettings(
        batch_size=batch_size,
        new_batch_threshold=host_json.number(
            at + "newBatchThreshold", max(1, batch_size // 2) * _CORES, low=0
        ),
        max_dequeue_count=host_json.number(at + "maxDequeueCount", 5, low=1),
        visibility_timeout=seconds("visibilityTimeout", 0.0),
        max_polling_interval=seconds("maxPollingInterval", 60.0),
        base64=host_json.choice(at + "messageEncoding", ("base64", "none")) == "base64",
    )


def _function_timeout(host_json: HostJson) -> float | None:
    text = host_json.text("functionTimeout")
    if text is None:
        return DEFAULT_FUNCTION_TIMEOUT
    if text.strip() == "-1":
        return None
    seconds = timespan(text, "host.json: functionTimeout")
    if seconds < 1:
        raise SettingsError(f"host.json: functionTimeout '{text}' is too short; the least is 00:00:01.")
    return seconds


def _count(values: Mapping[str, str], name: str, low: int, high: int) -> int | None:
    text = (_lookup(values, name) or "").strip()
    if not text:
        return None
    if not text.isdigit() or not low <= int(text) <= high:
        raise SettingsError(f"setting {name} is '{text}'; a whole number from {low} to {high} is expected.")
    return int(text)


def _lookup(values: Mapping[str, str], name: str) -> str | None:
    if name in values:
        return values[name]
    wanted = name.lower()
    return next((value for key, value in values.items() if key.lower() == wanted), None)
