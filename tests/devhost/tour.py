"""A workflow that uses every feature, its side effects, and a model of what it has to come to.

One tour has one or more rounds, each a generation of its own (continue-as-new). A round: a chain, a fan-out,
a sub-orchestration, a timer, an event that is raced by a timer, calls and signals of an entity.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import azure.durable_functions as df

blueprint = df.Blueprint()
PARCELS = 3
# In seconds of a clock that skips; a real host takes a tour in a hurry.
PACE = {"retry": 60.0, "timer": 600.0, "patience": 7200.0}


def order(name: str, rounds: int, pace: dict[str, float] = PACE) -> dict[str, Any]:
    """Return the input of a tour."""
    return {"name": name, "rounds": rounds, "number": 0, "log": [], "pace": pace}


def attempts(pace: dict[str, float]) -> df.RetryOptions:
    """Return how an activity is tried again."""
    return df.RetryOptions(int(pace["retry"] * 1000), 30)


@blueprint.orchestration_trigger(context_name="context")
def tour(context: df.DurableOrchestrationContext) -> Any:
    """Go on for as many rounds as the input says; return what all of them came to."""
    so_far: Any = context.get_input()
    number = so_far["number"]
    key, pace = f"{so_far['name']}-{number}", so_far["pace"]
    seat = yield from _until_it_works(context, "reserve", key)
    price = yield from _until_it_works(context, "price", seat)
    parcels = yield context.task_all(
        [context.call_activity_with_retry("pack", attempts(pace), f"{key}-{n}") for n in range(PARCELS)]
    )
    report = yield context.call_sub_orchestrator("inspect", [key, pace], f"inspect-{key}")
    yield context.create_timer(context.current_utc_datetime + timedelta(seconds=pace["timer"]))
    answer = yield from _answer(context, number, pace)
    total = df.EntityId("ledger", so_far["name"])
    context.signal_entity(total, "add", price)
    balance = yield context.call_entity(total, "add", 1)
    log = [*so_far["log"], [seat, price, parcels, report, answer, balance]]
    if number + 1 < so_far["rounds"]:
        context.continue_as_new({**so_far, "number": number + 1, "log": log})
        return None
    return log


@blueprint.orchestration_trigger(context_name="context")
def inspect(context: df.DurableOrchestrationContext) -> Any:
    """Look at something, and count it."""
    order: Any = context.get_input()
    key, pace = order
    found = yield context.call_activity_with_retry("look", attempts(pace), key)
    counted = yield context.call_entity(df.EntityId("ledger", f"looks-{key}"), "add", 1)
    return [found, counted]


def _until_it_works(context: df.DurableOrchestrationContext, activity: str, value: Any) -> Any:
    """Call an activity again as long as it fails."""
    while True:
        try:
            return (yield context.call_activity(activity, value))
        except Exception:  # noqa: BLE001  what activities raise is a plain Exception
            continue


def _answer(context: df.DurableOrchestrationContext, number: int, pace: dict[str, float]) -> Any:
    """Wait for an answer, but not for ever."""
    context.set_custom_status({"waiting": number})
    event = context.wait_for_external_event(f"answer-{number}")
    deadline: Any = context.create_timer(context.current_utc_datetime + timedelta(seconds=pace["patience"]))
    winner = yield context.task_any([event, deadline])
    context.set_custom_status({"answered": number})
    if winner == deadline:
        return "late"
    deadline.cancel()
    return event.result


@blueprint.entity_trigger(context_name="context")
def ledger(context: df.DurableEntityContext) -> None:
    """Add up."""
    total = context.get_state(lambda: 0) + context.get_input()
    context.set_state(total)
    context.set_result(total)


@functools.cache
def app() -> df.DFApp:
    """Return one app for all hosts: to make one costs as much as a third of a tour."""
    made = df.DFApp()
    made.register_functions(blueprint)
    return made


class Effects:
    """The activities, and how often each of their effects was had: by name and input.

    With ``first_look_fails`` the first look at each key raises, so that it is retried.
    """

    def __init__(self, *, first_look_fails: bool = False) -> None:
        self.counts: Counter[tuple[str, Any]] = Counter()
        self._first_look_fails = first_look_fails

    def activities(self) -> dict[str, Callable[[Any], Any]]:
        """Return what replaces the activities of the tour."""
        return {name: self._counted(name, act) for name, act in ACTS.items()}

    def _counted(self, name: str, act: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def run(value: Any) -> Any:
            self.counts[name, value] += 1
            if self._first_look_fails and name == "look" and self.counts[name, value] == 1:
                raise OSError("the first look sees nothing")
            return act(value)

        return run


ACTS: dict[str, Callable[[Any], Any]] = {
    "reserve": lambda key: f"seat of {key}",
    "price": lambda seat: 10 * len(seat),
    "pack": lambda key: f"parcel {key}",
    "look": lambda key: f"{key} is fine",
}


def expected_effects(name: str, rounds: int) -> set[tuple[str, Any]]:
    """Return the effects that a tour has to have had."""
    keys = [f"{name}-{number}" for number in range(rounds)]
    found: set[tuple[str, Any]] = set()
    for key in keys:
        seat = ACTS["reserve"](key)
        found |= {("reserve", key), ("price", seat), ("look", key)}
        found |= {("pack", f"{key}-{n}") for n in range(PARCELS)}
    return found


def expected_output(name: str, rounds: int, log: list[Any]) -> list[Any]:
    """Return the output of a tour; which answer came in time, and which balance was seen, is taken from it.

    A signal and a call may reach the entity in either order when a host died between them.
    """
    found = []
    for number, (_, _, _, _, answer, balance) in zip(range(rounds), log, strict=True):
        key = f"{name}-{number}"
        seat = ACTS["reserve"](key)
        parcels = [ACTS["pack"](f"{key}-{n}") for n in range(PARCELS)]
        report = [ACTS["look"](key), 1]
        found.append([seat, ACTS["price"](seat), parcels, report, answer, balance])
    return found


def expected_total(name: str, rounds: int) -> int:
    """Return what the ledger of a tour holds in the end."""
    return sum(1 + ACTS["price"](ACTS["reserve"](f"{name}-{number}")) for number in range(rounds))
