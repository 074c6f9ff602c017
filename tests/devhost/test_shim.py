"""The interpreter of replies: which commands are new, and when an execution is over."""

import json

import pytest

from devhost.engine.models import RuntimeStatus
from devhost.timestamps import SECOND, text
from tests.devhost.shim_kit import (
    EXECUTION,
    INSTANCE,
    act,
    act_with_retry,
    all_,
    any_,
    begin,
    call_entity,
    call_http,
    child,
    child_created,
    child_failed,
    child_with_retry,
    commands,
    completed,
    continue_as_new,
    decide,
    raised,
    resumed,
    scheduled,
    sent,
    signal,
    suspended,
    task_failed,
    terminated,
    timer,
    timer_created,
    timer_fired,
    wait_for,
)


def test_a_first_activity_is_a_new_command() -> None:
    """The text of the input goes to the worker as it is."""
    decision = decide([], act("A", '{"x": 1}'))
    assert commands(decision) == [(4, 0, "A")]
    assert decision.commands[0].input == '{"x": 1}'
    assert decision.completion is None


def test_a_recorded_activity_is_not_scheduled_again() -> None:
    """The history holds the command, so there is nothing to do until its end comes."""
    assert commands(decide([scheduled(0)], act())) == []


def test_the_next_action_starts_only_after_the_end_of_the_one_before() -> None:
    """Actions are taken in order, whatever the reply lists already."""
    assert commands(decide([scheduled(0)], act(), act("B"))) == []
    assert commands(decide([scheduled(0), completed(0)], act(), act("B"))) == [(4, 1, "B")]


def test_an_orchestration_without_actions_completes_at_once() -> None:
    """Its output is compact JSON."""
    completion = decide([], done=True, output={"a": [1, None]}).completion
    assert completion is not None
    assert (completion.status, completion.result) == (RuntimeStatus.COMPLETED, '{"a":[1,null]}')


@pytest.mark.parametrize("value", [0, False, "", [], None])
def test_falsy_outputs_are_kept(value: object) -> None:
    """0, false and empty texts are values; only a missing output is null."""
    completion = decide([], done=True, output=value).completion
    assert completion is not None
    assert completion.result is not None
    assert json.loads(completion.result) == value


def test_an_open_task_holds_back_the_completion() -> None:
    """The loser of a WhenAny still runs: the instance waits for it, as on the real host."""
    events = [scheduled(0, "A"), scheduled(1, "B"), completed(0)]
    assert decide(events, any_(act("A"), act("B")), done=True).completion is None
    assert decide([*events, completed(1)], any_(act("A"), act("B")), done=True).completion is not None


def test_a_timer_that_lost_holds_back_the_completion_unless_cancelled() -> None:
    """cancel() takes the timer out of the way; without it the instance stays running."""
    events = [timer_created(0), raised("E")]
    assert decide(events, any_(timer(), wait_for("E")), done=True).completion is None
    decision = decide(events, any_(timer(cancelled=True), wait_for("E")), done=True)
    assert decision.completion is not None
    assert decision.cancelled == {0}


def test_a_cancelled_timer_keeps_its_id() -> None:
    """What comes after it is numbered as in the run in which it was not cancelled yet."""
    decision = decide([timer_created(0), raised("E")], any_(timer(cancelled=True), wait_for("E")), act())
    assert commands(decision) == [(4, 1, "A")]


def test_a_timer_created_and_cancelled_in_one_go_is_recorded_but_not_armed() -> None:
    """The history shows it, so a later replay finds it there."""
    decision = decide([], any_(timer(cancelled=True), act()))
    assert [(one.id, one.cancelled) for one in decision.commands] == [(0, True), (1, False)]


def test_nested_compounds_number_their_children_from_left_to_right() -> None:
    """Depth first; events take no number."""
    decision = decide([], any_(all_(act("A"), act("B")), child(), all_(timer(), wait_for("E"))))
    assert commands(decision) == [(4, 0, "A"), (4, 1, "B"), (7, 2, "C"), (10, 3, "")]


def test_when_all_goes_on_only_after_all_children_even_if_one_failed() -> None:
    """The user's code has seen the failure already; its compensation is sent when all have ended."""
    actions = (all_(act("A"), act("B")), act("undo"))
    events = [scheduled(0, "A"), scheduled(1, "B"), task_failed(0)]
    assert commands(decide(events, *actions)) == []
    assert commands(decide([*events, completed(1)], *actions)) == [(4, 2, "undo")]


def test_an_empty_compound_is_done() -> None:
    """The SDK never sends one, but it must not hang."""
    assert commands(decide([], all_(), any_(), act())) == [(4, 0, "A")]


def test_a_repeated_end_of_a_task_is_ignored() -> None:
    """Delivery is at least once."""
    events = [scheduled(0), completed(0), completed(0)]
    assert decide(events, act(), done=True, output=1).completion is not None


# -- retries


def test_a_retry_waits_for_its_interval_from_the_episode_that_saw_the_failure() -> None:
    """The time of the replay counts, not that of the failure."""
    decision = decide([scheduled(0), begin(100), task_failed(0)], act_with_retry(2, 5000))
    assert commands(decision) == [(10, 1, "")]
    assert decision.commands[0].fire_at == text(105 * SECOND)


def test_after_its_timer_the_next_attempt_takes_the_next_id() -> None:
    """Every attempt is an activity of its own."""
    events = [scheduled(0), task_failed(0), timer_created(1), timer_fired(1)]
    assert commands(decide(events, act_with_retry(2))) == [(4, 2, "A")]


def test_a_retry_that_succeeds_goes_on() -> None:
    """No timer follows a success."""
    events = [scheduled(0), task_failed(0), timer_created(1), timer_fired(1), scheduled(2), completed(2)]
    assert commands(decide(events, act_with_retry(5), act("B"))) == [(4, 3, "B")]


def test_the_last_failed_attempt_is_followed_by_one_more_timer_that_fires_at_once() -> None:
    """The SDK counts on it and would never resume without it."""
    decision = decide([scheduled(0), begin(7), task_failed(0)], act_with_retry(1))
    assert commands(decision) == [(10, 1, "")]
    assert decision.commands[0].fire_at == text(7 * SECOND)
    events = [scheduled(0), task_failed(0), timer_created(1), timer_fired(1)]
    assert decide(events, act_with_retry(1), done=True).completion is not None


def test_a_retried_child_gets_a_new_id_each_time_unless_it_was_given_one() -> None:
    """The default id holds the number of the attempt's task."""
    events = [child_created(0), child_failed(0), timer_created(1), timer_fired(1)]
    assert decide(events, child_with_retry(2)).commands[0].target == f"{EXECUTION}:2"
    assert decide(events, child_with_retry(2, "mine")).commands[0].target == "mine"


# -- sub-orchestrations, HTTP, entities


def test_a_child_gets_its_input_encoded_twice_and_an_id_of_the_parents_execution() -> None:
    """As the real host sends it; the SDK decodes once more."""
    command = decide([], child(version="1.2")).commands[0]
    assert command.input == r'"\"x\""'
    assert command.target == f"{EXECUTION}:0"
    assert command.version == "1.2"


def test_a_durable_http_call_is_an_activity_of_the_host() -> None:
    """Its input is an array of one request."""
    command = decide([], call_http("http://h/p")).commands[0]
    assert command.name == "BuiltIn::HttpActivity"
    assert command.input is not None
    assert json.loads(command.input)[0]["uri"] == "http://h/p"


def test_a_signal_is_sent_and_not_waited_for() -> None:
    """It does not hold back the completion, and is sent together with it."""
    decision = decide([], signal(), done=True)
    assert commands(decision) == [(14, 0, "op")]
    assert decision.commands[0].request is not None
    assert decision.commands[0].request["signal"] is True
    assert "parent" not in decision.commands[0].request
    assert decision.completion is not None


def test_an_entity_call_is_answered_under_the_id_that_was_sent() -> None:
    """The id is the one in the history, not one made up again."""
    first = decide([], call_entity(), act()).commands[0].request
    assert first is not None
    assert (first["parent"], first["parentExecution"], first["input"]) == (INSTANCE, EXECUTION, '"5"')
    assert commands(decide([sent(0, "g"), raised("other")], call_entity(), act())) == []
    assert commands(decide([sent(0, "g"), raised("g")], call_entity(), act())) == [(4, 1, "A")]


def test_a_scheduled_signal_carries_its_time() -> None:
    """The message is delivered then."""
    action = signal() | {"actionType": 10, "fireAt": "2024-01-01T00:00:05.000000Z"}
    command = decide([], action).commands[0]
    assert command.due == "2024-01-01T00:00:05.000000Z"


# -- external events


def test_an_event_goes_to_its_waiter_ignoring_case() -> None:
    """The host matches names without regard to case (the SDK does not)."""
    assert commands(decide([raised("approval")], wait_for("Approval"), act())) == [(4, 0, "A")]


def test_an_early_event_is_kept_until_someone_waits() -> None:
    """In the order of arrival."""
    events = [scheduled(0), raised("E", 1), completed(0)]
    assert commands(decide(events, act(), wait_for("E"), act("B"))) == [(4, 1, "B")]


def test_each_wait_takes_one_event() -> None:
    """Two waits need two events."""
    actions = (wait_for("E"), wait_for("E"), act())
    assert commands(decide([raised("E")], *actions)) == []
    assert commands(decide([raised("E"), raised("E")], *actions)) == [(4, 0, "A")]


def test_an_open_wait_does_not_hold_back_the_completion() -> None:
    """Only tasks with an id do."""
    events = [scheduled(0), completed(0)]
    assert decide(events, any_(act(), wait_for("never")), done=True, output=1).completion is not None


def test_if_the_sdk_still_waits_the_instance_stays_running() -> None:
    """The two sides disagree on the case of a name: the real host hangs, and so does this one."""
    assert decide([raised("APPROVAL")], wait_for("Approval")).completion is None


# -- ends


def test_an_error_fails_the_instance_with_the_orchestrators_name_in_front() -> None:
    """Callers match on this text."""
    completion = decide([], done=True, error="boom").completion
    assert completion is not None
    assert (completion.status, completion.result) == (
        RuntimeStatus.FAILED,
        "Orchestrator function 'O' failed: boom",
    )
    assert completion.details == "Message: boom, StackTrace: "


def test_an_error_waits_for_open_tasks_too() -> None:
    """The failure is final only when nothing is running any more."""
    events = [scheduled(0, "A"), scheduled(1, "B"), task_failed(0)]
    assert decide(events, all_(act("A"), act("B")), error="boom").completion is None


def test_continue_as_new_ends_the_execution_with_the_next_input() -> None:
    """Encoded twice, as every input that comes from the SDK."""
    completion = decide([], continue_as_new('{"n": 2}'), done=True).completion
    assert completion is not None
    assert completion.status is RuntimeStatus.CONTINUED_AS_NEW
    assert completion.result == json.dumps('{"n": 2}')


def test_an_error_wins_over_continue_as_new() -> None:
    """The code asked for a new run and then broke: it has failed."""
    completion = decide([], continue_as_new(), done=True, error="boom").completion
    assert completion is not None
    assert completion.status is RuntimeStatus.FAILED


def test_events_after_continue_as_new_are_carried_over_and_earlier_ones_are_lost() -> None:
    """As on the real host: what sat in the buffer goes, what comes later is taken along."""
    events = [raised("Lost"), scheduled(0), completed(0), raised("Kept")]
    completion = decide(events, act(), continue_as_new(), done=True).completion
    assert completion is not None
    assert [one["Name"] for one in completion.carried] == ["Kept"]


def test_actions_after_continue_as_new_are_ignored() -> None:
    """They were called after it."""
    assert commands(decide([], continue_as_new(), act(), done=True)) == []


def test_termination_wins_over_everything_and_sends_nothing() -> None:
    """The reason is the output."""
    decision = decide([terminated("enough")], act(), done=True, output=1)
    assert decision.commands == []
    assert decision.completion is not None
    assert (decision.completion.status, decision.completion.result) == (RuntimeStatus.TERMINATED, "enough")


# -- suspension


def test_while_suspended_nothing_new_is_sent() -> None:
    """New commands are set aside, and sent when it is resumed."""
    events = [scheduled(0), suspended(), completed(0)]
    decision = decide(events, act(), act("B"))
    assert commands(decision) == []
    assert decision.suspended
    decision = decide([*events, resumed()], act(), act("B"))
    assert commands(decision) == [(4, 1, "B")]
    assert not decision.suspended


def test_a_command_of_the_same_episode_as_the_suspension_is_set_aside() -> None:
    """It is not lost."""
    assert commands(decide([suspended()], act())) == []
    assert commands(decide([suspended(), resumed()], act())) == [(4, 0, "A")]


def test_a_second_suspension_is_dropped() -> None:
    """One resume is enough."""
    events = [scheduled(0), suspended(), suspended(), completed(0), resumed()]
    assert commands(decide(events, act(), act("B"))) == [(4, 1, "B")]


def test_termination_is_heard_while_suspended() -> None:
    """It is not queued behind the suspension."""
    decision = decide([suspended(), terminated()], act())
    assert decision.completion is not None


def test_an_event_can_complete_a_suspended_instance_when_the_code_cancels_its_timer() -> None:
    """Recorded on the real host: the SDK knows no suspension, and a cancelled timer ends the wait at once."""
    events = [timer_created(0), suspended(), raised("Approval")]
    decision = decide(events, any_(timer(cancelled=True), wait_for("Approval")), done=True, output="ok")
    assert decision.completion is not None
    assert decision.completion.result == '"ok"'


# -- limits and custom status


def test_too_many_actions_fail_the_instance() -> None:
    """The limit is maxOrchestrationActions."""
    completion = decide([], all_(act(), act(), act()), max_actions=3).completion
    assert completion is not None
    assert completion.result is not None
    assert "Maximum amount of orchestration actions (3) has been reached" in completion.result


def test_an_unknown_action_fails_the_instance_with_its_number() -> None:
    """A newer SDK may send what this host does not know."""
    completion = decide([], {"actionType": 99}).completion
    assert completion is not None
    assert (
        completion.result == "Orchestrator function 'O' failed: The action type 99 is not known to this host."
    )


def test_custom_status_is_compact_json_and_absent_means_none() -> None:
    """Each replay sets it anew."""
    assert decide([], wait_for("E"), custom_status={"a": 1}).custom_status == '{"a":1}'
    decision = decide([], wait_for("E"))
    assert (decision.sets_custom_status, decision.custom_status) == (True, None)


def test_a_custom_status_over_16_kb_fails_the_instance() -> None:
    """The size is that of UTF-16: 8 K letters are the limit."""
    assert decide([], wait_for("E"), custom_status="x" * 8190).completion is None
    completion = decide([], wait_for("E"), custom_status="x" * 8191).completion
    assert completion is not None
    assert completion.result is not None
    assert "must not exceed 16 KB" in completion.result


def test_a_timer_at_no_time_fails_the_instance() -> None:
    """Rather than the engine."""
    completion = decide([], timer() | {"fireAt": "soon"}).completion
    assert completion is not None
    assert completion.result is not None
    assert "'soon' is not a UTC time" in completion.result


# -- non-determinism

_HEAD = "Non-Deterministic workflow detected: A previous execution of this orchestration scheduled "
_TAIL = "Was a change made to the orchestrator code after this instance had already started running?"
_MISSING = "but the current replay execution hasn't (yet?) scheduled this task. "


@pytest.mark.parametrize(
    ("events", "actions", "middle"),
    [
        (
            [scheduled(0, "A")],
            [wait_for("E")],
            f"an activity task with sequence ID 0 and name 'A' (version ''), {_MISSING}",
        ),
        (
            [scheduled(0, "A")],
            [timer()],
            "an activity task with sequence number 0 named 'A', but the current orchestration replay instead "
            "produced a CreateTimerOrchestratorAction action with this sequence number. ",
        ),
        (
            [scheduled(0, "A")],
            [act("B")],
            "an activity task with sequence number 0 named 'A', but the current orchestration replay instead "
            "scheduled an activity task named 'B' with this sequence number.  ",
        ),
        ([timer_created(0)], [], f"a timer task with sequence number 0 {_MISSING}"),
        (
            [timer_created(0)],
            [act()],
            "a timer task with sequence number 0 named but the current orchestration replay instead produced "
            "a ScheduleTaskOrchestratorAction action with this sequence number. ",
        ),
        (
            [child_created(0)],
            [],
            "a sub-orchestration task with sequence ID 0 and name 'C' (version '', instance ID 'c1'), "
            f"{_MISSING}",
        ),
        (
            [child_created(0)],
            [signal()],
            "a sub-orchestration task with sequence ID 0 and name 'C' (version '', instance ID 'c1'), but "
            "the current orchestration replay instead produced a SendEventOrchestratorAction action at this "
            "sequence number. ",
        ),
        (
            [child_created(0)],
            [child("D")],
            "a sub-orchestration task with sequence ID 0 and name 'C' (version '', instance ID 'c1'), but "
            "the current orchestration replay instead scheduled a sub-orchestration task with name D at this "
            "sequence number. ",
        ),
        (
            [sent(0)],
            [],
            "a send event task with sequence ID 0, type 'EventSent' name 'op', instance ID '@e@k', "
            f"{_MISSING}",
        ),
        (
            [sent(0)],
            [child()],
            "a send event task with sequence ID 0, type 'EventSent' name 'op', instance ID '@e@k', but the "
            "current orchestration replay instead scheduled a CreateSubOrchestrationAction task at this "
            "sequence number. ",
        ),
    ],
)
def test_a_replay_that_differs_from_the_history_fails_the_instance(
    events: list[dict], actions: list[dict], middle: str
) -> None:
    """With the text of the framework, and without the orchestrator's name in front."""
    decision = decide(events, *actions)
    assert decision.commands == []
    assert decision.completion is not None
    assert decision.completion.status is RuntimeStatus.FAILED
    assert decision.completion.result == _HEAD + middle + _TAIL


def test_names_are_compared_without_regard_to_case() -> None:
    """A change of case in the code is no other function."""
    assert decide([scheduled(0, "Echo")], act("echo")).completion is None


def test_a_command_that_history_lacks_is_new_whatever_its_place() -> None:
    """A rewind takes scheduled tasks out of the history; the replay schedules them again under their ids."""
    assert commands(decide([scheduled(1, "B"), completed(1)], all_(act("A"), act("B")))) == [(4, 0, "A")]
