"""Documented configurations, measured with real clients in real engines: products that are known by hand."""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness.audits.wire import measuring
from harness.audits.wire.counted import Wire
from harness.audits.wire.measuring import ENDLESS, QUICK, Measured, measure, offered, open_wire, quick_scale
from harness.engines.registry import load as load_engine
from harness.errors import EngineUnavailable
from harness.history import Effect, EngineWaited, HttpRequest, StepEntered
from harness.journal import load
from harness.runner import Bench
from harness.scenario import Scenario

Measure = Callable[..., Measured]


@pytest.fixture(scope="module")
def benches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, str], Bench]]:
    """One bench per subject and engine, opened when it is first asked for."""
    opened: dict[tuple[str, str], Bench] = {}
    with ExitStack() as stack:

        def bench(subject: str, engine: str) -> Bench:
            if problems := load_engine(engine).problems({}):
                pytest.skip("; ".join(problems))
            if (subject, engine) not in opened:
                folder = tmp_path_factory.mktemp("wire")
                scenario = Scenario(subject=subject, engine=engine, world="tests.audits.wire.worlds:watched")
                opened[subject, engine] = stack.enter_context(open_wire(scenario, folder))
            return opened[subject, engine]

        yield bench


@pytest.fixture(scope="module")
def measured(benches: Callable[[str, str], Bench]) -> Measure:
    def measured(engine: str, failure: str, subject: str = "", **more: object) -> Measured:
        bench = benches(subject or f"fixtures.audit.documented_{engine}:openai", engine)
        return measure(bench.scenario, failure, bench=bench, **more)

    return measured


@pytest.mark.parametrize(
    ("engine", "failure", "requests", "bodies", "outcome"),
    [
        pytest.param("none", "503", 3, 1, "ModelUnavailableError", id="the SDK's two retries"),
        pytest.param("none", "400", 1, 1, "ModelHTTPError", id="a wrong request is sent once"),
        pytest.param("none", "refused", 3, 1, "ModelConnectionError", id="a refused connection"),
        pytest.param("none", "success", 1, 1, "ok", id="nothing fails"),
        pytest.param("dbos", "503", 9, 3, "DBOSMaxStepRetriesExceeded", id="times a step's three attempts"),
        pytest.param("dbos", "401", 3, 3, "DBOSMaxStepRetriesExceeded", id="a wrong key, tried three times"),
        pytest.param("prefect", "503", 12, 4, "ModelUnavailableError", id="times a task's three retries and itself"),
        pytest.param("prefect", "refused", 12, 4, "ModelConnectionError", id="a refused connection, times four"),
        pytest.param("temporal", "503", 15, 5, "WorkflowFailureError", id="times an activity's five attempts"),
        pytest.param("temporal", "400", 5, 5, "WorkflowFailureError", id="a wrong request, sent five times"),
    ],
)
def test_known_products_are_what_reaches_the_wire(engine, failure, requests, bodies, outcome, measured):
    seen = measured(engine, failure)
    assert (seen.requests, seen.bodies["model#1"], seen.outcome, seen.unbounded) == (requests, bodies, outcome, False)


@pytest.mark.parametrize(
    ("engine", "name", "requests", "bodies"),
    [
        pytest.param("none", "anthropic_retrying", 5 * 3, 1, id="a transport's five attempts in Anthropic's three"),
        pytest.param("dbos", "anthropic", 3 * 3, 3, id="Anthropic's three in a step's three"),
        pytest.param("prefect", "openai_retrying", 5 * 4, 4, id="a transport's five in a task's four"),
    ],
)
def test_products_of_other_clients_are_what_reaches_the_wire(engine, name, requests, bodies, measured):
    seen = measured(engine, "503", f"fixtures.audit.documented_{engine}:{name}", limit=25)
    assert (seen.requests, seen.bodies["model#1"], seen.unbounded) == (requests, bodies, False)


def test_connections_that_the_transport_tries_again_are_counted(measured):
    seen = measured("none", "refused", "fixtures.audit.awkward:connecting")
    assert (seen.requests, seen.outcome, seen.unbounded) == (4 * 3, "ModelConnectionError", False)


def test_googles_sdk_meets_the_endpoint_too(measured):
    seen = measured("none", "503", "fixtures.audit.google:retrying")
    assert (seen.requests, seen.unbounded) == (4, False)
    assert measured("none", "success", "fixtures.audit.google:retrying").outcome == "ok"


def test_waits_are_told_as_they_were_configured_though_nobody_waits(measured):
    assert measured("none", "429-retry-after").seconds == 4.0  # the provider asked for 2 s, twice
    assert measured("none", "read-timeout").seconds >= 1800  # the SDK's patience is 600 s, three times


def test_a_deadline_ends_what_the_client_inside_it_would_have_tried_again(measured):
    """An activity has 60 s and the SDK waits for 600: one request in each attempt, and the third is one too many."""
    seen = measured("temporal", "read-timeout", limit=2)
    assert (seen.requests, seen.bodies["model#1"], seen.unbounded) == (2, 3, True)


def test_a_run_against_a_deadline_that_came_to_too_little_is_made_again_in_longer_times(
    measured: Measure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "MORE_ROOM", (4.5, 9.0))
    made: list[Measured] = []

    def is_enough(seen: Measured) -> bool:
        made.append(seen)
        return len(made) == 2

    seen = measured("temporal", "read-timeout", limit=1, is_enough=is_enough)

    assert seen is made[1]
    short, long = (load(one.folder / "journal.jsonl").of(StepEntered)[-1].effective for one in made)
    assert max(short) < max(long)


def test_between_attempts_without_end_waits_are_short_whatever_deadline_is_around_something_else(
    measured: Measure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The agent before has 60 s for each request, and the server waits up to 100 s between two attempts."""
    made: list[Wire] = []
    really = measuring._measured

    def noted(scenario: Scenario, wire: Wire, bench: Bench) -> Measured:
        made.append(wire)
        return really(scenario, wire, bench)

    monkeypatch.setattr(measuring, "_measured", noted)

    subject, endless = "fixtures.audit.own_temporal:Limited", {"each": None, "all": None, "endless": True}
    seen = measured("temporal", "tool-exception", subject, step="step:archive#1", limit=3, around=endless)

    assert seen.unbounded
    assert [(wire.scale < ENDLESS, wire.haste) for wire in made] == [(True, ENDLESS)]


BLOCKED = """
from datetime import timedelta
from temporalio import activity, workflow

with workflow.unsafe.imports_passed_through():
    from openai import OpenAI

client = OpenAI(api_key="sk-fixture", max_retries=0)

@activity.defn
async def ask(prompt: str) -> str:
    return client.models.list().object

@workflow.defn
class Blocked:
    @workflow.run
    async def run(self, prompt: str) -> str:
        return await workflow.execute_activity(ask, prompt, start_to_close_timeout=timedelta(seconds=10))
"""


def test_a_run_that_comes_to_no_end_is_not_made_again_in_times_in_which_it_would_come_to_it_later(
    tmp_path: Path,
) -> None:
    """Its client keeps the worker itself waiting for 600 s, and whatever should try again after 10."""
    module = tmp_path / "blocked.py"
    module.write_text(BLOCKED)
    subject, once = f"{module}:Blocked", {"workflow_attempts": 1}
    made: list[Measured] = []

    with open_wire(Scenario(subject=subject, engine="temporal", options=once, stall=2.0), tmp_path / "wire") as bench:
        measure(bench.scenario, "read-timeout", bench=bench, limit=2, is_enough=made.append)  # which is never enough

    assert [seen.outcome for seen in made] == ["stuck"]


def test_what_an_agent_cannot_take_is_asked_for_again_as_often_as_it_says(measured):
    seen = measured("none", "invalid-output")
    assert (seen.requests, seen.outcome) == (2, "UnexpectedModelBehavior")


def test_one_request_more_than_the_limit_is_called_unbounded_and_the_limit_itself_is_not(measured):
    exact, more = measured("none", "503", limit=3), measured("none", "503", limit=2)
    assert (exact.requests, exact.unbounded) == (3, False)
    assert (more.requests, more.unbounded, more.outcome) == (2, True, "cut off")


def test_fallbacks_add_whatever_interface_and_address_they_have_and_are_one_body(measured):
    seen = measured("none", "500", "fixtures.audit.wire_agents:agent")
    assert (seen.requests, seen.bodies["model#1"]) == (3 + 3 + 1, 1)
    hosts = [event.host for event in load(seen.folder / "journal.jsonl").of(HttpRequest)]
    assert list(dict.fromkeys(hosts)) == ["api.openai.com", "127.0.0.1", "models.example"]


@pytest.mark.parametrize(
    ("engine", "subject", "failure", "requests"),
    [
        pytest.param("prefect", "plain_flow", "503", 3 * 6 * 2, id="SDK, task and flow"),
        pytest.param("prefect", "plain_flow", "400", 2, id="the task's condition says no, the flow tries again"),
        pytest.param("dbos", "plain_workflow", "503", 2 * 4, id="a client and a step without a loop"),
    ],
)
def test_a_workflow_that_asks_a_provider_without_any_agent_is_measured_too(
    engine, subject, failure, requests, measured
):
    seen = measured(engine, failure, f"fixtures.audit.{subject}:summarize", limit=50)
    assert (seen.requests, seen.unbounded) == (requests, False)


TOOLS = "fixtures.audit.tools_dbos:agent"


@pytest.mark.parametrize(
    ("failure", "step", "runs", "unbounded"),
    [
        pytest.param("tool-exception", "tool:charge#1", {"tool:charge#1": 4}, False, id="a step's own four attempts"),
        pytest.param("tool-exception", "tool:look#1", {"tool:look#1": 1}, False, id="no step, once"),
        pytest.param(
            "model-retry",
            "tool:look#1",
            {"tool:look#1": 1, "tool:look#1+1": 1, "tool:look#1+2": 1},
            False,
            id="asked again twice, by the agent",
        ),
        pytest.param("crash", "tool:look#1", {"tool:look#1": 2}, True, id="after every death"),
    ],
)
def test_bodies_that_fail_are_counted_without_a_wire(failure, step, runs, unbounded, measured):
    limit = {"limit": 2} if failure == "crash" else {}
    seen = measured("dbos", failure, TOOLS, step=step, **limit)
    assert {body: count for body, count in seen.bodies.items() if body.startswith("tool:")} == runs
    assert (seen.requests, seen.unbounded) == (0, unbounded)


def test_a_tool_that_is_tried_for_ever_is_measured_to_the_limit(measured):
    """Temporal's own policy waits longer and longer, so whoever ends it at its last failure never sees the next try."""
    seen = measured("temporal", "tool-exception", "fixtures.agents.payments:agent", step="tool:charge#1")
    assert (seen.bodies["tool:charge#1"], seen.unbounded, seen.outcome) == (25, True, "ok")


def test_one_bench_measures_several_failures_at_once(benches):
    bench = benches("fixtures.audit.documented_none:openai", "none")
    with ThreadPoolExecutor(2) as pool:
        seen = pool.map(lambda failure: measure(bench.scenario, failure, bench=bench).requests, ["500", "401"])
    assert list(seen) == [3, 1]


def test_nothing_connects_to_another_machine(measured):
    """Prefect's own server is on this machine, so some connections there are."""
    seen = measured("prefect", "503")
    hosts = [event.arguments["host"] for event in load(seen.folder / "journal.jsonl").of(Effect)]
    assert hosts
    assert all(ipaddress.ip_address(host).is_loopback for host in hosts)


def test_without_respx_the_proof_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "respx", None)
    scenario = Scenario(subject="fixtures.audit.documented_none:openai", engine="none")
    with pytest.raises(EngineUnavailable, match="pip install"), open_wire(scenario, tmp_path):
        pass


@pytest.mark.parametrize(
    ("info", "scale"),
    [
        pytest.param({"each": None, "all": None, "endless": False}, QUICK, id="no deadline"),
        pytest.param({"each": 60.0, "all": None, "endless": False}, 20.0, id="room for the shortest deadline"),
        pytest.param({"each": 60.0, "all": 30.0, "endless": False}, 10.0, id="whichever it is"),
        pytest.param({"each": 1.0, "all": None, "endless": False}, 1.0, id="a short one is left as it is"),
        pytest.param({"each": 60.0, "all": None, "endless": True}, ENDLESS, id="what never ends must end"),
    ],
)
def test_how_quick_a_run_is_depends_on_what_the_engine_does(info, scale):
    assert quick_scale(info) == scale


def test_a_timeout_that_lets_a_step_come_to_its_end_makes_no_run_that_waits_for_it(tmp_path):
    subject, options = "fixtures.audit.documented_dbos:openai", {"workflow_timeout": 120}
    with open_wire(Scenario(subject=subject, engine="dbos", options=options), tmp_path) as bench:
        seen = measure(bench.scenario, "read-timeout", bench=bench)
    met = {seconds for event in load(seen.folder / "journal.jsonl").of(EngineWaited) for seconds in event.limits}
    assert (seen.requests, seen.outcome, met) == (9, "DBOSMaxStepRetriesExceeded", {120})
    assert len([folder for folder in seen.folder.parent.iterdir() if "wire-" in folder.name]) == 1


@pytest.mark.parametrize("engine", ["dbos", "prefect", "temporal"])
def test_the_longer_an_engine_waits_at_worst_the_more_its_waits_are_divided(engine, measured):
    def divisor(waits: float) -> float:
        seen = measured(engine, "503", waits=waits)
        waited = load(seen.folder / "journal.jsonl").of(EngineWaited)
        return min(one.configured / one.effective for one in waited if one.configured)

    assert divisor(100_000.0) > 3 * divisor(0.0)


def test_a_servers_tools_are_those_that_a_run_offers(benches):
    assert offered(benches("fixtures.audit.weather:agent", "dbos")) == {"forecast": "weather"}


@pytest.mark.parametrize(
    ("failure", "step", "times"),
    [
        pytest.param("tool-exception", "tools:weather#1", 3, id="listing them is a step of its own"),
        pytest.param("model-retry", "tool:forecast#1", 3, id="the agent asks the model again, twice"),
    ],
)
def test_the_listings_and_calls_of_a_real_server_fail_as_often_as_is_predicted(measured, failure, step, times):
    seen = measured("dbos", failure, "fixtures.audit.weather:agent", step=step, limit=9)
    name = step.partition("#")[0]
    assert sum(count for body, count in seen.bodies.items() if body.startswith(name)) == times
