"""DBOS by hand: the next interpreter launches DBOS and waits for the workflow.

The database is a copy of a migrated one, DBOS's one-second poll is removed and bytecode is cached: the same advantages
that the harness gives itself, so that the ratio is about the rest.
"""

from __future__ import annotations

import asyncio

from by_hand import ACT, FOLDER, leave
from dbos import DBOS, SetWorkflowID
from dbos._dbos import _get_dbos_instance
from pydantic_ai.durable_exec.dbos import DBOSAgent

from fixtures.agents.bench import agent  # the very subject that the harness is given

durable = DBOSAgent(agent)


async def main() -> None:
    DBOS(
        config={
            "name": "by-hand",
            "system_database_url": f"sqlite:///{FOLDER / 'dbos.sqlite'}",
            "log_level": "CRITICAL",
            "run_admin_server": False,
            "application_version": "v1",
            "executor_id": "local",
        }
    )
    _get_dbos_instance()._registry.get_internal_queue()._polling_interval_sec = 0.01  # noqa: SLF001
    DBOS.launch()
    if ACT == "die":
        with SetWorkflowID("run"):
            await durable.run("Please begin.")
    handle = await DBOS.retrieve_workflow_async("run")
    leave((await handle.get_result(polling_interval_sec=0.01)).output)


asyncio.run(main())
