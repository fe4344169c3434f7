"""Two accounts of one run: the ledger of its steps, by what was seen, and what the engine itself says of its units."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple

from rich.console import RenderableType
from rich.text import Text

from harness.report.tables import indented, table
from harness.report.words import clean, counted, listed, shortened
from harness.steps import StepId
from harness.verdict import Ledger, LedgerLine, RunReport, UnitAccount

MANY = 40
"""Above so many rows only those are shown in which something happened that happens in no fault-free run."""
WIDEST_STEP = 30
WIDEST_FAILURE = 60


def of_steps(run: RunReport) -> Iterator[RenderableType]:
    """The replay ledger, and what was bought twice; nothing for a run in which each body ran once."""
    book = run.ledger
    if book is None or not any(map(_is_remarkable, book.lines)):
        return
    shown = [line for line in book.lines if len(book.lines) <= MANY or line.re_executed or line.orphaned]
    width = min(WIDEST_STEP, max((len(clean(line.step)) for line in shown), default=0))
    made = table("step", "executed", "replayed", "re-executed", "indeterminate", "orphaned", widest=(width,))
    for line in shown:
        made.add_row(shortened(clean(line.step), width), *_figures(line))
    yield ""
    yield indented(made)
    if len(shown) < len(book.lines):
        yield indented(Text(f"and {len(book.lines) - len(shown)} more without a repeat", "dim"))
    yield from _bought(book)


def _is_remarkable(line: LedgerLine) -> bool:
    return astuple(line)[1:] != (1, 0, 0, 0, 0)


def _figures(line: LedgerLine) -> Iterator[Text]:
    """Figures without zeros: what happened stands out."""
    styles = ("", "dim", "bold", "", "yellow")
    for figure, style in zip(astuple(line)[1:], styles, strict=True):
        yield Text(str(figure) if figure else "-", style if figure else "dim")


def _bought(book: Ledger) -> Iterator[RenderableType]:
    if not book.requests:
        return
    said = f"{counted(book.requests, 'model request')}, {counted(book.tokens, 'token')}"
    again = f"{counted(book.requests_again, 'request')} and {counted(book.tokens_again, 'token')} were bought twice"
    yield indented(Text(f"{said}: {again if book.requests_again else 'nothing was bought twice'}"))


def of_units(run: RunReport, unit: str) -> Iterator[RenderableType]:
    """The engine's own account: states and attempts, and times as they were configured and as they are here."""
    told = [each for each in run.account if each.attempts is not None or each.configured or each.failure]
    shown = [each for each in told if len(told) <= MANY or (each.attempts or 0) > 1 or each.failure]
    if not told:
        return
    width = min(WIDEST_STEP, max((len(_name(each)) for each in shown), default=0))
    made = table(unit, "state", "attempts", "", widest=(width,))
    for each in shown:
        attempts = Text("-" if each.attempts is None else str(each.attempts), "bold" if _was_retried(each) else "")
        failure = f"failed: {shortened(clean(each.failure), WIDEST_FAILURE)}" if each.failure else ""
        made.add_row(shortened(_name(each), width), clean(each.status).lower(), attempts, failure)
    yield ""
    yield Text(f"What {run.engine} itself says:", "bold")
    yield indented(made)
    if len(shown) < len(told):
        yield indented(Text(f"and {len(told) - len(shown)} more of one attempt", "dim"))
    yield from _times_of(told)


def _was_retried(each: UnitAccount) -> bool:
    return (each.attempts or 0) > 1


def _name(each: UnitAccount) -> str:
    return clean(each.step or each.name)


def _times_of(told: Sequence[UnitAccount]) -> Iterator[RenderableType]:
    """Each set of times once, with the steps that have it."""
    having: dict[str, dict[str, None]] = {}
    for each in told:
        if each.configured or each.effective:
            kind = StepId.parse(each.step).unnumbered if each.step else each.name
            having.setdefault(_times(each.configured, each.effective), {})[kind] = None
    if having:
        yield indented(Text("times, as configured -> as scaled here:"))
    for times, kinds in having.items():
        yield indented(Text(f"{listed(map(clean, kinds))}: {times}"), 4)


def _times(configured: Mapping[str, float], effective: Mapping[str, float]) -> str:
    """`heartbeat timeout 30 s -> 3 s`, and only the first part where nothing was scaled."""
    names = dict.fromkeys([*configured, *effective])
    return ", ".join(
        f"{clean(name).replace('_', ' ')} {_change(configured.get(name), effective.get(name))}" for name in names
    )


def _change(configured: float | None, effective: float | None) -> str:
    before, after = (None if seconds is None else f"{seconds:.3g} s" for seconds in (configured, effective))
    if before is None:
        return f"{after} (nothing configured)"
    return before if after in (None, before) else f"{before} -> {after}"
