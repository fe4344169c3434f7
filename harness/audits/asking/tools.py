"""Tools of an agent: how often it asks again, and what a decorator on the function does before anybody hears of it."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic_ai.toolsets import FunctionToolset

from harness.audits.asking.clock import attempted, without_waiting, worst_of
from harness.audits.asking.conditions import decides, wants_results
from harness.audits.asking.executing import NOTHING_AROUND, Around, Execution
from harness.audits.asking.jitter import jittered
from harness.audits.asking.passing import calling_again
from harness.audits.asking.transports import Asked, absurd_policy, config_of, far, numbers_of, once_more, timed
from harness.audits.asking.trouble import MOST, Enough, Trouble, most
from harness.audits.asking.watching import Watch
from harness.retries.live import Answer, Died, Live, MadeInCall, Opaque, Unit
from harness.retries.values import Failure, RetryLayer
from harness.subjects.loops import run_once
from harness.subjects.origins import decorated, default_of, explicit
from harness.subjects.toolsets import Placed, placed
from harness.subjects.wrapping import wrappers

SAID = ("retries", "tools")
"""What it is called on a tool and on an agent, how often a model may try a tool again."""


@dataclass(frozen=True)
class ToolAsked:
    """A tool as the audit sees it. `retries` is how often the agent lets the model try again.

    `said` are the names under which somebody may have said so, empty if nobody has. A tool that takes longer than
    `timeout` counts as one that asks for another try. `called` is what the model calls it, if not as its unit is
    called; `around` is code of the person's own around its calls.
    """

    unit: Unit
    retries: int
    said: tuple[str, ...]
    timeout: float | None = None
    called: str = ""
    around: Around = NOTHING_AROUND

    @property
    def name(self) -> str:
        """What the model calls it."""
        return self.called or self.unit.name

    @property
    def agent_layer(self) -> RetryLayer:
        """The agent's own patience with this tool."""
        origin = explicit(**dict.fromkeys(self.said, self.retries)) if self.said else default_of("pydantic_ai")
        settings = {"retries": str(self.retries)} | ({"timeout": f"{self.timeout:g} s"} if self.timeout else {})
        absurd = f"retries={self.retries} makes no sense" if self.retries < 0 else ""
        each = self.timeout or None
        return RetryLayer(name="agent", kind="agent", settings=settings, origin=origin, each=each, unknown=absurd)


_HANDED_OUT = (
    "tenacity takes an async task for a plain function: its coroutine fails outside of the loop, which ends at once"
)


class Decorator:
    """A `tenacity` decorator on a tool's function, asked by itself: its own loop, around a function that fails."""

    def __init__(self, retrying: Any, function: Any, whose: str = "") -> None:
        self.retrying = retrying
        config: dict[str, Any] = {name: getattr(retrying, name, None) for name in ("stop", "wait", "retry")}
        usual = inspect.signature(type(retrying)).parameters.get("retry")
        if usual is not None and config["retry"] is usual.default:
            del config["retry"]  # nobody has set a condition
        self.layer = RetryLayer(
            name=f"tenacity of {whose}" if whose else "tenacity",
            kind="tool",
            settings=config_of(config),
            origin=decorated(function),
            all=timed(config["stop"]),
            interrupts=False,
            jitter=jittered(config["wait"]),
            unknown=absurd_policy(config),
            notes=(_HANDED_OUT,) if self._never_hears(function) else (),
            decided=decides(config["retry"], retrying) if callable(config.get("retry")) else "",
            results=callable(config.get("retry")) and wants_results(config["retry"]),
        )

    def _never_hears(self, function: Any) -> bool:
        """Whether its loop is a plain one around an object that hands out a coroutine, which then fails outside."""
        below = getattr(function, "__wrapped__", None)
        if below is None or inspect.isfunction(below) or hasattr(self.retrying, "__aiter__"):
            return False
        return inspect.iscoroutinefunction(inspect.unwrap(below))

    @property
    def retried(self) -> Sequence[type[Exception]]:
        """The exceptions that its condition names."""
        return tuple(_types(getattr(self.retrying, "retry", None)))

    def answer(self, error: BaseException) -> Answer:
        """What its loop does with a function that raises `error`; it ends with its process."""
        if self.layer.notes or isinstance(error, Died):
            return Answer(raises=error)
        return worst_of(lambda: self._tried(error), lambda told: told.attempts or math.inf, _hasty)

    def _tried(self, error: BaseException) -> Answer:
        watch = Watch()
        told, stop = self._run(error, watch), getattr(self.retrying, "stop", None)
        if told.attempts is None and (number := far(stop)) is not None:
            waits = told.wait
            told = self._run(error, watch, stop=once_more)
            told = replace(told, attempts=number, wait=lambda attempt: waits(min(attempt, MOST - 1)))
        return Answer(raises=error, unknown=f"its retry policy {watch.reason}") if watch.reason else told

    def _run(self, error: BaseException, watch: Watch, **policies: Any) -> Answer:
        calls: list[int] = []
        limit = most(*numbers_of(getattr(self.retrying, "stop", None)))

        def fails() -> None:
            calls.append(1)
            if len(calls) > limit:
                raise Enough
            attempted()
            raise error

        async def fails_later() -> None:
            fails()

        asynchronous = hasattr(self.retrying, "__aiter__")
        twin = self.retrying.copy(**watch.over({**vars(self.retrying), **policies}))
        with without_waiting() as slept:
            if not asynchronous:
                twin.sleep = slept.append
            try:
                run_once(twin(fails_later)) if asynchronous else twin(fails)
            except Enough:
                return Asked(MOST, tuple(slept), Trouble(Failure.TOOL_EXCEPTION, error), endless=True).answer
            except Exception as raised:  # noqa: BLE001  whatever its caller would see
                return Asked(len(calls), tuple(slept), Trouble(Failure.TOOL_EXCEPTION, raised)).answer
        swallowed = Asked(len(calls), tuple(slept), Trouble(Failure.TOOL_EXCEPTION, error)).answer
        return replace(swallowed, raises=None)


def _types(condition: Any) -> Iterator[type[Exception]]:
    """The types in a condition of tenacity's, and in those that it is made of."""
    kinds = getattr(condition, "exception_types", ())
    for kind in kinds if isinstance(kinds, tuple) else (kinds,):
        if isinstance(kind, type) and issubclass(kind, Exception):
            yield kind
    for part in getattr(condition, "retries", ()):
        yield from _types(part)


def _hasty(hasty: Answer, patient: Answer) -> Answer:
    """As often as if it hardly waited, and as long between as it may."""
    return replace(hasty, wait=patient.wait)


def _loop(reason: str, function: Any, whose: str) -> Opaque:
    """A decorator that runs the function again in a way that cannot be asked: only a run shows how often."""
    name = f"decorator of {whose}" if whose else "decorator"
    return Opaque(
        RetryLayer(name=name, kind="tool", origin=decorated(getattr(function, "func", function)), unknown=reason)
    )


RETRYING = ("backoff", "stamina", "retrying", "retry", "opnieuw", "reretry", "aioretry", "retry_async", "riprova")
"""Packages whose decorators try a function again."""


def decorators(function: Any, whose: str = "", units: Sequence[Live] = ()) -> Sequence[Live]:
    """The decorators on a function that try it again, the innermost first; `whose` it is, if not the tool's own.

    Those of `units` that are made by a decorator of the engine's are among them, where that really is.
    """
    found: list[Live] = []
    for wrapper in wrappers(function):
        found += [live for live in units if getattr(live, "wrapper", None) is wrapper]
        if (one := _decorator(wrapper, whose)) is not None:
            found.append(one)
    return found[::-1]


def is_on_function(live: Live) -> bool:
    """Whether a layer of the engine's is on the function itself, or made for it: not one that is on the whole run."""
    return live.layer.kind == "unit" or getattr(live, "wrapper", None) is not None


def layers_of(function: Any, lives: Sequence[Live], whose: str = "") -> Sequence[Live]:
    """All layers of a function, the innermost first: those that are on it, and the others of `lives` around them."""
    own = decorators(function, whose, lives)
    return [*own, *(live for live in lives if live not in own)]


def layers_of_tool(tool: ToolAsked, lives: Sequence[Live]) -> Sequence[Live]:
    """All layers of a tool, the innermost first. What is around its calls is outside of the unit that a call is."""
    return inside_containers(tool.around.layers, layers_of(tool.unit.function, lives))


def inside_containers(around: Sequence[Live], lives: Sequence[Live]) -> Sequence[Live]:
    """These layers around those of a unit, and in what contains the whole run."""
    first = next((at for at, live in enumerate(lives) if live.layer.kind == "container"), len(lives))
    return [*lives[:first], *around, *lives[first:]]


def _decorator(wrapper: Any, whose: str) -> Decorator | Opaque | None:
    """What the outermost wrapper of a function is. Libraries' own decorators that are no retries are passed over."""
    package = getattr(wrapper, "__globals__", {}).get("__name__", "").partition(".")[0]
    if reason := calling_again(wrapper):
        return _loop(reason, wrapper, whose)
    if not hasattr(wrapper, "__code__") or not hasattr(wrapper, "__wrapped__"):
        return None
    if package == "tenacity":
        return Decorator(wrapper.retry, wrapper, whose)
    if package in RETRYING:
        return _loop(f"{package} does not show how often its decorator tries again", wrapper, whose)
    return None


def retrying_in_body(name: str, value: Any) -> Decorator | Opaque | None:
    """What a body tries again with inside itself, without any decorator; None if the value is nothing of the kind.

    An object that is there can be asked; one that is made in the call (`for attempt in Retrying(...)`) cannot.
    """
    kind = value if inspect.isclass(value) else type(value)
    if any(base.__module__ == "tenacity" and base.__name__ == "BaseRetrying" for base in kind.__mro__):
        if not inspect.isclass(value):
            return Decorator(value, value, name)
    elif not inspect.isfunction(value) or str(value.__module__).partition(".")[0] not in RETRYING:
        return None
    reason = f"`{name}` is made in the call, where nobody can see before how often it tries again"
    return Opaque(RetryLayer(name=f"{name} in the call", kind="tool", unknown=reason))


def tools_of(agent: Any) -> Iterator[ToolAsked]:
    """The function tools of an agent, with how often each may be retried."""
    execution = Execution(agent)
    for place in execution.placed:
        if not isinstance(toolset := place.toolset, FunctionToolset):
            continue
        for name, tool in toolset.tools.items():
            retries, said = patience(agent, tool.max_retries, toolset.max_retries)
            unit = Unit("tool", name, tool.function, tool.metadata, toolset.id)
            timeout = tool.timeout or toolset.timeout
            around = execution.around(place, name, tool.function)
            yield ToolAsked(unit, retries, SAID if said else (), timeout, place.shown(name), around)


def taken_by(agent: Any) -> dict[str, Any]:
    """What each function tool of an agent takes, as a JSON schema by its name.

    The model is shown the fields of a tool's only argument as the tool's own: a key may be said in either way.
    """
    return {
        place.shown(name): _taken(tool)
        for place in placed(agent)
        if isinstance(place.toolset, FunctionToolset)
        for name, tool in place.toolset.tools.items()
    }


def _taken(tool: Any) -> Any:
    shown = tool.tool_def.parameters_json_schema
    only = getattr(tool.function_schema, "single_arg_name", None)
    return {"$defs": shown.get("$defs", {}), "anyOf": [shown, {"properties": {only: shown}}]} if only else shown


def is_unit(function: Any) -> bool:
    """Whether a function is itself one of the engine's units, by a decorator, perhaps inside others, or by a call."""
    a_step = inspect.isroutine(function) and hasattr(function, "dbos_function_name")
    return (
        a_step
        or isinstance(function, MadeInCall)
        or any(type(wrapper).__module__.startswith("prefect.") for wrapper in wrappers(function))
    )


def is_asked_for(function: Any) -> bool:
    """Whether a function is a workflow's own, which is one more of the engine's where another workflow asks for it."""
    return inspect.isroutine(function) and hasattr(function, "__temporal_workflow_definition")


def others_of(agent: Any) -> Iterator[tuple[str, Placed]]:
    """The toolsets whose tools are only known when they are asked for: MCP servers, and what we cannot look into.

    Each with the name that it goes by.
    """
    for place in Execution(agent).placed:
        toolset, kind = place.toolset, type(place.toolset).__name__
        if isinstance(toolset, FunctionToolset) or kind.startswith(("_", "Output", "Combined")):
            continue
        yield str(toolset.id or kind), place


def is_mcp(toolset: Any) -> bool:
    """Whether a toolset is pydantic-ai's client of an MCP server, or one of the person's own that extends it."""
    return any(kind.__name__ == "MCPToolset" and kind.__module__ == "pydantic_ai.mcp" for kind in type(toolset).__mro__)


def patience(agent: Any, *said: int | None) -> tuple[int, bool]:
    """How often the agent lets the model try a tool again, by the first that says so; and whether anybody does."""
    usual: int = getattr(agent, "_max_tool_retries", 1)
    asked = next((one for one in said if one is not None), None)
    return (usual, usual != 1) if asked is None else (asked, True)
