"""What a provider says when nothing goes wrong, in the words of the interface that it is asked through."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

WHEN = 1_700_000_000
CHAT = {"id": "chat-harness", "created": WHEN, "model": "harness"}


def answer(request: Any, text: str) -> tuple[dict[str, str], bytes]:
    """The headers and the content of an answer that says `text`, plain or streamed as the `request` asks for it.

    The interfaces are those of OpenAI (chat, responses), Anthropic and Google.
    """
    asked = _body(request)
    path = request.url.path
    interface = next((known for end, known in _INTERFACES.items() if path.endswith(end)), _chat)
    streamed = bool(asked.get("stream")) or path.endswith(":streamGenerateContent")
    said = interface(text, streamed=streamed)
    if not streamed:
        return {"content-type": "application/json"}, json.dumps(next(iter(said))[1]).encode()
    lines = "".join(f"{f'event: {name}{chr(10)}' if name else ''}data: {json.dumps(data)}\n\n" for name, data in said)
    end = "data: [DONE]\n\n" if interface is _chat else ""
    return {"content-type": "text/event-stream"}, (lines + end).encode()


def _body(request: Any) -> dict[str, Any]:
    try:
        asked = json.loads(request.content)
    except ValueError:
        return {}
    return asked if isinstance(asked, dict) else {}


Said = Iterable[tuple[str, dict[str, Any]]]
"""Events with their names; a plain answer is the data of one."""


def _chat(text: str, *, streamed: bool) -> Said:
    if not streamed:
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        return [("", CHAT | {"object": "chat.completion", "choices": [choice], "usage": usage})]
    deltas: list[tuple[dict[str, Any], str | None]] = [({"role": "assistant", "content": text}, None), ({}, "stop")]
    return [
        (
            "",
            CHAT | {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": end}]},
        )
        for delta, end in deltas
    ]


def _responses(text: str, *, streamed: bool) -> Said:
    part = {"type": "output_text", "text": text, "annotations": []}
    message = {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [part]}
    whole: dict[str, Any] = {
        "id": "response-harness",
        "object": "response",
        "created_at": WHEN,
        "model": "harness",
        "status": "completed",
        "output": [message],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }
    if not streamed:
        return [("", whole)]
    place = {"item_id": "m", "output_index": 0, "content_index": 0}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": whole | {"status": "in_progress", "output": []}},
        {"type": "response.output_item.added", "output_index": 0, "item": message | {"content": []}},
        {"type": "response.content_part.added", **place, "part": part | {"text": ""}},
        {"type": "response.output_text.delta", **place, "delta": text, "logprobs": []},
        {"type": "response.output_text.done", **place, "text": text, "logprobs": []},
        {"type": "response.output_item.done", "output_index": 0, "item": message},
        {"type": "response.completed", "response": whole},
    ]
    return [(event["type"], event | {"sequence_number": number}) for number, event in enumerate(events)]


def _anthropic(text: str, *, streamed: bool) -> Said:
    usage = {"input_tokens": 1, "output_tokens": 1}
    message: dict[str, Any] = {
        "id": "msg-harness",
        "type": "message",
        "role": "assistant",
        "model": "harness",
        "stop_sequence": None,
        "usage": usage,
    }
    if not streamed:
        return [("", message | {"content": [{"type": "text", "text": text}], "stop_reason": "end_turn"})]
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": message | {"content": [], "stop_reason": None}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": usage},
        {"type": "message_stop"},
    ]
    return [(event["type"], event) for event in events]


def _google(text: str, *, streamed: bool) -> Said:
    content = {"role": "model", "parts": [{"text": text}] if text else []}
    usage = {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}
    return [("", {"candidates": [{"content": content, "finishReason": "STOP", "index": 0}], "usageMetadata": usage})]


_INTERFACES = {
    "/messages": _anthropic,
    "/responses": _responses,
    ":generateContent": _google,
    ":streamGenerateContent": _google,
}
"""Which interface is asked, by the end of the path."""
