"""Registering an activity with the types that its `Step` binds to its name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import azure.durable_functions as df

from invoicing.records.base import Step

Input = TypeVar("Input")
Output = TypeVar("Output")


def activity(
    bp: df.Blueprint, step: Step[Input, Output]
) -> Callable[[Callable[[Input], Output]], Callable[[Input], Output]]:
    """Register a function as the activity of a step: it is given the parsed input, and answers an output.

    The function keeps its name in Python; in the task hub it has the step's. What the worker calls has plain
    annotations, which the real host asks for.
    """

    def register(function: Callable[[Input], Output]) -> Callable[[Input], Output]:
        def run(job: Any) -> Any:
            return step.written_output(function(step.parsed_input(job)))

        return _registered(bp, step, function, run)

    return register


def async_activity(
    bp: df.Blueprint, step: Step[Input, Output]
) -> Callable[[Callable[[Input], Awaitable[Output]]], Callable[[Input], Awaitable[Output]]]:
    """As `activity`, for a coroutine function: one that waits for many things at the same time."""

    def register(function: Callable[[Input], Awaitable[Output]]) -> Callable[[Input], Awaitable[Output]]:
        async def run(job: Any) -> Any:
            return step.written_output(await function(step.parsed_input(job)))

        return _registered(bp, step, function, run)

    return register


def _registered(bp: df.Blueprint, step: Step[Any, Any], function: Callable[..., Any], run: Any) -> Any:
    run.__doc__ = function.__doc__
    run.__module__ = function.__module__
    run.__name__ = step.name
    run.__annotations__ = {}
    return bp.activity_trigger(input_name="job")(run)
