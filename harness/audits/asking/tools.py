"""Tools of an agent: how often it asks again, and what a decorator on the function does before anybody hears of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_ai.toolsets import AbstractToolset, FunctionToolset

from harness.audits.asking.clock import without_waiting
from harness.audits.asking.transports import Asked, config_of
from harness.audits.asking.trouble import MOST, Enough, Trouble
from harness.retries.live import Answer, Unit
from harness.retries.values import Failure, RetryLayer
from harness.subjects.loops import run_once
from harness.subjects.origins import decorated, default_of, explicit


@dataclass(frozen=True)
class ToolAsked:
    """A tool as the audit sees it. `retries` is how often the agent lets the model try again."""

    unit: Unit
    retries: int
    said: bool

    @property
    def agent_layer(self) -> RetryLayer:
        """The agent's own patience with this tool."""
        origin = explicit("retries") if self.said else default_of("pydantic_ai")
        return RetryLayer(name="agent", kind="agent", settings={"retries": str(self.retries)}, origin=origin)


class Decorator:
    """A `tenacity` decorator on a tool's function, asked by itself: its own loop, around a function that fails."""

    def __init__(self, retrying: Any, function: Any) -> None:
        self.retrying = retrying
        config = {name: getattr(retrying, name, None) for name in ("stop", "wait", "retry")}
        self.layer = RetryLayer(name="tenacity", kind="tool", settings=config_of(config), origin=decorated(function))

    def answer(self, error: BaseException) -> Answer:
        """What its loop does with a function that raises `error`."""
        calls: list[int] = []

        def fails() -> None:
            calls.append(1)
            if len(calls) > MOST:
                raise Enough
            raise error

        async def fails_later() -> None:
            fails()

        asynchronous = hasattr(self.retrying, "__aiter__")
        twin = self.retrying.copy()
        with without_waiting() as slept:
            if not asynchronous:
                twin.sleep = slept.append
            try:
                run_once(twin(fails_later)) if asynchronous else twin(fails)
            except Enough:
                return Asked(MOST, tuple(slept), Trouble(Failure.TOOL_EXCEPTION, error), endless=True).answer
            except Exception as raised:  # noqa: BLE001  whatever its caller would see
                return Asked(len(calls), tuple(slept), Trouble(Failure.TOOL_EXCEPTION, raised)).answer
        return Answer(len(calls))


def decorators(function: Callable[..., Any] | None) -> Sequence[Decorator]:
    """The `tenacity` decorators on a function, the innermost first."""
    found: list[Decorator] = []
    seen: Any = function
    while seen is not None:
        retrying = vars(seen).get("retry") if hasattr(seen, "__dict__") else None
        if type(retrying).__module__.partition(".")[0] == "tenacity" and all(
            one.retrying is not retrying for one in found
        ):
            found.append(Decorator(retrying, seen))
        seen = getattr(seen, "__wrapped__", None)
    return found[::-1]


def tools_of(agent: Any) -> Iterator[ToolAsked]:
    """The function tools of an agent, with how often each may be retried."""
    usual = getattr(agent, "_max_tool_retries", 1)
    for toolset in leaves(agent):
        if isinstance(toolset, FunctionToolset):
            for name, tool in toolset.tools.items():
                asked = next((one for one in (tool.max_retries, toolset.max_retries) if one is not None), None)
                unit = Unit("tool", name, tool.function, tool.metadata, toolset.id)
                yield ToolAsked(unit, usual if asked is None else asked, asked is not None or usual != 1)


def leaves(agent: Any) -> list[AbstractToolset[Any]]:
    """Every toolset of an agent, without the wrappers around it."""
    found: list[AbstractToolset[Any]] = []
    for toolset in agent.toolsets:
        toolset.apply(found.append)
    return [_bare(toolset) for toolset in found]


def _bare(toolset: AbstractToolset[Any]) -> AbstractToolset[Any]:
    while isinstance(inner := getattr(toolset, "wrapped", None), AbstractToolset):
        toolset = inner
    return toolset


def others_of(agent: Any) -> Iterator[tuple[Unit, RetryLayer]]:
    """The toolsets whose tools are only known when they are asked for: MCP servers, and what we cannot look into."""
    for toolset in leaves(agent):
        kind = type(toolset).__name__
        if isinstance(toolset, FunctionToolset) or kind.startswith(("_", "Output", "Combined")):
            continue
        unit = Unit("listing", str(toolset.id or kind), toolset=toolset.id, mcp=True)
        if "MCP" not in kind:
            yield (
                unit,
                RetryLayer(name=kind, kind="mcp", unknown=f"what the toolset {kind} does is only known in a run"),
            )
            continue
        names = ("max_retries", "timeout", "read_timeout")
        told = {name: str(value) for name in names if (value := getattr(toolset, name, None)) is not None}
        yield unit, RetryLayer(name="mcp client", kind="mcp", settings=told, origin=explicit(kind))
