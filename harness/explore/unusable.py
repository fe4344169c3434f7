"""Why fault-free runs are nothing to compare with: the verdict that ends a sweep before it begins.

A person's first run is often one that cannot work yet, so the reason has to be theirs: their exception, the body that
never returned, the exit code or signal of a process that their code ended.
"""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path

from harness.checks import Baseline, Difference, compare
from harness.checks.base import Case, author, place
from harness.checks.completion import is_refusal, keeping, raised_in, where, withheld
from harness.checks.liveness import liveness
from harness.checks.words import titled, titled_body
from harness.contract import Contract
from harness.errors import UsageError
from harness.faults import NO_FAULT
from harness.history import ASKED, Called, History, Note, Outcome, ProcessEnded, RunEnded, StepEntered, UnitEntered
from harness.scenario import Scenario
from harness.steps import StepId
from harness.verdict import Finding, Owner, RunReport, Severity, Status, Verdict

SET_UP = "make the fault-free run succeed first: look at the agent's set-up, `--deps`, `--prompt` and `--script`"
AGAIN = (
    "; the model was asked again, and a scripted one says the same again unless the call or the turn has `on_retry` in"
    " the script"
)

FICKLE = "baselines-differ"
"""The rule of the finding that two fault-free runs took different steps."""


def settle(
    histories: tuple[History, History], scenario: Scenario, contract: Contract
) -> Baseline | tuple[int, Verdict]:
    """The baseline that two fault-free runs make; else which of them, 0 or 1, is of no use, and why.

    Raises `UsageError` for a script that does not fit.
    """
    compared = compare(*histories)
    if isinstance(compared, Difference):
        # How far a run came that never ended is chance; that it did not end is what has to be told.
        endless = next((index for index, history in enumerate(histories) if _endless(history, scenario)), None)
        stuck = None if endless is None else failed(histories[endless], scenario, contract)
        return endless or 0, stuck or differing(compared, author(histories[0]))
    unusable = failed(compared.history, scenario, contract)
    return compared if unusable is None else (0, unusable)


def told(why: Verdict, history: History, scenario: Scenario, engine: str, folder: Path) -> RunReport:
    """The report of a fault-free run that nothing can be compared with. `engine` is its name, not its import path."""
    return RunReport(
        engine=engine,
        subject=scenario.subject,
        plan=str(NO_FAULT),
        verdicts=(why,),
        incarnations=history.incarnations,
        folder=str(folder),
        steps=history.steps,
        notes=tuple(dict.fromkeys(note.text for note in history.of(Note))),
    )


def differing(difference: Difference, owner: Owner) -> Verdict:
    """Two fault-free runs took different steps, so nothing can be said about faults."""
    message = f"two fault-free runs took different steps: {difference.sentence}"
    return by_chance(message, FICKLE, difference.step, owner)


def by_chance(message: str, rule: str, step: str | None = None, owner: Owner = Owner.TOOL) -> Verdict:
    """What is decided by chance, so that nothing can be said about faults; `owner` wrote what is random."""
    code = "agent" if owner is Owner.TOOL else "workflow"
    finding = Finding(
        check="determinism",
        rule=rule,
        step=step,
        severity=Severity.ERROR,
        owner=owner,
        message=message,
        remedy=f"take what varies (time, chance, the order of a set) out of the {code}; what a run leaves in"
        " files or databases for the next has to begin anew with each (`--world`)",
    )
    return Verdict.unknown("determinism", message, (finding,))


def failed(history: History, scenario: Scenario, contract: Contract) -> Verdict | None:
    """The verdict on a fault-free run that did not end well, None if it did.

    Raises `UsageError` for a script that does not fit, or a workflow that cannot be called: that is nobody's finding.
    """
    ended = next((event for event in history.outcomes.values() if event.status == "error"), None)
    if ended is None:
        endless = _endless(history, scenario)
        return None if endless is None else _without_outcome(history, scenario, contract, endless)
    if ended.error_type == "SubjectError":
        raise UsageError(str(ended.error))
    if ended.error_type in ("ScriptError", "UsageError"):
        raise UsageError(f"the script does not fit the agent: {ended.error}")
    case = Case(history, Baseline(history), scenario, contract)
    owner, remedy = _mend(case, ended)
    return _verdict(f"{ended.error_type}: {ended.error}", remedy, where(case, ended), owner)


def _mend(case: Case, ended: Outcome) -> tuple[Owner, str]:
    """Who must act when a run fails by itself, and how, by what raised the error that ended it."""
    raising, unkept = raised_in(case, ended), withheld(case)
    if is_refusal(ended):
        return Owner.CONFIGURATION, "change what is refused, in the words above"
    last = _last_body(case.history)
    if unkept is None and last and StepId.parse(last).path[-1].reissue and (raising is None or last != place(raising)):
        return Owner.CONFIGURATION, SET_UP + AGAIN
    if raising is not None and StepId.parse(raising.step).kind == "tool":
        given = "what it needs (`--deps`, `--world`) and the arguments that it is given (`--script`)"
        return Owner.CONFIGURATION, f"make {titled_body(raising)} succeed first: look at {given}"
    if raising is None and unkept is not None:
        return keeping(case, unkept)
    return Owner.CONFIGURATION, SET_UP


def _endless(history: History, scenario: Scenario) -> int | None:
    """The first invocation that has no outcome."""
    return next((number for number in range(1, len(scenario.runs) + 1) if number not in history.outcomes), None)


def _without_outcome(history: History, scenario: Scenario, contract: Contract, invocation: int) -> Verdict:
    which = f"invocation {invocation} has no outcome: " if len(scenario.runs) > 1 else ""
    stuck = liveness(Case(history, Baseline(history), scenario, contract))
    if stuck.findings:
        return replace(stuck, findings=tuple(replace(each, message=which + each.message) for each in stuck.findings))
    runs = history.of(RunEnded)
    said = runs[-1].reason if runs and runs[-1].reason else "no outcome was written"
    said += _signal(history)
    output = "what it printed is in output.log in the run folder"
    if not _has_begun(history, invocation):
        return _before_it_begins(f"{which}{said}", output, scenario, contract)
    step = _last_body(history)
    where = f"; the last body that was entered is that of {titled(step)}" if step else ""
    looked = f"`{step}`" if step else "the agent"
    return _verdict(f"{which}{said}{where}", f"find out what in {looked} ends the process: {output}")


def _has_begun(history: History, invocation: int) -> bool:
    """Whether the engine has come so far that code of the subject may have run."""
    entered = (event for kind in (StepEntered, UnitEntered, Called) for event in history.of(kind))
    return any(event.invocation == invocation for event in (*history.observed(ASKED), *entered))


def _before_it_begins(said: str, output: str, scenario: Scenario, contract: Contract) -> Verdict:
    """The process ended while nothing but the engine ran, and the world around it if there is one."""
    said += f"; {contract.engine} was still starting the run, and nothing of the subject had been called"
    if scenario.world is None:
        return _verdict(said, f"find out what in {contract.engine} ends the process: {output}", owner=Owner.ENGINE)
    return _verdict(said, f"find out what in {contract.engine}, or in `{scenario.world}`, ends the process: {output}")


def _signal(history: History) -> str:
    deaths = [end.signal for end in history.of(ProcessEnded) if end.cause == "death" and end.signal]
    return f", the last one was ended by {signal.Signals(deaths[-1]).name}" if deaths else ""


def _last_body(history: History) -> str | None:
    bodies = [place(run) for run in history.executions if StepId.parse(run.step).kind != "run"]
    return bodies[-1] if bodies else None


def _verdict(said: str, remedy: str, place: str = "", owner: Owner = Owner.CONFIGURATION) -> Verdict:
    finding = Finding(
        check="completion",
        rule="baseline-failed",
        step="run",
        severity=Severity.ERROR,
        owner=owner,
        message=f"the run fails without any fault{place}: {said}",
        remedy=remedy,
    )
    return Verdict("completion", Status.FAILED, (finding,))
