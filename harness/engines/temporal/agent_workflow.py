"""The workflow that a person would write around `agent.run`. The sandbox imports this module again, agent and all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from temporalio import workflow
from temporalio.common import RawValue

with workflow.unsafe.imports_passed_through():
    from pydantic_ai.messages import ModelMessage

    from harness.engines.temporal import binding
    from harness.engines.temporal.ended import Ended

agent = binding.durable_agent()


@workflow.defn(name="HarnessAgent")
class AgentWorkflow:
    """One run of the subject. Its prompt, deps and history are the workflow's arguments, as they are in production."""

    __pydantic_ai_agents__: Sequence[Any] = [agent]

    @workflow.run
    async def run(self, prompt: str, deps: RawValue, history: list[ModelMessage] | None) -> Ended:
        """Run the agent; what it returns crosses to the client as the workflow's result."""
        result = await agent.run(prompt, deps=binding.deps_of(agent, deps), message_history=history)
        return Ended.of(result)
