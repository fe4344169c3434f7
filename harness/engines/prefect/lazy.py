"""What is imported late, imported once in the zygote: each child would pay for it again."""

from __future__ import annotations

import importlib

from pydantic import BaseModel

MODULES = (
    "anyio._backends._asyncio",
    "harness.engines.prefect.adoption",
    "harness.engines.prefect.commits",
    "harness.engines.prefect.pace",
    "harness.engines.prefect.units",
    "prefect.client.orchestration",
    "prefect.events.worker",
    "prefect.flow_engine",
    "prefect.task_engine",
    "prefect.utilities.visualization",
    "pydantic_ai.durable_exec.prefect",
)

MODELS = (
    "prefect.client.schemas.actions:FlowCreate",
    "prefect.client.schemas.actions:FlowRunCreate",
    "prefect.client.schemas.actions:FlowRunUpdate",
    "prefect.client.schemas.filters:FlowRunFilter",
    "prefect.client.schemas.filters:FlowRunFilterName",
    "prefect.client.schemas.objects:ConcurrencyLeaseHolder",
    "prefect.client.schemas.objects:FlowRun",
    "prefect.client.schemas.objects:FlowRunPolicy",
    "prefect.client.schemas.objects:ServerDefaultResultStorage",
    "prefect.events.schemas.events:Event",
)
"""Prefect puts off building its models until each is used. One that another version lacks is merely built later."""


def warm() -> None:
    """Import and build what a flow run needs. No threads, no clients, no event loop."""
    for module in MODULES:
        importlib.import_module(module)
    for model in MODELS:
        _build(model)
    from pydantic_ai.messages import ModelMessagesTypeAdapter

    ModelMessagesTypeAdapter.dump_python([])  # builds the adapter, which costs more than a run's requests


def _build(path: str) -> None:
    """Have the model at `path` (`module:Name`) built now."""
    module, _, name = path.partition(":")
    model = getattr(importlib.import_module(module), name, None)
    if isinstance(model, type) and issubclass(model, BaseModel):
        model.model_rebuild()
