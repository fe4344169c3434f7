"""The scripted model in real agents: what they hear, and which steps it makes."""

from __future__ import annotations

import re
from collections.abc import AsyncIterable
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict
from pydantic_ai import (
    Agent,
    DeferredToolRequests,
    ModelRetry,
    NativeOutput,
    PromptedOutput,
    RunContext,
    TextOutput,
    ToolOutput,
)
from pydantic_ai.exceptions import UnexpectedModelBehavior
from pydantic_ai.messages import AgentStreamEvent, ModelMessagesTypeAdapter, ModelResponse, TextPart, ThinkingPart
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.output import StructuredDict
from pydantic_ai.tools import ToolDefinition
from pydantic_ai.usage import RequestUsage

from harness.errors import UNKNOWN, UsageError
from harness.subjects.answers import AgentRun, answer
from harness.subjects.script import Call, ScriptError, Turn
from tests.subjects.scripted import ScriptedModel, conversation, ids, payments

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Refund(BaseModel):
    reason: str


class Receipt(BaseModel):
    number: int = 0
    note: str = ""


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)
    kind: Literal["a", "b"]
    size: tuple[int, int]


def split(text: str) -> list[str]:
    return text.split()


def file(refund: Refund) -> str:
    return f"filed {refund.reason}"


def book(number: int, note: str) -> str:
    return f"booked {number} {note}"


async def test_a_text_ends_the_run() -> None:
    model = ScriptedModel("Hello.")
    assert (await payments(model).run("hi")).output == "Hello."
    assert model.steps == ["model#1"]


async def test_calls_are_numbered_in_message_order() -> None:
    model = ScriptedModel(
        Turn(calls=(Call("charge", {"amount": 1}), Call("mail", {"to": "a"}), Call("charge", {"amount": 2}))),
        Call("charge", {"amount": 3}),
        "Done.",
    )
    result = await payments(model).run("hi")
    assert result.output == "Done."
    assert model.calls == [
        ("tool:charge#1", {"amount": 1}),
        ("tool:mail#1", {"to": "a"}),
        ("tool:charge#2", {"amount": 2}),
        ("tool:charge#3", {"amount": 3}),
    ]
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", call) for call in ids(result.all_messages()))


async def test_arguments_that_are_not_given_are_made_from_the_schema() -> None:
    model = ScriptedModel(Call("mail"), "Done.")
    await payments(model).run("hi")
    assert model.calls == [("tool:mail#1", {"to": "to"})]


async def test_two_runs_give_equal_histories_but_for_what_pydantic_ai_stamps() -> None:
    histories = []
    for _ in range(2):
        model = ScriptedModel(Call("charge", {"amount": 1}), "Done.")
        result = await payments(model).run("hi")
        histories.append([given.response for given in model.answers])
        assert ModelMessagesTypeAdapter.validate_json(result.all_messages_json()) == result.all_messages()
    for left, right in zip(*histories, strict=True):
        left.run_id = left.conversation_id = right.run_id = right.conversation_id = None
        assert left == right


async def test_a_stream_says_the_same_as_a_request() -> None:
    turns = (Turn(text="One moment.", calls=(Call("mail"), Call("flaky"))), "Done now.")
    plain, streamed = ScriptedModel(*turns), ScriptedModel(*turns)
    seen: list[str] = []

    async def watch(ctx: RunContext[None], events: AsyncIterable[AgentStreamEvent]) -> None:
        seen.extend([event.event_kind async for event in events])

    result = await payments(plain).run("hi")
    assert (await payments(streamed).run("hi", event_stream_handler=watch)).output == result.output
    assert "part_start" in seen
    assert streamed.steps == plain.steps
    for left, right in zip(plain.answers, streamed.answers, strict=True):
        assert left.response.parts == right.response.parts


async def test_a_turn_may_think_count_and_stop_as_it_likes() -> None:
    turn = Turn(
        thinking="Hm.", text="Too long", usage={"input_tokens": 7, "cache_read_tokens": 3}, finish_reason="length"
    )
    model = ScriptedModel(turn)
    result = await payments(model).run("hi")
    response = model.answers[0].response
    assert response.parts == [ThinkingPart("Hm."), TextPart("Too long")]
    assert response.finish_reason == "length"
    assert (result.usage.input_tokens, result.usage.cache_read_tokens) == (7, 3)


async def test_every_request_has_token_figures_of_its_own() -> None:
    model = ScriptedModel(Call("flaky"), Call("mail"), "Done.")
    result = await payments(model).run("hi")
    figures = [given.response.usage for given in model.answers]
    assert figures == [
        RequestUsage(input_tokens=10, output_tokens=1),
        RequestUsage(input_tokens=11, output_tokens=1),
        RequestUsage(input_tokens=20, output_tokens=2),
        RequestUsage(input_tokens=30, output_tokens=3),
    ]
    assert result.usage.total_tokens == 71 + 7


# How an output arrives: output type, what the script says, what the run returns, tools used.
OUTPUTS: dict[str, tuple[Any, Any, Any, list[str]]] = {
    "text": (str, "fine", "fine", []),
    "an object": (Refund, {"reason": "late"}, Refund(reason="late"), ["final_result"]),
    "a Python object": (Refund, Refund(reason="late"), Refund(reason="late"), ["final_result"]),
    "the member of a union that fits": (
        [Receipt, Refund],
        {"reason": "late"},
        Refund(reason="late"),
        ["final_result_Refund"],
    ),
    "a union as a type": (Receipt | Refund, {"number": 4}, Receipt(number=4), ["final_result_Receipt"]),
    "a list": (list[int], [1, 2], [1, 2], ["final_result"]),
    "a number": (int, 5, 5, ["final_result"]),
    "a truth": (bool, False, False, ["final_result"]),
    "a mapping": (dict[str, int], {"response": 1}, {"response": 1}, ["final_result"]),
    "a strict model": (Strict, {"kind": "a", "size": [1, 2]}, Strict(kind="a", size=(1, 2)), ["final_result"]),
    "text or an object, text": ([str, Refund], "fine", "fine", []),
    "text or an object, the object": ([str, Refund], {"reason": "late"}, Refund(reason="late"), ["final_result"]),
    "a named output tool": (
        ToolOutput(Refund, name="give_back"),
        {"reason": "late"},
        Refund(reason="late"),
        ["give_back"],
    ),
    "a function": (file, {"reason": "late"}, "filed late", ["final_result"]),
    "a function, by its parameter": (file, {"refund": {"reason": "late"}}, "filed late", ["final_result"]),
    "a function of two": (book, {"number": 1, "note": "x"}, "booked 1 x", ["final_result"]),
    "functions": ([file, book], {"number": 1, "note": "x"}, "booked 1 x", ["final_result_book"]),
    "text that a function takes": (TextOutput(split), "a b", ["a", "b"], []),
    "native": (NativeOutput(Refund), {"reason": "late"}, Refund(reason="late"), []),
    "native list": (NativeOutput(list[int]), [1, 2], [1, 2], []),
    "native union": (NativeOutput([Receipt, Refund, int]), {"reason": "late"}, Refund(reason="late"), []),
    "native union, a number": (NativeOutput([Refund, int]), 5, 5, []),
    "native text in an object": (NativeOutput([str, int]), "fine", "fine", []),
    "prompted": (PromptedOutput(Refund), {"reason": "late"}, Refund(reason="late"), []),
    "prompted union": (PromptedOutput([Refund, list[int]]), [3], [3], []),
    "a schema of one's own": (
        StructuredDict({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}),
        {"a": 1},
        {"a": 1},
        ["final_result"],
    ),
    "nothing, of an optional": (Refund | None, None, None, ["final_result_None"]),
}


@pytest.mark.parametrize(("output_type", "said", "output", "tools"), OUTPUTS.values(), ids=OUTPUTS)
async def test_an_output_reaches_the_agent_as(output_type: Any, said: Any, output: Any, tools: list[str]) -> None:
    model = ScriptedModel(Call("mail"), Turn(output=said))
    result = await payments(model, output_type=output_type).run("hi")
    assert result.output == output
    assert model.steps[3:] == [f"tool:{tool}#1" for tool in tools]


AUTOMATIC: dict[str, tuple[Any, Any]] = {
    "text": (str, "done"),
    "an object": (Refund, Refund(reason="reason")),
    "a union": ([Receipt, Refund], Receipt()),
    "text or an object": ([str, Refund], Refund(reason="reason")),
    "a list": (list[str], ["response"]),
    "a function": (file, "filed reason"),
    "a function of text": (TextOutput(split), ["done"]),
    "native": (NativeOutput([Refund, int]), Refund(reason="reason")),
    "prompted": (PromptedOutput(list[int]), [1]),
    "strict": (Strict, Strict(kind="a", size=(1, 1))),
}


@pytest.mark.parametrize(("output_type", "output"), AUTOMATIC.values(), ids=AUTOMATIC)
@pytest.mark.parametrize("knows", ["step", "nothing"])
async def test_without_a_script_every_tool_is_called_once_and_an_output_follows(
    output_type: Any, output: Any, knows: str
) -> None:
    model = ScriptedModel(automatic=True, knows=knows)
    result = await payments(model, output_type=output_type).run("hi")
    assert result.output == output
    assert [step for step, _ in model.calls][:4] == [
        "tool:charge#1",
        "tool:mail#1",
        "tool:flaky#1",
        "tool:flaky#1+1",
    ]


async def test_tools_that_come_and_go_are_still_called_once_each() -> None:
    model = ScriptedModel(automatic=True)
    agent: Agent[None, str] = Agent(model)
    used: list[str] = []

    async def until_used(ctx: RunContext[None], tool: ToolDefinition) -> ToolDefinition | None:
        return None if tool.name in used else tool

    async def once_opened(ctx: RunContext[None], tool: ToolDefinition) -> ToolDefinition | None:
        return tool if "open" in used else None

    @agent.tool_plain(prepare=once_opened)
    def inside() -> None:
        used.append("inside")

    @agent.tool_plain(name="open", prepare=until_used)
    def open_it() -> None:
        used.append("open")

    @agent.tool_plain
    def last() -> None:
        used.append("last")

    await agent.run("hi")
    assert used == ["open", "inside", "last"]


async def test_tools_that_run_elsewhere_are_left_out_and_named() -> None:
    model = ScriptedModel(automatic=True)
    agent = payments(model, output_type=[str, DeferredToolRequests])
    agent.tool_plain(requires_approval=True)(book)
    assert (await agent.run("hi")).output == "done"
    assert model.answers[0].notes == ("tool 'book' is not called: somebody has to approve it",)


async def test_a_rejected_call_is_made_again_alone() -> None:
    model = ScriptedModel(Turn(calls=(Call("mail"), Call("flaky"), Call("mail"))), Call("mail"), "Done.")
    await payments(model).run("hi")
    assert model.steps == [
        *("model#1", "tool:mail#1", "tool:flaky#1", "tool:mail#2"),
        *("model#1+1", "tool:flaky#1+1"),
        *("model#2", "tool:mail#3"),
        "model#3",
    ]


async def test_several_rejected_calls_are_made_again_together() -> None:
    calls = (Call("charge", {"amount": "x"}), Call("mail"), Call("charge", {"amount": 2}), Call("flaky"))
    model = ScriptedModel(
        Turn(calls=calls, on_retry=Turn(calls=(Call("charge", {"amount": 1}), Call("flaky")))), "Done."
    )
    await payments(model).run("hi")
    assert model.calls[4:] == [("tool:charge#1+1", {"amount": 1}), ("tool:flaky#1+1", {})]


async def test_a_script_says_what_to_do_instead() -> None:
    first = Call("charge", {"amount": 13}, on_retry=(Call("charge", {"amount": 13}), Call("charge", {"amount": 5})))
    model = ScriptedModel(first, Call("charge", {"amount": 6}), "Done.")
    await payments(model, retries=3).run("hi")
    assert model.calls == [
        ("tool:charge#1", {"amount": 13}),
        ("tool:charge#1+1", {"amount": 13}),
        ("tool:charge#1+2", {"amount": 5}),
        ("tool:charge#2", {"amount": 6}),
    ]
    assert [step for step in model.steps if step.startswith("model")] == [
        "model#1",
        "model#1+1",
        "model#1+2",
        "model#2",
        "model#3",
    ]


async def test_another_tool_on_retry_does_not_shift_the_numbers_of_planned_calls() -> None:
    first = Call("charge", {"amount": 13}, on_retry=Call("mail"))
    model = ScriptedModel(Turn(calls=(first, Call("mail"))), Call("mail"), "Done.")
    await payments(model).run("hi")
    assert [step for step, _ in model.calls] == ["tool:charge#1", "tool:mail#1", "tool:mail#3+1", "tool:mail#2"]


async def test_on_retry_may_end_the_conversation() -> None:
    model = ScriptedModel(Call("charge", {"amount": 13}, on_retry="I give up."), "Never said.")
    assert (await payments(model).run("hi")).output == "I give up."
    assert model.steps == ["model#1", "tool:charge#1", "model#1+1"]


async def test_a_text_on_retry_stands_for_the_output() -> None:
    refused = Call("charge", {"amount": 13}, on_retry="I give up.")
    model = ScriptedModel(Turn(calls=(refused,), output={"reason": "late"}))
    assert (await payments(model, output_type=[str, Refund]).run("hi")).output == "I give up."


async def test_a_rejected_output_is_given_again() -> None:
    model = ScriptedModel(Turn(output={"reason": "late"}))
    agent = payments(model, output_type=Refund)

    @agent.output_validator
    def picky(ctx: RunContext[None], output: Refund) -> Refund:
        if ctx.retry == 0:
            raise ModelRetry("are you sure?")
        return output

    assert (await agent.run("hi")).output == Refund(reason="late")
    assert model.steps == ["model#1", "tool:final_result#1", "model#1+1", "tool:final_result#1+1"]


@pytest.mark.parametrize(
    "output_type", [str, NativeOutput(Refund), TextOutput(split)], ids=["text", "native", "function"]
)
@pytest.mark.parametrize("knows", ["step", "id", "nothing"])
async def test_a_rejected_text_is_said_again(output_type: Any, knows: str) -> None:
    said = Turn(output={"reason": "late"}) if isinstance(output_type, NativeOutput) else "fine"
    model = ScriptedModel(Call("mail"), said, knows=knows)
    agent = payments(model, output_type=output_type, retries=2)

    @agent.output_validator
    def picky(ctx: RunContext[None], output: Any) -> Any:
        if ctx.retry < 2:
            raise ModelRetry("are you sure?")
        return output

    await agent.run("hi")
    assert model.steps == ["model#1", "tool:mail#1", "model#2", "model#2+1", "model#2+2"]
    assert model.answers[1].response.parts == model.answers[3].response.parts


async def test_an_output_beside_a_rejected_call_is_given_again_with_it() -> None:
    model = ScriptedModel(Turn(calls=(Call("flaky"),), output={"reason": "late"}))
    assert (await payments(model, output_type=Refund).run("hi")).output == Refund(reason="late")
    assert model.steps[3:] == ["model#1+1", "tool:flaky#1+1", "tool:final_result#1+1"]


async def test_arguments_that_do_not_fit_are_the_agents_business() -> None:
    model = ScriptedModel(Call("charge", {"amount": "x"}, on_retry=Call("charge", "{broken")), "Done.")
    with pytest.raises(UnexpectedModelBehavior, match="'charge' exceeded max retries"):
        await payments(model).run("hi")
    assert [step for step, _ in model.calls[:1]] == ["tool:charge#1"]


async def test_a_tool_that_is_not_there_is_an_error_that_shows_both_sides() -> None:
    model = ScriptedModel(Call("chrage"))
    with pytest.raises(ScriptError) as error:
        await payments(model).run("hi")
    assert str(error.value) == (
        "turn 1 calls 'chrage', which the agent does not offer, did you mean 'charge'?"
        " It offers 'charge', 'mail', 'flaky'."
    )
    assert error.value.exit_code == UNKNOWN


async def test_a_made_up_tool_is_called_to_see_what_the_agent_does() -> None:
    model = ScriptedModel(Call("teleport", made_up=True, on_retry="Sorry."))
    assert (await payments(model).run("hi")).output == "Sorry."


async def test_a_turn_past_the_end_is_an_error_that_shows_what_came_before() -> None:
    model = ScriptedModel(Call("charge", {"amount": 5}))
    with pytest.raises(ScriptError, match=r"has 1 turn, .* asked for turn 2 after tool 'charge' returned 'charged 5'"):
        await payments(model).run("hi")


REFUSED: dict[str, tuple[Turn, Any, str]] = {
    "an output tool that is not there": (
        Turn(output=1, output_tool="final_reslt"),
        Refund,
        "by the output tool 'final_reslt', did you mean 'final_result'?",
    ),
    "text beside an output that is text": (Turn(text="So:", output="x"), str, "says a text and an output"),
}


@pytest.mark.parametrize(("turn", "output_type", "message"), REFUSED.values(), ids=REFUSED)
async def test_a_turn_that_cannot_be_said_is_refused(turn: Turn, output_type: Any, message: str) -> None:
    with pytest.raises(ScriptError, match=re.escape(message)):
        await payments(ScriptedModel(turn), output_type=output_type).run("hi")


def test_usage_that_does_not_exist_is_refused_when_the_turn_is_made() -> None:
    with pytest.raises(ValueError, match="input_token"):
        Turn(usage={"input_token": 1})


def test_an_agent_whose_output_cannot_be_made_up_needs_a_script() -> None:
    params = ModelRequestParameters(allow_text_output=False, allow_image_output=True, output_mode="image")
    with pytest.raises(ScriptError, match="write a script"):
        answer(None, [], params, model_name="m")


def test_a_tool_without_an_example_is_named() -> None:
    schema = {"type": "object", "properties": {"x": {"not": {}}}, "required": ["x"]}
    params = ModelRequestParameters(function_tools=[ToolDefinition(name="odd", parameters_json_schema=schema)])
    with pytest.raises(UsageError, match=r"tool 'odd': no example .* #/properties/x"):
        answer(None, [], params, model_name="m")


def test_an_error_names_the_agent_if_the_caller_does() -> None:
    with pytest.raises(ScriptError, match=r"turn 1 of agent 'payments' calls 'x', .* there are none"):
        answer(conversation(Call("x")), [], ModelRequestParameters(), model_name="m", run=AgentRun(agent="payments"))


def test_a_response_is_complete() -> None:
    response = answer(conversation("Hi."), [], ModelRequestParameters(), model_name="gpt").response
    assert isinstance(response, ModelResponse)
    assert (response.model_name, response.provider_response_id, response.finish_reason) == ("gpt", "turn1", "stop")
    assert response.timestamp.isoformat() == "2000-01-01T00:00:00+00:00"
