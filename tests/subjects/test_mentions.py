from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic_ai import Agent
from pydantic_ai.models.anthropic import AnthropicModel

from harness.subjects import models
from harness.subjects.mentions import models_mentioned_with
from tests.subjects.asked import Asked

Project = Callable[..., Path]

SHOP = """
from shop_agent import agent
NAMES = {"fast": 'openai:gpt-5-mini'}
note = "see https://example.com or call: me"
other = "sqlite:///file.db"
async def work(prompt):
    async def inner():
        return await agent.run(prompt, model="anthropic:claude-sonnet-4-5")
    return await inner()
"""


def test_every_module_that_holds_the_agent_is_read(project: Project) -> None:
    project(
        shop=SHOP,
        shop_agent="from pydantic_ai import Agent\nagent = Agent('test', name='x')\nlater = 'gateway/google:gemini-3'",
        shop_elsewhere="unrelated = 'groq:llama'",
    )
    shop = __import__("shop")
    __import__("shop_elsewhere")

    assert models_mentioned_with(shop.agent) == [
        "anthropic:claude-sonnet-4-5",
        "gateway/google:gemini-3",
        "openai:gpt-5-mini",
    ]


def test_an_agent_that_no_module_holds_mentions_nothing() -> None:
    assert models_mentioned_with(Agent()) == []
    assert models_mentioned_with(None) == []


def test_a_module_that_holds_only_the_wrapper_is_read_too(project: Project) -> None:
    project(
        shop="""
        from pydantic_ai import Agent
        from pydantic_ai.agent import WrapperAgent
        outer = WrapperAgent(Agent("openai:gpt-5", name="x", defer_model_check=True))
        """
    )

    assert models_mentioned_with(__import__("shop").outer.wrapped) == ["openai:gpt-5"]


def test_a_model_that_only_a_run_names_is_warmed_up(
    project: Project, asked: list[Asked], monkeypatch: pytest.MonkeyPatch
) -> None:
    project(shop=SHOP, shop_agent="from pydantic_ai import Agent\nagent = Agent('test', name='x')")
    shop = __import__("shop")
    models.warm(shop.agent)
    monkeypatch.setattr(AnthropicModel, "__init__", lambda *_, **__: 1 / 0)

    result = shop.agent.run_sync("hi", model="anthropic:claude-sonnet-4-5")

    assert result.output == "done"
