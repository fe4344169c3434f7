"""A saved message history becomes a script that makes the same history again."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_ai import Agent, ModelRetry
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    NativeToolCallPart,
    RetryPromptPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.usage import RequestUsage

from harness.errors import UsageError
from harness.subjects.script import Call, Conversation, Script, Turn
from harness.subjects.script_history import from_history, from_messages
from harness.subjects.script_yaml import from_yaml, to_yaml
from tests.subjects.scripted import ScriptedModel, payments

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Refund(BaseModel):
    reason: str


RECORDED = [
    ModelResponse(
        parts=[ToolCallPart("charge", '{"amount": 13}', "call_a"), ToolCallPart("mail", {"to": "x"}, "call_b")]
    ),
    ModelResponse(parts=[ToolCallPart("charge", '{"amount": 5}', "call_c")], usage=RequestUsage(input_tokens=3)),
    ModelResponse(
        parts=[ThinkingPart("hm"), TextPart("Now "), TextPart("the end."), ToolCallPart("mail", "{oops", "call_d")]
    ),
    ModelResponse(parts=[ToolCallPart("final_result", {"reason": "late"}, "call_e")], finish_reason="tool_call"),
]


async def recorded_history() -> Any:
    """A run of an agent under a model that says what was recorded, with ids as a provider makes them."""
    said = iter(RECORDED)

    def respond(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        return next(said)

    result = await payments(ScriptedModel("x"), output_type=Refund).run("hi", model=FunctionModel(respond))
    return result.all_messages_json()


async def test_a_replay_says_what_was_recorded() -> None:
    script = from_history(await recorded_history())
    conversation = script.conversation("payments")
    assert conversation is not None
    model = ScriptedModel(*conversation.turns)
    result = await payments(model, output_type=Refund).run("hi")
    assert result.output == Refund(reason="late")
    assert [given.step for given in model.answers] == ["model#1", "model#1+1", "model#2", "model#2+1"]
    for response, given in zip(RECORDED, model.answers, strict=True):
        assert [_said(part) for part in given.response.parts] == _joined([_said(part) for part in response.parts])
    assert from_yaml(to_yaml(script)) == script


def _said(part: Any) -> tuple[str, Any]:
    if not isinstance(part, ToolCallPart):
        return part.part_kind, part.content
    return part.tool_name, part.args if part.args == "{oops" else part.args_as_dict()


def _joined(said: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    return [("text", "Now the end.") if kind == "text" else (kind, what) for kind, what in said if what != "Now "]


@pytest.mark.parametrize("rejections", [0, 1])
async def test_a_rejection_that_does_not_happen_again_is_not_waited_for(rejections: int) -> None:
    messages: list[ModelMessage] = [
        ModelRequest(parts=[UserPromptPart("hi")]),
        ModelResponse(parts=[ToolCallPart("once", {}, "a")]),
        ModelRequest(parts=[RetryPromptPart("not yet", tool_name="once", tool_call_id="a")]),
        ModelResponse(parts=[ToolCallPart("once", {}, "b")]),
        ModelRequest(parts=[ToolReturnPart("once", "ok", "b")]),
        ModelResponse(parts=[TextPart("Done.")]),
    ]
    conversation = from_messages(messages).conversation("x")
    assert conversation is not None
    left = [None] * rejections

    def once() -> str:
        if left:
            left.pop()
            raise ModelRetry("not yet")
        return "ok"

    model = ScriptedModel(*conversation.turns)
    assert (await Agent(model, tools=[once]).run("hi")).output == "Done."
    assert len(model.answers) == 2 + rejections


def _prompt(text: str, run_id: str | None = None) -> ModelRequest:
    return ModelRequest(parts=[UserPromptPart(text)], run_id=run_id)


def _text(text: str, run_id: str | None = None) -> ModelResponse:
    return ModelResponse(parts=[TextPart(text)], run_id=run_id)


@pytest.mark.parametrize("ids", [("a", "b"), (None, None)], ids=["by run id", "by prompt"])
def test_each_run_has_a_conversation_of_its_own(ids: tuple[str | None, str | None]) -> None:
    first, second = ids
    messages = [_prompt("hi", first), _text("A.", first), _prompt("and?", second), _text("B.", second)]
    assert from_messages(messages) == Script.of([["A."], ["B."]])


def test_what_a_script_cannot_say_is_noted() -> None:
    response = ModelResponse(parts=[NativeToolCallPart("web_search", {}), TextPart("A.")])
    script = from_messages([_prompt("hi"), response])
    assert script.others == (Conversation((Turn(text="A."),)),)
    assert script.notes == ("left out: a script has no word for a part of kind 'builtin-tool-call'",)


def test_arguments_that_are_missing_are_none_and_not_made_up() -> None:
    script = from_messages([_prompt("hi"), ModelResponse(parts=[ToolCallPart("a"), ToolCallPart("b", "")])])
    assert script.others[0].turns[0].calls == (Call("a", {}), Call("b", {}))


REFUSED = {
    "no history": ("{}", "cannot read old.json as a pydantic-ai message history"),
    "an unknown kind": ('[{"kind": "request", "parts": [{"part_kind": "x"}]}]', "0.request.parts.0"),
    "no response": ("[]", "holds no response of a model"),
}


@pytest.mark.parametrize(("text", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_history_is_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        from_history(text, "old.json")
    assert message in str(error.value)
