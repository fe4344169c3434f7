"""Where a conversation stands is read from messages that agents trim, rewrite, merge and hand on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_ai import Agent, DeferredToolRequests, DeferredToolResults, ModelRetry, RunContext, capture_run_messages
from pydantic_ai.capabilities import Hooks, ProcessHistory
from pydantic_ai.messages import (
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelResponse,
    RetryPromptPart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
    repair_messages,
)

from harness.subjects.script import Call, Turn
from harness.subjects.stamps import AgentRun, CallStamp, Stamp, position, read_call, step_of, step_of_call
from tests.subjects.scripted import ScriptedModel, ids, payments

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


IDS = {
    "turn1-charge-1": "tool:charge#1",
    "turn2r1-charge-1": "tool:charge#1+1",
    "run2-turn1-mail-12": "tool:mail#12",
    "at0123abcd-turn3-my--tool-2": "tool:my-tool#2",
    "turn1-docs-u2e-search-1": "tool:docs%2Esearch#1",
    "turn1-_1-1": "tool:_1#1",
}


@pytest.mark.parametrize(("tool_call_id", "step"), IDS.items(), ids=IDS)
def test_a_step_is_read_from_the_id_alone(tool_call_id: str, step: str) -> None:
    assert step_of_call(tool_call_id) == step


@pytest.mark.parametrize(
    "foreign", ["", "call_abc", "toolu_01-1", "turn0-x-1", "turn1-x-0", "turn1-x", "pyd_ai_1", "turn1--1"]
)
def test_ids_that_somebody_else_made_say_nothing(foreign: str) -> None:
    assert step_of_call(foreign) is None


@given(st.text(min_size=1, max_size=20), st.integers(1, 99), st.integers(0, 9), st.integers(1, 99))
def test_any_tool_name_survives_in_an_id(tool: str, turn: int, reissue: int, number: int) -> None:
    call = CallStamp(Stamp(turn, reissue), tool, number)
    assert read_call(call.id) == call
    assert call.id.isascii()
    assert call.id.replace("-", "").replace("_", "").isalnum()


TURNS = (Call("mail", {"to": "a"}), Turn(calls=(Call("flaky"), Call("mail", {"to": "b"}))), Call("mail"), "Done.")
STEPS = ["model#1", "model#2", "model#2+1", "model#3", "model#4"]


def last_exchange(messages: list[ModelMessage]) -> list[ModelMessage]:
    """Keep the last response and what answers it."""
    return messages[-2:]


def summarised(messages: list[ModelMessage]) -> list[ModelMessage]:
    """Replace all but the last exchange by a sentence."""
    return [ModelRequest(parts=[UserPromptPart(f"{len(messages)} messages")]), *messages[-2:]]


def without_ids(messages: list[ModelMessage]) -> list[ModelMessage]:
    """Rewrite every response: only its parts remain."""
    return [ModelResponse(parts=m.parts) if isinstance(m, ModelResponse) else m for m in messages]


def without_runs(messages: list[ModelMessage]) -> list[ModelMessage]:
    """Forget which run a message belongs to, as a store of one's own does."""
    return [replace(message, run_id=None) for message in messages]


def stored(messages: list[ModelMessage]) -> list[ModelMessage]:
    """Through JSON and back."""
    return ModelMessagesTypeAdapter.validate_json(ModelMessagesTypeAdapter.dump_json(messages))


def with_reminder(messages: list[ModelMessage]) -> list[ModelMessage]:
    """Add a prompt of one's own at the end, which pydantic-ai merges into the last request."""
    return [*messages, ModelRequest(parts=[UserPromptPart("Be brief.")])]


PROCESSORS: list[Callable[[list[ModelMessage]], list[ModelMessage]]] = [
    lambda messages: messages,
    last_exchange,
    summarised,
    without_ids,
    without_runs,
    stored,
    with_reminder,
]


@pytest.mark.parametrize("knows", ["step", "id", "step and id", "nothing"])
@pytest.mark.parametrize("processor", PROCESSORS, ids=lambda processor: processor.__name__)
async def test_an_agent_may_rewrite_its_history(processor: Any, knows: str) -> None:
    model = ScriptedModel(*TURNS, knows=knows)
    await payments(model, capabilities=[ProcessHistory(processor)]).run("hi")
    assert [given.step for given in model.answers] == STEPS


async def test_an_agent_that_forgets_everything_is_followed_by_its_run_step() -> None:
    model = ScriptedModel(Call("mail"), Call("charge"), Call("mail"), "Done.")
    result = await payments(model, capabilities=[ProcessHistory(lambda messages: messages[-1:])]).run("hi")
    assert result.output == "Done."
    assert [given.step for given in model.answers] == ["model#1", "model#2", "model#3", "model#4"]
    assert model.steps.count("tool:mail#2") == 1


async def test_without_a_script_an_agent_may_forget_everything_too() -> None:
    model = ScriptedModel(automatic=True)
    agent: Agent[None, str] = Agent(model, capabilities=[ProcessHistory(lambda messages: messages[-1:])])
    used: list[str] = []
    for name in ("a", "b", "c"):
        agent.tool_plain(name=name)(lambda name=name: used.append(name))
    await agent.run("hi")
    assert used == ["a", "b", "c"]


@pytest.mark.parametrize("knows", ["step", "id", "nothing"])
async def test_a_second_run_starts_the_script_again(knows: str) -> None:
    model = ScriptedModel(*TURNS, knows=knows)
    agent = payments(model)
    first = await agent.run("hi")
    await agent.run("again", message_history=first.all_messages())
    assert [given.step for given in model.answers] == STEPS * 2


@pytest.mark.parametrize("knows", ["step", "nothing"])
async def test_so_it_does_after_a_history_without_run_ids(knows: str) -> None:
    model = ScriptedModel(*TURNS, knows=knows)
    agent = payments(model)
    first = await agent.run("hi")
    await agent.run("again", message_history=without_runs(first.all_messages()))
    assert [given.step for given in model.answers] == STEPS * 2


@pytest.mark.parametrize("knows", ["step", "nothing"])
async def test_calls_of_two_runs_in_one_history_have_different_ids(knows: str) -> None:
    model = ScriptedModel(*TURNS, knows=knows)
    agent = payments(model)
    history: list[ModelMessage] = []
    for _ in range(3):
        history = (await agent.run("hi", message_history=history)).all_messages()
    assert len(ids(history)) == 5 * 3 == len(set(ids(history)))
    assert {step_of_call(call) for call in ids(history)} == {
        "tool:mail#1",
        "tool:flaky#1",
        "tool:mail#2",
        "tool:flaky#1+1",
        "tool:mail#3",
    }


async def test_scopes_keep_runs_apart_that_never_meet() -> None:
    made = []
    for scope in ("run#1", "run#2", "run#2"):
        model = ScriptedModel(*TURNS, scope=scope)
        made.append(ids((await payments(model).run("hi")).all_messages()))
        assert [given.step for given in model.answers] == STEPS
    assert not set(made[0]) & set(made[1])
    assert made[1] == made[2]


@pytest.mark.parametrize("knows", ["step", "nothing"])
async def test_an_agent_that_runs_another_one_keeps_their_conversations_apart(knows: str) -> None:
    inner_model = ScriptedModel(Call("look"), "Found.", knows=knows)
    outer_model = ScriptedModel(Call("delegate"), Call("delegate"), "Done.", knows=knows)
    inner: Agent[None, str] = Agent(inner_model)
    outer: Agent[None, str] = Agent(outer_model)
    inner.tool_plain(name="look")(lambda: "seen")

    @outer.tool
    async def delegate(ctx: RunContext[None]) -> str:
        history = repair_messages(ctx.messages)
        return (await inner.run("look it up", message_history=history)).output

    assert (await outer.run("hi")).output == "Done."
    assert [given.step for given in inner_model.answers] == ["model#1", "model#2"] * 2
    assert [given.step for given in outer_model.answers] == ["model#1", "model#2", "model#3"]


@pytest.mark.parametrize("knows", ["step", "nothing"])
async def test_a_run_that_gets_deferred_results_goes_on_where_the_first_one_stopped(knows: str) -> None:
    model = ScriptedModel(Turn(calls=(Call("book"), Call("mail"))), Call("mail"), "Booked.", knows=knows)
    agent = payments(model, output_type=[str, DeferredToolRequests])
    agent.tool_plain(name="book", requires_approval=True)(lambda: "booked")
    first = await agent.run("hi")
    assert isinstance(first.output, DeferredToolRequests)
    results = DeferredToolResults(approvals={call.tool_call_id: True for call in first.output.approvals})
    second = await agent.run(message_history=first.all_messages(), deferred_tool_results=results)
    assert second.output == "Booked."
    assert model.steps == ["model#1", "tool:book#1", "tool:mail#1", "model#2", "tool:mail#2", "model#3"]


@pytest.mark.parametrize("knows", ["step", "nothing"])
async def test_a_history_that_ends_in_the_middle_is_continued(knows: str) -> None:
    model = ScriptedModel(Call("mail"), Turn(calls=(Call("mail"), Call("charge"))), Call("mail"), "Done.", knows=knows)
    agent = payments(model)
    whole = (await agent.run("hi")).all_messages()
    for length in range(1, len(whole)):
        model.answers.clear()
        assert (await agent.run(message_history=whole[:length])).output == "Done."
        assert [given.step for given in model.answers] == [f"model#{turn}" for turn in range(length // 2 + 1, 5)]


@pytest.mark.parametrize("knows", ["step", "nothing"])
async def test_a_new_prompt_after_a_run_that_failed_starts_the_script_again(knows: str) -> None:
    model = ScriptedModel(Call("mail"), Call("boom"), "Done.", knows=knows)
    agent = payments(model)
    failing = [True]

    @agent.tool_plain
    def boom() -> None:
        if failing:
            failing.clear()
            raise RuntimeError("boom")

    with capture_run_messages() as messages, pytest.raises(RuntimeError):
        await agent.run("hi")
    await agent.run("again", message_history=messages)
    assert [given.step for given in model.answers] == ["model#1", "model#2", "model#1", "model#2", "model#3"]


@pytest.mark.parametrize("knows", ["step", "nothing"])
async def test_an_answer_that_a_hook_refuses_is_given_again(knows: str) -> None:
    hooks: Hooks[None] = Hooks()
    refused: list[str | None] = []

    @hooks.on.after_model_request
    async def refuse(ctx: RunContext[None], *, request_context: Any, response: ModelResponse) -> ModelResponse:
        if response.provider_response_id in ("turn1", "turn2", "turn2r1"):
            refused.append(response.provider_response_id)
            raise ModelRetry("say it better")
        return response

    model = ScriptedModel(Call("mail"), Call("mail"), "Done.", knows=knows)
    assert (await payments(model, capabilities=[hooks], retries=5).run("hi")).output == "Done."
    assert refused == ["turn1", "turn2", "turn2r1"]
    assert [given.step for given in model.answers] == [
        "model#1",
        "model#1+1",
        "model#2",
        "model#2+1",
        "model#2+2",
        "model#3",
    ]


async def test_a_replayed_response_without_a_run_id_still_counts() -> None:
    messages = [
        ModelRequest(parts=[UserPromptPart("hi")], run_id="r2"),
        ModelResponse(parts=[ToolCallPart("x", {}, tool_call_id="turn1-x-1")], run_id="r1"),
        ModelRequest(parts=[ToolReturnPart("x", "ok", tool_call_id="turn1-x-1")], run_id="r2"),
        ModelResponse(parts=[TextPart("hm")], provider_response_id="turn2"),
        ModelRequest(parts=[RetryPromptPart("again")], run_id="r2"),
    ]
    assert step_of(messages[:1]) == "model#1"
    assert step_of(messages[:3]) == "model#2"
    assert step_of(messages) == "model#2+1"


def test_what_pydantic_ai_closes_by_itself_is_no_answer() -> None:
    messages: list[ModelMessage] = [
        ModelRequest(parts=[UserPromptPart("hi")], run_id="r1"),
        ModelResponse(parts=[ToolCallPart("x", {}, tool_call_id="turn1-x-1")], run_id="r1"),
        ModelRequest(parts=[UserPromptPart("something else")], run_id="r2"),
    ]
    assert step_of(repair_messages(messages), AgentRun(step=1)) == "model#1"
    assert step_of(repair_messages(messages)) == "model#1"


def test_nothing_at_all_is_the_first_turn() -> None:
    assert position([]).stamp == Stamp(1)
    assert step_of([], AgentRun(step=4)) == "model#4"
