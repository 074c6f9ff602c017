"""What is wrong with a workflow definition of Logic Apps: `problems` names each fault and its place.

It looks at what the service refuses when it is saved (order, parameters, expressions), at what it would
notice only when it runs (parts of answers, routes of the API), and at secrets that a run history would show.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

from devtools.logic_apps.api import Api, Called, called_path, called_uri
from devtools.logic_apps.expressions import BadExpression, Call, Expression, Literal, expressions_of, walk
from devtools.logic_apps.functions import ARGUMENTS
from devtools.logic_apps.scopes import Action, Json, order_faults, scopes_of
from devtools.logic_apps.values import calls_in, first_argument, texts, whole_accesses

#: Where the address of the API comes from, and the connection of a custom connector to it.
BASE, CONNECTION = "settleUrl", "settle"
LONGEST_NAME, LONGEST_EXPRESSION, DEEPEST, MOST_ACTIONS = 80, 8192, 8, 500

_TYPES = frozenset(
    {
        *("Http", "HttpWebhook", "ApiConnection", "ApiConnectionWebhook", "Response", "Terminate", "Wait"),
        *("If", "Switch", "Foreach", "Until", "Scope"),
        *("Compose", "ParseJson", "Query", "Select", "Table", "Join"),
        *("InitializeVariable", "SetVariable", "IncrementVariable", "AppendToArrayVariable"),
    }
)
_TRIGGERS = frozenset(
    {"Request", "Recurrence", "Http", "HttpWebhook", "ApiConnection", "ApiConnectionWebhook"}
)
_WEBHOOKS = ("HttpWebhook", "ApiConnectionWebhook")
_NAMING = frozenset({"body", "outputs", "actions", "result"})
_OF_TRIGGER = frozenset({"trigger", "triggerbody", "triggeroutputs"})
#: What of an action is not its own: it is looked at where it stands.
_INNER = ("actions", "else", "default", "cases", "runAfter")
_DURATION = re.compile(r"P(?=.)(?:\d+D)?(?:T(?=.)(?:\d+H)?(?:\d+M)?(?:\d+S)?)?")
_SECRET = re.compile(r"key|secret|token|password|sig", re.IGNORECASE)


@dataclass(frozen=True)
class Problem:
    """What is wrong, and in which action (or parameter, or trigger)."""

    place: str
    text: str


def problems(definition: Json, document: Json) -> list[Problem]:
    """All that is wrong with a definition; `document`: the OpenAPI document of the API that it calls."""
    return [Problem(place, text) for place, text in _Linter(definition, Api(document)).faults()]


Fault = tuple[str, str]


class _Linter:
    def __init__(self, definition: Json, api: Api) -> None:
        self._definition = definition
        self._api = api
        self._scopes = list(scopes_of(definition.get("actions", {})))
        self._actions = [action for scope in self._scopes for action in scope.values()]
        self._by_name = {action.name: action for action in self._actions}
        self._parameters = cast(Json, definition.get("parameters", {}))
        self._used: set[str] = set()

    def faults(self) -> Iterator[Fault]:
        yield from self._whole_faults()
        for scope in self._scopes:
            yield from order_faults(scope)
        for name, trigger in self._definition.get("triggers", {}).items():
            yield from self._trigger_faults(name, trigger)
        for action in self._actions:
            yield from self._action_faults(action)
        yield from self._expression_faults("outputs", self._definition.get("outputs", {}), None)
        yield from self._parameter_faults()

    # ------------------------------------------------------------ the whole

    def _whole_faults(self) -> Iterator[Fault]:
        for name in ("$schema", "contentVersion", "triggers", "actions"):
            if not self._definition.get(name):
                yield "definition", f"has no {name}"
        if len(self._actions) > MOST_ACTIONS:
            yield "definition", f"has more than {MOST_ACTIONS} actions"
        names = [action.name for action in self._actions]
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield name, "is the name of two actions"

    def _parameter_faults(self) -> Iterator[Fault]:
        for name, parameter in self._parameters.items():
            if name not in self._used:
                yield name, "is declared and never used"
            if _SECRET.search(name) and str(parameter.get("type", "")).lower() != "securestring":
                yield name, "holds a secret: its type is securestring"
            if self._is_secret(name) and parameter.get("defaultValue"):
                yield name, "is a secret and has a default value, which everybody can read"

    def _trigger_faults(self, name: str, trigger: Json) -> Iterator[Fault]:
        if trigger.get("type") not in _TRIGGERS:
            yield name, f"has an unknown type: {trigger.get('type')}"
        yield from self._expression_faults(name, trigger, None)

    # ------------------------------------------------------------ one action

    def _action_faults(self, action: Action) -> Iterator[Fault]:
        if len(action.name) > LONGEST_NAME:
            yield action.name, f"has a name of more than {LONGEST_NAME} characters"
        if action.type not in _TYPES:
            yield action.name, f"has an unknown type: {action.type}"
        if action.depth >= DEEPEST:
            yield action.name, f"is nested more than {DEEPEST} deep"
        own = {name: value for name, value in action.body.items() if name not in _INNER}
        yield from self._expression_faults(action.name, own, action)
        yield from self._webhook_faults(action)
        yield from self._duration_faults(action)
        for called in self._calls(action):
            for text in self._api.faults(called):
                yield action.name, text
        yield from self._secret_faults(action, own)

    def _webhook_faults(self, action: Action) -> Iterator[Fault]:
        """Who waits has to say where, and to take it back where nobody waits any more."""
        if action.type != "HttpWebhook":
            return
        inputs = action.body.get("inputs", {})
        for name in ("subscribe", "unsubscribe"):
            if "listCallbackUrl()" not in str(inputs.get(name, "")):
                yield action.name, f"{name} does not send listCallbackUrl()"
        if "timeout" not in action.body.get("limit", {}):
            yield action.name, "waits for ever: it has no limit.timeout"

    def _duration_faults(self, action: Action) -> Iterator[Fault]:
        times = [action.body.get("limit", {}).get("timeout")]
        policy = action.body.get("inputs", {})
        policy = policy.get("retryPolicy", {}) if isinstance(policy, dict) else {}
        times += [cast(Json, policy).get("interval")]
        for time in times:
            if time is not None and not _DURATION.fullmatch(str(time)):
                yield action.name, f"{time!r} is no duration (ISO 8601)"

    def _calls(self, action: Action) -> Iterator[Called]:
        """The calls of the API that an action makes."""
        inputs = action.body.get("inputs", {})
        if action.type == "HttpWebhook":
            parts = [cast(Json, inputs.get(name, {})) for name in ("subscribe", "unsubscribe")]
        elif action.type == "Http":
            parts = [cast(Json, inputs)]
        elif action.type.startswith("ApiConnection") and _is_ours(inputs):
            yield called_path(str(inputs.get("method", "")), str(inputs.get("path", "")), inputs)
            return
        else:
            return
        for part in parts:
            called = called_uri(str(part.get("method", "")), str(part.get("uri", "")), BASE, part)
            if called is not None:
                yield called

    def _secret_faults(self, action: Action, own: Json) -> Iterator[Fault]:
        """What an action sends stands in the run history, unless it is hidden there."""
        used = {
            str(call.arguments[0].value)
            for call in calls_in(own)
            if call.name == "parameters" and call.arguments and isinstance(call.arguments[0], Literal)
        }
        hidden = action.body.get("runtimeConfiguration", {}).get("secureData", {}).get("properties", [])
        if any(self._is_secret(name) for name in used) and "inputs" not in hidden:
            yield action.name, "shows a secret in the run history: hide its inputs (secureData)"

    def _is_secret(self, name: str) -> bool:
        return str(self._parameters.get(name, {}).get("type", "")).lower() == "securestring"

    # ------------------------------------------------------------ expressions

    def _expression_faults(self, place: str, value: object, action: Action | None) -> Iterator[Fault]:
        for text in texts(value):
            try:
                found = expressions_of(text)
            except BadExpression as error:
                yield place, str(error)
                continue
            if found and len(text) > LONGEST_EXPRESSION:
                yield place, f"has an expression of more than {LONGEST_EXPRESSION} characters"
            for expression in found:
                for fault in self._faults_of(expression, action):
                    yield place, fault

    def _faults_of(self, expression: Expression, action: Action | None) -> Iterator[str]:
        for part in walk(expression):
            if isinstance(part, Call):
                yield from _call_faults(part)
                yield from self._name_faults(part, action)
        for access in whole_accesses(expression):
            yield from self._part_faults(*access)

    def _name_faults(self, call: Call, action: Action | None) -> Iterator[str]:
        """What is named has to be there, and to have come before."""
        function = call.name.lower()
        if function in _OF_TRIGGER and not self._definition.get("triggers"):
            yield f"{call.name}() has no trigger"
        if function == "listcallbackurl" and (action is None or action.type not in _WEBHOOKS):
            yield "listCallbackUrl() is known in a webhook only"
        if function == "item" and (action is None or not _has_items(action)):
            yield "item() is known in a loop only"
        if not call.arguments or not isinstance(call.arguments[0], Literal):
            return
        name = str(call.arguments[0].value)
        check = self._checks().get(function)
        if check is not None:
            yield from check(call, name, action)

    def _checks(self) -> dict[str, Callable[[Call, str, Action | None], Iterator[str]]]:
        return {
            "parameters": self._parameter_named,
            "variables": self._variable_named,
            "items": _loop_named,
            **dict.fromkeys(_NAMING, self._action_named),
        }

    def _parameter_named(self, call: Call, name: str, action: Action | None) -> Iterator[str]:
        self._used.add(name)
        if name not in self._parameters:
            yield f"parameter {name!r} is not declared"

    def _variable_named(self, call: Call, name: str, action: Action | None) -> Iterator[str]:
        before = action.before() if action else set[str]()
        made = [
            one.name
            for one in self._actions
            if one.type == "InitializeVariable"
            for variable in one.body.get("inputs", {}).get("variables", [])
            if variable.get("name") == name
        ]
        if not set(made) & before:
            yield f"variable {name!r} is not made before"

    def _action_named(self, call: Call, name: str, action: Action | None) -> Iterator[str]:
        if name not in self._by_name:
            yield f"{call.name}('{name}'): there is no such action"
        elif action is not None and name not in action.before():
            yield f"{call.name}('{name}'): that action does not come before"

    def _part_faults(self, call: Call, keys: list[str]) -> Iterator[str]:
        """A part of an answer of the API that no answer of it has."""
        action = self._by_name.get(str(first_argument(call)))
        if call.name != "body" or action is None:
            return
        for called in list(self._calls(action))[:1]:
            told = action.type in _WEBHOOKS
            schema = self._api.told(called) if told else self._api.answers(called)
            if not self._api.knows(schema, keys):
                yield f"the answer of {action.name} has no {'.'.join(keys)}"


def _is_ours(inputs: Json) -> bool:
    return f"['{CONNECTION}']" in str(inputs.get("host", {}).get("connection", {}).get("name", ""))


def _call_faults(call: Call) -> Iterator[str]:
    limits = ARGUMENTS.get(call.name.lower())
    if limits is None:
        yield f"{call.name}() is no function"
    elif not limits[0] <= len(call.arguments) <= limits[1]:
        yield f"{call.name}() takes {limits[0]} to {limits[1]} arguments, not {len(call.arguments)}"


def _loop_named(call: Call, name: str, action: Action | None) -> Iterator[str]:
    around = [one.name for one in action.around() if one.type == "Foreach"] if action else []
    if name not in around:
        yield f"items('{name}'): that is no loop around this"


def _has_items(action: Action) -> bool:
    own = action.type in ("Query", "Select", "Table")
    return own or any(one.type == "Foreach" for one in action.around())
