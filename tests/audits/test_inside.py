"""What a tool's own body asks: found in its code, a unit inside the tool, and never silently one."""

from __future__ import annotations

from functools import partial, wraps

import httpx
import pytest
from pydantic_ai import Agent
from tenacity import retry, stop_after_attempt

from fixtures.audit import asking_tools, changing, holding_tools
from harness import audit
from harness.audits import collect, own
from harness.audits.asking.deps import Given
from harness.audits.asking.tools import decorators
from harness.audits.reach import reached, referred
from harness.engines.dbos import retries as dbos
from harness.engines.prefect import retries as prefect
from harness.retries.report import AuditReport, UnitAudit
from harness.retries.values import ON_THE_WIRE, Failure, Origin

F = Failure
AGENT = asking_tools.agent


def units(agent: Agent, **more) -> dict[str, UnitAudit]:
    return {unit.unit: unit for unit in collect.units_of(agent, lambda _unit: (), **more)}


@pytest.fixture(scope="module")
def found() -> dict[str, UnitAudit]:
    return units(AGENT)


ASKED = {
    "a client of the module": ("summarize.client", F.UNAVAILABLE, "3 (openai) = 3"),
    "with options of its own": ("forgive.patient", F.UNAVAILABLE, "5 (openai) = 5"),
    "inside an object": ("forecast.client", F.UNAVAILABLE, "2 (openai) = 2"),
    "through a decorated function": ("look.fetched.http", F.UNAVAILABLE, "3 (tenacity of fetched) = 3"),
    "whose transport connects again": (
        "look.fetched.http",
        F.REFUSED,
        "4 (httpx transport) × 3 (tenacity of fetched) = 12",
    ),
    "a decorated function that asks nobody": ("draw.drawn", F.TOOL_EXCEPTION, "4 (tenacity of drawn) = 4"),
    "made in the call, of what retries nothing": ("read.AsyncClient", F.UNAVAILABLE, "1 (httpx client) = 1"),
    "by a function of the library": ("quick.get", F.UNAVAILABLE, "1 (httpx client) = 1"),
    "in a loop of a library": ("persist.client", F.UNAVAILABLE, "2 (openai) × 4 (tenacity of again) = 8"),
    "another agent": ("delegate.researcher.model", F.UNAVAILABLE, "3 (anthropic) = 3"),
}


@pytest.mark.parametrize(("name", "failure", "chain"), ASKED.values(), ids=ASKED.keys())
def test_what_a_tool_asks_is_a_unit_inside_it(found, name, failure, chain):
    unit = found[f"tool:{name}"]
    assert unit.cell(failure).chain == chain
    assert unit.inside == unit.tool == name.partition(".")[0]


HIDDEN = {
    "a client of an SDK, made in the call": ("translate.AsyncOpenAI", "made in the call"),
    "a transport, made in the call": ("dig.AsyncClient", "made in the call"),
    "a loop of a library, made in the call": ("insist.client", "`AsyncRetrying` is made in the call"),
    "a library that nobody can ask": ("load.session", "requests retries by itself"),
    "what comes with the run": ("nearby.http", "say how they are made with `--deps`"),
}


@pytest.mark.parametrize(("name", "reason"), HIDDEN.values(), ids=HIDDEN.keys())
def test_what_cannot_be_asked_inside_a_tool_is_unknown(found, name, reason):
    unit = found[f"tool:{name}"]
    assert reason in unit.unknown[0].unknown
    assert {cell.predicted for cell in unit.cells} == {None}


def test_nothing_else_is_found(found):
    inside = {unit.unit.removeprefix("tool:") for unit in found.values() if unit.inside}
    named = {name for name, *_rest in (*ASKED.values(), *HIDDEN.values())}
    assert inside == named


def test_deps_that_are_given_are_asked():
    http = httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(retries=2))
    unit = units(AGENT, deps=Given(AGENT, lambda: asking_tools.Deps(http)))["tool:nearby.http"]
    assert unit.cell(F.REFUSED).chain == "3 (httpx transport) = 3"


HELD = {
    "in a dict": {"in_a_dict.REGIONS.eu.client": "2 (openai) = 2", "in_a_dict.REGIONS.us.client": "3 (openai) = 3"},
    "in a deque": {"in_a_deque.POOL.0": "5 (openai) = 5"},
    "in a queue": {"in_a_queue.WAITING.0": "6 (openai) = 6"},
    "in a namespace": {"in_a_namespace.SPACE.client": "7 (openai) = 7"},
    "in a context variable": {"in_a_variable.CURRENT.value": "8 (openai) = 8"},
    "in a private attribute of settings": {"in_settings._client": "4 (openai) = 4"},
    "in a registry of one's own": {"in_a_registry._kept.fast": "9 (openai) = 9"},
    "of a class": {"of_a_class.client": "10 (openai) = 10"},
    "in a named tuple": {"in_a_tuple.client": "11 (openai) = 11"},
    "of an object that is handed on": {"handed_on.backend": "12 (openai) = 12"},
    "by a name that is made": {"by_name.backend": "12 (openai) = 12"},
    "as an argument of a partial": {"in_a_partial.prompted.0": "13 (openai) = 13"},
    "as the default of a parameter": {"by_default._client": "15 (openai) = 15"},
    "taken out of a provider": {"of_a_provider.client": "14 (openai) = 14"},
    "inside an object of a library": {"of_a_library.embedder": "? (Embedder) = ?"},
    "in deps that nobody gave, behind a function": {"in_deps.regions": "? (AsyncOpenAI) = ?"},
    "held, and not used": {},
}


@pytest.fixture(scope="module")
def held() -> dict[str, dict[str, str]]:
    """The chains of what each tool asks."""
    told: dict[str, dict[str, str]] = {}
    for unit in units(holding_tools.agent).values():
        chain = {unit.unit.removeprefix("tool:"): unit.cell(F.UNAVAILABLE).chain} if unit.inside else {}
        told.setdefault(unit.tool, {}).update(chain)
    return told


@pytest.mark.parametrize(("tool", "chains"), [*zip(holding_tools.TOOLS, HELD.values(), strict=True)], ids=HELD.keys())
def test_clients_are_found_wherever_they_are_held(held, tool, chains):
    assert held[tool] == chains


def test_deps_are_looked_into_behind_the_function_that_they_are_handed_to():
    services = holding_tools.Services({"eu": holding_tools.made(15)})
    given = Given(holding_tools.agent, lambda: holding_tools.Deps(services))
    found = units(holding_tools.agent, deps=given)
    assert found["tool:in_deps.regions.eu"].cell(F.UNAVAILABLE).chain == "16 (openai) = 16"


def test_the_engine_is_around_what_a_tool_asks():
    step = {"retries_allowed": True, "max_attempts": 3}
    layers = [dbos.Step(step, Origin(said="explicit"))]
    found = {unit.unit: unit for unit in collect.units_of(AGENT, lambda unit: layers if unit.kind == "tool" else ())}
    assert found["tool:summarize.client"].cell(F.UNAVAILABLE).chain == "3 (openai) × 3 (dbos step) = 9"
    assert found["tool:draw.drawn"].cell(F.TOOL_EXCEPTION).chain == "4 (tenacity of drawn) × 3 (dbos step) = 12"


client = "the module's"


class Service:
    """Has an attribute that is called as a variable of the module is."""

    def __init__(self) -> None:
        self.client = "its own"

    def call(self) -> str:
        return self.client


class Called(Service):
    """Is called itself."""

    def __call__(self) -> str:
        return self.client


@pytest.mark.parametrize(
    "function", [Called(), Called().call, partial(Called().call)], ids=["object", "bound", "partial"]
)
def test_whatever_is_called_is_looked_into(function):
    assert list(referred(function)) == [("client", "its own")]


def test_a_name_is_looked_up_where_the_code_would():
    assert list(referred(Service().call)) == [("client", "its own")]
    assert list(referred(lambda: client)) == [("client", "the module's")]


class Api:
    """A decorated method that is called as a method of its client is."""

    def __init__(self) -> None:
        self.client = client

    @retry(stop=stop_after_attempt(3))
    def get(self) -> str:
        return self.client.get()


def test_a_function_that_may_call_itself_is_looked_into_once():
    ways = [(one.name, len(one.through)) for one in reached(Api().get)]
    assert ways == [("client", 0), ("get", 0), ("client", 1)]


CHANGED = {"urge": "`client` is copied with other options", "more": "`asked` is called with other options"}


@pytest.mark.parametrize(("name", "reason"), CHANGED.items(), ids=CHANGED.keys())
def test_what_the_call_itself_changes_is_unknown(name, reason):
    workflow = getattr(changing, name)
    (unit, *_rest) = own.units_of(workflow, lambda unit: prefect.layers(workflow, unit, {}))
    assert any(reason in one.unknown for one in unit.unknown)
    assert {cell.predicted for cell in unit.cells if cell.failure in ON_THE_WIRE} == {None}


def test_a_client_tries_as_often_as_a_copy_that_the_call_spells_out():
    (unit, *_rest) = own.units_of(changing.summarize, lambda unit: prefect.layers(changing.summarize, unit, {}))
    assert unit.cell(F.UNAVAILABLE).chain == "5 (openai) × 4 (prefect task) = 20"


def test_a_decorator_under_a_task_is_inside_it():
    (unit, *_rest) = own.units_of(changing.careful, lambda unit: prefect.layers(changing.careful, unit, {}))
    assert unit.cell(F.UNAVAILABLE).chain == "2 (tenacity) × 4 (prefect task) = 8"


def twice(function):
    @wraps(function)
    def wrapper(*given):
        for _ in range(2):
            try:
                return function(*given)
            except ValueError:
                continue
        return None

    return wrapper


def test_a_decorator_with_a_loop_of_its_own_is_unknown():
    (layer,) = decorators(twice(asking_tools.drawn.__wrapped__))
    assert "goes round" in layer.answer(ValueError()).unknown


def until_it_works(function):
    @wraps(function)
    def wrapper(*given):
        told = None
        while told is None:
            told = function(*given)
        return told

    return wrapper


def test_so_is_one_with_a_condition():
    (layer,) = decorators(until_it_works(asking_tools.drawn.__wrapped__))
    assert "goes round" in layer.answer(ValueError()).unknown


def test_a_decorator_that_only_awaits_has_no_loop():
    def logged(function):
        @wraps(function)
        async def wrapper(*given):
            told = await function(*given)
            return told, given

        return wrapper

    assert not list(decorators(logged(asking_tools.drawn.__wrapped__)))


@pytest.fixture(scope="module")
def by_hand() -> AuditReport:
    return audit("fixtures.audit.by_hand:agent", "none")


def test_an_agent_inside_a_tool_is_measured_with_its_own_model(by_hand):
    unit = next(unit for unit in by_hand.units if unit.unit == "tool:delegate.researcher.model")
    assert [cell.agrees for cell in unit.cells] == [True] * len(ON_THE_WIRE)
    assert (unit.cell(F.UNAVAILABLE).counted, unit.cell(F.BAD_REQUEST).counted) == (3, 1)


LOOPS = {"around a client": "insist.client", "around an agent": "pester.researcher.model"}


@pytest.mark.parametrize("name", LOOPS.values(), ids=LOOPS.keys())
def test_a_loop_by_hand_is_unknown_and_counted_on_the_wire(by_hand, name):
    unit = next(unit for unit in by_hand.units if unit.unit == f"tool:{name}")
    cell = unit.cell(F.UNAVAILABLE)
    assert (cell.predicted, cell.counted, cell.agrees) == (None, 9, None)
    (loop,) = unit.unknown
    assert "asks in a loop that may go on after this" in loop.unknown
