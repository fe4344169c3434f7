"""The demonstration behind `make demo`: real agents, real kills, and what a person should change."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from harness.contract import ToolPolicy
from harness.explore.sweep import sweep
from harness.report import terminal
from harness.report.causes import causes
from harness.report.paper import Paper
from harness.report.progress import for_console
from harness.report.words import counted
from harness.scenario import Scenario
from harness.verdict import Severity, Status, SweepReport


@dataclass(frozen=True)
class Act:
    """One sweep of the demonstration: what it shows, and what it must come to."""

    title: str
    scenario: Scenario
    expected: Status
    warnings: int
    """How many causes the report may warn of."""
    moral: str

    @property
    def promised(self) -> str:
        """What it must come to, in words."""
        return _outcome(self.expected, self.warnings)


PAYMENTS = "fixtures.agents.payments"
HARMLESS = {"find_order": ToolPolicy(may="repeatable"), "send_receipt": ToolPolicy(may="repeatable")}
ACTS = (
    Act(
        "A published agent, unchanged: pydantic_ai_examples.roulette_wheel under DBOS",
        Scenario.make(
            subject="pydantic_ai_examples.roulette_wheel:roulette_agent",
            engine="dbos",
            deps={"winning_number": 18},
            tools={"roulette_wheel": ToolPolicy(may="repeatable")},
        ),
        Status.PASSED,
        0,
        "roulette_wheel only looks something up: it may run twice, and the run says so with `--tools`.",
    ),
    Act(
        "A payments agent whose plain tool charges a card",
        Scenario.make(subject=f"{PAYMENTS}:agent", engine="dbos", tools=HARMLESS),
        Status.FAILED,
        0,
        "DBOS does not record plain tools: put `@DBOS.step()` on `charge`, or customers are charged twice.",
    ),
    Act(
        "The same agent, the tool decorated with @DBOS.step",
        Scenario.make(subject=f"{PAYMENTS}_step:agent", engine="dbos"),
        Status.PASSED,
        1,
        "a charge that was in flight at the crash is still made twice: give it an idempotency key.",
    ),
    Act(
        "The same agent, with an idempotency key",
        Scenario.make(subject=f"{PAYMENTS}_keyed:agent", engine="dbos"),
        Status.PASSED,
        0,
        "nothing to change: whatever dies, the card is charged once.",
    ),
)


def main() -> int:
    """Sweep each act and print what it found. Returns 0 if every act came to what it must."""
    console = Console()
    surprises: list[str] = []
    done: list[tuple[Act, SweepReport]] = []
    for number, act in enumerate(ACTS, 1):
        console.rule(f"{number} of {len(ACTS)}: {act.title}")
        progress = for_console(Console(stderr=True))
        report = sweep(act.scenario, ["dbos"], out=Path(".harness"), jobs=2, progress=progress)
        sys.stdout.write(terminal.render(report, Paper.of(sys.stdout)))
        done.append((act, report))
        if came_to(report) != act.promised:
            surprises.append(f"{act.title}: expected {act.promised}, got {came_to(report)}")
    console.rule("What a person should change")
    for act, report in done:
        console.print(f"- {act.title}: {came_to(report)}; {act.moral}", highlight=False, markup=False)
    for surprise in surprises:
        console.print(f"This demonstration is wrong: {surprise}", highlight=False, markup=False)
    return 1 if surprises else 0


def came_to(report: SweepReport) -> str:
    """The status of a sweep and how many causes it warns of, in words that can be compared."""
    return _outcome(report.status, sum(cause.finding.severity is Severity.WARNING for cause in causes(report)))


def _outcome(status: Status, warnings: int) -> str:
    return f"{status} with {counted(warnings, 'warning')}" if warnings else str(status)


if __name__ == "__main__":
    sys.exit(main())
