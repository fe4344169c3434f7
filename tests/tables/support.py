"""The table of uses, measured: each under each engine, without faults and with a telling crash or two."""

from __future__ import annotations

from collections import Counter

from harness.faults import FaultPlan
from harness.history import Effect, History
from harness.report.words import NOT_RUN, OK, REFUSED, TWICE, WARN, Mark, mark_of
from harness.steps import StepId
from harness.verdict import Severity
from tests.tables.lab import Lab, Trial
from tests.tables.page import Column, Page, Section
from tests.tables.uses import ENGINES, USES, Use

FAULTLESS = "without faults"
WORKS, REPEATS, BROKEN = "yes", "yes, repeats", "no"

TIMED: frozenset[str] = frozenset()
"""No row of this page depends on how fast the machine is."""

INTRODUCTION = """\
What agents use besides a model and a plain tool, tried under every engine with a real agent, a real engine and real
crashes. This page is generated (`make tables`), and a test fails when it says anything else than what is measured.

**yes**: it works, and after the crashes below nothing ran again that had finished. **yes, repeats**: it works, and
something ran again after it had finished: what, and who must act, is said below. **n/a**: the engine refuses it, in its
own words. A body that was in flight at the crash runs again under every engine; that is no fault of theirs (`warn`)."""


def measure(lab: Lab) -> Column:
    """Every use under the lab's engine."""
    told = zip(USES, lab.each(lambda use: _lines(use, lab.trial(**use.under(lab.engine.name))), USES), strict=True)
    return {(use.name, line): text for use, lines in told for line, text in lines.items()}


def _lines(use: Use, trial: Trial) -> dict[str, str]:
    """What is said of one use: the word for all of it, then a line for each run."""
    if refused := trial.baseline.refused:
        return {"": REFUSED.word, FAULTLESS: f"{REFUSED.word}: {refused}", **dict.fromkeys(_spelled(use), NOT_RUN.word)}
    broken = [outcome.error for outcome in trial.baseline.history.outcomes.values() if outcome.error]
    if broken:
        return {"": BROKEN, FAULTLESS: str(broken[0]), **dict.fromkeys(_spelled(use), NOT_RUN.word)}
    crashed = {line: _crashed(trial, fault) for line, fault in zip(_spelled(use), use.crashes, strict=True)}
    marks = {mark for mark, _told in crashed.values()}
    word = WORKS if marks <= {OK, WARN} else REPEATS if marks <= {OK, WARN, TWICE} else BROKEN
    return {
        "": word,
        FAULTLESS: use.seen(trial.baseline.history),
        **{line: told for line, (_, told) in crashed.items()},
    }


def _spelled(use: Use) -> list[str]:
    return [f"`{fault}`" for fault in use.crashes]


def _crashed(trial: Trial, fault: str) -> tuple[Mark, str]:
    """The mark of one crash, as in a crash map, and with it what ran again and who must act."""
    ran = trial.run(FaultPlan.parse(fault).expand(trial.baseline.history.steps))
    judged = trial.judged(ran)
    mark = mark_of(judged)
    again = ", ".join(f"`{step}`" for step in _again(ran.history, trial.baseline.history)) or "nothing"
    owners = sorted({str(finding.owner) for finding in judged.findings if finding.severity is not Severity.NOTE})
    return mark, f"{mark.word}: {again} again" + (f" ({', '.join(owners)})" if owners else "")


def _again(history: History, baseline: History) -> list[str]:
    """The steps whose bodies ran more often than without the crash, and effects that no step's body had."""
    steps = {step: len(runs) for step, runs in history.by_step.items() if StepId.parse(step).path[-1].kind != "run"}
    said = Counter(effect.name for effect in history.of(Effect) if effect.step is None)
    usual = Counter(effect.name for effect in baseline.of(Effect) if effect.step is None)
    more = [step for step, count in steps.items() if count > len(baseline.by_step.get(step, ()))]
    return more + [name for name, count in said.items() if count > usual[name]]


PAGE = Page(
    "support.md",
    "What agents use, under each engine",
    INTRODUCTION,
    ENGINES,
    tuple(Section(use.name, f"{use.what} {use.where}", (FAULTLESS, *_spelled(use))) for use in USES),
)
