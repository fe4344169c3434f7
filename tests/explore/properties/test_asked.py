"""What a property cannot be asked is said in one sentence, which names it, and what works in two spellings works."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import find

import harness
from harness.errors import UsageError
from harness.explore.properties import (
    DurableMachine,
    close_benches,
    durable,
    fault_plans,
    scenarios,
    scripts,
    survives,
)
from harness.scenario import Scenario
from tests.builders import Story

TILL = "fixtures.agents.till:agent"
KNOWN = Story().life().kept("model#1").kept("run").finished().history()
QUIETLY = durable(max_examples=3, derandomize=True, database=None)


@pytest.fixture(scope="module", autouse=True)
def no_bench_stays_open() -> Iterator[None]:
    yield
    close_benches()


def opened(**said: Any) -> None:
    """A machine that says this of itself opens its store."""
    type("Machine", (DurableMachine,), {"subject": TILL, **said})().open_the_store()


NO_COUNT = "say a whole number from 1 on$"
WRONG: dict[str, tuple[Callable[[], object], str]] = {
    "no engine": (lambda: scenarios(TILL, []), r"^`engines` is \[\]; name at least one$"),
    "no action": (lambda: scenarios(TILL, actions=()), r"^`actions` is \(\); name at least one$"),
    "no action in a plan": (lambda: fault_plans(KNOWN, actions=None), "^`actions` is None; name at least one$"),
    "no fault": (lambda: scenarios(TILL, max_faults=0), f"^`max_faults` is 0; {NO_COUNT}"),
    "a fault less": (lambda: fault_plans(KNOWN, max_faults=-1), f"^`max_faults` is -1; {NO_COUNT}"),
    "a count as text": (lambda: fault_plans(TILL, max_faults="2"), f"^`max_faults` is '2'; {NO_COUNT}"),
    "a count and a half": (lambda: scenarios(TILL, max_faults=1.5), rf"^`max_faults` is 1\.5; {NO_COUNT}"),
    "a round less": (lambda: scenarios(TILL, rounds=-1), "^`rounds` is -1; say a whole number from 0 on$"),
    "rounds as text": (lambda: scripts(TILL, rounds="a"), "^`rounds` is 'a'; say a whole number from 0 on$"),
    "no run": (lambda: opened(most_runs=0), f"^`most_runs` is 0; {NO_COUNT}"),
    "no subject": (lambda: scripts(None), "^the subject None is no agent and no workflow; name one as"),
    "a machine without one": (lambda: opened(subject=None), "^the subject None is no agent and no workflow"),
    "faults": (lambda: scenarios(TILL, faults="crash@run/before"), "^`faults` of the scenario is made up here"),
    "faults of plans": (lambda: fault_plans(TILL, faults=[]), "^`faults` of the scenario is made up here"),
    "a machine's script": (lambda: opened(scenario={"script": ["done"]}), "^`script` of the scenario is made up here"),
    "no scenario": (lambda: survives("x"), "^`survives` takes a scenario, .*, and this is 'x'$"),
}


@pytest.mark.parametrize(("ask", "said"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_asked_is_named(ask: Callable[[], object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        ask()


NOWHERE = "fixtures.agents.till:nobody"


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda: find(scenarios(NOWHERE), bool, settings=QUIETLY), id="scenarios"),
        pytest.param(lambda: find(scripts(NOWHERE), bool, settings=QUIETLY), id="scripts"),
        pytest.param(lambda: find(fault_plans(NOWHERE), bool, settings=QUIETLY), id="fault_plans"),
        pytest.param(lambda: survives(Scenario(subject=NOWHERE)), id="survives"),
        pytest.param(lambda: scenarios(TILL, []), id="before anything is drawn"),
    ],
)
def test_no_frame_of_ours_is_above_what_cannot_be_asked(ask: Callable[[], object]) -> None:
    with pytest.raises(UsageError) as caught:
        ask()

    room = Path(harness.__file__).parent
    shown = [entry for entry in caught.traceback.filter(caught) if room in Path(entry.path).parents]
    assert shown == []


def test_a_single_engine_or_action_is_taken_for_one_name() -> None:
    scenario = find(scenarios(TILL, "journal", actions="error"), lambda _: True, settings=QUIETLY)

    assert scenario.engine == "journal"
    assert [fault.action for fault in scenario.plan.faults] == ["error"]


def test_a_machine_takes_the_agent_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    till = import_module("fixtures.agents.till")
    machine: Any = type("Machine", (DurableMachine,), {"subject": till.agent})()
    machine.open_the_store()

    assert machine.episode.scenario.subject == TILL
    machine.episode.close()
