"""The rules of the linter: what each finds, and what to do instead. docs/devhost-lint.md tells more."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

__all__ = ["RULES", "Finding", "Rule", "Severity"]


class Severity(Enum):
    """An error breaks replay (or may); a hint is probably not what was meant."""

    ERROR = "error"
    HINT = "hint"


@dataclass(frozen=True)
class Rule:
    """One rule; ``instead`` is a sentence on what to do."""

    id: str
    severity: Severity
    summary: str
    instead: str


@dataclass(frozen=True, order=True)
class Finding:
    """One finding at a place; ``line`` and ``column`` count from 1. ``what`` is a sentence."""

    file: str
    line: int
    column: int
    rule_id: str
    what: str
    last_line: int = 0

    @property
    def rule(self) -> Rule:
        """The rule that it is a finding of."""
        return RULES[self.rule_id]

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}"
        hint = " (hint)" if self.rule.severity is Severity.HINT else ""
        return f"{place}: {self.rule_id}{hint} {self.what} {self.rule.instead}"


def _rules(*rules: Rule) -> dict[str, Rule]:
    return {rule.id: rule for rule in rules}


_E, _H = Severity.ERROR, Severity.HINT

RULES = _rules(
    Rule(
        "DF001",
        _E,
        "clock: the time of the machine, or a sleep",
        "Use context.current_utc_datetime, and yield context.create_timer(...) to wait.",
    ),
    Rule(
        "DF002",
        _E,
        "chance: random numbers, new UUIDs, values that differ from process to process",
        "Use context.new_uuid(), random.Random with a seed from the input, or an activity.",
    ),
    Rule(
        "DF003",
        _E,
        "I/O: files, network, processes, storage clients",
        "Do it in an activity and yield its call.",
    ),
    Rule(
        "DF004",
        _E,
        "environment: settings and facts of the machine, which may differ at the next replay",
        "Read it in the function that starts the orchestration and pass it in the input, or in an activity.",
    ),
    Rule(
        "DF005",
        _E,
        "threads, processes and event loops",
        "Start activities together with context.task_all([...]) and yield that.",
    ),
    Rule(
        "DF006",
        _E,
        "async orchestrator: async def, await, async for, async with",
        "Write a plain generator: def, and yield in place of await.",
    ),
    Rule(
        "DF007",
        _E,
        "order of a set, which differs from process to process",
        "Iterate over sorted(...) of it, or keep a list or dict.",
    ),
    Rule(
        "DF008",
        _E,
        "global state written, which each replay does again and other processes do not see",
        "Keep it in a local variable, in the input of continue_as_new, or in an entity.",
    ),
    Rule(
        "DF009",
        _E,
        "one event awaited more than once under the same name: such waits share one slot in the SDK",
        "Give each wait a name of its own, with its number or stage in it.",
    ),
    Rule(
        "DF010",
        _E,
        "timer raced in task_any and never cancelled: the instance stays Running until it fires",
        "Keep the timer in a variable and call its cancel() when another task wins.",
    ),
    Rule(
        "DF011",
        _E,
        "catching everything around a yield: also GeneratorExit, by which the host ends a replay",
        "Catch Exception or something narrower, or raise again.",
    ),
    Rule(
        "DF012",
        _H,
        "task made but never yielded: it never runs",
        "Yield it (yield from for a generator), or collect it for task_all or task_any.",
    ),
    Rule(
        "DF013",
        _H,
        "print: comes again with each replay",
        "Put it under 'if not context.is_replaying:', or use the custom status.",
    ),
    Rule(
        "DF014",
        _H,
        "log line: comes again with each replay",
        "Put it under 'if not context.is_replaying:', or use a replay-safe logger.",
    ),
    Rule(
        "DF015",
        _E,
        "suppression without a reason, or of a rule that does not exist",
        "Write '# durable: allow DF003 because ...'.",
    ),
    Rule(
        "DF016",
        _E,
        "file that cannot be read as Python",
        "Mend it, so that it can be checked.",
    ),
)
