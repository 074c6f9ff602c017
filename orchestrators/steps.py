"""Calling activities and sub-orchestrations with typed inputs and outputs, for `yield from`."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import azure.durable_functions as df

from invoicing.records.base import Step
from orchestrators.retry import Wait, call_child_with_retry, call_children_with_retry, call_with_retry

Input = TypeVar("Input")
Output = TypeVar("Output")


def input_of(context: df.DurableOrchestrationContext, step: Step[Input, Any]) -> Input:
    """What this orchestration was started with. Raises pydantic's ValidationError."""
    value: Any = context.get_input()
    return step.parsed_input(value)


def call(
    context: df.DurableOrchestrationContext, step: Step[Input, Output], value: Input
) -> Generator[Any, Any, Output]:
    """Call an activity until it answers. Raises ActivityGaveUp (see `retry.call_with_retry`)."""
    answer = yield from call_with_retry(context, step.name, step.written_input(value))
    return step.parsed_output(answer)


def call_child(
    context: df.DurableOrchestrationContext,
    step: Step[Input, Output],
    value: Input,
    instance: str | None = None,
) -> Generator[Any, Any, Output]:
    """Call a sub-orchestration until it answers. Raises ActivityGaveUp."""
    answer = yield from call_child_with_retry(context, step.name, step.written_input(value), instance)
    return step.parsed_output(answer)


@dataclass(frozen=True)
class ChildCall(Generic[Input, Output]):
    """A sub-orchestration that is to be called; `instance`: its id, None where the host makes one."""

    step: Step[Input, Output]
    value: Input
    instance: str | None = None


def call_children(
    context: df.DurableOrchestrationContext,
    children: Sequence[ChildCall[Any, Output]],
    wait: Wait | None = None,
) -> Generator[Any, Any, list[Output]]:
    """Call sub-orchestrations at the same time; returns their outputs in order. Raises ActivityGaveUp."""
    calls = [(child.step.name, child.step.written_input(child.value), child.instance) for child in children]
    answers = yield from call_children_with_retry(context, calls, wait)
    return [child.step.parsed_output(answer) for child, answer in zip(children, answers, strict=True)]
