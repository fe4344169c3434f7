from __future__ import annotations

from collections.abc import Callable

import pytest
from pydantic_ai import models
from pydantic_ai.messages import ModelResponse, PartStartEvent, TextPart, ToolCallPart
from pydantic_ai.models import CompletedStreamedResponse, ModelRequestParameters, wrapper
from pydantic_ai.usage import RequestUsage

from harness.subjects.streams import replayed

pytestmark = pytest.mark.anyio
RESPONSE = ModelResponse(
    [TextPart("hello"), ToolCallPart("look", {"city": "Ulm"}, tool_call_id="c1")],
    usage=RequestUsage(input_tokens=3, output_tokens=4),
    model_name="gpt-5",
)


def as_now(_: pytest.MonkeyPatch) -> None:
    pass


def as_in_2_0(patch: pytest.MonkeyPatch) -> None:
    """The class without a replay, in the other module, as pydantic-ai 2.0 has it."""

    class Older(CompletedStreamedResponse):
        def __init__(self, params: ModelRequestParameters, response: ModelResponse) -> None:
            super().__init__(response, model_request_parameters=params, replay_events=True)

    patch.delattr(models, "CompletedStreamedResponse")
    patch.setitem(vars(wrapper), "CompletedStreamedResponse", Older)


@pytest.mark.parametrize("release", [as_now, as_in_2_0])
async def test_a_stream_brings_each_part_and_ends_with_the_response(
    release: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    release(monkeypatch)
    stream = replayed(RESPONSE, ModelRequestParameters())

    events = [event async for event in stream]

    assert [event.part for event in events if isinstance(event, PartStartEvent)] == RESPONSE.parts
    assert stream.get() == RESPONSE
