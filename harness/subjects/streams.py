"""A response that is complete already, as the stream of events that its provider would have sent.

Newer releases of pydantic-ai can replay one by themselves. Older ones (2.0) only have a stream without any events, in
another module, so this file is where the difference ends.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from pydantic_ai import models
from pydantic_ai.messages import ModelResponse
from pydantic_ai.models import ModelRequestParameters, StreamedResponse


def replayed(response: ModelResponse, params: ModelRequestParameters) -> StreamedResponse:
    """The stream of `response`, one event per part and what pydantic-ai itself adds to those."""
    newer = vars(models).get("CompletedStreamedResponse")
    if newer is not None:
        stream: StreamedResponse = newer(response, model_request_parameters=params, replay_events=True)
        return stream
    older: StreamedResponse = _older()(params, response)
    return older


def _older() -> Any:
    from pydantic_ai.models import wrapper

    class Replayed(wrapper.CompletedStreamedResponse):  # type: ignore[misc]
        async def _get_event_iterator(self) -> AsyncIterator[Any]:
            for part in self.response.parts:
                yield self._parts_manager.handle_part(vendor_part_id=None, part=part)

    return Replayed
