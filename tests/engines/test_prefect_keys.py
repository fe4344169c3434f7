"""Keys of tasks that a person chose: what they leave out, and whose mistake it is."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from harness.explore.sweep import run
from harness.history import UnitAsked
from harness.journal import load
from harness.scenario import Scenario
from harness.verdict import Owner, RunReport, Severity

pytestmark = pytest.mark.engine(name="prefect")

FLOWS = """
from prefect import flow, task
from prefect.cache_policies import INPUTS, RUN_ID, TASK_SOURCE
import harness, time

@task(persist_result=True, {key})
def refund(order: str, at: str = "") -> str:
    harness.effect("refund", key=order)
    return order

@flow(persist_result=True)
def twice(prompt: str) -> str:
    return refund("a") + refund("b")

@flow(persist_result=True)
def once(order: str) -> str:
    return refund(order)

@flow(persist_result=True)
def again(prompt: str) -> str:
    return refund("a") + refund("a")

@flow(persist_result=True)
def stamped(prompt: str) -> str:
    return refund("a", str(time.time_ns()))
"""
AGENTS = """
from prefect.cache_policies import TASK_SOURCE
from pydantic_ai import Agent
from pydantic_ai.durable_exec.prefect import PrefectAgent, PrefectDurability, TaskConfig

BY_SOURCE = TaskConfig(cache_policy=TASK_SOURCE)

def charge(order: str) -> str:
    return f"charged {order}"

till = Agent("openai:gpt-5", name="till", capabilities=[PrefectDurability(tool_task_config=BY_SOURCE)], tools=[charge])
one = Agent("openai:gpt-5", name="one", capabilities=[PrefectDurability()])
one.tool_plain(metadata={"prefect": BY_SOURCE})(charge)
usual = Agent("openai:gpt-5", name="usual", capabilities=[PrefectDurability(model_task_config=TaskConfig(retries=1))])
usual.tool_plain(metadata={"prefect": TaskConfig(retries=1)})(charge)
old = PrefectAgent(Agent("openai:gpt-5", name="old", tools=[charge]), tool_task_config_by_name={"charge": BY_SOURCE})
"""
CONSTANT = "cache_key_fn=lambda context, given: 'refund'"


def judged(folder: Path, code: str, name: str, **more: object) -> RunReport:
    file = folder / "keyed.py"
    file.write_text(dedent(code))
    scenario = Scenario.make(subject=f"{file}:{name}", engine="prefect", **more)
    (report,) = run(scenario, out=folder / "out").runs
    return report


@pytest.mark.parametrize("key", ["cache_policy=TASK_SOURCE", CONSTANT, "result_storage_key='refund'"])
def test_a_call_that_a_key_takes_for_another_one_is_found_without_any_fault(tmp_path: Path, key: str) -> None:
    report = judged(tmp_path, FLOWS.replace("{key}", key), "twice")

    [finding] = report.findings
    assert (finding.rule, finding.step, finding.severity) == ("cached-never-ran", "step:refund#2", Severity.ERROR)
    assert finding.owner is Owner.CONFIGURATION
    assert "`order` ('a' and 'b')" in finding.message
    assert "the `cache_policy` (or `cache_key_fn`) of `refund`" in finding.remedy


def test_so_is_one_of_another_flow_run(tmp_path: Path) -> None:
    invocations = [{"prompt": "a"}, {"prompt": "b"}]
    report = judged(tmp_path, FLOWS.replace("{key}", CONSTANT), "once", invocations=invocations)

    assert [(finding.rule, finding.step) for finding in report.findings] == [
        ("cached-never-ran", "run#2.step:refund#1")
    ]


@pytest.mark.parametrize(
    ("key", "name", "more"),
    [
        pytest.param("cache_policy=INPUTS", "again", {}, id="equal inputs"),
        pytest.param(
            "cache_policy=INPUTS", "once", {"invocations": [{"prompt": "a"}] * 2}, id="equal inputs, two runs"
        ),
        pytest.param("cache_policy=TASK_SOURCE + RUN_ID", "stamped", {}, id="the same call with another time"),
        pytest.param("retries=0", "twice", {}, id="Prefect's own policy"),
    ],
)
def test_what_is_rightly_found_again_is_no_finding(
    tmp_path: Path, key: str, name: str, more: dict[str, object]
) -> None:
    report = judged(tmp_path, FLOWS.replace("{key}", key), name, faults="crash@run/between", **more)

    assert (report.crashes, report.findings) == (1, ())


def test_pydantic_ais_own_policy_is_nobodys_choice(tmp_path: Path) -> None:
    report = judged(tmp_path, AGENTS, "usual", faults="crash@run/between")

    assert report.findings == ()
    assert load(Path(report.folder) / "journal.jsonl").of(UnitAsked) == ()


@pytest.mark.parametrize("name", ["till", "one", "old"])
def test_who_configured_the_key_that_two_calls_of_a_tool_share_is_told_the_setting(tmp_path: Path, name: str) -> None:
    script = [{"call": "charge", "args": {"order": order}} for order in "ab"]
    report = judged(tmp_path, AGENTS, name, script=[*script, "done"])

    [finding] = report.findings
    assert (finding.rule, finding.step, finding.owner) == ("asked-never-ran", "tool:charge#2", Owner.CONFIGURATION)
    assert "`cache_policy`" in finding.remedy
