"""Event handlers as steps: where an engine runs them in units of their own, `event#2` can be struck like a tool.

pydantic-ai gives a handler on a durable capability one event at a time. Those of model responses come while the request
is running, and belong to its step; those of tool calls have a unit each. They come in the order in which calls end,
which may differ from life to life, so they are numbered in message order: first the calls of a response, then their
results in the same order. An event that belongs to no call (a custom one) keeps the name of its unit.

The private name that this needs is in this file only; `problems` says if it has moved.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from importlib.metadata import version
from typing import Any

from harness.steps import Segment, StepId
from harness.subjects.probes import Body, Probes
from harness.subjects.stamps import step_of_call

HELD = ("BaseDurabilityCapability", "_event_stream_handler_operation")
"""The class in `pydantic_ai.durable_exec` and its method: what a unit of an event handler runs."""
CLOSING = ("function_tool_result", "output_tool_result")
OPENING = ("function_tool_call", "output_tool_call")

Calls = Mapping[str, Sequence[str]]
"""For each model request the tool calls that it asked for, all as full step ids."""

_probes: Probes | None = None
_calls: Callable[[], Calls] = dict


def problems() -> list[str]:
    """What keeps event handlers from being steps here, in a sentence; empty where nothing does."""
    kind, name = HELD
    owner = _durability()
    if owner is None or callable(getattr(owner, name, None)):
        return []
    running = f"pydantic-ai {version('pydantic-ai-slim')} runs event handlers differently ({kind}.{name} is gone)"
    return [f"{running}, so their steps are named after the engine's units; 2.59.0 is known to work"]


def install() -> None:
    """Put probes on the handlers of durable capabilities. Call it before the subject is imported."""
    kind, name = _durability(), HELD[1]
    original = getattr(kind, name, None)
    if original is None or hasattr(original, "__wrapped__"):
        return

    @wraps(original)
    async def handled(self: Any, params: Any) -> None:
        async def run() -> None:
            await original(self, params)

        event = params.event
        step = None if _probes is None else numbered(event, _calls(), _probes.parent())
        if _probes is None or step is None:
            await run()
            return
        arguments = {"event": event.event_kind, "tool": event.part.tool_name}
        await _probes.body(Body(step, arguments=arguments), run)

    setattr(kind, name, handled)


def activate(probes: Probes, calls: Callable[[], Calls]) -> None:
    """Let the handlers of this process report to `probes`. `calls()` are those of the invocation that is running."""
    global _probes, _calls
    _probes, _calls = probes, calls


def numbered(event: Any, calls: Calls, parent: StepId | None = None) -> StepId | None:
    """The step of an event of the agent run inside `parent`, without `parent`; None if it belongs to no known call."""
    kind = getattr(event, "event_kind", None)
    call = step_of_call(event.part.tool_call_id) if kind in OPENING + CLOSING else None
    if call is None:
        return None
    mine = str(StepId.parse(call).inside(parent))
    asked = _turns(calls, parent)
    turn = next((turn for turn, steps in asked.items() if mine in steps), None)
    if turn is None:
        return None
    earlier = sum(len(steps) for other, steps in asked.items() if other.number < turn.number and not other.reissue)
    steps = asked[turn]
    place = steps.index(mine) + 1 + (len(steps) if kind in CLOSING else 0)
    return StepId.of("event", number=2 * earlier + place, reissue=turn.reissue)


def _turns(calls: Calls, parent: StepId | None) -> dict[Segment, Sequence[str]]:
    """The calls of one agent run by the model request that asked for them."""
    above = () if parent is None else parent.path
    paths = {step: StepId.parse(step).path for step in calls}
    return {path[-1]: calls[step] for step, path in paths.items() if path[:-1] == above}


def _durability() -> Any | None:
    """The class of all durable capabilities, None in a pydantic-ai that is older than it."""
    try:
        from pydantic_ai import durable_exec
    except ImportError:
        return None
    return getattr(durable_exec, HELD[0], None)
