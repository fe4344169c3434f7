"""Live agents for the rules: real clients, transports and configurations of engines, asked in this process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from httpx2 import AsyncClient, Response
from openai import AsyncOpenAI
from pydantic_ai import Agent
from pydantic_ai.durable_exec.dbos import DBOSDurability
from pydantic_ai.durable_exec.prefect import PrefectDurability
from pydantic_ai.durable_exec.temporal import TemporalDurability
from pydantic_ai.models import Model
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.retries import AsyncHTTPX2TenacityTransport, RetryConfig
from tenacity import stop_after_attempt

from fixtures.audit import clients
from harness.audits import collect
from harness.audits.rules import found
from harness.engines.dbos import retries as dbos
from harness.engines.prefect import retries as prefect
from harness.engines.temporal import retries as temporal
from harness.retries.report import UnitAudit
from tests.audits.reports import report

LAYERS = {DBOSDurability: dbos.layers, PrefectDurability: prefect.layers, TemporalDurability: temporal.layers}


def rules(units, engine: str = "none") -> set[str]:
    """The ids of the rules that find something in these units."""
    return {finding.rule for finding in found(report(*units, engine=engine))}


def openai(http: AsyncClient | None = None, **said: Any) -> Model:
    """A model whose client is told this."""
    client = AsyncOpenAI(api_key=clients.KEY, http_client=http, **said)
    return OpenAIChatModel("gpt-5", provider=OpenAIProvider(openai_client=client))


def tenacious(**config: Any) -> AsyncClient:
    """A client that tries three times by itself, whatever status comes."""
    retries = RetryConfig(**{"stop": stop_after_attempt(3), **config})
    transport = AsyncHTTPX2TenacityTransport(config=retries, validate_response=Response.raise_for_status)
    return AsyncClient(transport=transport)


def asked(model: Model, durability: Any = None, tools: Any = ()) -> Iterator[UnitAudit]:
    """The units of an agent under this capability, or under no engine."""
    agent = Agent(model, name="asked", tools=tools, capabilities=[durability] if durability else [])
    layers = LAYERS.get(type(durability))
    return collect.units_of(agent, lambda unit: layers(agent, unit, {}) if layers else ())
