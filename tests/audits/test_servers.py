"""MCP servers: what their client, its HTTP client, a hook, the agent and the engine make of a failure."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from pydantic_ai import Agent, UsageLimitExceeded
from pydantic_ai.mcp import MCPToolset, StdioTransport
from pydantic_ai.messages import ModelResponse, ToolCallPart
from pydantic_ai.models.function import FunctionModel
from pydantic_ai.usage import UsageLimits

from fixtures.audit import servers
from harness.audits import collect
from harness.audits.proof import whose
from harness.audits.targets import Target, target
from harness.engines.dbos import retries as dbos
from harness.retries.report import UnitAudit
from harness.retries.values import ON_THE_WIRE, Failure
from harness.subjects import origins
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
    answered = set(ON_THE_WIRE) - {F.REFUSED, F.READ_TIMEOUT}
    once = dict.fromkeys((F.TOOL_EXCEPTION, F.REFUSED, F.READ_TIMEOUT), "1 (mcp client) = 1")
    # A server that answers the first question badly is asked in the words of the older protocol, too.
    assert chains(listing) == once | dict.fromkeys(answered, "1 (mcp client) + 1 (mcp client) = 2")
    theirs = dict.fromkeys((*answered, F.READ_TIMEOUT, F.MODEL_RETRY), "2 (agent) = 2")
    assert chains(calls) == once | theirs
    assert listing.cell(F.READ_TIMEOUT).seconds == 300
    told = {"init_timeout": "5 s", "read_timeout": "300 s", "tool_error_behavior": "retry"}
    told |= {"timeout of its HTTP client": "300 s"}
    assert (listing.layers[-1].settings, listing.layers[-1].origin.said) == (told, "default")


def test_an_engine_retries_listings_and_calls_and_the_agent_asks_again():
    found = audited(servers.durable, lambda unit: dbos.layers(servers.durable, unit, {}))
    assert found["tools:durable"].cell(F.TOOL_EXCEPTION).chain == "4 (dbos step) = 4"
    calls = chains(found["tool:durable/*"])
    assert calls[F.TOOL_EXCEPTION] == "4 (dbos step) = 4"
    assert calls[F.MODEL_RETRY] == "3 (agent) = 3"  # the toolset's own number comes before the agent's
    assert calls[F.READ_TIMEOUT] == "4 (dbos step) = 4"  # where the call of a recovered run opens the session
    assert calls[F.CRASH] == "101 (dbos recovery) = 101"


def test_a_number_of_the_toolsets_own_is_told_with_its_place(monkeypatch):
    monkeypatch.setattr(origins, "_theirs", [servers.__file__])
    (agent,) = (one for one in audited(servers.durable)["tool:durable/*"].layers if one.name == "agent")
    assert agent.settings == {"retries": "2"}
    assert str(agent.origin).endswith("fixtures/audit/servers.py")  # three toolsets there say 2


def test_an_http_client_below_it_retries_what_cannot_be_reached():
    listing = audited(servers.patient)["tools:patient"]
    assert listing.cell(F.REFUSED).chain == "3 (tenacity transport) = 3"
    assert listing.cell(F.REFUSED).seconds == 4
    # Three timeouts of the HTTP client's 5 s and two waits, in a session; what opens it gives up after 3 s.
    assert listing.cell(F.READ_TIMEOUT).chain == "3 (tenacity transport) = 3"
    assert (listing.cell(F.READ_TIMEOUT).seconds, listing.layers[-1].settings["init_timeout"]) == (19, "3 s")


@pytest.mark.parametrize(("name", "reason"), [("hasty", "read_timeout=-1"), ("early", "init_timeout=-2")])
def test_a_client_that_waits_less_than_no_time_is_unknown(name, reason):
    listing = audited(getattr(servers, name))[f"tools:{name}"]
    assert {cell.predicted for cell in listing.cells} == {None}
    assert [layer.unknown for layer in listing.unknown] == [f"{reason} makes no sense"]


def test_a_deadline_that_strikes_before_the_client_gives_up_is_a_failure_of_the_unit():
    found = audited(servers.waiting, lambda unit: dbos.layers(servers.waiting, unit, {}))
    ended = "1 (dbos step ends 1 (mcp client) after 10 s) × 4 (dbos step) = 4"
    assert found["tool:waiting/*"].cell(F.READ_TIMEOUT).chain == ended
    assert found["tools:waiting"].cell(F.READ_TIMEOUT).chain == ended


def test_where_no_client_gives_up_a_request_nothing_comes_after_it():
    found = audited(servers.endless, lambda unit: dbos.layers(servers.endless, unit, {}))
    for unit in found.values():
        cell = unit.cell(F.READ_TIMEOUT)
        # The probe has a timeout of MCP's own, and the handshake after it has none.
        assert (cell.chain, cell.seconds, cell.hangs) == ("1 (mcp client) + 1 (mcp client) = 2", None, True)
        assert unit.layers[1].waits_for_ever


def test_the_http_clients_own_timeout_ends_what_the_server_s_would_wait_for():
    listing = audited(servers.sooner)["tools:sooner"]
    assert listing.layers[-1].each == 0.8
    assert (listing.cell(F.READ_TIMEOUT).chain, listing.cell(F.READ_TIMEOUT).seconds) == ("1 (mcp client) = 1", 0.8)


def test_an_error_that_is_raised_is_no_model_retry_and_a_failure_of_the_unit():
    found = audited(servers.raising, lambda unit: dbos.layers(servers.raising, unit, {}))["tool:raising/*"]
    assert found.cell(F.MODEL_RETRY) is None
    assert found.cell(F.READ_TIMEOUT).chain == found.cell(F.TOOL_EXCEPTION).chain == "3 (dbos step) = 3"
    assert found.cell(F.REFUSED).chain == "1 (mcp client) = 1"  # no error of the server's: its condition says no
    # Its condition is about this one error alone, so this is what a body is made to fail with.
    assert found.cell(F.TOOL_EXCEPTION).raises == "fastmcp.exceptions.ToolError"


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


@pytest.mark.parametrize("behavior", ["retry", "failed", "error"])
@pytest.mark.parametrize(("tool", "failure"), [("forecast", F.MODEL_RETRY), ("observe", F.READ_TIMEOUT)])
def test_a_real_server_is_called_as_often_as_is_predicted(tool, failure, behavior, tmp_path):
    calls = tmp_path / "calls"
    insisting = FunctionModel(lambda _messages, _info: ModelResponse([ToolCallPart(tool, {"city": "Bonn"})]))
    failing = MCPToolset(
        StdioTransport(sys.executable, [str(FAILING), str(calls)]),
        id="failing",
        init_timeout=60.0,
        read_timeout=2.0,
        max_retries=1,
        tool_error_behavior=behavior,
    )
    agent = Agent(insisting, name="failing", toolsets=[failing])
    with pytest.raises(Exception, match=r".") as raised:
        run_once(agent.run("How is the weather?", usage_limits=UsageLimits(request_limit=5)))
    unit = audited(agent)["tool:failing/*"]
    called = len(calls.read_text().splitlines())
    if (behavior, failure) == ("failed", F.MODEL_RETRY):  # the model is told that it failed, and may ask for ever
        assert isinstance(raised.value, UsageLimitExceeded)
        return
    cell = unit.cell(F.TOOL_EXCEPTION) if (behavior, failure) == ("error", F.MODEL_RETRY) else unit.cell(failure)
    assert called == cell.predicted


def test_what_is_made_to_fail_for_a_server():
    def failing(name: str, unit: str, failure: Failure, called: str = "") -> Target | str:
        audit = audited(getattr(servers, name))[unit]
        return target(audit, audit.cell(failure), UnitAudit(unit="model"), True, {unit: called} if called else {})

    assert failing("usual", "tools:usual", F.TOOL_EXCEPTION) == Target("tools:usual#1", "tools", "usual")
    assert failing("usual", "tool:usual/*", F.MODEL_RETRY, "look") == Target("tool:look#1", "tool", "look")
    assert "could be called here" in failing("usual", "tool:usual/*", F.MODEL_RETRY)
    assert "asked alone" in failing("usual", "tools:usual", F.READ_TIMEOUT)
    assert failing("patient", "tools:patient", F.TOOL_EXCEPTION) == Target("tools:patient#1", "tools", "patient")


WHOSE = {
    "of one server": (["tool:near/*"], {"look": ""}, {"tool:near/*": "look"}),
    "by their ids": (
        ["tool:near/*", "tool:far/*"],
        {"far_look": "far", "near_look": "near", "near_find": "near"},
        {"tool:near/*": "near_look", "tool:far/*": "far_look"},
    ),
    "of a server that offers nothing": (["tool:near/*", "tool:far/*"], {"look": "near"}, {"tool:near/*": "look"}),
    "of what is left to one server": (
        ["tool:near/*", "tool:far/*"],
        {"look": "near", "far_look": "", "far_find": ""},
        {"tool:near/*": "look", "tool:far/*": "far_look"},
    ),
    "of what is left to two": (
        ["tool:near/*", "tool:far/*", "tool:back/*"],
        {"look": "near", "far_look": "", "back_look": ""},
        {"tool:near/*": "look"},
    ),
    "without ids": (["tool:MCPToolset/*", "tool:MCPToolset/*"], {"look": ""}, {}),
}


@pytest.mark.parametrize(("served", "offered", "called"), WHOSE.values(), ids=WHOSE.keys())
def test_each_server_has_a_tool_that_can_be_called(served, offered, called):
    assert whose(served, {"charge"}, {"charge": "near", **offered}) == called
