"""Runs whose answers are streamed, for somebody who handles their events: models are asked by `request_stream` then.

The models of pydantic-ai send as much for that as for a plain request. Code of a person's own may not: a loop in one of
the two methods is none in the other.
"""

from __future__ import annotations

from typing import Any

from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.models.wrapper import WrapperModel

from harness.audits.asking.judging import asks_once
from harness.audits.reach import own_function

STREAM, REQUEST = "request_stream", "request"

UNSEEN = "what it makes of an answer that is streamed, only a run shows"
EITHER = (
    "a run that streams its answers (`run_stream`, a handler of events) sends {} here and any other {}: which of them"
    " yours are, nobody knows before; let `request` and `request_stream` try alike"
)


def streams(agent: Any) -> bool:
    """Whether every run of an agent, or of what is around one, streams: somebody handles its events."""
    root = getattr(agent, "root_capability", None)
    listens = getattr(root, "has_wrap_run_event_stream", False) or getattr(root, "has_on_event", False)
    return bool(listens) or getattr(agent, "event_stream_handler", None) is not None


def streams_itself(model: Any) -> bool:
    """Whether a class of the person's own makes the stream of a model."""
    return own_function(getattr(type(model), STREAM, None)) is not None


def streams_once(model: Any) -> bool:
    """Whether it asks once for that, as far as its code tells."""
    return not streams_itself(model) or asks_once(model, STREAM)


def passes_streams(model: Any) -> bool:
    """Whether this is a wrapper that hands on the stream of the model inside, whatever it does about plain requests."""
    return isinstance(model, WrapperModel) and not streams_itself(model)


async def plainly(model: Any, messages: list[ModelMessage], settings: Any) -> ModelResponse:
    """Ask a model for an answer as a whole."""
    response: ModelResponse = await model.request(messages, settings, ModelRequestParameters())
    return response


async def streamed(model: Any, messages: list[ModelMessage], settings: Any) -> ModelResponse:
    """Ask a model for a stream, and read that to its end."""
    while passes_streams(model):
        model = model.wrapped
    if not streams_itself(model):
        return await by_library(model, messages, settings)
    async with model.request_stream(messages, settings, ModelRequestParameters()) as stream:
        async for _event in stream:
            pass
    response: ModelResponse = stream.get()
    return response


async def by_library(model: Any, messages: list[ModelMessage], settings: Any) -> ModelResponse:
    """Ask the innermost model as its library's `request_stream` does: for as much as the library's `request`."""
    while isinstance(model, WrapperModel):
        model = model.wrapped
    methods = (vars(kind).get(REQUEST) for kind in type(model).__mro__)
    theirs = next(method for method in methods if method is not None and own_function(method) is None)
    response: ModelResponse = await theirs(model, messages, settings, ModelRequestParameters())
    return response
