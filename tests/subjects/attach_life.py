"""One process with a real DBOS: run every agent of the gallery plain and attached, and print what happened as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from harness.subjects import guard, models
from harness.subjects.answers import AgentRun, answer

guard.protect()
asked: list[dict[str, Any]] = []


async def reply(model: Any, messages: Any, _settings: Any, params: Any) -> Any:
    by = models.asking()
    given = answer(None, messages, params, model_name=model.model_name, run=AgentRun(by.run_step, by.run_id or ""))
    asked.append({"by": by.agent_name, "run": by.run_id, "turn": by.run_step, "step": given.step})
    return given.response


models.install(reply)

from dbos import DBOS  # noqa: E402
from pydantic_ai.durable_exec.dbos import DBOSDurability  # noqa: E402

from harness.subjects.attach import attach  # noqa: E402
from harness.subjects.importing import ImportPath, load_module  # noqa: E402
from harness.subjects.loading import load_subject  # noqa: E402
from harness.subjects.naming import agents_in  # noqa: E402

GALLERY = "fixtures.agents.gallery"
DBOS(
    config={
        "name": "attach",
        "system_database_url": f"sqlite:///{sys.argv[1]}",
        "log_level": "CRITICAL",
        "run_admin_server": False,
    }
)


async def outcome(agent: Any, subject: Any) -> dict[str, Any]:
    try:
        result = await agent.run("hi", deps=await subject.deps.make())
    except Exception as error:  # noqa: BLE001
        return {"error": f"{type(error).__name__}: {error}"}
    kinds = [[part.part_kind for part in message.parts] for message in result.all_messages()]
    usage = result.usage
    return {"output": repr(result.output), "messages": kinds, "requests": usage.requests, "calls": usage.tool_calls}


subjects = {name: load_subject(f"{GALLERY}:{name}") for name in agents_in(load_module(ImportPath(GALLERY)))}
agents: dict[str, Any] = {}
told: dict[str, Any] = {}
for name, subject in subjects.items():
    try:
        agents[name] = attach(subject.agent, DBOSDurability(), name=name)
    except Exception as error:  # noqa: BLE001
        told[name] = {"refused": str(error)}


@DBOS.workflow(name="run")
async def run(name: str) -> Any:
    return await outcome(agents[name], subjects[name])


async def main() -> None:
    DBOS.launch()
    for name in agents:
        told[name] = {"plain": await outcome(subjects[name].agent, subjects[name])}
        asked.clear()
        handle = await DBOS.start_workflow_async(run, name)
        told[name]["attached"] = await handle.get_result(polling_interval_sec=0.01)
        steps = await DBOS.list_workflow_steps_async(handle.workflow_id)
        told[name] |= {"steps": [step["function_name"] for step in steps], "asked": list(asked)}
        told[name]["workflow"] = handle.workflow_id
    sys.stdout.write(json.dumps(told))


asyncio.run(main())
DBOS.destroy()
