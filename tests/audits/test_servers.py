"""MCP servers: what their client, its HTTP client, a hook, the agent and the engine make of a failure."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from pydantic_ai import Agent, UnexpectedModelBehavior
from pydantic_ai.mcp import MCPToolset, StdioTransport
from pydantic_ai.messages import ModelResponse, ToolCallPart
from pydantic_ai.models.function import FunctionModel

from fixtures.audit import servers
from harness.audits import collect
from harness.audits.proof import whose
from harness.audits.targets import Target, target
from harness.engines.dbos import retries as dbos
from harness.retries.values import Failure
from harness.subjects.loops import run_once

F = Failure


def audited(agent, engine=lambda _unit: ()):
    units = {unit.unit: unit for unit in collect.units_of(agent, engine)}
    return {name: unit for name, unit in units.items() if name.startswith("tool")}


def chains(unit) -> dict[Failure, str]:
    return {cell.failure: cell.chain for cell in unit.cells}


def test_the_client_of_a_server_asks_once_and_waits_for_minutes():
    found = audited(servers.usual)
    listing, calls = found["tools:usual"], found["tool:usual/*"]
    once = {F.TOOL_EXCEPTION: "1 (mcp client) = 1", F.READ_TIMEOUT: "1 (mcp client) = 1"}
    assert chains(listing) == once
    assert chains(calls) == once | {F.MODEL_RETRY: "2 (agent) = 2"}
    assert listing.cell(F.READ_TIMEOUT).seconds == 300
    told = {"init_timeout": "5 s", "read_timeout": "300 s", "tool_error_behavior": "retry"}
    assert (listing.layers[0].settings, listing.layers[0].origin.said) == (told, "default")


def test_an_engine_retries_listings_and_calls_and_the_agent_asks_again():
    found = audited(servers.durable, lambda unit: dbos.layers(servers.durable, unit, {}))
    assert found["tools:durable"].cell(F.TOOL_EXCEPTION).chain == "4 (dbos step) = 4"
    calls = chains(found["tool:durable/*"])
    assert calls[F.TOOL_EXCEPTION] == "4 (dbos step) = 4"
    assert calls[F.MODEL_RETRY] == "3 (agent) = 3"  # the toolset's own number comes before the agent's
    assert calls[F.CRASH] == "101 (dbos recovery) = 101"


def test_an_http_client_below_it_retries_what_cannot_be_reached():
    listing = audited(servers.patient)["tools:patient"]
    assert listing.cell(F.TOOL_EXCEPTION).chain == "3 (tenacity transport) = 3"
    assert listing.cell(F.TOOL_EXCEPTION).seconds == 4
    assert (listing.cell(F.READ_TIMEOUT).seconds, listing.layers[-1].settings["init_timeout"]) == (20, "3 s")


@pytest.mark.parametrize(("name", "reason"), [("hasty", "read_timeout=-1"), ("early", "init_timeout=-2")])
def test_a_client_that_waits_less_than_no_time_is_unknown(name, reason):
    listing = audited(getattr(servers, name))[f"tools:{name}"]
    assert {cell.predicted for cell in listing.cells} == {None}
    assert [layer.unknown for layer in listing.unknown] == [f"{reason} makes no sense"]


@pytest.mark.parametrize("name", ["raising", "telling"])
def test_an_error_that_is_not_for_the_model_is_not_asked_for_again(name):
    assert audited(getattr(servers, name))[f"tool:{name}/*"].cell(F.MODEL_RETRY).chain == "1 (body) = 1"


def test_a_hook_around_the_calls_is_unknown_and_the_listing_is_not():
    found = audited(servers.hooked)
    calls, listing = found["tool:hooked/*"], found["tools:hooked"]
    assert {cell.predicted for cell in calls.cells} == {None}
    assert "hook decides how often" in calls.unknown[0].unknown
    assert (listing.unknown, listing.cell(F.TOOL_EXCEPTION).predicted) == ((), 1)


def test_a_toolset_of_somebodys_own_is_unknown():
    (unit,) = audited(servers.mine).values()
    assert (unit.unit, unit.cells) == ("tools:mine", ())
    assert "only known in a run" in unit.unknown[0].unknown


FAILING = Path(__file__).parents[2] / "fixtures" / "servers" / "failing_mcp.py"


def test_a_real_server_that_fails_is_called_as_often_as_is_predicted(tmp_path):
    calls = tmp_path / "calls"
    transport = StdioTransport(sys.executable, [str(FAILING), str(calls)])
    insisting = FunctionModel(lambda _messages, _info: ModelResponse([ToolCallPart("forecast", {"city": "Bonn"})]))
    failing = MCPToolset(transport, id="failing", init_timeout=60.0, max_retries=2)
    agent = Agent(insisting, name="failing", toolsets=[failing])
    with pytest.raises(UnexpectedModelBehavior):
        run_once(agent.run("How will the weather be?"))
    predicted = audited(agent)["tool:failing/*"].cell(F.MODEL_RETRY).predicted
    assert len(calls.read_text().splitlines()) == predicted == 3


def test_what_is_made_to_fail_for_a_server():
    def failing(name: str, unit: str, failure: Failure, called: str = "") -> Target | str:
        audit = audited(getattr(servers, name))[unit]
        return target(audit, audit.cell(failure), "model", True, {unit: called} if called else {})

    assert failing("usual", "tools:usual", F.TOOL_EXCEPTION) == Target("tools:usual#1", "tools", "usual")
    assert failing("usual", "tool:usual/*", F.MODEL_RETRY, "look") == Target("tool:look#1", "tool", "look")
    assert "could be called here" in failing("usual", "tool:usual/*", F.MODEL_RETRY)
    assert "says nothing" in failing("usual", "tools:usual", F.READ_TIMEOUT)
    assert "above the HTTP client" in failing("patient", "tools:patient", F.TOOL_EXCEPTION)


WHOSE = {
    "of one server": (["tool:near/*"], {"look": ""}, {"tool:near/*": "look"}),
    "by their ids": (
        ["tool:near/*", "tool:far/*"],
        {"far_look": "far", "near_look": "near", "near_find": "near"},
        {"tool:near/*": "near_look", "tool:far/*": "far_look"},
    ),
    "of a server that offers nothing": (["tool:near/*", "tool:far/*"], {"look": "near"}, {"tool:near/*": "look"}),
    "without ids": (["tool:MCPToolset/*", "tool:MCPToolset/*"], {"look": ""}, {}),
}


@pytest.mark.parametrize(("served", "offered", "called"), WHOSE.values(), ids=WHOSE.keys())
def test_each_server_has_a_tool_that_can_be_called(served, offered, called):
    assert whose(served, {"charge"}, {"charge": "near", **offered}) == called
