"""History events: the context of a replay, and the history that users see."""

import json
from typing import Any

import azure.durable_functions as df

from devhost.orchestration.history import EventType, History, context_json, event, execution_started, fold
from tests.devhost.shim_kit import (
    begin,
    completed,
    raised,
    scheduled,
    task_failed,
    timer_created,
    timer_fired,
)


def _started(**fields: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "name": "O",
        "instance_id": "i1",
        "execution_id": "e1",
        "input_": '"5"',
        "version": "1.0",
    }
    return execution_started(0, **(values | fields))


def test_a_context_holds_the_history_and_then_the_new_events() -> None:
    """Inputs of earlier episodes are played; the new ones are not, nor are commands."""
    history = History([begin(), _started(), scheduled(0)])
    context = json.loads(context_json(history, [begin(1), completed(0)], _started()))
    assert [(e["EventType"], e["IsPlayed"]) for e in context["history"]] == [
        (12, False),
        (0, True),
        (4, False),
        (12, False),
        (5, False),
    ]
    assert context["isReplaying"] is True


def test_the_first_context_has_no_history_before_it() -> None:
    """Two events are the least that the SDK takes."""
    context = json.loads(context_json(History(), [begin(), _started()], _started()))
    assert len(context["history"]) == 2
    assert context["isReplaying"] is False
    assert context["upperSchemaVersionNew"] == 2


def test_the_input_is_parsed_once() -> None:
    """What the SDK's client sent is a text with JSON in it; what came over HTTP is the value."""

    def seen(text: str | None) -> object:
        return json.loads(context_json(History(), [], _started(input_=text)))["input"]

    assert seen('"5"') == "5"
    assert seen('{"a":1}') == {"a": 1}
    assert seen("no json") == "no json"
    assert seen(None) is None


def test_the_parent_is_named() -> None:
    """By its instance id."""
    parent = {"OrchestrationInstance": {"InstanceId": "p1", "ExecutionId": "x"}, "Name": "P"}
    context = json.loads(context_json(History(), [], _started(parent=parent)))
    assert context["parentInstanceId"] == "p1"


def test_the_sdk_reads_the_context() -> None:
    """Version and input arrive at the user's code."""

    def orchestrator(context: df.DurableOrchestrationContext):
        yield context.call_activity("A", [context.get_input(), context.version])

    reply = json.loads(
        df.Orchestrator.create(orchestrator)(context_json(History(), [begin(), _started()], _started()))
    )
    assert json.loads(reply["actions"][0][0]["input"]) == [5, "1.0"]


def test_appending_gives_the_stored_text() -> None:
    """The events of the episode, joined by commas, none of them played."""
    history = History()
    text = history.append([begin(), _started()])
    assert [e["IsPlayed"] for e in json.loads(f"[{text}]")] == [False, False]
    assert history.append([]) == ""
    assert len(history.events) == 2


def test_a_text_in_an_event_cannot_pass_for_the_played_mark() -> None:
    """Only the event's own field is changed."""
    history = History([raised("E", '"IsPlayed":false')])
    one = json.loads(history.texts_with([]))[0]
    assert one["IsPlayed"] is True
    assert json.loads(one["Input"]) == '"IsPlayed":false'


def _folded(*events: dict, show_input: bool = True, show_output: bool = True) -> list[dict]:
    return fold([begin(), _started(), *events], show_input=show_input, show_output=show_output)


def test_a_scheduled_task_and_its_end_are_shown_as_one() -> None:
    """With the name and the time of the first; the episodes' frames are left out."""
    rows = _folded(scheduled(0, "echo"), completed(0, '{"z":2}'), event(EventType.OrchestratorCompleted, 0))
    assert [row["EventType"] for row in rows] == ["ExecutionStarted", "TaskCompleted"]
    assert rows[1] == {
        "EventType": "TaskCompleted",
        "Result": {"z": 2},
        "Timestamp": "1970-01-01T00:00:00Z",
        "ScheduledTime": "1970-01-01T00:00:00Z",
        "FunctionName": "echo",
        "Input": None,
    }


def test_the_start_is_shown_by_its_function() -> None:
    """Bookkeeping fields are gone."""
    assert _folded()[0] == {
        "EventType": "ExecutionStarted",
        "Timestamp": "1970-01-01T00:00:00Z",
        "Input": '"5"',
        "Correlation": None,
        "ParentTraceContext": None,
        "ScheduledStartTime": None,
        "Generation": 0,
        "FunctionName": "O",
    }


def test_a_task_without_an_end_is_shown_as_scheduled() -> None:
    """It is what the instance waits for."""
    row = _folded(scheduled(0, "echo"))[1]
    assert (row["EventType"], row["Name"]) == ("TaskScheduled", "echo")
    assert "Version" not in row


def test_results_and_inputs_are_shown_on_request_only() -> None:
    """A failure keeps its reason."""
    rows = _folded(
        scheduled(0), completed(0), scheduled(1), task_failed(1), show_input=False, show_output=False
    )
    assert all("Result" not in row and "Input" not in row for row in rows)
    assert rows[2]["Reason"] == "r"


def test_timers_lose_their_numbers() -> None:
    """FireAt stays."""
    rows = _folded(timer_created(0), timer_fired(0))
    assert [sorted(row) for row in rows[1:]] == [["EventType", "FireAt", "Timestamp"]] * 2
