"""What is imported late, imported once in the zygote: each child would pay for it again."""

from __future__ import annotations

import importlib

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


def warm() -> None:
    """Import and build what a flow run needs. No threads, no clients, no event loop."""
    for module in MODULES:
        importlib.import_module(module)
    from pydantic_ai.messages import ModelMessagesTypeAdapter

    ModelMessagesTypeAdapter.dump_python([])  # builds the adapter, which costs more than a run's requests
