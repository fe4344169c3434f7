"""What an agent's functions ask that are no tools: found wherever the agent holds them, with the flow around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
import pytest
from dbos import DBOS
from openai import AsyncOpenAI
from prefect import task
from pydantic_ai import Agent, FunctionToolset, TextOutput, Tool, ToolOutput
from pydantic_ai.capabilities import (
    AbstractCapability,
    Hooks,
    PrepareTools,
    ProcessEventStream,
    ProcessHistory,
    ResolveModelId,
    WrapperCapability,
    durable_operation,
)
from pydantic_ai.durable_exec.dbos import DBOSAgent, DBOSDurability
from pydantic_ai.durable_exec.prefect import PrefectDurability
from pydantic_ai.durable_exec.temporal import TemporalDurability
from pydantic_ai.models.test import TestModel
from pydantic_ai.toolsets import WrapperToolset
from tenacity import retry, stop_after_attempt

from fixtures.audit import clients
from harness import audit
from harness.audits import beside, collect
from harness.audits.advice import advised
from harness.audits.asking.deps import Given
from harness.audits.rules import found
from harness.engines.dbos import retries as dbos
from harness.engines.prefect import retries as prefect
from harness.engines.temporal import retries as temporal
from harness.retries.report import UnitAudit
from harness.retries.values import ON_THE_WIRE, Failure
from tests.audits.live import rules
from tests.audits.reports import report

F = Failure
client = AsyncOpenAI(api_key=clients.KEY)


async def ask(*_given: Any, **_more: Any) -> Any:
    """What every function here does: it asks somebody."""
    await client.responses.create(model="gpt-5", input="?")


async def asking(ctx: Any, given: Any) -> Any:
    """A function of two arguments, as hooks and handlers are."""
    await ask(ctx)
    return given


async def told(text: str) -> str:
    """An output function, or whatever takes a text."""
    await ask()
    return text


async def whoami() -> str:
    """Instructions."""
    await ask()
    return ""


async def stream(ctx: Any, events: Any) -> None:
    """A handler of events."""
    await ask(ctx, events)


async def history(messages: list) -> list:
    """A processor of the history."""
    await ask()
    return messages


async def valid(ctx: Any, text: str) -> None:
    """A validator of a tool's arguments."""
    await ask(ctx, text)


def tool(text: str) -> str:
    """A tool that asks nobody."""
    return text


async def asking_tool(text: str) -> str:
    """A tool that asks."""
    return await told(text)


class Mine(AbstractCapability):
    """A capability with one method that is pydantic-ai's, and one of its own that this calls."""

    async def before_run(self, ctx: Any) -> None:
        await self.fetch()

    async def fetch(self) -> None:
        await ask()


class Kept(AbstractCapability):
    """A capability with a method that is a unit of the engine's."""

    id = "kept"

    @durable_operation("look")
    async def before_run(self, ctx: Any) -> None:
        await ask()


class Called:
    """An object that is called."""

    async def __call__(self, messages: list) -> list:
        await ask()
        return messages


class Around(WrapperToolset):
    """A toolset around another one."""

    async def call_tool(self, name: str, tool_args: Any, ctx: Any, tool: Any) -> Any:
        await ask()
        return await super().call_tool(name, tool_args, ctx, tool)


def made(**given: Any) -> Agent:
    return Agent(**{"model": TestModel(), "name": "beside", **given})


def registered(kind: str, function: Any = whoami, **more: Any) -> Agent:
    agent = made()
    getattr(agent, kind)(**more)(function) if more else getattr(agent, kind)(function)
    return agent


def units(agent: Agent, layers: Any = None, wrapper: Any = None, **options: Any) -> dict[str, UnitAudit]:
    """What the other functions of an agent ask, under the layers of an engine."""
    held = wrapper or agent
    engine = (lambda unit: layers(held, unit, options)) if layers else lambda _unit: ()
    return {unit.unit: unit for unit in beside.units_beside(agent, engine, Given(agent), wrapper)}


KINDS = {
    "an output function": (lambda: made(output_type=told), "output-function:told"),
    "one of several": (lambda: made(output_type=[str, ToolOutput(told, name="tell")]), "output-function:told"),
    "one of text": (lambda: made(output_type=TextOutput(told)), "output-function:told"),
    "an object that is called": (lambda: made(capabilities=[ProcessHistory(Called())]), "history:Called"),
    "a validator": (lambda: registered("output_validator", told), "validator:told"),
    "instructions": (lambda: made(instructions=whoami), "instructions:whoami"),
    "instructions that are registered": (lambda: registered("instructions"), "instructions:whoami"),
    "a partial": (lambda: made(instructions=partial(whoami)), "instructions:whoami"),
    "a system prompt": (lambda: registered("system_prompt"), "system-prompt:whoami"),
    "settings of the model": (lambda: made(model_settings=ask), "model-settings:ask"),
    "a history processor": (lambda: made(capabilities=[ProcessHistory(history)]), "history:history"),
    "a handler of events": (lambda: made(capabilities=[ProcessEventStream(stream)]), "events:stream"),
    "a hook": (lambda: made(capabilities=[Hooks(before_model_request=asking)]), "hook:asking"),
    "what prepares the tools": (lambda: made(capabilities=[PrepareTools(asking)]), "prepare:asking"),
    "what prepares a tool": (lambda: made(tools=[Tool(tool, prepare=asking)]), "prepare:asking"),
    "a validator of arguments": (lambda: made(tools=[Tool(tool, args_validator=valid)]), "validator:valid"),
    "a filter of a toolset": (
        lambda: made(toolsets=[FunctionToolset([tool]).filtered(lambda ctx, _tool: client.get(ctx))]),
        "toolset:lambda",
    ),
    "a toolset of one's own": (lambda: made(toolsets=[Around(FunctionToolset([tool]))]), "toolset:Around.call_tool"),
    "a function of a toolset": (lambda: registered("toolset", asking, id="made"), "toolset:asking"),
    "a capability of one's own": (lambda: made(capabilities=[Mine()]), "capability:Mine.before_run"),
    "one inside another": (lambda: made(capabilities=[WrapperCapability(Mine())]), "capability:Mine.before_run"),
    "a function that names models": (lambda: made(capabilities=[ResolveModelId(asking)]), "capability:asking"),
}


@pytest.mark.parametrize(("agent", "name"), KINDS.values(), ids=KINDS.keys())
def test_what_a_function_asks_that_is_no_tool_is_a_unit(agent, name):
    (unit,) = units(agent()).values()
    assert (unit.unit, unit.beside, unit.inside, unit.tool) == (f"{name}.client", name, "", "")
    assert unit.cell(F.UNAVAILABLE).chain == "3 (openai) = 3"
    assert unit.cell(F.UNAVAILABLE).bound


def test_it_is_among_the_units_of_an_agent():
    found = [unit.unit for unit in collect.units_of(made(instructions=whoami), lambda _unit: ())]
    assert found == ["model", "instructions:whoami.client", "run"]


@dataclass
class Odd(WrapperCapability):
    """A capability of a library (it says so below) that keeps a function under a name that nobody knows."""

    quirk: Any = None


Odd.__module__ = "pydantic_ai.later"


def test_a_kind_that_nobody_has_heard_of_is_found():
    agent = made(capabilities=[Odd(Hooks(), quirk=({"deep": [ask]},))])
    assert list(units(agent)) == ["capability:ask.client"]


NOTHING = {
    "functions that ask nobody": lambda: made(output_type=TextOutput(tool), instructions=tool),
    "a tool's own function": lambda: made(tools=[Tool(asking_tool)]),
    "one in a toolset of a capability's own": lambda: made(toolsets=[FunctionToolset([asking_tool])]),
    "a library's function": lambda: made(capabilities=[Hooks(before_run=client.post)]),
    "an override that is over": lambda: overridden(made()),
}


def overridden(agent: Agent) -> Agent:
    with agent.override(instructions=whoami):
        pass
    return agent


@pytest.mark.parametrize("agent", NOTHING.values(), ids=NOTHING.keys())
def test_nothing_else_is_a_unit(agent):
    assert units(agent()) == {}


def test_an_override_is_nothing_that_the_agent_holds():
    agent = made()
    with agent.override(instructions=whoami):
        assert units(agent) == {}


def test_a_tools_function_that_is_something_else_too_is_both():
    agent = made(tools=[told], output_type=TextOutput(told))
    found = [unit.unit for unit in collect.units_of(agent, lambda _unit: ())]
    assert [name for name in found if name.endswith("client")] == ["tool:told.client", "output-function:told.client"]


def test_functions_of_one_name_are_told_apart():
    agent = made(instructions=[lambda: client.get("/a"), lambda: client.get("/b")])
    assert list(units(agent)) == ["instructions:lambda.client", "instructions:lambda-2.client"]


@dataclass
class Deps:
    http: httpx.AsyncClient


async def nearby(ctx: Any) -> str:
    return (await ctx.deps.http.get("https://nearby.example")).text


def test_deps_are_asked_as_those_of_tools_are():
    agent = made(instructions=nearby, deps_type=Deps)
    assert units(agent)["instructions:nearby.http"].unknown[0].unknown.endswith("say how they are made with `--deps`")
    given = Given(agent, lambda: Deps(httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(retries=2))))
    (unit,) = beside.units_beside(agent, lambda _unit: (), given)
    assert unit.cell(F.REFUSED).chain == "3 (httpx transport) = 3"


@retry(stop=stop_after_attempt(4))
async def tenacious() -> str:
    await ask()
    return ""


@retry(stop=stop_after_attempt(4))
def alone() -> str:
    return ""


@DBOS.step(retries_allowed=True, max_attempts=5)
async def stepped() -> str:
    await ask()
    return ""


async def through_a_step() -> str:
    return await stepped()


@task(retries=1)
async def tasked() -> str:
    await ask()
    return ""


async def through_a_task() -> str:
    return await tasked()


async def through_a_changed_task() -> str:
    return await tasked.with_options(retries=7)()


ENGINES: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "none": (None, None, {}),
    "dbos": (DBOSDurability, dbos.layers, {}),
    "prefect": (PrefectDurability, prefect.layers, {"flow_retries": 1}),
    "temporal": (TemporalDurability, temporal.layers, {}),
}
FOR_EVER = "unlimited (temporal workflow task) = unlimited"
CHAINS = {
    "whoami.client": {
        "none": "3 (openai) = 3",
        "dbos": "3 (openai) = 3",
        "prefect": "3 (openai) × 2 (flow) = 6",
        "temporal": f"3 (openai) × {FOR_EVER}",
    },
    "tenacious.client": {
        "none": "3 (openai) × 4 (tenacity) = 12",
        "prefect": "3 (openai) × 4 (tenacity) × 2 (flow) = 24",
        "temporal": f"3 (openai) × 4 (tenacity) × {FOR_EVER}",
    },
    "alone": {"none": "4 (tenacity) = 4", "dbos": "4 (tenacity) = 4", "prefect": "4 (tenacity) × 2 (flow) = 8"},
    "stepped.client": {"dbos": "3 (openai) × 5 (dbos step) = 15", "prefect": "3 (openai) × 2 (flow) = 6"},
    "through_a_step.stepped.client": {"dbos": "3 (openai) × 5 (dbos step) = 15"},
    "tasked.client": {"prefect": "3 (openai) × 2 (prefect task) × 2 (flow) = 12", "dbos": "3 (openai) = 3"},
    "through_a_task.tasked.client": {"prefect": "3 (openai) × 2 (prefect task) × 2 (flow) = 12"},
    "through_a_changed_task.tasked.client": {"prefect": "3 (openai) × 8 (prefect task) × 2 (flow) = 48"},
}
INSTRUCTIONS = {
    function.__name__ if hasattr(function, "__name__") else function.name: function
    for function in (whoami, tenacious, alone, stepped, through_a_step, tasked, through_a_task, through_a_changed_task)
}


@pytest.mark.parametrize(
    ("name", "engine", "chain"), [(name, *one) for name, chains in CHAINS.items() for one in chains.items()]
)
def test_the_flow_is_around_it_and_units_that_functions_are_themselves(name, engine, chain):
    capability, layers, options = ENGINES[engine]
    function = INSTRUCTIONS[name.partition(".")[0]]
    agent = made(instructions=function, capabilities=[capability()] if capability else [])
    cells = units(agent, layers, **options)[f"instructions:{name}"]
    assert (cells.cell(F.UNAVAILABLE) or cells.cell(F.TOOL_EXCEPTION)).chain == chain


async def booked(text: str) -> str:
    """A tool that calls a step."""
    return text + await stepped()


def test_a_step_that_a_tool_calls_is_around_what_it_asks():
    agent = made(tools=[booked])
    found = {unit.unit: unit for unit in collect.units_of(agent, lambda unit: dbos.layers(agent, unit, {}))}
    assert found["tool:booked.stepped.client"].cell(F.UNAVAILABLE).chain == "3 (openai) × 5 (dbos step) = 15"


researcher = Agent(clients.openai(), name="researcher")


async def delegated(text: str) -> str:
    """An output that another agent makes."""
    return (await researcher.run(text)).output


def test_what_fails_a_workflow_of_temporals_is_raised_once():
    agent = made(output_type=delegated, capabilities=[TemporalDurability()])
    (unit,) = units(agent, temporal.layers).values()
    assert unit.unit == "output-function:delegated.researcher.model"
    assert unit.cell(F.UNAVAILABLE).chain == "3 (openai) = 3"  # a `ModelHTTPError`, which pydantic-ai's plugin names


HANDLED = {
    "dbos": (
        lambda: DBOSDurability(event_stream_handler=stream, model_step_config=STEP),
        dbos.layers,
        ["3 (openai) × 2 (dbos step) = 6", "3 (openai) = 3"],
    ),
    "prefect": (
        lambda: PrefectDurability(event_stream_handler=stream, event_stream_handler_task_config={"retries": 3}),
        prefect.layers,
        ["3 (openai) = 3", "3 (openai) × 4 (prefect task) = 12"],
    ),
    "temporal": (
        lambda: TemporalDurability(event_stream_handler=stream),
        temporal.layers,
        ["3 (openai) × unlimited (temporal activity) = unlimited"] * 2,
    ),
}
STEP: Any = {"retries_allowed": True, "max_attempts": 2}


@pytest.mark.parametrize(("capability", "layers", "chains"), HANDLED.values(), ids=HANDLED.keys())
def test_a_handler_of_events_is_in_the_units_that_the_engine_runs_it_in(capability, layers, chains):
    found = units(made(capabilities=[capability()]), layers)
    assert [unit.cell(F.UNAVAILABLE).chain for unit in found.values()] == chains
    assert list(found) == ["events:stream in model.client", "events:stream in event.client"]
    assert {unit.beside for unit in found.values()} == {"events:stream"}


@pytest.mark.filterwarnings("ignore:`DBOSAgent` is deprecated")
def test_a_wrappers_handler_of_events_is_found_and_is_in_no_step_for_tools():
    bare = made(name="wrapped")
    wrapper = DBOSAgent(bare, event_stream_handler=stream, model_step_config=STEP)
    found = units(bare, dbos.layers, wrapper)
    chains = [unit.cell(F.UNAVAILABLE).chain for unit in found.values()]
    assert chains == ["3 (openai) × 2 (dbos step) = 6", "3 (openai) = 3"]


UNSAID = {
    "a function of a toolset": (lambda: registered("toolset", asking, id="made"), "it runs where the toolset is"),
    "an operation of a capability": (lambda: made(capabilities=[Kept()]), "it is an operation of a capability"),
    "what the engine's capability holds": (
        lambda: made(capabilities=[DBOSDurability(model_step_config={"should_retry": asking})]),
        "the engine's capability holds it",
    ),
}


@pytest.mark.parametrize(("agent", "reason"), UNSAID.values(), ids=UNSAID.keys())
def test_what_runs_in_a_unit_that_nobody_can_tell_is_unknown(agent, reason):
    (unit,) = units(agent(), prefect.layers, flow_retries=1).values()
    assert unit.unknown[0].unknown.startswith(reason)
    assert {cell.predicted for cell in unit.cells} == {None}


def test_a_validator_of_arguments_is_in_the_unit_of_its_tool():
    durability = PrefectDurability(tool_task_config={"retries": 2})
    agent = made(tools=[Tool(tool, args_validator=valid)], capabilities=[durability])
    (unit,) = units(agent, prefect.layers).values()
    assert unit.cell(F.UNAVAILABLE).chain == "3 (openai) × 3 (prefect task) = 9"


def judged(agent: Agent, layers: Any, **options: Any) -> Sequence[UnitAudit]:
    return list(units(agent, layers, **options).values())


def test_the_rules_look_at_it_as_at_what_a_tool_asks():
    agent = made(instructions=[whoami, tasked], capabilities=[PrefectDurability()])
    told = rules(judged(agent, prefect.layers, flow_retries=2), "prefect")
    assert {"stacked-retries", "sdk-under-engine", "permanent-error-retried", "no-backoff"} <= told


def test_the_rules_speak_of_a_function_and_of_what_ends_a_workflow():
    agent = made(instructions=[alone, whoami], capabilities=[TemporalDurability()])
    findings = found(report(*judged(agent, temporal.layers), engine="temporal"))
    endless = {finding.unit: finding for finding in findings if finding.rule == "unlimited-retries"}
    assert endless["instructions:alone"].message.endswith("retries without end when the function raises an exception")
    assert endless["instructions:whoami.client"].remedy.startswith("ask it in a tool or a step")


def test_nothing_is_advised_where_what_never_ends_takes_no_number():
    agent = made(instructions=whoami, capabilities=[TemporalDurability()])
    assert advised(report(*judged(agent, temporal.layers), engine="temporal")) == ()


MEASURED = {
    "agent": ("none", "output-function:book.client", 2),
    "told": ("none", "instructions:plan.planner", 4),
    "checked": ("none", "validator:check.AsyncClient", 1),
    "stepped": ("dbos", "output-function:reserved.hold_seat.client", 6),
}


@pytest.mark.parametrize(("agent", "engine", "name", "often"), [(key, *row) for key, row in MEASURED.items()])
def test_it_is_measured_alone(agent, engine, name, often):
    report = audit(f"fixtures.audit.beside:{agent}", engine)
    (unit,) = (unit for unit in report.units if unit.beside)
    assert unit.unit == name
    assert [cell.agrees for cell in unit.cells] == [True] * len(ON_THE_WIRE)
    assert unit.cell(F.UNAVAILABLE).counted == often
    assert "prediction-differs" not in {finding.rule for finding in report.findings}


ASKED_BESIDE = {
    "a run that comes to nothing without it": ("guided", "model", "no run comes so far: whom instructions:guide asks"),
    "a run that goes on without it": ("patient", "model", ""),
    "an agent with a model of its own": ("judged", "model", "no run comes so far: whom system-prompt:verdict asks"),
}


@pytest.mark.parametrize(("agent", "name", "unmeasured"), ASKED_BESIDE.values(), ids=ASKED_BESIDE)
def test_what_a_function_asks_is_not_taken_for_what_the_model_is_asked(agent, name, unmeasured):
    report = audit(f"fixtures.audit.beside:{agent}", "none")
    (model,) = (unit for unit in report.units if unit.unit == name)
    assert all(cell.unmeasured.startswith(unmeasured) for cell in model.cells)
    assert {cell.agrees for cell in model.cells} == {None if unmeasured else True}
    assert "prediction-differs" not in {finding.rule for finding in report.findings}


def test_which_function_an_agent_is_asked_by_is_not_seen_in_a_run():
    report = audit("fixtures.audit.beside:judged", "none")
    (unit,) = (unit for unit in report.units if unit.unit == "system-prompt:verdict.judge.model")
    assert unit.cell(F.UNAVAILABLE).predicted == 3
    assert all(cell.unmeasured.startswith("an agent asks its model in a task of its own") for cell in unit.cells)


def test_a_client_that_a_function_is_given_beforehand_is_found():
    client = AsyncOpenAI(api_key="k", max_retries=4)
    (unit,) = units(made(instructions=partial(given_one, client))).values()
    assert unit.cell(F.UNAVAILABLE).chain == "5 (openai) = 5"


async def given_one(client: AsyncOpenAI) -> str:
    return str(await client.responses.create(model="gpt-5", input="?"))
