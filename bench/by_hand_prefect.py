"""Prefect by hand: the next interpreter retries the flow run, as an operator would, and waits for its end.

The server is the one that the harness uses, in `PREFECT_API_URL`, and is up before either begins: starting one is
measured by itself.
"""

from __future__ import annotations

import asyncio
import os

from by_hand import ACT, FOLDER, leave

os.environ |= {
    "PREFECT_HOME": str(FOLDER / "home"),
    "PREFECT_LOCAL_STORAGE_PATH": str(FOLDER / "results"),
    "PREFECT_LOGGING_LEVEL": "ERROR",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
}

from prefect import flow, get_client
from prefect.flow_engine import run_flow_async
from prefect.states import AwaitingRetry
from pydantic_ai import Agent
from pydantic_ai.durable_exec.prefect import PrefectDurability

from fixtures.agents.bench import charge, find, thank

agent = Agent("openai:gpt-5", name="bench", tools=[find, charge, thank], capabilities=[PrefectDurability()])
KNOWN = FOLDER / "flow-run"


@flow(persist_result=True)
async def bench() -> str:
    return (await agent.run("Please begin.")).output


async def main() -> None:
    async with get_client() as client:
        if ACT == "die":
            flow_run = await client.create_flow_run(bench)
            KNOWN.write_text(str(flow_run.id))
        else:
            await client.set_flow_run_state(KNOWN.read_text(), AwaitingRetry(), force=True)
            flow_run = await client.read_flow_run(KNOWN.read_text())
    leave(await run_flow_async(bench, flow_run=flow_run))


asyncio.run(main())
