"""What the scripts `by_hand_*.py` share: a stand-in for the provider, which dies where the harness's fault would.

Each is called `by_hand_ENGINE.py FOLDER die|recover` and does what a careful person does by hand: one interpreter runs
the agent and dies after the charge, the next one recovers the run.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.openai import OpenAIResponsesModel

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

FOLDER, ACT = Path(sys.argv[1]), sys.argv[2]
CALLS = [("find", {"order_id": "a"}), ("charge", {"order_id": "a", "cents": 1}), ("thank", {"order_id": "a"})]


async def answer(self: OpenAIResponsesModel, messages: list[ModelMessage], *_: object) -> ModelResponse:
    """Answer by position, because the second interpreter starts counting again."""
    turn = sum(isinstance(message, ModelResponse) for message in messages)
    if ACT == "die" and turn == 2:  # the charge has been made
        os.kill(os.getpid(), signal.SIGKILL)
    if turn == len(CALLS):
        return ModelResponse(parts=[TextPart("done")])
    tool, args = CALLS[turn]
    return ModelResponse(parts=[ToolCallPart(tool, args, tool_call_id=f"call-{turn}")])


os.environ.setdefault("OPENAI_API_KEY", "dummy")
OpenAIResponsesModel.request = answer  # type: ignore[assignment,method-assign]


def leave(output: object) -> None:
    """The run has ended well; nothing is left to be done."""
    assert output == "done", output
    sys.stdout.flush()
    os._exit(0)
