"""The engine's own account of a run, in the form in which reports show it. It decides nothing.

Adapters keep what their engine says of a unit in the `detail` of its record: `configured` and `effective` times in
seconds by their names (those that end in `timeout` limit something, the others are waits), `last_failure` of an attempt
and `failure` of the unit, both as texts.
"""

from __future__ import annotations

from collections.abc import Iterable

from harness.history import EngineRecord, History, spelled
from harness.scenario import Scenario
from harness.verdict import UnitAccount

RUN = "run"
"""The unit that is the run's own outcome."""


def account(history: History) -> tuple[UnitAccount, ...]:
    """What the engine says of every unit, in its own order, beside the steps that the units record."""
    steps = steps_of_units(history)
    return tuple(_of(record, steps.get((record.invocation, record.unit))) for record in history.of(EngineRecord))


def steps_of_units(history: History) -> dict[tuple[int, str], str]:
    """The step behind each unit's key, as it was seen when bodies were entered."""
    found: dict[tuple[int, str], str] = {}
    for run in history.executions:
        invocation = run.entered.invocation
        for unit in (run.entered.unit, getattr(run.entered, "within", None)):
            if unit is not None:
                found.setdefault((invocation, unit), spelled(run.step, invocation))
    return found


def _of(record: EngineRecord, step: str | None) -> UnitAccount:
    detail = record.detail
    return UnitAccount(
        unit=record.unit,
        step=spelled(RUN, record.invocation) if record.unit == RUN else step,
        name=record.name,
        status=record.status,
        attempts=record.attempts,
        configured=detail.get("configured", {}),
        effective=detail.get("effective", {}),
        failure=str(detail.get("failure") or detail.get("last_failure") or ""),
    )


def time_scale(units: Iterable[UnitAccount], scenario: Scenario) -> str:
    """How times were scaled, in words, by what the engine was given; empty where nothing says so."""
    limits, waits = _ratios(units, timeouts=True), _ratios(units, timeouts=False)
    asked = "" if scenario.time_scale is None else f" (`--time-scale {scenario.time_scale:g}`)"
    if not limits and not waits:
        return f"times are divided by {scenario.time_scale:g}{asked}" if scenario.time_scale else ""
    if max([*limits, *waits]) < 1.01:
        return f"times are real{asked}"
    said = [f"{what} {_divided(ratios)}" for what, ratios in (("timeouts", limits), ("waits", waits)) if ratios]
    return " and ".join(said) + (asked or "; `--time-scale 1` is real time")


def _ratios(units: Iterable[UnitAccount], *, timeouts: bool) -> list[float]:
    """How many times shorter each time was made."""
    return [
        unit.configured[name] / unit.effective[name]
        for unit in units
        for name in unit.configured.keys() & unit.effective.keys()
        if name.endswith("timeout") is timeouts and unit.effective[name] > 0
    ]


def _divided(ratios: list[float]) -> str:
    least, most = min(ratios), max(ratios)
    if most < 1.01:
        return "are as configured"
    return f"are divided by {most:.3g}" if least > most * 0.99 else f"are divided by up to {most:.3g}"
