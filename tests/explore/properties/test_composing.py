"""The strategies are Hypothesis's own kind: they compose with everything that Hypothesis has."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from unittest import SkipTest

import pytest
from hypothesis import Phase, assume, event, example, find, given, note, target
from hypothesis import strategies as st
from hypothesis.database import InMemoryExampleDatabase
from hypothesis.errors import Unsatisfiable
from pydantic_ai import Agent

from harness.errors import UsageError
from harness.explore.properties import DoesNotSurvive, close_benches, durable, scenarios, scripts, survives
from harness.explore.properties.conversations import REFUSAL
from harness.explore.properties.offered import path_of
from harness.scenario import Scenario
from harness.subjects.script import Call, Script, Turn

TILL = "fixtures.agents.till:agent"
ESTIMATOR = "fixtures.agents.uses.validated:agent"
KNOWN = Scenario.make(subject=TILL, script=["done"], faults=["crash@model#1/between"])


@pytest.fixture(scope="module", autouse=True)
def no_bench_stays_open() -> Iterator[None]:
    yield
    close_benches()


def test_a_property_may_assume_note_aim_count_and_give_examples() -> None:
    seen: list[Scenario] = []

    @given(scenario=scenarios(TILL, rounds=2), strict=st.booleans())
    @example(scenario=KNOWN, strict=False)
    @durable(max_examples=6, derandomize=True, database=None)
    def holds(scenario: Scenario, strict: bool) -> None:
        assume("find" not in str(scenario.script))
        note(f"strict: {strict}")
        event(f"{len(scenario.faults)} faults")
        target(float(len(scenario.faults)), label="faults")
        seen.append(scenario)
        assert scenario.plan.faults

    holds()

    assert seen[0] == KNOWN
    assert len(seen) > 4


def test_a_failure_is_kept_in_the_example_database_and_tried_again_from_there() -> None:
    database = InMemoryExampleDatabase()

    def holds(scenario: Scenario) -> None:
        survives(scenario)

    def kept(*phases: Phase) -> Callable[[], None]:
        """The property, whose failures the database keeps; in the phase of reuse nothing but those is tried."""
        given_any = given(scenarios(TILL, tools={"charge": "once"}, rounds=2))
        # The first failure ends it. Sixty examples held none, once.
        asked = durable(max_examples=500, database=database, phases=phases, report_multiple_bugs=False)
        return asked(given_any(holds))

    with pytest.raises(SkipTest):  # nothing is kept yet, so nothing is tried
        kept(Phase.reuse)()
    with pytest.raises(DoesNotSurvive):
        kept(Phase.generate)()
    with pytest.raises(DoesNotSurvive):
        kept(Phase.reuse)()


def test_conversations_call_the_tools_of_the_agent_with_arguments_that_fit() -> None:
    tools, rejected = set(), []

    @given(scripts(TILL))
    @durable(max_examples=60, derandomize=True, database=None)
    def look(script: Script) -> None:
        calls = [call for turn in script.others[0].turns for call in turn.calls]
        tools.update(call.tool for call in calls)
        rejected.extend(call for call in calls if call.on_retry)

    look()

    assert tools == {"charge"}
    assert all(call.args == {} for call in rejected)
    assert rejected


SCRIPTS = {
    "no file": ("no.yaml", r"^there is no script 'no\.yaml'; give a YAML or JSON file"),
    "no module": ("no_module:turns", r"^there is no script module 'no_module'"),
    "no such tool": ([{"call": "refund"}, "done"], "the script does not fit the agent.*'refund'"),
    "a call that is always rejected": ([{"call": "charge", "args": {}}, "done"], "the run fails without any fault"),
}


@pytest.mark.parametrize(("script", "said"), SCRIPTS.values(), ids=SCRIPTS)
def test_a_script_that_the_agent_cannot_have_is_a_mistake_because_there_is_no_other(script: object, said: str) -> None:
    @given(scenarios(TILL, script=script))
    @durable(max_examples=5, derandomize=True, database=None, phases=[Phase.generate])
    def never(scenario: Scenario) -> None:
        raise AssertionError(scenario)

    with pytest.raises(UsageError, match=said):
        never()


@pytest.mark.parametrize(("tool", "script"), [("chagre", None), ("chrage", KNOWN.script)], ids=["made up", "said"])
def test_a_tool_that_is_not_there_is_pointed_out_once(tool: str, script: object) -> None:
    @given(scenarios(TILL, tools={tool: "once"}, script=script))
    @durable(max_examples=5, derandomize=True, database=None, phases=[Phase.generate])
    def holds(scenario: Scenario) -> None:
        assert scenario.tools

    with pytest.warns(UserWarning, match=f"{tool!r} was said, but .* never calls it") as told:
        holds()

    assert len(told) == 1


@pytest.mark.parametrize("tool", ["round_off", "final_result_round_off"])
def test_an_output_function_is_known_by_either_name(
    tool: str, tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    shop = tmp_path / "shop.py"
    shop.write_text(
        "from pydantic_ai import Agent\n"
        "def round_off(cents: int) -> int: return cents // 100\n"
        "agent = Agent('openai:gpt-5', name='shop', output_type=[int, round_off])\n"
    )

    find(scenarios(f"{shop}:agent", tools={tool: "repeatable"}), lambda _: True, settings=durable(max_examples=1))

    assert [told for told in recwarn if "never calls it" in str(told.message)] == []


def test_a_key_that_is_no_argument_of_its_tool_is_a_mistake_whatever_the_conversation() -> None:
    @given(scenarios(TILL, tools={"charge": "keyed:cent"}))
    @durable(max_examples=30, derandomize=True, database=None, phases=[Phase.generate])
    def holds(scenario: Scenario) -> None:
        survives(scenario)

    with pytest.raises(UsageError, match=r"keyed by 'cent'.*did you mean 'cents'\?"):
        holds()


def test_a_plan_that_could_not_fire_is_discarded_and_never_counted() -> None:
    idle = KNOWN.model_copy(update={"faults": ("crash@model#1/between~3",)})

    @given(st.just(idle))
    @durable(max_examples=3, derandomize=True, database=None, phases=[Phase.generate])
    def holds(scenario: Scenario) -> None:
        survives(scenario)

    with pytest.raises(Unsatisfiable):
        holds()


WANTED = {
    "a refusal": (TILL, lambda turns: turns[-1].text == REFUSAL),
    "a structured output": (ESTIMATOR, lambda turns: turns[-1].output_tool is not None),
    "an output after calls": (ESTIMATOR, lambda turns: len(turns) > 1 and turns[-1].output is not None),
    "a long text": (TILL, lambda turns: len(turns[-1].text or "") > 1000),
    "a foreign text": (TILL, lambda turns: "東京" in (turns[-1].text or "")),
    "foreign arguments": (TILL, lambda turns: any(not call.args["order_id"].isascii() for call in right(turns))),
    "parallel calls": (TILL, lambda turns: len(turns[0].calls) > 1),
    "calls one after another": (TILL, lambda turns: [len(turn.calls) for turn in turns] == [1, 1, 0]),
}


def right(turns: Sequence[Turn]) -> list[Call]:
    return [call for turn in turns for call in turn.calls if not call.on_retry]


@pytest.mark.parametrize(("agent", "wanted"), WANTED.values(), ids=WANTED)
def test_every_kind_of_conversation_is_drawn(agent: str, wanted: Callable[[Sequence[Turn]], bool]) -> None:
    quietly = durable(max_examples=400, derandomize=True, database=None)

    found = find(scripts(agent), lambda script: wanted(script.others[0].turns), settings=quietly)

    assert wanted(found.others[0].turns)


def test_an_agent_is_found_by_the_variable_that_holds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = ModuleType("shop")
    shop.seller = Agent("test")
    monkeypatch.setitem(sys.modules, "shop", shop)

    assert path_of(shop.seller) == "shop:seller"


def test_an_agent_that_no_module_holds_is_refused() -> None:
    with pytest.raises(UsageError, match="no variable of an imported module"):
        path_of(Agent("test"))


@pytest.mark.engine(name="dbos")
def test_under_dbos_a_finished_tool_that_is_no_step_is_found_to_repeat() -> None:
    @given(scenarios(TILL, ["dbos"], tools={"charge": "once"}, rounds=1, max_faults=1))
    @durable(max_examples=40, derandomize=True, database=None, phases=[Phase.generate])
    def holds(scenario: Scenario) -> None:
        survives(scenario)

    with pytest.raises(DoesNotSurvive) as caught:
        holds()

    assert {finding.step for finding in caught.value.report.findings} >= {"tool:charge#1"}
