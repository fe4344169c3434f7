"""A script out of a saved message history: what the real model said becomes what the scripted one says.

The history is pydantic-ai's own JSON (`result.all_messages_json()`). Each response is a turn. A response to a retry
prompt is the `on_retry` of the turn that was rejected, so that a replay asks for it only if the agent rejects again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from pydantic import ValidationError
from pydantic_ai.messages import (
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelResponse,
    RetryPromptPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    UserPromptPart,
)

from harness.errors import UsageError
from harness.subjects.script import USAGE_FIELDS, Call, Conversation, Script, Turn


def from_history(text: str | bytes, source: str = "history") -> Script:
    """The script that a saved history says. Raises `UsageError` that names the first part it cannot read."""
    try:
        return from_messages(ModelMessagesTypeAdapter.validate_json(text))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        at = ".".join(map(str, first["loc"]))
        raise UsageError(f"cannot read {source} as a pydantic-ai message history: {at}: {first['msg']}") from None


def from_messages(messages: Sequence[ModelMessage]) -> Script:
    """One conversation for each agent run in the messages. What a script cannot say is listed in its `notes`."""
    runs = [_conversation(run) for run in _runs(messages)]
    if not runs:
        raise UsageError("the message history holds no response of a model, so there is nothing to script")
    return Script(agents={}, others=tuple(runs), notes=tuple(dict.fromkeys(_left_out(messages))))


def _runs(messages: Sequence[ModelMessage]) -> Iterator[list[ModelMessage]]:
    """The messages of each run: by run id, or where a prompt follows an answer that ended a run."""
    run: list[ModelMessage] = []
    for message in messages:
        if run and _begins(message, run[-1]):
            yield run
            run = []
        run.append(message)
    if any(isinstance(message, ModelResponse) for message in run):
        yield run


def _begins(message: ModelMessage, before: ModelMessage) -> bool:
    if not isinstance(message, ModelRequest) or not isinstance(before, ModelResponse):
        return False
    if message.run_id is not None and before.run_id is not None:
        return message.run_id != before.run_id
    prompted = any(isinstance(part, UserPromptPart) for part in message.parts)
    return prompted and not before.tool_calls and not _rejects(message)


def _conversation(messages: Iterable[ModelMessage]) -> Conversation:
    turns: list[Turn] = []
    rejected = False
    for message in messages:
        if isinstance(message, ModelRequest):
            rejected = _rejects(message)
        elif rejected and turns:
            turns[-1] = replace(turns[-1], on_retry=(*turns[-1].on_retry, _turn(message)))
        else:
            turns.append(_turn(message))
    return Conversation(tuple(turns))


def _rejects(message: ModelRequest) -> bool:
    return any(isinstance(part, RetryPromptPart) for part in message.parts)


def _turn(response: ModelResponse) -> Turn:
    texts = [part.content for part in response.parts if isinstance(part, TextPart)]
    thoughts = [part.content for part in response.parts if isinstance(part, ThinkingPart)]
    figures = {name: getattr(response.usage, name, 0) for name in USAGE_FIELDS}
    usage = {name: figure for name, figure in figures.items() if figure}
    return Turn(
        text="".join(texts) if texts else None,
        calls=tuple(_call(part) for part in response.parts if isinstance(part, ToolCallPart)),
        thinking="\n".join(thoughts) or None,
        usage=usage or None,
        finish_reason=response.finish_reason,
    )


def _call(part: ToolCallPart) -> Call:
    """A call with its arguments as JSON; a text that is no JSON object is kept as it was sent."""
    args = part.args
    if isinstance(args, str):
        try:
            parsed = json.loads(args or "{}")
        except ValueError:
            parsed = args
        args = parsed if isinstance(parsed, dict) else args
    return Call(part.tool_name, args or {})


def _left_out(messages: Iterable[ModelMessage]) -> Iterator[str]:
    kept = (TextPart, ThinkingPart, ToolCallPart)
    for message in messages:
        for part in message.parts if isinstance(message, ModelResponse) else ():
            if not isinstance(part, kept):
                yield f"left out: a script has no word for a part of kind {part.part_kind!r}"
