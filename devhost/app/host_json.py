"""Read host.json: typed access by path, overrides from the environment, hints for misspelt keys."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from devhost.errors import SettingsError

__all__ = ["HostJson", "read_host_json", "unknown_keys"]

_DEFAULT = "AzureStorage"
_OVERRIDE = "azurefunctionsjobhost"
_ANY: dict[str, Any] = {}
_SWITCH = {"true": True, "1": True, "false": False, "0": False}

# The storage provider of most apps; others have keys of their own.
_AZURE_STORAGE: dict[str, Any] = {
    "type": None,
    "allowReplayingTerminalInstances": None,
    "connectionName": None,
    "connectionStringName": None,
    "controlQueueBatchSize": None,
    "controlQueueBufferThreshold": None,
    "controlQueueVisibilityTimeout": None,
    "maxQueuePollingInterval": None,
    "partitionCount": None,
    "queueClientMessageEncoding": None,
    "trackingStoreConnectionName": None,
    "trackingStoreConnectionStringName": None,
    "trackingStoreNamePrefix": None,
    "useLegacyPartitionManagement": None,
    "useTablePartitionManagement": None,
    "workItemQueueVisibilityTimeout": None,
}

# What the real host reads. `_ANY` marks an object whose inner keys are free or of no concern here.
_KNOWN: dict[str, Any] = {
    "version": None,
    "aggregator": _ANY,
    "concurrency": _ANY,
    "customHandler": _ANY,
    "extensionBundle": {"id": None, "version": None, "downloadPath": None, "ensureLatest": None},
    "extensions": {
        "blobs": {"maxDegreeOfParallelism": None, "poisonBlobThreshold": None},
        "http": {
            "routePrefix": None,
            "maxConcurrentRequests": None,
            "maxOutstandingRequests": None,
            "dynamicThrottlesEnabled": None,
            "hsts": _ANY,
            "customHeaders": _ANY,
        },
        "queues": {
            "batchSize": None,
            "newBatchThreshold": None,
            "maxDequeueCount": None,
            "visibilityTimeout": None,
            "maxPollingInterval": None,
            "messageEncoding": None,
        },
        "durableTask": {
            "hubName": None,
            "storageProvider": _ANY,
            "maxConcurrentActivityFunctions": None,
            "maxConcurrentOrchestratorFunctions": None,
            "maxConcurrentEntityFunctions": None,
            "extendedSessionsEnabled": None,
            "extendedSessionIdleTimeoutInSeconds": None,
            "maxOrchestrationActions": None,
            "overridableExistingInstanceStates": None,
            "entityMessageReorderWindowInMinutes": None,
            "maxEntityOperationBatchSize": None,
            "useGracefulShutdown": None,
            "storeInputsInOrchestrationHistory": None,
            "useAppLease": None,
            "appLeaseOptions": _ANY,
            "localRpcEndpointEnabled": None,
            "rollbackEntityOperationsOnExceptions": None,
            "throwStatusExceptionsOnRaiseEvent": None,
            "grpcEnabled": None,
            "httpSettings": {
                "defaultAsyncRequestSleepTimeMilliseconds": None,
                "useForwardedHost": None,
            },
            "tracing": _ANY,
            "notifications": _ANY,
            "defaultVersion": None,
            "versionMatchStrategy": None,
            "versionFailureStrategy": None,
        },
        "cosmosDB": _ANY,
        "eventHubs": _ANY,
        "kafka": _ANY,
        "sendGrid": _ANY,
        "serviceBus": _ANY,
        "signalR": _ANY,
        "warmup": _ANY,
    },
    "functions": None,
    "functionTimeout": None,
    "healthMonitor": _ANY,
    "http": _ANY,
    "logging": _ANY,
    "managedDependency": _ANY,
    "retry": _ANY,
    "sendCanceledInvocationsToWorker": None,
    "singleton": _ANY,
    "telemetryMode": None,
    "watchDirectories": None,
    "watchFiles": None,
}


class HostJson:
    """The tree of host.json with overrides applied. Paths are dotted; keys ignore case."""

    def __init__(self, tree: dict[str, Any]):
        self.tree = tree

    def find(self, path: str) -> Any:
        """Return what is at ``path``, None when it is absent."""
        node: Any = self.tree
        for step in path.split("."):
            if not isinstance(node, dict):
                return None
            node = next((value for key, value in node.items() if key.lower() == step.lower()), None)
        return node

    def text(self, path: str) -> str | None:
        """Return the scalar at ``path`` as text, None when it is absent."""
        found = self.find(path)
        if found is None or isinstance(found, (dict, list)):
            return None
        return str(found).lower() if isinstance(found, bool) else str(found)

    def texts(self, path: str) -> dict[str, str]:
        """Return the object at ``path`` as a mapping of texts, empty when it is absent."""
        found = self.find(path)
        return {key: str(value) for key, value in found.items()} if isinstance(found, dict) else {}

    def number(self, path: str, default: int, *, low: int, high: int | None = None) -> int:
        """Return the whole number at ``path``; raises SettingsError outside of low..high."""
        text = self.text(path)
        if text is None:
            return default
        try:
            value = int(text)
        except ValueError:
            raise SettingsError(f"host.json: {path} is '{text}'; a whole number is expected.") from None
        if value < low or (high is not None and value > high):
            limits = f"at least {low}" if high is None else f"from {low} to {high}"
            raise SettingsError(f"host.json: {path} is {value}; it must be {limits}.")
        return value

    def boolean(self, path: str, default: bool) -> bool:
        """Return the switch at ``path``; raises SettingsError for anything but true and false."""
        text = self.text(path)
        if text is None:
            return default
        if text.lower() not in _SWITCH:
            raise SettingsError(f"host.json: {path} is '{text}'; true or false is expected.")
        return _SWITCH[text.lower()]

    def choice(self, path: str, choices: tuple[str, ...]) -> str:
        """Return one of ``choices`` (case is ignored); the first one is the default."""
        text = self.text(path)
        if text is None:
            return choices[0]
        for option in choices:
            if option.lower() == text.lower():
                return option
        raise SettingsError(f"host.json: {path} is '{text}'; expected one of {', '.join(choices)}.")


def read_host_json(path: Path, values: Mapping[str, str]) -> HostJson:
    """Read host.json and apply the ``AzureFunctionsJobHost__…`` settings among ``values``."""
    tree: dict[str, Any] = {"version": "2.0"}
    if path.exists():
        try:
            tree = json.loads(path.read_text(encoding="utf-8-sig"))
        except ValueError as error:
            raise SettingsError(f"{path} is not valid JSON: {error}") from error
        if not isinstance(tree, dict):
            raise SettingsError(f"{path}: a JSON object is expected.")
    host_json = HostJson(tree)
    if host_json.text("version") != "2.0":
        raise SettingsError(f'{path}: the key "version" must be "2.0".')
    for name, value in values.items():
        steps = name.replace(":", "__").split("__")
        if steps[0].lower() == _OVERRIDE and len(steps) > 1 and all(steps):
            _put(tree, steps[1:], value)
    return host_json


def _put(node: dict[str, Any], steps: list[str], value: str) -> None:
    key = next((known for known in node if known.lower() == steps[0].lower()), steps[0])
    if len(steps) == 1:
        node[key] = value
        return
    if not isinstance(node.get(key), dict):
        node[key] = {}
    _put(node[key], steps[1:], value)


def unknown_keys(host_json: HostJson) -> Iterator[str]:
    """Yield one warning for each key that no part of the real host reads, with the nearest right name."""
    yield from _unknown(host_json.tree, _KNOWN, "")
    at = "extensions.durableTask.storageProvider"
    provider = host_json.find(at)
    if isinstance(provider, dict) and (host_json.text(f"{at}.type") or _DEFAULT).lower() == _DEFAULT.lower():
        yield from _unknown(provider, _AZURE_STORAGE, f"{at}.")


def _unknown(tree: dict[str, Any], known: dict[str, Any], path: str) -> Iterator[str]:
    names = {name.lower(): name for name in known}
    for key, value in tree.items():
        right = names.get(key.lower())
        if right is None:
            near = difflib.get_close_matches(key.lower(), names, n=1, cutoff=0.6)
            hint = f" Did you mean '{names[near[0]]}'?" if near else ""
            yield f"host.json: '{path}{key}' is not a known setting and has no effect.{hint}"
        elif known[right] and isinstance(value, dict):
            yield from _unknown(value, known[right], f"{path}{key}.")
