"""What each engine says that it does with a failure: its own objects are asked, nothing is started."""

from __future__ import annotations

from datetime import timedelta

import pytest
from dbos import DBOS
from prefect import flow, task
from prefect.settings import PREFECT_FLOWS_DEFAULT_RETRIES, PREFECT_TASKS_DEFAULT_RETRIES, temporary_settings
from pydantic_ai import Agent, UserError
from pydantic_ai.durable_exec.dbos import DBOSDurability, StepConfig
from pydantic_ai.durable_exec.prefect import PrefectAgent, PrefectDurability, TaskConfig
from pydantic_ai.durable_exec.temporal import TemporalAgent, TemporalDurability
from pydantic_ai.exceptions import ModelHTTPError, ModelRateLimitError
from pydantic_ai.models.test import TestModel
from pydantic_ai.toolsets import FunctionToolset
from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityConfig

from harness.engines.dbos import retries as dbos
from harness.engines.prefect import retries as prefect
from harness.engines.temporal import retries as temporal
from harness.retries.live import Died, Unfit, Unit
from harness.retries.values import Origin

LOST = ConnectionError("lost")
MODEL, TOOL, RUN = Unit("model"), Unit("tool", "charge"), Unit("run")


def agent(capability) -> Agent:
    return Agent(TestModel(), name="retried", capabilities=[capability])


def waits(answer, number: int) -> list[float]:
    return [answer.wait(attempt) for attempt in range(1, number + 1)]


# DBOS


def step(**config) -> dbos.Step:
    (layer,) = dbos.layers(agent(DBOSDurability(model_step_config=StepConfig(**config))), MODEL, {})
    return layer


def test_a_step_runs_once_unless_retries_are_allowed():
    assert step().answer(LOST).attempts == 1
    assert step(max_attempts=7).answer(LOST).attempts == 1
    assert step(retries_allowed=True).answer(LOST).attempts == 3


def test_a_steps_waits_grow_to_an_hour():
    answer = step(retries_allowed=True, max_attempts=99, interval_seconds=600, backoff_rate=2).answer(LOST)
    assert waits(answer, 4) == [600, 1200, 2400, 3600]


def test_an_error_that_was_retried_is_hidden():
    assert type(step(retries_allowed=True).answer(LOST).raises).__name__ == "DBOSMaxStepRetriesExceeded"
    assert step().answer(LOST).raises is LOST


def decorated(**config):
    return Unit("tool", "charge", DBOS.step(name=f"charge-{len(config)}-{id(config)}", **config)(lambda: None))


def test_a_tool_that_is_a_step_says_what_it_was_decorated_with():
    (layer,) = dbos.layers(None, decorated(retries_allowed=True, max_attempts=5), {})
    assert layer.answer(LOST).attempts == 5
    assert dbos.layers(None, Unit("tool", "plain", lambda: None), {}) == ()


def test_a_steps_own_condition_decides_and_may_be_broken():
    def wanted(error: BaseException) -> bool:
        return isinstance(error, ConnectionError)

    def broken(_error: BaseException) -> bool:
        raise LookupError("no policy")

    (layer,) = dbos.layers(None, decorated(retries_allowed=True, should_retry=wanted), {})
    assert (layer.answer(LOST).attempts, layer.answer(ValueError()).attempts) == (3, 1)
    (layer,) = dbos.layers(None, decorated(retries_allowed=True, should_retry=broken), {})
    assert layer.answer(LOST).unknown == "should_retry raises LookupError: no policy"


ABSURD = [
    {"max_attempts": 0},
    {"max_attempts": -3},
    {"max_attempts": float("nan")},
    {"interval_seconds": -1.0},
    {"backoff_rate": 0.5},
    {"timeout_seconds": 0},
    {"timeout_seconds": -2.0},
]


@pytest.mark.parametrize("config", ABSURD, ids=str)
def test_a_senseless_step_is_unknown_and_ends_nothing(config):
    layer = dbos.Step({"retries_allowed": True, **config}, Origin()).layer
    assert "makes no sense" in layer.unknown
    assert layer.each is None


def test_a_workflow_says_how_often_it_is_recovered():
    @DBOS.workflow(name="recovered-twice", max_recovery_attempts=2)
    def workflow() -> None:
        """Nothing."""

    (layer, _timeout) = dbos.layers(workflow, RUN, {})
    assert layer.answer(LOST).attempts == 3
    assert layer.layer.settings == {"max_recovery_attempts": "2"}


def test_nobody_knows_when_a_workflow_is_ended_that_somebody_else_starts():
    @DBOS.workflow(name="started-elsewhere")
    def workflow() -> None:
        """Nothing."""

    (_recovery, unknown) = dbos.layers(workflow, RUN, {})
    assert "SetWorkflowTimeout" in unknown.layer.unknown
    (_recovery, said) = dbos.layers(workflow, RUN, {"workflow_timeout": 9})
    assert (said.layer.unknown, said.layer.all, said.layer.interrupts) == ("", 9, False)


def test_a_workflows_timeout_is_around_every_unit_and_lets_a_step_finish():
    durable = agent(DBOSDurability(model_step_config=StepConfig(retries_allowed=True)))
    (one, timeout) = dbos.layers(durable, MODEL, {"workflow_timeout": 9})
    assert (one.layer.kind, timeout.layer.kind, timeout.answer(LOST).attempts) == ("unit", "limit", 1)
    assert [live.layer.name for live in dbos.layers(durable, TOOL, {"workflow_timeout": 9})] == [timeout.layer.name]


def test_a_step_that_died_with_its_process_is_not_retried_by_itself():
    assert step(retries_allowed=True).answer(Died()).attempts == 1


# Prefect


def no_delays(_retries: int) -> list[float]:
    raise LookupError("no delays")


def tasked(**config) -> prefect.TaskLayer:
    (layer, _flow) = prefect.layers(agent(PrefectDurability(model_task_config=TaskConfig(**config))), MODEL, {})
    return layer


def test_a_task_waits_as_it_is_told():
    answer = tasked(retries=4, retry_delay_seconds=[1, 2]).answer(LOST)
    assert answer.attempts == 5
    assert waits(answer, 4) == [1, 2, 2, 2]


def test_a_task_never_retries_what_pydantic_ai_forbids():
    assert tasked(retries=4).answer(UserError("wrong")).attempts == 1


@pytest.mark.parametrize(
    ("condition", "attempts", "unknown"),
    [
        (lambda _task, run, _state: run.run_count < 3, 3, ""),
        (lambda task, run, _state: run.run_count <= task.retries, 6, ""),
        (lambda _task, run, _state: run.run_count < 2 or run.state.name == "Retrying", 6, ""),
        (lambda _task, run, _state: run.run_count > run.empirical_policy.retries, 1, ""),
        (lambda _task, run, _state: run.flow_run_run_count < 2, 1, "`task_run.flow_run_run_count`"),
        (lambda _task, run, _state: run.runs < 2, 1, "AttributeError"),
    ],
    ids=["its number", "with its task's", "its state", "its own retries", "its flow's number", "nothing it has"],
)
def test_a_condition_is_shown_of_its_run_what_every_run_shows(condition, attempts, unknown):
    answer = tasked(retries=5, retry_condition_fn=condition).answer(LOST)
    assert (answer.attempts, unknown in answer.unknown, bool(answer.unknown)) == (attempts, True, bool(unknown))


def test_a_condition_that_counts_is_not_asked_for_ever():
    layer = tasked(retries=10**9, retry_condition_fn=lambda _task, run, _state: run.run_count > 0)
    assert layer.answer(LOST).attempts == 10**9 + 1


def test_a_tools_task_is_what_pydantic_ai_makes_of_it():
    durable = agent(PrefectDurability(tool_task_config=TaskConfig(retries=1)))
    (layer, _flow) = prefect.layers(durable, Unit("tool", "pay", metadata={"prefect": None}), {})
    assert layer.answer(LOST).attempts == 2  # no configuration: only `False` takes the task away
    assert layer.answer(UserError("wrong")).attempts == 1  # which no tool's task tries again
    (layer, _flow) = prefect.layers(durable, Unit("tool", "pay", metadata={"prefect": 7}), {})
    assert "invalid 'prefect' metadata" in layer.layer.unknown


def own(retried) -> prefect.TaskLayer:
    (layer, _flow) = prefect.layers(flow(lambda: None, name="own"), Unit("own", "task", retried), {})
    return layer


def test_what_nobody_said_of_a_task_or_a_flow_is_prefects_own():
    with temporary_settings({PREFECT_TASKS_DEFAULT_RETRIES: 3, PREFECT_FLOWS_DEFAULT_RETRIES: 2}):
        bare, ended = task(lambda: None, name="bare"), task(lambda: None, name="ended", timeout_seconds=9)
        layers = [own(bare).layer, flowing(flow(lambda: None, name="bare")).layer, own(ended).layer]
        kept = flowing(flow(lambda: None, name="kept", persist_result=True)).layer
    assert [layer.settings["retries"] for layer in (*layers, kept)] == ["3", "2", "3", "2"]
    assert [layer.origin.said for layer in (*layers, kept)] == ["default", "default", "explicit", "explicit"]
    assert "timeout_seconds" not in layers[2].usual
    assert layers[2].usual["retries"].startswith("prefect ")
    assert kept.usual.keys() == {"retries"}


def test_jitter_makes_the_worst_wait_longer():
    answer = own(task(lambda: None, name="a", retries=1, retry_delay_seconds=10, retry_jitter_factor=0.5)).answer(LOST)
    assert waits(answer, 1) == [15]
    assert answer.shortest(1) == pytest.approx(6.29, abs=0.01)  # Prefect keeps the average where it is


SENSELESS = {
    "retries": ({"retries": -1}, "retries=-1 makes no sense"),
    "delay": ({"retries": 1, "retry_delay_seconds": -4}, "retry_delay_seconds=-4 makes no sense"),
    "one delay of several": ({"retries": 2, "retry_delay_seconds": [1, -2]}, "retry_delay_seconds=[1, -2] makes no"),
    "timeout": ({"timeout_seconds": -5}, "timeout_seconds=-5 makes no sense"),
    "a function for the delays that raises": (
        {"retries": 2, "retry_delay_seconds": no_delays},
        "LookupError: no delays",
    ),
    "jitter": ({"retries": 1, "retry_jitter_factor": -1}, "must be >= 0"),
    "a setting that no task has": ({"retrys": 3}, "no setting called 'retrys', so its call fails"),
}


@pytest.mark.parametrize(("config", "reason"), SENSELESS.values(), ids=SENSELESS.keys())
def test_a_senseless_task_is_unknown_and_ends_nothing(config, reason):
    live = tasked(**config)
    assert reason in live.layer.unknown
    assert live.layer.each is None


def test_a_senseless_flow_is_unknown_and_ends_nothing():
    layer = flowing(flow(lambda: None, name="j", timeout_seconds=-5)).layer
    assert (layer.unknown, layer.each) == ("timeout_seconds=-5 makes no sense", None)


def test_of_a_flow_prefect_takes_one_whole_number_of_seconds_and_no_list():
    listed = flowing(flow(lambda: None, name="k", retries=2, retry_delay_seconds=[1, 2])).layer
    assert listed.unknown.startswith("retry_delay_seconds=[1, 2] makes no sense for a flow")
    hasty = flowing(flow(lambda: None, name="l", retries=2, retry_delay_seconds=0.5))
    assert (hasty.layer.unknown, waits(hasty.answer(LOST), 1)) == ("", [0])


def flowing(given, options=None) -> prefect.FlowLayer:
    (layer,) = prefect.layers(given, RUN, options or {})
    return layer


def test_a_flow_says_its_retries_and_its_timeout():
    layer = flowing(flow(lambda: None, name="f", retries=2, retry_delay_seconds=3, timeout_seconds=7))
    assert (layer.answer(LOST).attempts, layer.layer.each, waits(layer.answer(LOST), 1)) == (3, 7.0, [3])
    ours = flowing(agent(PrefectDurability()), {"flow_retries": 1, "flow_timeout": 5})
    assert (ours.answer(LOST).attempts, ours.layer.each) == (2, 5)


def test_a_flow_does_not_do_again_what_it_kept():
    kept = flowing(flow(lambda: None, name="g", retries=2, persist_result=True))
    forgotten = flowing(flow(lambda: None, name="h", retries=2, persist_result=False))
    assert [layer.answer(Unfit()).attempts for layer in (kept, forgotten)] == [1, 3]


def test_nobody_retries_a_flow_or_a_task_whose_process_died():
    assert tasked(retries=4).answer(Died()).attempts == 1
    assert flowing(flow(lambda: None, name="i", retries=2)).answer(Died()).attempts == 1


TOOL_CONFIGS = {"of its own": ({"retries": 0}, [1, 2]), "no task at all": (False, [2]), "nothing said": (None, [3, 2])}


@pytest.mark.parametrize(("config", "attempts"), TOOL_CONFIGS.values(), ids=TOOL_CONFIGS.keys())
def test_a_tools_metadata_configures_its_task(config, attempts):
    metadata = {} if config is None else {"prefect": config}
    durable = agent(PrefectDurability(tool_task_config=TaskConfig(retries=2)))
    layers = prefect.layers(durable, Unit("tool", "charge", metadata=metadata), {"flow_retries": 1})
    assert [layer.answer(LOST).attempts for layer in layers] == attempts


def test_of_a_step_it_is_told_what_dbos_does_by_itself():
    layer = step(retries_allowed=True, max_attempts=5, timeout_seconds=3, should_retry=callable).layer
    assert (layer.settings["timeout_seconds"], layer.settings["should_retry"]) == ("3", "callable")
    assert layer.usual.keys() == {"interval_seconds", "backoff_rate"}
    assert layer.told.count("(default of dbos") == 2
    assert "should_retry" not in step(should_retry=callable).layer.settings  # nobody asks it


def test_a_flow_tells_how_long_it_waits_and_a_task_when_it_is_ended():
    slow = flow(lambda: None, name="slow", retries=2, retry_delay_seconds=30)
    assert prefect.layers(slow, Unit("run"), {})[0].layer.settings["retry_delay_seconds"] == "30"
    durable = agent(PrefectDurability(model_task_config=TaskConfig(timeout_seconds=9)))
    assert prefect.layers(durable, MODEL, {})[0].layer.settings["timeout_seconds"] == "9"


# Temporal


def activity(unit: Unit = MODEL, **config) -> temporal.Activity:
    given = ActivityConfig(**{"start_to_close_timeout": timedelta(seconds=60), **config})
    return temporal.layers(agent(TemporalDurability(activity_config=given)), unit, {})[0]


def test_an_activity_says_on_which_queue_it_is_asked_for_if_not_on_its_workflows():
    tool = Unit("tool", "charge", metadata={"temporal": ActivityConfig(task_queue="other")})
    told = [(one.layer.queue, one.layer.settings.get("task_queue")) for one in (activity(tool), activity())]
    assert told == [("other", "other"), ("", None)]


def test_an_activity_is_retried_without_end_by_default():
    answer = activity().answer(LOST)
    assert answer.attempts is None
    assert waits(answer, 9) == [1, 2, 4, 8, 16, 32, 64, 100, 100]


def test_a_policy_limits_attempts_and_intervals():
    policy = RetryPolicy(
        maximum_attempts=4, initial_interval=timedelta(seconds=3), maximum_interval=timedelta(seconds=5)
    )
    answer = activity(retry_policy=policy).answer(LOST)
    assert answer.attempts == 4
    assert waits(answer, 3) == [3, 5, 5]


def test_types_that_are_not_retried_are_matched_as_the_server_matches_them():
    limited = ModelHTTPError.for_category(ModelRateLimitError, status_code=429, model_name="m")
    assert (
        activity(retry_policy=RetryPolicy(non_retryable_error_types=["ModelHTTPError"])).answer(limited).attempts == 1
    )
    assert activity(retry_policy=RetryPolicy(non_retryable_error_types=["Other"])).answer(limited).attempts is None
    assert activity().answer(UserError("wrong")).attempts == 1


def test_model_errors_may_be_marked_for_the_server():
    durable = agent(TemporalDurability(non_retryable_model_errors=[ModelRateLimitError]))
    limited = ModelHTTPError.for_category(ModelRateLimitError, status_code=429, model_name="m")
    (layer, _workflow) = temporal.layers(durable, MODEL, {})
    assert (layer.answer(limited).attempts, layer.answer(LOST).attempts) == (1, None)


def test_timeouts_are_told_in_seconds():
    layer = activity(schedule_to_close_timeout=timedelta(minutes=5)).layer
    assert (layer.each, layer.all) == (60, 300)
    assert layer.settings["heartbeat_timeout"] == "30 s"


def test_of_a_policy_it_is_told_what_somebody_said_and_what_nobody_did():
    policy = RetryPolicy(
        initial_interval=timedelta(seconds=3),
        backoff_coefficient=1.5,
        maximum_interval=timedelta(seconds=9),
        non_retryable_error_types=["Lost"],
    )
    layer = activity(retry_policy=policy).layer
    said = {"initial_interval": "3 s", "backoff_coefficient": "1.5", "maximum_interval": "9 s"}
    assert said.items() | {("non_retryable_error_types", "Lost")} <= layer.settings.items()
    assert set(layer.usual) == {"maximum_attempts", "start_to_close_timeout", "heartbeat_timeout"}
    assert layer.usual["maximum_attempts"].startswith("temporalio ")
    assert layer.usual["heartbeat_timeout"].startswith("pydantic_ai ")
    assert layer.origin.said == "explicit"


def test_an_activity_that_nobody_configured_is_as_pydantic_ai_has_it():
    layer = activity().layer
    assert layer.origin.said == "default"
    assert (layer.told.count("default of"), layer.told.count("default of temporalio")) == (1, 1)
    assert layer.settings.keys() == {"maximum_attempts", "start_to_close_timeout", "heartbeat_timeout"}


TIMEOUTS = {
    "negative": ({"start_to_close_timeout": timedelta(seconds=-5)}, "start_to_close_timeout=-5 s makes no sense"),
    "nothing": ({"schedule_to_close_timeout": timedelta(0)}, "schedule_to_close_timeout=0 s makes no sense"),
    "a beat before it began": ({"heartbeat_timeout": timedelta(seconds=-1)}, "heartbeat_timeout=-1 s makes no sense"),
    "no beats": ({"heartbeat_timeout": timedelta(0)}, ""),
}


@pytest.mark.parametrize(("config", "reason"), TIMEOUTS.values(), ids=TIMEOUTS.keys())
def test_an_activity_with_a_senseless_timeout_is_unknown_and_ends_nothing(config, reason):
    layer = activity(**{"start_to_close_timeout": timedelta(seconds=60), **config}).layer
    assert layer.unknown == reason
    assert layer.each == (None if reason else 60)


TWICE, THRICE = (ActivityConfig(retry_policy=RetryPolicy(maximum_attempts=number)) for number in (2, 3))
SAID = {
    "by the capability, for the toolset": (TemporalDurability(toolset_activity_config={"<agent>": TWICE}), None),
    "by the tool itself": (TemporalDurability(), {"temporal": TWICE}),
}


@pytest.mark.parametrize(("capability", "metadata"), SAID.values(), ids=SAID.keys())
def test_whoever_configures_a_tool_it_never_retries_what_pydantic_ai_forbids(capability, metadata):
    unit = Unit("tool", "charge", metadata=metadata, toolset="<agent>")
    layer = temporal.layers(agent(capability), unit, {})[0]
    assert (layer.answer(LOST).attempts, layer.answer(UserError("wrong")).attempts) == (2, 1)
    assert layer.layer.origin.said == "explicit"


def wrapped(**config) -> TemporalAgent:
    given = Agent(TestModel(), name="wrapped", toolsets=[FunctionToolset([charge, refund], id="money").prefixed("my")])
    return TemporalAgent(given, **config)


async def charge() -> None:
    """Nothing."""


async def refund() -> None:
    """Nothing."""


WRAPPED = {
    "for the toolset": ({"toolset_activity_config": {"money": TWICE}}, [2, 2]),
    "for one tool": ({"tool_activity_config": {"money": {"charge": THRICE}}}, [3, None]),
    "for both": (
        {"toolset_activity_config": {"money": TWICE}, "tool_activity_config": {"money": {"charge": THRICE}}},
        [3, 2],
    ),
    "no activity": ({"tool_activity_config": {"money": {"charge": False}}}, [None, None]),
}


@pytest.mark.parametrize(("config", "attempts"), WRAPPED.values(), ids=WRAPPED.keys())
@pytest.mark.filterwarnings("ignore:`TemporalAgent` is deprecated")
def test_the_old_wrapper_is_asked_for_what_it_was_told_about_its_tools(config, attempts):
    value = wrapped(**config)
    layers = [temporal.layers(value, Unit("tool", name, toolset="money"), {})[0] for name in ("charge", "refund")]
    assert [layer.answer(LOST).attempts for layer in layers] == attempts


@pytest.mark.filterwarnings("ignore:`(Temporal|Prefect)Agent` is deprecated")
def test_the_old_wrappers_say_which_tools_they_were_told_about():
    (workflow,) = temporal.layers(wrapped(tool_activity_config={"money": {"pya": THRICE}}), RUN, {})
    assert workflow.layer.settings["tool_activity_config"] == "pya"
    named = {"pya": TaskConfig(retries=1), "refund": None}
    bare = Agent(TestModel(), name="bare")
    (around,) = prefect.layers(PrefectAgent(bare, tool_task_config_by_name=named), RUN, {})
    assert around.layer.settings["tool_task_config_by_name"] == "pya, refund"


@pytest.mark.filterwarnings("ignore:`TemporalAgent` is deprecated")
def test_what_the_old_wrapper_hides_or_pydantic_ai_refuses_is_unknown():
    hidden = wrapped(temporalize_toolset_func=lambda toolset, *_more: toolset)
    layer = temporal.layers(hidden, Unit("tool", "charge", toolset="money"), {})[0].layer
    assert "toolset 'money' cannot be seen" in layer.unknown
    layer = temporal.layers(wrapped(), Unit("tool", "charge", metadata={"temporal": 7}, toolset="money"), {})[0].layer
    assert "expected a dict" in layer.unknown
    single = wrapped(tool_activity_config={"money": {"charge": THRICE}})
    layer = temporal.layers(single, Unit("tool", "money", toolset="money", mcp=True), {})[0].layer
    assert "configures single tools of 'money': charge" in layer.unknown


def test_a_tool_without_an_activity_has_the_workflows_task_done_again_for_ever():
    durable = agent(TemporalDurability())
    task, workflow = temporal.layers(durable, Unit("tool", "charge", metadata={"temporal": False}), {})
    assert [task.answer(error).attempts for error in (LOST, Died())] == [None, None]
    assert workflow.layer.name == "temporal workflow"


def test_an_activity_that_died_is_tried_again_when_its_timeout_has_passed():
    assert activity(retry_policy=RetryPolicy(maximum_attempts=3)).answer(Died()).attempts == 3


@pytest.fixture(scope="module")
def theirs():
    from fixtures.audit import own_temporal

    return own_temporal


def test_a_workflow_is_started_as_it_is_by_default_unless_somebody_says_otherwise(theirs):
    for subject in (theirs.Limited, agent(TemporalDurability())):
        (usual,) = temporal.layers(subject, RUN, {})
        assert (usual.layer.unknown, usual.layer.all, usual.answer(LOST).attempts) == ("", None, 1)
        assert (usual.layer.settings["retry_policy"], usual.layer.origin.said) == ("none", "default")
        assert "if whoever starts yours says otherwise" in usual.layer.notes[0]
        (said,) = temporal.layers(subject, RUN, {"workflow_attempts": 3, "workflow_timeout": 60})
        assert (said.layer.unknown, said.layer.all, said.answer(LOST).attempts) == ("", 60, 3)
        assert said.layer.notes == ()


def test_an_activity_of_the_persons_own_is_unknown_and_an_agents_is_not(theirs):
    (called, _workflow) = temporal.layers(theirs.Limited, Unit("own", "archive", theirs.archive), {})
    assert "workflow.execute_activity" in called.layer.unknown
    assert temporal.layers(theirs.Limited, Unit("own", "PATIENCE", theirs.PATIENCE), {}) == ()
    (model, _workflow) = temporal.layers(theirs.Limited, Unit("model", owner=theirs.agent), {})
    assert model.answer(LOST).attempts == 2
