"""Find out whether an agent survives crashes: kill it at every step, let its engine recover, and say what ran twice.

The harness runs a pydantic-ai agent under a durable engine with a scripted model, writes down every boundary of the
fault-free run, and runs it again and again, killing the real process at each boundary in turn. The shell does it with
`harness sweep package.module:agent --engine dbos`; Python does it so:

    from pathlib import Path
    from harness import Scenario, Status, sweep

    scenario = Scenario(
        subject="fixtures.agents.payments:agent",
        prompt="Please pay order 7.",
        tools={"find_order": "repeatable", "charge": "keyed:order_id"},
    )
    report = sweep(scenario, ["journal"], out=Path(".harness"), jobs=2)
    if report.status is not Status.PASSED:
        for finding in report.findings:
            print(finding.message, "To do:", finding.remedy, "To see it again:", finding.replay)

The house, from the ground up (imports run downwards only, and nothing here imports an engine until it is used):

    errors.py         what can be said to a person, and the exit code each error means
    documents.py      YAML that people write, read within bounds
    typos.py          what a mistyped word may have meant
    effects.py        `effect`: for code that wants to say what the outside world saw
    steps.py          step ids: `tool:charge#1`
    faults.py         faults as values with a one-line spelling: `crash@tool:charge#1/between`
    history/          events, and the read-only view over them
    verdict.py        statuses, findings, and the reports of runs and sweeps
    contract.py       what an engine claims, and what a tool may do
    retries/          who owns retries, what they come to together, and the report of an audit
    scenario.py       what is to be tried, as values only
    journal.py        the record of one run on disk
    folders.py        the folder of a command, and the scenario in that of a run
    subjects/         scripts and the scripted model, the probes, how a subject is loaded
    checks/           one check per file: from a history to a verdict
    report/           one format per file: from a report to text
    engines/          the adapter protocol, the registry, one adapter per engine
    process/          zygotes, the forked child, the watchdog
    tempo.py          how fast the times of a run pass, and why one is done again
    runner.py         one run, from a zygote to a judged report
    explore/          many runs: baselines, the sweep, the script that was played, properties
    audits/           the retry audit: how often each call will really be tried, predicted and proven
    conformance/      the suite that every engine must pass, its agents with it
    plugin/           durable tests: from a marker, a fixture or a scenario file to runs and reports
    pytest_plugin.py  the door that pytest knocks at
    cli/              the command line
    demo.py           what `make demo` shows
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from harness.effects import effect

if TYPE_CHECKING:
    from harness.audits.run import audit
    from harness.contract import ToolPolicy
    from harness.errors import EngineUnavailable, HarnessError, SubjectError, UsageError
    from harness.explore.properties import (
        DoesNotSurvive,
        DurableMachine,
        durable,
        fault_plans,
        scenarios,
        scripts,
        survives,
    )
    from harness.explore.sweep import run, sweep
    from harness.faults import Fault, FaultPlan
    from harness.history import History
    from harness.retries.report import AuditReport
    from harness.scenario import Invocation, Scenario
    from harness.steps import StepId
    from harness.subjects.script import Script
    from harness.verdict import EngineSweep, Finding, Owner, RunReport, Severity, Status, SweepReport, Verdict

__all__ = [
    "AuditReport",
    "DoesNotSurvive",
    "DurableMachine",
    "EngineSweep",
    "EngineUnavailable",
    "Fault",
    "FaultPlan",
    "Finding",
    "HarnessError",
    "History",
    "Invocation",
    "Owner",
    "RunReport",
    "Scenario",
    "Script",
    "Severity",
    "Status",
    "StepId",
    "SubjectError",
    "SweepReport",
    "ToolPolicy",
    "UsageError",
    "Verdict",
    "audit",
    "durable",
    "effect",
    "fault_plans",
    "run",
    "scenarios",
    "scripts",
    "survives",
    "sweep",
]

_HOMES = {
    "harness.audits.run": ("audit",),
    "harness.contract": ("ToolPolicy",),
    "harness.errors": ("EngineUnavailable", "HarnessError", "SubjectError", "UsageError"),
    "harness.explore.properties": (
        "DoesNotSurvive",
        "DurableMachine",
        "durable",
        "fault_plans",
        "scenarios",
        "scripts",
        "survives",
    ),
    "harness.explore.sweep": ("run", "sweep"),
    "harness.faults": ("Fault", "FaultPlan"),
    "harness.history": ("History",),
    "harness.retries.report": ("AuditReport",),
    "harness.scenario": ("Invocation", "Scenario"),
    "harness.steps": ("StepId",),
    "harness.subjects.script": ("Script",),
    "harness.verdict": ("EngineSweep", "Finding", "Owner", "RunReport", "Severity", "Status", "SweepReport", "Verdict"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a public name when it is asked for: production code that calls `harness.effect` pays for nothing else."""
    if name not in _HOME:
        raise AttributeError(f"module 'harness' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
