"""The table of faults, measured: what each engine makes of a body that hangs, is late, fails, or runs under two owners.

A second tool takes a second after the charge, so that what a given-up charge still does is done while somebody looks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.errors import UsageError
from harness.faults import Fault, FaultPlan
from harness.history import (
    CANCELLED,
    Effect,
    EngineRecord,
    Event,
    Execution,
    History,
    RunEnded,
    StepEntered,
    UnitEntered,
)
from harness.report.words import NOT_RUN, REFUSED
from tests.tables.lab import Lab
from tests.tables.page import Column, Page, Section
from tests.tables.uses import ENGINES, PATIENCE

SCALE = 20.0
"""Real time divided by this: the 20 s that the agents configure become one, and bodies have room in it."""
SCENARIO = {
    "script": [*({"call": tool, "args": {"order_id": "a"}} for tool in ("charge", "pack")), {"text": "done"}],
    "time_scale": SCALE,
}
STALL = 10.0
"""Seconds that a hang which nothing ends is waited for."""
NO_TIMEOUT, BY_PYDANTIC, BY_ENGINE = "plain", "by_pydantic", "by_engine"
ENGINES_OWN = {
    "dbos": {"awaiting": "by_dbos:awaiting", "blocking": "by_dbos_in_thread:blocking"},
    "prefect": {"awaiting": "by_prefect:awaiting", "blocking": "by_prefect:blocking"},
    "temporal": {"awaiting": "by_temporal:awaiting", "blocking": "by_temporal:blocking"},
}
"""The agents whose charge has a timeout of the engine's own; `journal` knows none."""

RUN_TIMEOUT = {
    "dbos": {"workflow_timeout": 200},
    "prefect": {"flow_timeout": 200},
    "temporal": {"workflow_timeout": 200},
}
"""What the engines' callers say of a run as a whole; `journal` knows nothing of that either."""

ENDS, LIMITS, BODIES, ZOMBIE, EFFECT, RECORD = LINES = (
    "the run",
    "timeouts",
    "bodies",
    "given up",
    "the charge",
    "the record",
)

INTRODUCTION = """\
What becomes of one fault under each engine: a real agent, a real engine, a real hang. This page is generated
(`make tables`), and a test fails when it says anything else than what is measured.

The agent charges a customer, then packs the order, which takes a while. *the run*: how it ends for its caller, and what
ended a hang; a run that never ends was ended by the harness, because nothing happened. *timeouts*: those that the
harness knows to be around the body, as they were configured, the outermost first. *bodies*: how many of the step that
was struck began and returned, or of how many owners they were. *given up*: what becomes of a body that somebody stopped
waiting for; it was cancelled, or it went on in the same process beside what came after it. *the charge*: how often the
customer was charged. *the record*: what the engine says of the step when the run is over.

In the rows called *late* the body begins only when its time is over. Where the customer is charged twice there, the
attempt that was given up did its work all the same, beside the one that took its place: a zombie. In a thread under
Prefect it is none: the timeout is noticed when the body has returned, and then the task is tried again.

Of *two owners* no numbers are told, because they are nobody's: the first owner stands still, its connections do not,
and a server that tries the charge again may hand it to either of them."""


@dataclass(frozen=True)
class Row:
    """One fault, at an agent that awaits or blocks, with this or that timeout around its charge."""

    name: str
    what: str
    fault: str
    tool: str = "awaiting"
    timeout: str = NO_TIMEOUT
    options: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    """How an engine is run for it, where that is not as usual."""
    forms: Mapping[str, str] = field(default_factory=dict)
    """The agents of engines that need one of their own for it."""

    def subject(self, engine: str) -> str | None:
        """The agent for one engine, None if the engine has no such timeout."""
        if engine in self.forms:
            return f"fixtures.agents.limited.{self.forms[engine]}"
        if self.timeout != BY_ENGINE:
            return f"fixtures.agents.limited.{self.timeout}:{self.tool}"
        own = ENGINES_OWN.get(engine)
        return own and f"fixtures.agents.limited.{own[self.tool]}"

    def knows(self, engine: str) -> bool:
        """Whether the engine has what the row is about."""
        return self.subject(engine) is not None and (engine in self.options or self.options is not RUN_TIMEOUT)


HANG_MODEL = "hang@model#2"
HANG, LATE, DONE = "hang@tool:charge#1", "delay(30s)@tool:charge#1", "tool:charge#1/between"
ROWS = (
    Row("hang", "An asynchronous tool never returns. Nobody configured a timeout.", HANG),
    Row("hang in a thread", "A plain function never returns. Nobody configured a timeout.", HANG, "blocking"),
    Row("hang, tool timeout", "An asynchronous tool with pydantic-ai's `timeout=20`.", HANG, timeout=BY_PYDANTIC),
    Row("hang in a thread, tool timeout", "A plain function with the same.", HANG, "blocking", BY_PYDANTIC),
    Row("hang, engine timeout", "An asynchronous tool, 20 s for its step, task or activity.", HANG, timeout=BY_ENGINE),
    Row("hang in a thread, engine timeout", "A plain function with the same.", HANG, "blocking", BY_ENGINE),
    Row(
        "hang, run timeout",
        "The same without one, or with a longer one, and 200 s for the run: its flow or workflow as a whole.",
        HANG,
        options=RUN_TIMEOUT,
        forms={"temporal": "by_temporal:patient"},
    ),
    Row("model hangs", "A provider never answers the second request. Nobody configured a timeout.", HANG_MODEL),
    Row("tool fails", "The tool raises `ValueError`, once.", "error(ValueError)@tool:charge#1"),
    Row("late in a thread, tool timeout", "The body begins after 30 s; `timeout=20`.", LATE, "blocking", BY_PYDANTIC),
    Row("late, engine timeout", "The body begins after 30 s; 20 s for its unit.", LATE, timeout=BY_ENGINE),
    Row("late in a thread, engine timeout", "A plain function with the same.", LATE, "blocking", BY_ENGINE),
    Row("slow", "The tool has done its work and returns 2 s later.", "slow(2s)@tool:charge#1"),
    Row("lost answer", "The tool has done its work, and its caller sees `ConnectionError`.", "lost@tool:charge#1"),
    Row("provider fails once", "The first model request is answered with HTTP 503.", "error(503)@model#1"),
    Row("provider fails twice", "And so is its second attempt, if there is one.", "2*error(503)@model#1"),
    Row(
        "two owners",
        "A second process takes the run, and the first stands still before the charge is recorded.",
        f"duplicate@{DONE}",
    ),
    Row(
        "server crash",
        "The engine's server is killed at that moment, and comes back; of DBOS the PostgreSQL (`--store postgres`).",
        f"crash(server)@{DONE}",
        options={"dbos": {"store": "postgres"}},
    ),
)
TIMED = frozenset(row.name for row in ROWS if row.fault == LATE)
"""Rows in which the clock tells what comes first: on a machine that stands still for a second it may be the other."""


def measure(lab: Lab, only: str | None = None) -> Column:
    """Every fault, or that of one row, under the lab's engine."""
    rows = [row for row in ROWS if only in (None, row.name)]
    told = zip(rows, lab.each(lambda row: _lines(row, lab), rows), strict=True)
    return {(row.name, line): text for row, lines in told for line, text in lines.items()}


def _lines(row: Row, lab: Lab) -> dict[str, str]:
    engine = lab.engine.name
    subject, options = row.subject(engine), row.options.get(engine, {})
    if subject is None or not row.knows(engine):
        return _not_applicable(f"{engine} has no timeouts of its own")
    try:
        stall = STALL if row.fault in (HANG, HANG_MODEL) else PATIENCE
        trial = lab.trial(subject=subject, stall=stall, options=options, **SCENARIO)
        ran = trial.unprepared(FaultPlan.parse(row.fault))
    except UsageError as error:
        return _not_applicable(str(error))
    if ran.refused:
        return _not_applicable(ran.refused)
    told = _told(ran.history, Fault.parse(row.fault))
    return {"": f"{told[ENDS]}, charged {told[EFFECT]}", **told}


def _not_applicable(words: str) -> dict[str, str]:
    return {"": REFUSED.word, **dict.fromkeys(LINES, NOT_RUN.word), ENDS: f"{REFUSED.word}: {words}"}


def _told(history: History, fault: Fault) -> dict[str, str]:
    """What happened, in words that are the same on every machine."""
    bodies = [run for run in history.executions if run.step.partition("+")[0] == fault.step]
    limits = _limits(history, bodies)
    counted = fault.action != "duplicate"
    effects = history.of(Effect)
    return {
        ENDS: _ended(history, limits),
        LIMITS: ", ".join(f"{seconds:g} s" for seconds in limits) or "none",
        BODIES: _began(bodies) if counted else f"of {_owners([run.entered for run in bodies])}",
        ZOMBIE: _given_up(history, bodies) if counted else NOT_RUN.word,
        EFFECT: _times(len(effects)) if counted else f"by {_owners(effects)}",
        RECORD: _recorded(history, bodies),
    }


def _limits(history: History, bodies: list[Execution]) -> list[float]:
    """The timeouts around the body. One that never began did not say them; then the longest is known from its hang."""
    told = [run.entered.limits for run in bodies if isinstance(run.entered, StepEntered)]
    waited = [fired.wait * SCALE for fired in history.fired if fired.wait and Fault.parse(fired.fault).action == "hang"]
    return next(iter(told), waited)


def _ended(history: History, limits: list[float]) -> str:
    if history.of(RunEnded)[-1].how == "stuck":
        return "never ends"
    outcome = history.outcomes[1]
    how = "ends well" if outcome.status == "ok" else f"ends with `{outcome.error_type}`"
    is_hang = any(Fault.parse(fired.fault).action == "hang" for fired in history.fired)
    return f"{how}, the hang after {min(limits):g} s" if is_hang and limits else how


def _recorded(history: History, bodies: list[Execution]) -> str:
    """What the engine's records say of the units of these bodies, or of the unit that was opened for one."""
    units = {run.entered.unit for run in bodies} | _struck(history)
    said = {record.status.lower() for record in history.of(EngineRecord) if record.unit in units}
    return ", ".join(sorted(said)) or "none"


def _struck(history: History) -> set[str]:
    """The units in which a fault struck before the body."""
    units = set()
    for fired in history.fired:
        opened = [unit for unit in history.of(UnitEntered) if unit.seq < fired.seq and unit.worker == fired.worker]
        units |= {unit.unit for unit in opened[-1:]} if fired.window == "before" else set()
    others = {run.entered.unit for run in history.executions if run.step not in {fired.step for fired in history.fired}}
    return units - others


def _began(bodies: list[Execution]) -> str:
    return f"{len(bodies)} began, {sum(run.finished for run in bodies)} returned"


def _given_up(history: History, bodies: list[Execution]) -> str:
    """What became of the first body when nobody waited for it any longer, by what its own process wrote down."""
    hang = next((fired for fired in history.fired if Fault.parse(fired.fault).action == "hang"), None)
    if hang is not None:
        cancelled = any(event.pid == hang.pid for event in history.observed(CANCELLED))
        return "cancelled" if cancelled else "goes on"
    late = next((fired for fired in history.fired if Fault.parse(fired.fault).action == "delay"), None)
    if late is None:
        return NOT_RUN.word
    begins = [run.entered.time - late.time >= late.wait for run in bodies if run.entered.pid == late.pid]
    if True not in begins:
        return "cancelled"
    return "went on beside the next" if False in begins else NOT_RUN.word


def _owners(events: Sequence[Event]) -> str:
    count = len({event.worker for event in events})
    return {1: "one owner", 2: "both owners"}.get(count, f"{count} owners")


def _times(count: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count} times")


PAGE = Page(
    "faults.md",
    "What engines make of faults",
    INTRODUCTION,
    ENGINES,
    tuple(Section(row.name, f"{row.what} Fault: `{row.fault}`.", LINES) for row in ROWS),
)
