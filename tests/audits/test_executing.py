"""What is around the calls of tools: toolsets, capabilities and hooks of a person's own, and what renames them."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest
from pydantic_ai import Agent, ModelRetry
from pydantic_ai.capabilities import AbstractCapability, Hooks
from pydantic_ai.durable_exec.prefect import PrefectDurability, TaskConfig
from pydantic_ai.mcp import MCPToolset
from pydantic_ai.models.test import TestModel
from pydantic_ai.toolsets import CombinedToolset, FunctionToolset, WrapperToolset
from tenacity import retry, stop_after_attempt

from harness import audit
from harness.audits import collect
from harness.engines.prefect import retries as prefect
from harness.retries.report import UnitAudit
from harness.retries.values import Failure

F = Failure
FAILING = (F.TOOL_EXCEPTION, F.USER_ERROR, F.MODEL_RETRY, F.VALIDATION)
log = logging.getLogger(__name__)


def look(city: str) -> str:
    """Look."""
    return city


class Again(WrapperToolset[Any]):
    """Tries again."""

    async def call_tool(self, *given: Any) -> Any:
        """Call it three times."""
        for left in (2, 1, 0):
            try:
                return await self.wrapped.call_tool(*given)
            except ConnectionError:
                if not left:
                    raise
        return None


class Helped(WrapperToolset[Any]):
    """Tries again in a method of its own."""

    async def call_tool(self, *given: Any) -> Any:
        """Call it, and once more."""
        try:
            return await self._once(*given)
        except ConnectionError:
            return await self._once(*given)

    async def _once(self, *given: Any) -> Any:
        return await self.wrapped.call_tool(*given)


class Decorated(WrapperToolset[Any]):
    """Tries again by a decorator."""

    @retry(stop=stop_after_attempt(3))
    async def call_tool(self, *given: Any) -> Any:
        """Call it."""
        return await self.wrapped.call_tool(*given)


class Functions(FunctionToolset[Any]):
    """Holds functions, and tries them again."""

    async def call_tool(self, *given: Any) -> Any:
        """Call it twice."""
        try:
            return await super().call_tool(*given)
        except ConnectionError:
            return await super().call_tool(*given)


class Patient(WrapperToolset[Any]):
    """Lets the model try more often than was said."""

    async def get_tools(self, ctx: Any) -> Any:
        """List them."""
        return {name: replace(tool, max_retries=9) for name, tool in (await super().get_tools(ctx)).items()}


class Wrapping(AbstractCapability[Any]):
    """Puts a toolset around the others."""

    def get_wrapper_toolset(self, toolset: Any) -> Any:
        """Put it around them."""
        return Again(toolset)


class Failing(AbstractCapability[Any]):
    """Puts a toolset around the others that a run alone can make."""

    def get_wrapper_toolset(self, toolset: Any) -> Any:
        """Put it around them."""
        raise LookupError(toolset)


class Executing(AbstractCapability[Any]):
    """Tries calls again."""

    async def wrap_tool_execute(self, ctx: Any, *, call: Any, tool_def: Any, args: Any, handler: Any) -> Any:
        """Call it, and once more."""
        try:
            return await handler(args)
        except ConnectionError:
            return await super().wrap_tool_execute(ctx, call=call, tool_def=tool_def, args=args, handler=handler)


def hooks(kind: str, function: Any, **said: Any) -> Any:
    made: Hooks[Any] = Hooks()
    getattr(made.on, kind)(**said)(function)
    return made


async def insisting(ctx: Any, *, call: Any, tool_def: Any, args: Any, handler: Any) -> Any:
    while True:
        try:
            return await handler(args)
        except ConnectionError:
            log.info("%s %s %s", ctx, call, tool_def)


async def insisting_on_a_node(ctx: Any, *, node: Any, handler: Any) -> Any:
    while True:
        try:
            return await handler(node)
        except ConnectionError:
            log.info("%s", ctx)


async def running_again(ctx: Any, *, call: Any, tool_def: Any, args: Any, error: Any) -> Any:
    log.info("%s %s %s %s", ctx, call, tool_def, error)
    return look(**args)


async def asking_the_model(ctx: Any, *, call: Any, tool_def: Any, args: Any, error: Any) -> Any:
    log.info("%s %s %s %s", ctx, call, tool_def, args)
    raise ModelRetry("otherwise") from error


def made(*toolsets: Any, **said: Any) -> Agent[Any, Any]:
    return Agent(TestModel(), name="asked", toolsets=toolsets or (FunctionToolset([look], id="own"),), **said)


def tool_of(agent: Any, name: str = "tool:look") -> UnitAudit:
    units = collect.units_of(agent, lambda unit: prefect.layers(agent, unit, {}))
    return next(unit for unit in units if unit.unit == name)


LOOKING = FunctionToolset[Any]([look])
AGAIN = {
    "a toolset": (made(Again(LOOKING)), "Again", "in a loop"),
    "a toolset's own method": (made(Helped(LOOKING)), "Helped", "more than once"),
    "a decorated method": (made(Decorated(LOOKING)), "Decorated", "is decorated"),
    "one inside others": (made(Again(CombinedToolset([LOOKING])).filtered(lambda *_: True)), "Again", "in a loop"),
    "a toolset with functions": (made(Functions([look])), "Functions", "more than once"),
    "another patience": (made(Patient(LOOKING)), "Patient", "another `max_retries`"),
    "a capability's toolset": (made(capabilities=[Wrapping()]), "Again", "in a loop"),
    "a toolset nobody can make": (made(capabilities=[Failing()]), "Failing", "raised LookupError"),
    "a capability": (made(capabilities=[Executing()]), "Executing", "more than once"),
    "a hook": (made(capabilities=[hooks("tool_execute", insisting)]), "hook insisting", "in a loop"),
    "a hook of nodes": (
        made(capabilities=[hooks("node_run", insisting_on_a_node)]),
        "hook insisting_on_a_node",
        "in a loop",
    ),
    "a hook of errors": (
        made(capabilities=[hooks("tool_execute_error", running_again)]),
        "hook running_again",
        "may call the tool again",
    ),
    "one that asks the model": (
        made(capabilities=[hooks("tool_execute_error", asking_the_model)]),
        "hook asking_the_model",
        "makes a `ModelRetry`",
    ),
}


@pytest.mark.parametrize(("agent", "name", "reason"), AGAIN.values(), ids=AGAIN.keys())
def test_what_may_call_a_tool_again_is_unknown_with_its_place(agent, name, reason):
    tool = tool_of(agent)
    (layer,) = tool.unknown
    assert layer.name == name
    assert reason in layer.unknown
    assert layer.origin.file
    assert layer.origin.line
    assert {tool.cell(failure).predicted for failure in FAILING} == {None}


class Logging(WrapperToolset[Any]):
    """Logs, and looks whether one may."""

    async def call_tool(self, name: str, tool_args: Any, ctx: Any, tool: Any) -> Any:
        """Call it."""
        for key in tool_args:
            log.info("%s", key)
        if name == "forbidden":
            raise PermissionError(name)
        try:
            return await super().call_tool(name, tool_args, ctx, tool)
        except Exception:
            log.exception("%s failed", name)
            raise

    async def get_tools(self, ctx: Any) -> Any:
        """List those that are allowed."""
        return {name: tool for name, tool in (await super().get_tools(ctx)).items() if name != "forbidden"}


class Watching(AbstractCapability[Any]):
    """Logs calls."""

    async def wrap_tool_execute(self, ctx: Any, *, call: Any, tool_def: Any, args: Any, handler: Any) -> Any:
        """Call it."""
        log.info("%s %s %s", ctx, call, tool_def)
        return await handler(args)

    async def on_tool_execute_error(self, ctx: Any, *, call: Any, tool_def: Any, args: Any, error: Any) -> Any:
        """Log it."""
        log.info("%s %s %s %s", ctx, call, tool_def, args)
        raise error

    def get_wrapper_toolset(self, toolset: Any) -> Any:
        """Put a toolset around the others."""
        return Logging(toolset)


ONCE = {
    "a toolset": made(Logging(LOOKING)),
    "a capability": made(capabilities=[Watching()]),
    "a hook for another tool": made(capabilities=[hooks("tool_execute", insisting, tools=["other"])]),
}


@pytest.mark.parametrize("agent", ONCE.values(), ids=ONCE.keys())
def test_what_calls_a_tool_once_is_nothing(agent):
    tool = tool_of(agent)
    assert not tool.unknown
    assert (tool.cell(F.TOOL_EXCEPTION).predicted, tool.cell(F.MODEL_RETRY).predicted) == (1, 2)
    assert not any(cell.bound for cell in tool.cells)


class Taking(WrapperToolset[Any]):
    """Takes errors for answers."""

    async def call_tool(self, *given: Any) -> Any:
        """Call it."""
        try:
            return await super().call_tool(*given)
        except LookupError as error:
            return f"failed: {error}"


async def answering(ctx: Any, *, call: Any, tool_def: Any, args: Any, error: Any) -> Any:
    log.info("%s %s %s %s", ctx, call, tool_def, args)
    return f"failed: {error}"


TAKEN = {
    "a toolset": made(Taking(LOOKING)),
    "a hook": made(capabilities=[hooks("tool_execute_error", answering)]),
}


@pytest.mark.parametrize("agent", TAKEN.values(), ids=TAKEN.keys())
def test_where_an_error_may_be_taken_the_number_is_the_most(agent):
    tool = tool_of(agent)
    assert not tool.unknown
    assert tool.cell(F.MODEL_RETRY).predicted == 2
    assert all(tool.cell(failure).bound for failure in FAILING)


def test_it_is_outside_of_the_engines_unit():
    config = TaskConfig(retries=2, retry_delay_seconds=[1.0, 2.0])
    toolset = Again(FunctionToolset([look], id="own"))
    agent = made(toolset, capabilities=[PrefectDurability(tool_task_config=config)])
    assert tool_of(agent).cell(F.TOOL_EXCEPTION).chain == "3 (prefect task) × ? (Again) = ?"


class Listing(WrapperToolset[Any]):
    """Lists again."""

    async def get_tools(self, ctx: Any) -> Any:
        """List them, and once more."""
        try:
            return await super().get_tools(ctx)
        except ConnectionError:
            return await super().get_tools(ctx)


@pytest.mark.parametrize(("kind", "unit"), [(Again, "tool:far/*"), (Listing, "tools:far")])
def test_a_toolset_around_a_server_is_there_too(kind, unit):
    agent = made(kind(MCPToolset("http://127.0.0.1:9/mcp", id="far")))
    assert [layer.name for layer in tool_of(agent, unit).unknown] == [kind.__name__]


RENAMED = {
    "prefixed": (made(LOOKING.prefixed("own")), "tool:own_look"),
    "renamed": (made(LOOKING.renamed({"see": "look"})), "tool:see"),
    "both": (made(LOOKING.renamed({"see": "look"}).prefixed("own").filtered(lambda *_: True)), "tool:own_see"),
}


@pytest.mark.parametrize(("agent", "name"), RENAMED.values(), ids=RENAMED.keys())
def test_a_tool_is_called_what_the_model_calls_it(agent, name):
    assert tool_of(agent, name).cell(F.TOOL_EXCEPTION).predicted == 1


prefixed = made(
    FunctionToolset([look], id="own").prefixed("own"),
    capabilities=[PrefectDurability(tool_task_config=TaskConfig(retries=2, retry_delay_seconds=0.1))],
)


def test_a_prefixed_tool_is_measured_in_its_unit():
    report = audit("tests.audits.test_executing:prefixed", "prefect")
    (tool,) = [unit for unit in report.units if unit.unit == "tool:own_look"]
    cell = tool.cell(F.TOOL_EXCEPTION)
    assert (cell.predicted, cell.counted, cell.agrees) == (3, 3, True)


def test_no_fault_is_put_where_nobody_knows_what_is_around_it():
    report = audit("tests.audits.test_executing:again", "none")
    (tool,) = [unit for unit in report.units if unit.unit == "tool:look"]
    reason = "nobody knows how often hook running_again runs it again, so there is no number to compare"
    assert {(tool.cell(failure).measured, tool.cell(failure).unmeasured) for failure in FAILING} == {(None, reason)}


class Counting(FunctionToolset[Any]):
    """Holds functions, and counts their calls."""

    calls = 0

    async def call_tool(self, *given: Any) -> Any:
        """Call it."""
        self.calls += 1
        return await super().call_tool(*given)


counting = made(Counting([look]))


def test_the_harness_itself_is_no_decorator_of_a_toolset_in_the_process_of_a_proof():
    report = audit("tests.audits.test_executing:counting", "none")
    (tool,) = [unit for unit in report.units if unit.unit == "tool:look"]
    cell = tool.cell(F.TOOL_EXCEPTION)
    assert (cell.predicted, cell.counted, cell.agrees) == (1, 1, True)


again = made(capabilities=[hooks("tool_execute_error", running_again)])
