"""Probes on output functions: what an agent does with its final answer may send a bill, and no engine records it.

The function behind an output runs after the last model request and outside every toolset, so it needs a probe of its
own: a step like a tool call, named after the output tool that the model called, or after the function where the answer
is plain text. A person, who never wrote `final_result`, is told of the function by its own name.
"""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable
from functools import wraps
from importlib.metadata import version
from typing import Any

from pydantic_ai import _output

from harness.journal import plain
from harness.steps import StepId
from harness.subjects import bodies
from harness.subjects.probes import Body
from harness.subjects.stamps import step_of_call

RUNS_THEM = "execute_output_function"
"""What runs every output function, in the private module `pydantic_ai._output` (2.59)."""


def problems() -> list[str]:
    """What keeps output functions from being steps here, in a sentence; empty where nothing does."""
    if callable(getattr(_output, RUNS_THEM, None)):
        return []
    installed = f"pydantic-ai {version('pydantic-ai-slim')}"
    running = f"{installed} runs output functions differently (_output.{RUNS_THEM} is gone)"
    return [f"{running}, so it is not seen if one runs twice; 2.59.0 is known to work"]


def install() -> None:
    """Put the probe on output functions; once, in the zygote. Without the private function they stay unseen."""
    original = getattr(_output, RUNS_THEM, None)
    if original is not None and not hasattr(original, "__wrapped__"):
        setattr(_output, RUNS_THEM, _probed(original))


def _probed(original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @wraps(original)
    async def execute(function_schema: Any, *, run_context: Any, args: dict[str, Any], **more: Any) -> Any:
        async def run(schema: Any = function_schema) -> Any:
            return await original(schema, run_context=run_context, args=args, **more)

        probes = bodies.active()
        if probes is None or run_context.partial_output:
            return await run()
        function = function_schema.function
        step, own = _step(function, run_context), getattr(function, "__name__", None)
        own = None if own == step.name else own
        body = Body(step=step, arguments=plain(args), call=run_context.tool_call_id, function=own)
        if bodies.opens_unit(function):
            return await probes.body(body, run, opens_unit=True)

        async def call(replacement: Callable[..., Any]) -> Any:
            schema = copy.copy(function_schema)
            schema.function = replacement
            return await run(schema)

        return await probes.function(body, function, call, is_async=function_schema.is_async)

    return execute


def _step(function: Callable[..., Any], context: Any) -> StepId:
    known = step_of_call(context.tool_call_id) if context.tool_call_id else None
    name = context.tool_name or getattr(function, "__name__", "output")
    return StepId.parse(known) if known else StepId.of("tool", name)
