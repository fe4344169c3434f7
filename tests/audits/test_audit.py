"""`audit` from the outside: real subjects in a process of their own, under real engines, nothing started."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic_ai import Agent

from harness import UsageError, audit
from harness.retries.values import Failure
from harness.verdict import Severity, Status

ROOT = Path(__file__).parents[2]
F = Failure

DOCUMENTED = {
    "none": {F.UNAVAILABLE: "3 (openai) = 3", F.BAD_REQUEST: "1 (openai) = 1"},
    "dbos": {F.UNAVAILABLE: "3 (openai) × 3 (dbos step) = 9", F.BAD_REQUEST: "3 (dbos step) = 3"},
    "prefect": {
        F.UNAVAILABLE: "3 (openai) × 4 (prefect task) = 12",
        F.BAD_REQUEST: "4 (prefect task) = 4",
        F.INVALID_RESPONSE: "1 (openai) = 1",
    },
    "temporal": {
        F.UNAVAILABLE: "3 (openai) × 5 (temporal activity) = 15",
        F.READ_TIMEOUT: "1 (temporal activity ends 3 (openai) after 60 s) × 5 (temporal activity) = 5",
        F.INVALID_RESPONSE: "1 (openai) = 1",
    },
}


@pytest.mark.parametrize("engine", DOCUMENTED)
def test_the_configurations_that_people_copy(engine: str):
    report = audit(f"fixtures.audit.documented_{engine}:openai", engine, static=True)
    model = report.units[0]
    assert {failure: model.cell(failure).chain for failure in DOCUMENTED[engine]} == DOCUMENTED[engine]
    assert report.status is (Status.PASSED if engine == "none" else Status.FAILED)
    assert not report.proven


def test_tools_under_dbos():
    report = audit("fixtures.audit.tools_dbos:agent", "dbos", static=True, tools={"fetch": "repeatable"})
    chains = {(unit.unit, cell.failure): cell.chain for unit in report.units for cell in unit.cells}
    assert chains["tool:look", F.TOOL_EXCEPTION] == "1 (body) = 1"
    assert chains["tool:look", F.MODEL_RETRY] == "3 (agent) = 3"
    assert chains["tool:charge", F.TOOL_EXCEPTION] == "4 (dbos step) = 4"
    assert chains["tool:charge", F.MODEL_RETRY] == "4 (dbos step) = 4"  # DBOS hides it, so the model is not asked
    assert chains["tool:fetch", F.MODEL_RETRY] == "3 (tenacity) × 3 (agent) = 9"
    assert chains["run", F.INVALID_OUTPUT] == "3 (agent output) = 3"
    found = {(finding.rule, finding.unit) for finding in report.findings}
    assert ("modelretry-retried", "tool:charge") in found
    assert ("tool-config-ignored", "tool:charge") in found
    assert ("effects-without-key", "tool:charge") in found
    assert ("effects-without-key", "tool:fetch") not in found


def test_tools_and_conditions_under_prefect():
    report = audit("fixtures.audit.tools_prefect:agent", "prefect", static=True, options={"flow_retries": 1})
    chains = {(unit.unit, cell.failure): cell.chain for unit in report.units for cell in unit.cells}
    assert chains["tool:look", F.TOOL_EXCEPTION] == "3 (prefect task) × 2 (flow) = 6"
    assert chains["tool:once", F.TOOL_EXCEPTION] == "2 (flow) = 2"
    assert chains["tool:inline", F.TOOL_EXCEPTION] == "2 (flow) = 2"
    # A plain condition that calls `state.result()` gets a promise in an async task, and no exception.
    assert ("condition-never-matches", "model") in {(finding.rule, finding.unit) for finding in report.findings}


def test_a_plain_flow_that_calls_a_providers_sdk():
    report = audit("fixtures.audit.plain_flow:summarize", "prefect", static=True)
    client = report.units[0]
    assert client.unit == "step:complete.client"
    assert client.cell(F.UNAVAILABLE).chain == "3 (openai) × 6 (prefect task) × 2 (flow) = 36"
    assert client.cell(F.BAD_REQUEST).chain == "2 (flow) = 2"
    task = next(layer for layer in client.layers if layer.name == "prefect task")
    assert (task.origin.file, task.origin.line) == ("fixtures/audit/plain_flow.py", 19)
    (advice,) = report.advice
    assert advice.after == "1 (openai) × 6 (prefect task) × 1 (flow) = 6"


@pytest.mark.parametrize("agent", ["dark", "modelless"])
def test_an_unknown_layer_leaves_the_verdict_open(agent: str):
    report = audit(f"fixtures.audit.awkward:{agent}", "none", static=True)
    assert report.status is Status.UNKNOWN
    assert len(report.unknown) == 1
    assert {finding.rule for finding in report.findings} == {"unknown-layer"}


REFUSED = {
    "a budget of nothing": ({"budget": 0}, "a budget is a whole number of requests from 1, not 0"),
    "a budget that is a text": ({"budget": "6"}, "a budget is a whole number of requests from 1, not '6'"),
    "a subject that is no text": ({"subject": 3}, "subject is a text such as 'shop.agents:payments', not 3"),
    "an agent": ({"subject": Agent(name="here")}, "subject is a text such as .*, not an object of type Agent"),
    "no engine": ({"engine": None}, "engine is a name such as 'dbos', not None"),
    "what is no acceptance": ({"accepted": [1]}, "accepted is a list of accepted findings, as .*, not 1"),
    "a policy that is no text": ({"tools": {"look": 1}}, "what 'look' may do is a text"),
    "a tool that is not there": ({"tools": {"pay": "once"}}, "the subject has no tool pay; its tools are look"),
    "a policy that is none": ({"tools": {"look": "twice"}}, "cannot read tool policy 'twice'"),
    "an engine that is not there": ({"engine": "nobody"}, "nobody"),
    "an engine that refuses": ({"engine": "dbos", "subject": "fixtures.audit.documented_prefect:openai"}, "Prefect"),
}


@pytest.mark.parametrize(("given", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_done_is_one_sentence(given, words):
    asked = {"subject": "fixtures.audit.small:agent", "engine": "none", "static": True, **given}
    with pytest.raises(UsageError, match=words):
        audit(asked.pop("subject"), asked.pop("engine"), **asked)


def harness(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "harness", "audit", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)


EXITS = {
    "a file": (("fixtures/audit/small.py:agent", "-e", "none", "--static"), 0),
    "passed": (("fixtures.audit.small:agent", "-e", "none", "--static"), 0),
    "failed": (("fixtures.audit.small:agent", "-e", "none", "--static", "--budget", "2"), 1),
    "no engine said": (("fixtures.audit.small:agent", "--static"), 0),
    "unknown": (("fixtures.audit.awkward:dark", "-e", "none", "--static"), 3),
    "an SDK that nobody knows": (("fixtures.audit.awkward:ancient", "-e", "none", "--static"), 3),
    "warnings fail": (("fixtures.audit.hasty:agent", "--static", "--fail-on", "warning"), 1),
    "warnings do not": (("fixtures.audit.hasty:agent", "--static", "--fail-on", "error"), 0),
    "accepted": (("fixtures.audit.small:agent", "--static", "--budget", "2", "--accept", "{accepted}"), 0),
    "accepted, and over": (("fixtures.audit.small:agent", "--static", "--budget", "2", "--accept", "{over}"), 1),
    "accepted for no reason": (("fixtures.audit.small:agent", "--static", "--accept", "{unreasoned}"), 2),
    "accepted nowhere": (("fixtures.audit.small:agent", "--static", "--accept", "nowhere.yaml"), 2),
    "a format that fails, too": (("fixtures.audit.small:agent", "--static", "--budget", "2", "--format", "sarif"), 1),
    "a format that is none": (("fixtures.audit.small:agent", "--static", "--format", "pdf"), 2),
    "a budget of nothing": (("fixtures.audit.small:agent", "--static", "--budget", "0"), 2),
}
ACCEPTED = {
    "accepted": "{rule: many-retries, reason: two are cheap, expires: 2999-01-01}",
    "over": "{rule: many-retries, reason: two were cheap, expires: 2020-01-01}",
    "unreasoned": "{rule: many-retries, reason: ' '}",
}
"""What is accepted, by the name of the file."""


@pytest.mark.parametrize(("arguments", "code"), EXITS.values(), ids=EXITS.keys())
def test_the_command_exits_with_what_it_found(arguments, code, tmp_path):
    files = {name: tmp_path / f"{name}.yaml" for name in ACCEPTED}
    for name, file in files.items():
        file.write_text(f"accepted: [{ACCEPTED[name]}]")
    done = harness(*(argument.format(**files) for argument in arguments))
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    if done.stdout.startswith("RETRY AUDIT"):
        assert done.stdout.splitlines()[0].endswith({0: "PASSED", 1: "FAILED", 3: "UNKNOWN"}[code])


def test_what_a_tool_says_of_itself_is_its_policy_unless_the_command_says_another(tmp_path):
    shop = tmp_path / "shop.py"
    shop.write_text(SHOP)

    def told(**tools):
        report = audit(f"{shop}:agent", static=True, tools=tools)
        found = [one for one in report.findings if one.rule == "effects-without-key"]
        return {one.unit: (one.severity, one.message.rpartition(", ")[2]) for one in found}

    once = (Severity.ERROR, "and it is said to run once")
    assert told() == {"tool:pay": once}
    assert told(pay="repeatable", charge="once") == {"tool:charge": once}
    shop.write_text(SHOP.replace("keyed:order", "sometimes"))
    with pytest.raises(UsageError, match="the metadata of `charge` is no policy"):
        told()


SHOP = """
from pydantic_ai import Agent
from tenacity import retry, stop_after_attempt, wait_fixed
agent = Agent("openai:gpt-5", name="shop")
@agent.tool_plain(metadata={"harness": "keyed:order"})
@retry(stop=stop_after_attempt(3), wait=wait_fixed(1))
def charge(order: str) -> str:
    return order
@agent.tool_plain(metadata={"harness": {"may": "once"}})
@retry(stop=stop_after_attempt(3), wait=wait_fixed(1))
def pay(order: str) -> str:
    return order
"""
