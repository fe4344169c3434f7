"""Findings by cause, and what a person should change: the part of a report that is acted upon."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from harness.faults import NO_FAULT
from harness.report.consequences import own
from harness.report.words import SEVERITY_STYLE, WHO, clean, counted, listed
from harness.steps import StepId
from harness.verdict import Finding, RunReport, Severity, Status, SweepReport, worst

SHOWN_PLACES = 3


@dataclass(frozen=True)
class Cause:
    """One thing to change: its gravest finding, the runs that show it, and the engines they ran under."""

    finding: Finding
    plan: str
    runs: tuple[RunReport, ...]

    @property
    def engines(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(run.engine for run in self.runs))

    @property
    def elsewhere(self) -> tuple[str, ...]:
        """The other plans that show it too."""
        return tuple(plan for plan in dict.fromkeys(run.plan for run in self.runs) if plan != self.plan)

    @property
    def step(self) -> str:
        return StepId.parse(self.finding.step).unnumbered if self.finding.step else ""


def causes(report: SweepReport) -> tuple[Cause, ...]:
    """The groups of a report, gravest first. Engines that want the same change for the same reason share one cause."""
    members: dict[tuple[str, ...], list[tuple[Finding, RunReport]]] = {}
    for group in report.groups:
        runs = [run for run in report.runs if run.engine == group[0]]
        found = [(finding, run) for run in runs for finding in own(run.findings) if finding.group == group[1:]]
        for finding, run in found:
            # What one sentence is said of has one severity: a cell that only warns is not one of those that fail.
            members.setdefault((finding.severity, *group[1:], finding.change), []).append((finding, run))
    order = list(Severity)
    return tuple(sorted(map(_cause, members.values()), key=lambda cause: order.index(cause.finding.severity)))


def _cause(found: list[tuple[Finding, RunReport]]) -> Cause:
    """Of several findings that are alike, one that no fault was needed for stands for all; else one whose crash was at
    the very step it is about.
    """
    finding, told = min(
        found, key=lambda each: (each[1].plan != str(NO_FAULT), (each[1].cell or ("",))[0] != each[0].step)
    )
    return Cause(finding, told.plan, tuple(run for _finding, run in found))


def findings(report: SweepReport) -> Iterator[RenderableType]:
    """Every cause: what happened, who must act, what to do, and the line that shows it again."""
    several = len(report.engines) > 1
    for number, cause in enumerate(causes(report), 1):
        yield ""
        yield from _shown(number, cause, engines=several)


def _shown(number: int, cause: Cause, *, engines: bool) -> Iterator[RenderableType]:
    finding = cause.finding
    heading = Text(f"{number}. ").append(finding.severity.upper(), SEVERITY_STYLE[finding.severity])
    heading.append(
        f" {clean(cause.step) or 'the run'}" + (f", under {listed(cause.engines)}" if engines else ""), "bold"
    )
    yield heading
    confirmed = " (seen again in cold interpreters)" if finding.confirmed else ""
    yield Padding(Text(clean(finding.message) + confirmed), (0, 0, 0, 3))
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_row("   who:   ", f"{finding.owner} ({WHO[finding.owner]})")
    grid.add_row("   do:", Text(clean(finding.remedy), "bold"))
    yield grid
    if finding.replay:
        # Never folded: it is there to be copied.
        yield Text("   replay: ", no_wrap=True).append(clean(finding.replay), "cyan")
    if cause.elsewhere:
        yield Padding(Text(f"(also at: {_places(cause.elsewhere)})", "dim"), (0, 0, 0, 3))


def unsure(report: SweepReport) -> Iterator[RenderableType]:
    """Why some runs could not be judged: the plans that share their reasons, and those reasons."""
    told = {finding.message for finding in report.findings}
    plans: dict[tuple[str, ...], dict[str, None]] = {}
    for run in report.runs:
        reasons = tuple(reason for reason in dict.fromkeys(run.reasons) if reason not in told)
        if run.status is Status.UNKNOWN and reasons:
            plans.setdefault(reasons, {})[run.plan] = None
    for reasons, where in plans.items():
        yield ""
        yield Text("COULD NOT TELL ", "bold magenta").append(_places(tuple(where)), "bold")
        for reason in reasons:
            yield Padding(Text(clean(reason)), (0, 0, 0, 3))


def _places(plans: tuple[str, ...]) -> str:
    shown = ", ".join(map(clean, plans[:SHOWN_PLACES]))
    left = len(plans) - SHOWN_PLACES
    return f"{shown}, {left} more" if left > 0 else shown


def advice(report: SweepReport) -> Iterator[RenderableType]:
    """The last lines: in plain words, what a person should change, or that nothing has to."""
    wanted = _remedies(report)
    if not wanted:
        yield _nothing_wanted(report)
        return
    holds = report.status is Status.PASSED
    yield Text("It holds. What would make it better:" if holds else "What to change:", "bold")
    grid = Table.grid(padding=(0, 1, 0, 0))
    for sentence in wanted:
        grid.add_row("  -", clean(sentence))
    yield grid


def _remedies(report: SweepReport) -> list[str]:
    """What to do: for the errors if there are any, else for the warnings. Each remedy once, with its steps."""
    found = [cause for cause in causes(report) if cause.finding.severity is not Severity.NOTE]
    grave = [cause for cause in found if cause.finding.severity is Severity.ERROR] or found
    asking: dict[str, list[Cause]] = {}
    for cause in grave:
        asking.setdefault(cause.finding.remedy, []).append(cause)
    return [_sentence(remedy, group, several=len(report.engines) > 1) for remedy, group in asking.items()]


def _sentence(remedy: str, group: list[Cause], *, several: bool) -> str:
    """A remedy with the steps that it is for, and the engines that want it if there are several to choose from."""
    steps = dict.fromkeys(cause.step for cause in group if _needs_step(cause))
    engines = dict.fromkeys(engine for cause in group for engine in cause.engines)
    return f"{listed(steps)}: " * bool(steps) + remedy + f" (under {listed(engines)})" * several


def _needs_step(cause: Cause) -> bool:
    """Whether the remedy does not say by itself which step it is about."""
    name = StepId.parse(cause.finding.step).name if cause.finding.step else None
    return bool(cause.step) and cause.step != "run" and (name is None or name not in cause.finding.remedy)


def _nothing_wanted(report: SweepReport) -> Text:
    if not report.runs:
        return Text("Nothing was crashed, so nothing is known.", "bold")
    partial = any(sweep.partial for sweep in report.engines)
    if report.status is Status.PASSED or (partial and worst(run.status for run in report.runs) is Status.PASSED):
        crashes = sum(run.crashes for run in report.runs)
        said = f"{counted(crashes, 'crash', 'crashes')} survived, " if crashes else ""
        begin = "So far nothing" if partial else "Nothing"
        return Text(f"{begin} has to change: {said}no effect repeated or lost.", "bold green")
    reasons = dict.fromkeys(reason for run in report.runs for reason in run.reasons)
    said = next(iter(reasons), "no check could tell")
    return Text(f"Nothing is proved: {clean(said).splitlines()[0]}", "bold magenta")
