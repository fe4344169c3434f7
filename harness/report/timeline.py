"""The lives of one run side by side: what each of them did at every step, and where the process died.

One row per step rather than one per event: whether a step ran, ran again or was replayed is what a reader looks for.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from harness.faults import Fault
from harness.history import Effect, Execution, FaultFired, History, ProcessEnded, ProcessStarted, Sent, spelled
from harness.report.tables import indented, table
from harness.report.words import clean, mark_of_finding, shortened
from harness.steps import StepId
from harness.verdict import Finding, Severity

LIVES_ABREAST = 3
MANY = 40
"""Above so many rows, neighbours that read the same share one line."""
WIDEST_VALUES = 40


@dataclass(frozen=True)
class Happened:
    """One row: a step, what each life did there, the word for what is wrong with it, and in which life that was."""

    step: str
    cells: tuple[str, ...]
    wrong: str = ""
    life: int | None = None

    def remark(self, lives: list[int], shown: list[int]) -> str:
        """The word in a block that shows some of the lives: only where it went wrong, if that is anywhere here."""
        return self.wrong if self.life in shown or self.life not in lives else ""


Wrong = tuple[str, int | None]
Fold = Callable[[tuple[Happened, ...]], tuple[Happened, ...]]


def timeline(
    history: History, findings: Iterable[Finding] = (), width: int = 100, *, fold: Fold | None = None
) -> Iterator[RenderableType]:
    """Draw every life of a run. Steps that a finding is about are marked with its word; `fold` leaves rows out.

    *Replayed* is inferred, as everywhere: recorded in an earlier life, its body not entered in this one, and this life
    went on past it.
    """
    lives = sorted({started.incarnation for started in history.of(ProcessStarted)})
    drawn = (fold or folded)(rows(history, lives, _wrong(findings)))
    step_width = min(30, max([len(clean(row.step)) for row in drawn] + [4]))
    for start in range(0, len(lives), LIVES_ABREAST):
        shown = lives[start : start + LIVES_ABREAST]
        room = (width - step_width - 14) // len(shown) - 2
        made = table("step", *(f"life {life}" for life in shown), "", widest=(step_width,))
        for column in made.columns[1:-1]:
            column.max_width = room
        for row in drawn:
            cells = [_styled(cell) for cell in row.cells[start : start + LIVES_ABREAST]]
            made.add_row(shortened(clean(row.step), step_width), *cells, Text(row.remark(lives, shown), "bold red"))
        if start:
            yield ""
        yield indented(made)


def rows(history: History, lives: list[int], wrong: Mapping[str, Wrong]) -> tuple[Happened, ...]:
    """Every step that ran or was struck, in the order in which they were first reached, and the lives' ends."""
    steps = list(dict.fromkeys(_place(event) for event in sorted(_reached(history), key=lambda event: event.seq)))
    made = [
        Happened(step, tuple(_cell(history, step, life, steps) for life in lives), *wrong.get(step, ()))
        for step in steps
    ]
    return (*made, Happened("the end", tuple(_end(history, life) for life in lives)))


def folded(drawn: tuple[Happened, ...]) -> tuple[Happened, ...]:
    """The rows as they are, unless they are many: then neighbours that read the same become one."""
    if len(drawn) <= MANY:
        return drawn
    kept: list[Happened] = []
    for _key, group in groupby(drawn, lambda row: replace(row, step="")):
        same = list(group)
        between = replace(same[0], step=f".. {len(same) - 2} more steps")
        kept += same if len(same) < 4 else [same[0], between, same[-1]]
    return tuple(kept)


def _wrong(findings: Iterable[Finding]) -> dict[str, Wrong]:
    """The word that marks a step, in capitals for an error, small for a warning; and the life that it is about."""
    told: dict[str, Wrong] = {}
    for finding in sorted(findings, key=lambda finding: finding.severity is not Severity.ERROR):
        if finding.step and finding.severity is not Severity.NOTE:
            word = mark_of_finding(finding).word
            said = word if finding.severity is Severity.ERROR else word.lower()
            told.setdefault(finding.step, (f"<- {said}", finding.incarnation))
    return told


def _reached(history: History) -> Iterator[Any]:
    yield from (run.entered for run in history.executions)
    yield from history.fired


def _place(event: Any) -> str:
    """A step as reports spell it. A fault that fired is written down that way already."""
    return str(event.step) if isinstance(event, FaultFired) else spelled(event.step, event.invocation)


def _cell(history: History, step: str, life: int, steps: list[str]) -> str:
    """What one life did at one step, as short phrases."""
    bodies = history.by_step.get(step, ())
    here = [body for body in bodies if body.incarnation == life]
    earlier = [body for body in bodies if body.incarnation < life]
    struck = [fired for fired in history.fired if fired.step == step and fired.incarnation == life]
    phrases = [_struck(fired) for fired in struck if fired.window == "before"]
    phrases += [_ran(here, again=bool(earlier))] if here else []
    phrases += [_struck(fired) for fired in struck if fired.window != "before"]
    if not phrases and any(body.recorded for body in earlier) and _passed(history, earlier[0], life, steps):
        return "replayed"
    return "\n".join([", ".join(phrases), *(_seen(history, step, here, bodies) if here else ())])


def _ran(here: list[Execution], *, again: bool) -> str:
    last = here[-1]
    if last.left is None:
        said = "cut off"
    elif last.left.outcome != "ok":
        said = f"raised {clean(last.left.error or '').partition(':')[0]}"
    else:
        said = "ran"
    if again:
        # Calling the agent or workflow again is how its results are found: that is no repeat.
        said = "taken up again" if StepId.parse(last.step).kind == "run" and said == "ran" else f"{said} again"
    times = f" {len(here)} times" if len(here) > 1 else ""
    return f"{said}{times}{', recorded' if last.recorded else ''}"


def _seen(history: History, step: str, here: list[Execution], bodies: tuple[Execution, ...]) -> Iterator[str]:
    """With what a tool ran, when it ran more than once: equal or different keys decide whether that is harmless."""
    if StepId.parse(step).kind != "tool" or len(bodies) < 2:
        return
    last = here[-1].entered
    yield values(here[-1].arguments)
    seen: list[Effect | Sent] = [*history.of(Effect), *history.of(Sent)]
    for effect in seen:
        if (effect.step, effect.invocation, effect.incarnation) == (last.step, last.invocation, last.incarnation):
            said = "sent" if isinstance(effect, Sent) else "effect"
            yield f"{said} {clean(effect.name)}" + (f" key={clean(effect.key)}" if effect.key else "")


def values(arguments: Any, width: int = WIDEST_VALUES) -> str:
    """Arguments of a call in little room."""
    text = clean(json.dumps(arguments, ensure_ascii=False, default=str))
    return text if len(text) <= width else f"{text[: width - 2]}.."


def _passed(history: History, body: Execution, life: int, steps: list[str]) -> bool:
    """Whether a life went on past a body's step: it reached a later one of that invocation, or the end of it."""
    later = set(steps[steps.index(_place(body.entered)) + 1 :])
    number = body.entered.invocation
    here = (event for event in _reached(history) if (event.incarnation, event.invocation) == (life, number))
    outcome = history.outcomes.get(number)
    return any(_place(event) in later for event in here) or (outcome is not None and outcome.incarnation == life)


def _struck(fired: FaultFired) -> str:
    fault = Fault.parse(fired.fault)
    said = "KILLED" if fault.action == "crash" and fault.argument is None else str(fault).partition("@")[0].upper()
    return f"{said} {fired.window}"


def _end(history: History, life: int) -> str:
    """How a life ended, as its caller and the operating system saw it."""
    said = [
        "finished" if outcome.status == "ok" else f"failed: {shortened(clean(outcome.error_type or 'error'), 40)}"
        for outcome in history.outcomes.values()
        if outcome.incarnation == life
    ]
    ended = next((event for event in history.of(ProcessEnded) if event.incarnation == life), None)
    causes = {"crash": "killed by the fault", "hang": "hung, ended by the watchdog", "death": _death(ended)}
    if ended is None:
        return ", ".join([*said, "the journal stops here"])
    said += [causes[ended.cause]] if ended.cause in causes else []
    return ", ".join(said) or f"exited with code {ended.code}"


def _death(ended: ProcessEnded | None) -> str:
    """A death that nobody planned: `SIGKILL` comes from outside, other signals mostly from what the process did."""
    if ended is None or ended.signal in (None, signal.SIGKILL):
        return "killed by somebody else"
    return f"ended by {signal.Signals(ended.signal).name}"


def _styled(cell: str) -> Text:
    if "KILLED" in cell:
        return Text(cell, "bold red")
    return Text(cell, "dim" if cell == "replayed" else "bold" if "again" in cell else "")
