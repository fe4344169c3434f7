"""Where the probes sit: on the classes of pydantic-ai whose methods are the bodies of steps.

Classes, not instances, so that the subject keeps its own objects and everything that crosses a durable boundary is what
crosses it in production. Installed once in the zygote; silent until a process has probes (`activate`).
"""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import is_dataclass, replace
from functools import partial, wraps
from typing import Any

from pydantic_ai import Agent
from pydantic_ai.tools import ToolDefinition
from pydantic_ai.toolsets import AbstractToolset, CombinedToolset, FunctionToolset, WrapperToolset

from harness.contract import declaration
from harness.history import CallAnswered
from harness.journal import plain
from harness.steps import StepId
from harness.subjects.places import Body, Setting, asked_here, placed
from harness.subjects.probes import Probes
from harness.subjects.stamps import read_call

OpensUnit = Callable[[Callable[..., Any]], bool]

_probes: Probes | None = None
_opens_unit: OpensUnit = lambda _function: False  # noqa: E731  replaced by `activate`
_MARK = "__harness_probed__"
PASSING_ON = ("DynamicToolset", "OutputToolset")
_NOTHING: frozenset[tuple[str | None, str | None]] = frozenset()
_under_way: ContextVar[frozenset[tuple[str | None, str | None]]] = ContextVar("harness_under_way", default=_NOTHING)
"""The tool calls whose body has begun, so that a toolset that hands one to another toolset is not seen twice."""


def activate(probes: Probes, opens_unit: OpensUnit) -> None:
    """Let the bodies of this process report to `probes`."""
    global _probes, _opens_unit
    _probes, _opens_unit = probes, opens_unit


def active() -> Probes | None:
    """The probes of this process, None in a zygote."""
    return _probes


def opens_unit(function: Callable[..., Any]) -> bool:
    """Whether a person's function is itself a unit of the engine."""
    return _opens_unit(function)


def install() -> None:
    """Put probes on agent runs, tool calls and tool listings, also of toolset classes that are defined later."""
    _wrap_runs()
    for kind in _below(AbstractToolset):
        _wrap_toolset(kind)
    original = AbstractToolset.__init_subclass__.__func__  # type: ignore[attr-defined]

    def defined_later(cls: type[AbstractToolset[Any]], /, **keywords: Any) -> None:
        original(cls, **keywords)
        _wrap_toolset(cls)

    AbstractToolset.__init_subclass__ = classmethod(defined_later)  # type: ignore[assignment]


def _below(kind: type[Any]) -> list[type[Any]]:
    return [kind, *(other for child in kind.__subclasses__() for other in _below(child))]


def _is_leaf(kind: type[Any]) -> bool:
    """Toolsets that run tools themselves; wrappers and combinations pass the call on, outputs have their own probes."""
    passes_on = issubclass(kind, (WrapperToolset, CombinedToolset)) or kind.__name__ in PASSING_ON
    return not passes_on and kind is not AbstractToolset


def _is_engines(kind: type[Any]) -> bool:
    """Toolsets that ask an engine for the result of a call: nothing of the agent's own lies below them."""
    return issubclass(kind, WrapperToolset) and kind.__module__.startswith("pydantic_ai.durable_exec.")


def _wrap_runs() -> None:
    original = Agent.iter
    if getattr(original, _MARK, False):
        return

    @asynccontextmanager
    async def probed(self: Any, *args: Any, **kwargs: Any) -> Any:
        if _probes is None:
            async with original(self, *args, **kwargs) as run:
                yield run
            return
        with _probes.run():
            async with original(self, *args, **kwargs) as run:
                yield run

    setattr(probed, _MARK, True)
    Agent.iter = wraps(original)(probed)  # type: ignore[method-assign]


def _wrap_toolset(kind: type[Any]) -> None:
    if _is_engines(kind) and "call_tool" in vars(kind):
        kind.call_tool = _watched_call(kind.call_tool)
    if not _is_leaf(kind):
        return
    if "call_tool" in vars(kind):
        kind.call_tool = _probed_call(kind.call_tool)
    if "get_tools" in vars(kind) and not issubclass(kind, FunctionToolset) and _lists_elsewhere(kind):
        kind.get_tools = _probed_listing(kind.get_tools)


def _lists_elsewhere(kind: type[Any]) -> bool:
    """Whether listing the tools asks another process: the only listing that can fail, hang or cost anything."""
    return any(base.__module__ == "pydantic_ai.mcp" for base in kind.__mro__)


def _probed_call(original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    if getattr(original, _MARK, False):
        return original

    @wraps(original)
    async def call_tool(self: Any, name: str, tool_args: dict[str, Any], ctx: Any, tool: Any) -> Any:
        if _probes is None or _passed_on(ctx):
            return await original(self, name, tool_args, ctx, tool)
        step, call = _tool_step(name, ctx.tool_call_id), ctx.tool_call_id
        body = Body(step=step, arguments=plain(tool_args), call=call, may=_declared(tool))
        # Only down the call: another attempt of it may run beside one that hangs.
        with Setting(_under_way, _under_way.get() | {_key(ctx)}):
            run = partial(original, self, name, tool_args, ctx)
            return await _run_tool(_probes, body, run, tool, toolset=self, function=_function(self, name))

    setattr(call_tool, _MARK, True)
    return call_tool


def _watched_call(original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Tell which calls an engine has answered: if no body of theirs ever ran, nobody else can have done so.

    Unless a dynamic toolset is below: what that makes may hold more of the agent's own.
    """
    if getattr(original, _MARK, False):
        return original

    @wraps(original)
    async def call_tool(self: Any, name: str, tool_args: dict[str, Any], ctx: Any, tool: Any) -> Any:
        if _probes is None:
            return await original(self, name, tool_args, ctx, tool)
        step, function = placed(Body(_tool_step(name, ctx.tool_call_id))).step, _function(self.wrapped, name)
        with Setting(asked_here, step):
            result = await original(self, name, tool_args, ctx, tool)
        if _probes is not None:
            told = {"own": function is not None and _opens_unit(function), "dynamic": not _is_leaf(type(self.wrapped))}
            _probes.journal.tell(CallAnswered, step=str(step), **told, invocation=_probes.invocation)
        return result

    setattr(call_tool, _MARK, True)
    return call_tool


async def _run_tool(
    probes: Probes,
    body: Body,
    run: Callable[[Any], Awaitable[Any]],
    tool: Any,
    *,
    toolset: Any,
    function: Callable[..., Any] | None,
) -> Any:
    """Call `run(tool)` between the probes, which sit around the person's own function if that can be had."""
    tool, around = _hurried(probes, toolset, tool)
    is_unit = function is not None and _opens_unit(function)
    schema = None if is_unit else _called_by(tool)
    with around:
        if schema is None:
            return await probes.body(body, lambda: run(tool), opens_unit=is_unit)
        inside = schema.function
        return await probes.function(
            body, inside, lambda other: run(_calling(other, tool, schema)), is_async=schema.is_async
        )


def _probed_listing(original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    if getattr(original, _MARK, False):
        return original

    @wraps(original)
    async def get_tools(self: Any, ctx: Any) -> Any:
        async def run() -> Any:
            return await original(self, ctx)

        if _probes is None:
            return await run()
        step = StepId.of("tools", self.id or type(self).__name__, max(1, ctx.run_step))
        return await _probes.body(Body(step), run)

    setattr(get_tools, _MARK, True)
    return get_tools


def _tool_step(name: str, call: str | None) -> StepId:
    known = read_call(call) if call else None
    return known.step_id if known else StepId.of("tool", name)


def _declared(tool: Any) -> dict[str, Any] | None:
    """What the tool itself says that it may do."""
    return declaration(getattr(getattr(tool, "tool_def", None), "metadata", None))


def _function(toolset: Any, name: str) -> Callable[..., Any] | None:
    """The person's own function behind a tool, where there is one."""
    known = getattr(toolset, "tools", None)
    function = getattr(known.get(name), "function", None) if isinstance(known, dict) else None
    return function if callable(function) else None


def _hurried(probes: Probes, toolset: Any, tool: Any) -> tuple[Any, AbstractContextManager[None]]:
    """The tool with its own timeout as it is to be in this run, and what surrounds a call of it."""
    definition = getattr(tool, "tool_def", None)
    if not (isinstance(toolset, FunctionToolset) and isinstance(definition, ToolDefinition)):
        return tool, nullcontext()
    configured = getattr(definition, "timeout", None) or getattr(toolset, "timeout", None)
    if configured is None or not hasattr(definition, "timeout"):  # older releases enforce another one, or none
        return tool, nullcontext()
    effective = probes.limit(configured)
    hurried = tool if effective == configured else replace(tool, tool_def=replace(definition, timeout=effective))
    return hurried, probes.limited(configured, effective)


def _called_by(tool: Any) -> Any | None:
    """The schema that calls a tool's function, if there is one: what puts it in a thread, or a timeout around it."""
    call = getattr(tool, "call_func", None)
    schema = getattr(call, "__self__", None)
    is_known = callable(getattr(schema, "function", None)) and hasattr(schema, "is_async")
    return schema if is_known and is_dataclass(tool) and call == getattr(schema, "call", None) else None


def _calling(function: Callable[..., Any], tool: Any, schema: Any) -> Any:
    """The same tool with another function. Copied as they are: building both anew takes longer."""
    other, same = copy.copy(schema), copy.copy(tool)
    other.function = function
    same.call_func = other.call
    return same


def _passed_on(ctx: Any) -> bool:
    return ctx.tool_call_id is not None and _key(ctx) in _under_way.get()


def _key(ctx: Any) -> tuple[str | None, str | None]:
    return getattr(ctx, "run_id", None), ctx.tool_call_id
