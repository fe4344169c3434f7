"""Temporal by hand: the next interpreter starts a worker for the same task queue and waits for the workflow.

The server is the one that the harness uses, in `BENCH_TEMPORAL`, and is up before either begins. With pydantic-ai's own
timeouts this takes over 70 s. So it is given what the harness would scale them to when a run has to wait for them
(60 s and 30 s by a hundred), and its other advantages too: a build id, a short sticky queue, a short workflow task.
"""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta

from pydantic_ai import Agent
from pydantic_ai.durable_exec.temporal import PydanticAIPlugin, PydanticAIWorkflow, TemporalDurability
from temporalio import workflow
from temporalio.client import Client
from temporalio.common import RetryPolicy
from temporalio.worker import Worker
from temporalio.workflow import ActivityConfig

with workflow.unsafe.imports_passed_through():
    from by_hand import ACT, FOLDER, leave

    from fixtures.agents.bench import charge, find, thank

SCALE = 100
RETRIES = RetryPolicy(initial_interval=timedelta(seconds=1 / SCALE))
EACH = ActivityConfig(start_to_close_timeout=timedelta(seconds=60 / SCALE), retry_policy=RETRIES)
durability = TemporalDurability(
    activity_config=EACH, model_activity_config=ActivityConfig(heartbeat_timeout=timedelta(seconds=30 / SCALE))
)
agent = Agent("openai:gpt-5", name="bench", tools=[find, charge, thank], capabilities=[durability])


@workflow.defn
class Bench(PydanticAIWorkflow):
    __pydantic_ai_agents__ = [agent]  # noqa: RUF012  as pydantic-ai documents it

    @workflow.run
    async def run(self) -> str:
        return (await agent.run("Please begin.")).output


async def main() -> None:
    client = await Client.connect(os.environ["BENCH_TEMPORAL"], plugins=[PydanticAIPlugin()])
    queue = f"by-hand-{FOLDER.name}"
    worker = Worker(
        client,
        task_queue=queue,
        workflows=[Bench],
        build_id="by-hand",
        sticky_queue_schedule_to_start_timeout=timedelta(milliseconds=50),
    )
    async with worker:
        if ACT == "die":
            await client.start_workflow(Bench.run, id=queue, task_queue=queue, task_timeout=timedelta(seconds=1))
        leave(await client.get_workflow_handle(queue).result())


if __name__ == "__main__":
    asyncio.run(main())
