"""What a careful person does by hand: one interpreter runs the agent under DBOS and dies, the next one recovers it.

`by_hand_dbos.py FOLDER die|recover`. The database is a copy of a migrated one, DBOS's one-second poll is removed and
bytecode is cached: the same advantages that the harness gives itself, so that the ratio is about the rest.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from dbos import DBOS, SetWorkflowID
from dbos._dbos import _get_dbos_instance
from pydantic_ai.durable_exec.dbos import DBOSAgent
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.openai import OpenAIResponsesModel

FOLDER, ACT = Path(sys.argv[1]), sys.argv[2]
CALLS = [("find", {"order_id": "a"}), ("charge", {"order_id": "a", "cents": 1}), ("thank", {"order_id": "a"})]


os.environ.setdefault("OPENAI_API_KEY", "dummy")

from fixtures.agents.bench import agent  # noqa: E402  the very subject that the harness is given


async def answer(self: OpenAIResponsesModel, messages: list[ModelMessage], *_: object) -> ModelResponse:
    """Stand in for the provider: answer by position, because the second interpreter starts counting again."""
    turn = sum(isinstance(message, ModelResponse) for message in messages)
    if ACT == "die" and turn == 2:  # the charge has been made
        os.kill(os.getpid(), signal.SIGKILL)
    if turn == len(CALLS):
        return ModelResponse(parts=[TextPart("done")])
    tool, args = CALLS[turn]
    return ModelResponse(parts=[ToolCallPart(tool, args, tool_call_id=f"call-{turn}")])


OpenAIResponsesModel.request = answer  # type: ignore[assignment,method-assign]
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
    result = await handle.get_result(polling_interval_sec=0.01)
    assert result.output == "done", result
    sys.stdout.flush()
    os._exit(0)


asyncio.run(main())
