from __future__ import annotations

from typing import Any

import pytest
from pydantic_ai import Agent, FunctionToolset
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.toolsets import CombinedToolset

from harness.subjects import models
from harness.subjects.loops import run_once
from harness.subjects.offers import shown


def look() -> str:
    return "sunny"


near, far = FunctionToolset([look], id="near"), FunctionToolset([look], id="far")
PUT = {
    "as they are": ([near], {"look": "near"}),
    "with a prefix": ([near.prefixed("a"), far.prefixed("b")], {"a_look": "near", "b_look": "far"}),
    "inside others": (
        [CombinedToolset([near.prefixed("a"), far]).prefixed("b"), FunctionToolset([look])],
        {"b_a_look": "near", "b_look": "far"},
    ),
}


@pytest.mark.parametrize(("toolsets", "whose"), PUT.values(), ids=PUT.keys())
def test_an_offer_tells_from_which_toolset_a_tool_comes(toolsets: list[Any], whose: dict[str, str]):
    offered: list[dict[str, Any]] = []

    def answer(_messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        offered.append(shown("model#1", info.model_request_parameters, None, models.asking().tools))
        return ModelResponse([TextPart("done")])

    run_once(Agent(FunctionModel(answer), toolsets=toolsets).run("Look."))
    assert offered[0]["toolsets"] == whose
