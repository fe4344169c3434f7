"""What the scripted model answers: a pure function of the messages, so that a re-run hears the same.

`answer` is called in place of a provider. It finds out where the conversation stands (`stamps.position`), takes the
turn from the script or makes one up from the tools on offer, and dresses it as the response that a provider would give.
Two calls with equal messages give equal responses, down to ids, usage and timestamps.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from pydantic_ai.messages import (
    ModelMessage,
    ModelResponse,
    ModelResponsePart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.usage import RequestUsage
from pydantic_core import to_jsonable_python

from harness.subjects.automatic import arguments_of, automatic
from harness.subjects.numbering import Numbering
from harness.subjects.outputs import deliver
from harness.subjects.script import Call, Conversation, ScriptError
from harness.subjects.stamps import AgentRun, CallStamp, Position, Stamp, position, step_of, step_of_call
from harness.subjects.utterance import Utterance, reissued, shown, spoken
from harness.typos import nearest

__all__ = ["AgentRun", "Answer", "answer", "position", "step_of", "step_of_call"]

WHEN = datetime(2000, 1, 1, tzinfo=UTC)
"""The time of every scripted response, so that histories of two runs compare equal."""


@dataclass(frozen=True)
class Answer:
    """A response with its place in the run: the model step it answers and the step of each call in it.

    `calls` maps tool-call ids to step ids (`tool:charge#1`), output tools included. `notes` says what was not done,
    such as a tool that only runs outside the agent.
    """

    response: ModelResponse
    step: str
    calls: dict[str, str]
    notes: tuple[str, ...] = ()


def answer(
    conversation: Conversation | None,
    messages: Sequence[ModelMessage],
    params: ModelRequestParameters,
    *,
    model_name: str,
    run: AgentRun | None = None,
) -> Answer:
    """The response to `messages`: the next turn of the conversation, or the same again after a retry prompt.

    Without a conversation each tool on offer is called once, one per turn, then a valid output is given. `params` are
    best passed as `Model.prepare_request` resolved them.

    Raises `ScriptError` if the script has no such turn or names a tool that the agent does not have, `UsageError` if
    arguments have to be made up and cannot.
    """
    run = run or AgentRun()
    at = position(messages, run)
    notes: tuple[str, ...] = ()
    if conversation is None:
        said, notes = automatic(at, params)
    else:
        said = _scripted(conversation, at, messages, run.agent)
    who = f"turn {at.stamp.turn}" + (f" of agent {run.agent!r}" if run.agent else "")
    return _Dressing(said, at.stamp, params, who).answer(model_name, notes)


def _scripted(conversation: Conversation, at: Position, messages: Sequence[ModelMessage], agent: str) -> Utterance:
    turns = len(conversation.turns)
    if at.stamp.turn > turns:
        whose = f" of agent {agent!r}" if agent else ""
        raise ScriptError(
            f"the script{whose} has {turns} turn{'' if turns == 1 else 's'}, and the agent asked for turn"
            f" {at.stamp.turn} after {shown(messages)}; add the turn, or an output that ends the run earlier"
        )
    numbering = Numbering(conversation)
    if at.stamp.reissue:
        return reissued(conversation, numbering, at)
    return spoken(conversation.turns[at.stamp.turn - 1], numbering, at.stamp.turn)


class _Dressing:
    """Turns an utterance into the response that carries it."""

    def __init__(self, said: Utterance, stamp: Stamp, params: ModelRequestParameters, who: str) -> None:
        self.said = said
        self.stamp = stamp
        self.params = params
        self.who = who
        self.offered = {tool.name: tool for tool in (*params.function_tools, *params.output_tools)}
        self.steps: dict[str, str] = {}

    def answer(self, model_name: str, notes: tuple[str, ...]) -> Answer:
        turn = self.said.turn
        parts: list[ModelResponsePart] = []
        parts += [ThinkingPart(turn.thinking)] if turn.thinking is not None else []
        parts += [TextPart(turn.text)] if turn.text is not None else []
        parts += [self._call(call, number) for call, number in self.said.calls]
        parts += [self._output()] if turn.has_output else []
        calls = any(isinstance(part, ToolCallPart) for part in parts)
        response = ModelResponse(
            parts=parts,
            usage=self._usage(),
            model_name=model_name,
            timestamp=WHEN,
            provider_response_id=str(self.stamp),
            finish_reason=turn.finish_reason or ("tool_call" if calls else "stop"),
        )
        return Answer(response, self.stamp.step, self.steps, notes)

    def _call(self, call: Call, number: int) -> ToolCallPart:
        if call.tool not in self.offered and not call.made_up:
            hint, offers = nearest(call.tool, self.offered), ", ".join(map(repr, self.offered))
            raise ScriptError(
                f"{self.who} calls {call.tool!r}, which the agent does not offer{hint}"
                + (f" It offers {offers}." if offers and "did you mean" in hint else "")
            )
        return self._part(call.tool, self._args(call), number)

    def _args(self, call: Call) -> Any:
        if call.args is not None:
            return call.args
        tool = self.offered.get(call.tool)
        return {} if tool is None else arguments_of(tool)

    def _output(self) -> ModelResponsePart:
        turn, tools = self.said.turn, [tool.name for tool in self.params.output_tools]
        if turn.output_tool is not None and turn.output_tool not in tools:
            hint = nearest(turn.output_tool, tools)
            raise ScriptError(f"{self.who} gives its output by the output tool {turn.output_tool!r}{hint}")
        delivery = deliver(to_jsonable_python(turn.output), self.params, turn.output_tool)
        if delivery.tool is not None:
            return self._part(delivery.tool, delivery.content, self.said.output_number(delivery.tool))
        if turn.text is not None:
            raise ScriptError(f"{self.who} says a text and an output, and the agent takes its output as text")
        return TextPart(delivery.content)

    def _part(self, tool: str, args: Any, number: int) -> ToolCallPart:
        """A call with its arguments as JSON text, as most providers send them.

        pydantic reads JSON less strictly than Python values: a strict model takes a date from a text there.
        """
        call = CallStamp(self.stamp, tool, number)
        self.steps[call.id] = call.step
        return ToolCallPart(tool, args if isinstance(args, str) else _json(args), tool_call_id=call.id)

    def _usage(self) -> RequestUsage:
        """The turn's own figures, or ten input tokens and one output token per turn so far (plus the re-issues).

        Every request has figures of its own, so a sum betrays which one is missing or counted twice.
        """
        figures = self.said.turn.usage
        if figures is None:
            return RequestUsage(input_tokens=10 * self.stamp.turn + self.stamp.reissue, output_tokens=self.stamp.turn)
        return RequestUsage(**cast(dict[str, Any], figures))


def _json(value: Any) -> str:
    return json.dumps(to_jsonable_python(value), ensure_ascii=False)
