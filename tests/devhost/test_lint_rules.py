"""The rules of the linter that look at more than one call: each finds what it is for, and nothing else."""

from __future__ import annotations

import pytest

from tests.devhost.lint_kit import lint_text, orchestrator

TRIGGER = "@bp.orchestration_trigger(context_name='context')\n"


@pytest.mark.parametrize(
    "text",
    [
        f"{TRIGGER}async def flow(context):\n    return 1\n",
        orchestrator("x = [i async for i in context]"),
        f"{TRIGGER}async def flow(context):\n    await context.call()\n",
    ],
)
def test_async_orchestrator_is_found(tmp_path, text):
    """DF006, once for an async def."""
    if "i async for" in text:
        text = text.replace("def flow", "async def flow", 1)
    assert [one[:5] for one in lint_text(tmp_path, text)] == ["DF006"]


def test_plain_generator_is_no_async_orchestrator(tmp_path):
    """DF006 leaves alone what the SDK drives."""
    assert lint_text(tmp_path, orchestrator("x = yield context.call_activity('a')")) == []


@pytest.mark.parametrize(
    "body",
    [
        "for x in {'a', 'b'}:\n    yield context.call_activity(x)",
        "names = set(context.get_input())\nyield context.task_all([context.call_activity(n) for n in names])",
        "x = list({1} | set(context.get_input()))",
        "a = {1}\nb = a.union([2])\nx = [*b]",
        "x = ','.join({n for n in context.get_input()})",
        "x = {'a', 'b'}.pop()",
        "for x in context.get_input().keys() - ['a']:\n    pass",
        "for x in KINDS:\n    pass",
        "first, second = {1, 2}",
        "x = {k: 1 for k in frozenset('ab')}",
        "x: set[str] = context.get_input()\nfor y in x:\n    pass",
    ],
)
def test_order_of_a_set_is_found(tmp_path, body):
    """DF007: loops, comprehensions, conversions and the tasks made of them."""
    found = lint_text(tmp_path, orchestrator(body, "KINDS = {'a', 'b'}"))
    assert [one[:5] for one in found] == ["DF007"]


@pytest.mark.parametrize(
    "body",
    [
        "for x in sorted({'a', 'b'}):\n    yield context.call_activity(x)",
        "x = sum(n for n in {1, 2})",
        "x = {n + 1 for n in {1, 2}}",
        "x = 'a' in {'a', 'b'} and len({1})",
        "names = set()\nnames = sorted(names)\nx = [n for n in names]",
        "for x in {'a': 1}:\n    pass",
        "for x in dict.fromkeys(context.get_input()):\n    pass",
        "x = max({1, 2}) - min({1})",
    ],
)
def test_set_whose_order_does_not_matter_is_left_alone(tmp_path, body):
    """DF007: sorted, counted, asked; and dicts keep their order."""
    assert lint_text(tmp_path, orchestrator(body)) == []


@pytest.mark.parametrize(
    "body",
    [
        "global COUNT\nCOUNT = 1",
        "global COUNT\nCOUNT += 1",
        "CACHE['a'] = 1",
        "del CACHE['a']",
        "CACHE.setdefault('a', 1)",
        "SEEN.append(1)",
        "Job.last = 1",
        "settings.LIST.append(1)",
        "settings.flag = True",
    ],
)
def test_global_state_that_is_written_is_found(tmp_path, body):
    """DF008: names, items, attributes, and methods that change in place; here or in another module."""
    top = "import settings\nCOUNT = 0\nCACHE = {}\nSEEN = list()\nclass Job:\n    last = 0"
    found = lint_text(tmp_path, orchestrator(body, top), settings="LIST = []\nflag = False\n")
    assert [one[:5] for one in found] == ["DF008"]


@pytest.mark.parametrize(
    "body",
    ["CACHE = {}\nCACHE['a'] = 1", "x = []\nx.append(1)", "x = CACHE.get('a')", "job = Job()\njob.last = 1"],
)
def test_local_state_is_left_alone(tmp_path, body):
    """DF008: what a replay makes anew, and what it only reads."""
    assert lint_text(tmp_path, orchestrator(body, "CACHE = {}\nclass Job:\n    last = 0")) == []


@pytest.mark.parametrize(
    "body",
    [
        "yield context.wait_for_external_event('Go')\nyield context.wait_for_external_event('go')",
        "yield context.wait_for_external_event(NAME)\nyield context.wait_for_external_event('decision')",
        "while True:\n    yield context.wait_for_external_event('go')",
        "yield from decision(context)\nyield from decision(context)",
        "yield context.task_all([context.wait_for_external_event('go') for n in range(3)])",
    ],
)
def test_event_awaited_twice_is_found(tmp_path, body):
    """DF009: ignoring case, through constants and helpers, and in a loop."""
    top = "NAME = 'decision'\ndef decision(c):\n    yield c.wait_for_external_event('made')"
    assert [one[:5] for one in lint_text(tmp_path, orchestrator(body, top))] == ["DF009"]


@pytest.mark.parametrize(
    "body",
    [
        "yield context.wait_for_external_event('a')\nyield context.wait_for_external_event('b')",
        "for n in range(3):\n    yield context.wait_for_external_event(f'go.{n}')",
        "if context.get_input():\n    yield context.wait_for_external_event('a')\n"
        "else:\n    yield context.wait_for_external_event('a')",
    ],
)
def test_events_with_names_of_their_own_are_left_alone(tmp_path, body):
    """DF009: other names, made names, and branches of which one is taken."""
    assert lint_text(tmp_path, orchestrator(body)) == []


TIMER = "timer = context.create_timer(context.current_utc_datetime)\nwork = context.call_activity('a')\n"


@pytest.mark.parametrize(
    "body",
    [
        f"{TIMER}yield context.task_any([work, timer])",
        f"{TIMER}tasks = [work, timer]\nyield context.task_any(tasks)",
        f"{TIMER}tasks = [work]\ntasks.append(timer)\nyield context.task_any(tasks)",
        "now = context.current_utc_datetime\n"
        "yield context.task_any([context.call_activity('a'), context.create_timer(now)])",
    ],
)
def test_timer_that_nothing_cancels_is_found(tmp_path, body):
    """DF010: by name, in a list, and without a name."""
    assert [one[:5] for one in lint_text(tmp_path, orchestrator(body))] == ["DF010"]


@pytest.mark.parametrize(
    "body",
    [
        f"{TIMER}won = yield context.task_any([work, timer])\nif won == work:\n    timer.cancel()",
        f"{TIMER}tasks = [work, timer]\nyield context.task_any(tasks)\nfor one in tasks:\n    one.cancel()",
        f"{TIMER}yield context.task_any([work, timer])\nstop(timer)",
        f"{TIMER}yield work\nyield timer",
    ],
)
def test_timer_that_is_cancelled_or_awaited_is_left_alone(tmp_path, body):
    """DF010: cancelled itself, with its list, by a helper; or no race at all."""
    assert lint_text(tmp_path, orchestrator(body, "def stop(timer):\n    timer.cancel()")) == []


@pytest.mark.parametrize(
    "body",
    [
        "try:\n    yield context.call_activity('a')\nexcept:\n    pass",
        "try:\n    yield context.call_activity('a')\nexcept (ValueError, BaseException):\n    pass",
        "with contextlib.suppress(BaseException):\n    yield context.call_activity('a')",
    ],
)
def test_catching_everything_around_a_yield_is_found(tmp_path, body):
    """DF011: bare except, BaseException, and suppress."""
    assert [one[:5] for one in lint_text(tmp_path, orchestrator(body, "import contextlib"))] == ["DF011"]


@pytest.mark.parametrize(
    "body",
    [
        "try:\n    yield context.call_activity('a')\nexcept Exception:\n    pass",
        "try:\n    yield context.call_activity('a')\nexcept BaseException:\n    raise",
        "try:\n    x = int('1')\nexcept:\n    pass",
    ],
)
def test_catching_less_or_elsewhere_is_left_alone(tmp_path, body):
    """DF011: Exception, raised again, or no yield inside."""
    assert lint_text(tmp_path, orchestrator(body)) == []


@pytest.mark.parametrize(
    "body",
    [
        "context.call_activity('a')",
        "task = context.call_activity('a')",
        "helper(context)",
        "yield helper(context)",
    ],
)
def test_task_that_never_runs_is_a_hint(tmp_path, body):
    """DF012: thrown away, kept and forgotten, and generators that nobody drives."""
    top = "def helper(context):\n    yield context.call_activity('a')"
    assert [one[:5] for one in lint_text(tmp_path, orchestrator(body, top))] == ["DF012"]


@pytest.mark.parametrize(
    "body",
    [
        "yield context.call_activity('a')",
        "task = context.call_activity('a')\nyield context.task_all([task])",
        "yield from helper(context)",
        "context.signal_entity('e', 'op')",
    ],
)
def test_task_that_runs_is_left_alone(tmp_path, body):
    """DF012: yielded, collected, driven, or nothing to wait for."""
    top = "def helper(context):\n    yield context.call_activity('a')"
    assert lint_text(tmp_path, orchestrator(body, top)) == []
