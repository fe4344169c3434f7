"""What is made to fail so that a cell of a prediction can be counted; or why nothing can be. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isinf

from harness.retries.arithmetic import times
from harness.retries.report import ANY_TOOL, Cell, UnitAudit
from harness.retries.values import ON_THE_WIRE, Failure

MODEL, STEP = "model", "step"
TOGETHER, ALONE, INSTEAD = "together", "alone", "instead"


@dataclass(frozen=True)
class Target:
    """What is made to fail: the body of `step`, or what is asked for on the wire. Bodies of `kind`, `name` count.

    Of the kind `STEP` only that one does: a step of the workflow's own, whose others of its name are other calls, or
    the request in which the process dies, and not those that come after it. `beside` is a function of the agent's that
    is no tool, out of which alone requests fail. `called` is what the engine calls a unit of the person's own that
    asks: only what its calls ask for counts, and never what is asked for in those of `others`; where several ask in
    them, only what `host` is asked for, or what the client `sender` asks for. `agent` is the name of the workflow's
    agent whose requests these are. `ways` are the ways to make it fail, until one shows how often it is tried: together
    with everything that is asked, or `ALONE`, where everything else works, or `INSTEAD` of others, which find nobody
    available then. `held_up`: another step may come first, and be tried without end where nobody can be reached.
    """

    step: str | None = None
    kind: str = MODEL
    name: str | None = None
    beside: str = ""
    called: str = ""
    others: frozenset[str] = frozenset()
    host: str = ""
    sender: str = ""
    agent: str = ""
    ways: tuple[str, ...] = (TOGETHER,)
    held_up: bool = False


def elsewhere(*units: UnitAudit) -> str:
    """Why no run comes past these, where one of them runs in a worker of the person's own; empty if none does."""
    found = ((unit.unit, layer.queue) for unit in units for layer in unit.layers if layer.queue)
    unit, queue = next(found, ("", ""))
    return f"{unit} is asked for on the task queue {queue!r}, which no worker serves here" if queue else ""


def target(
    unit: UnitAudit,
    cell: Cell,
    asking: UnitAudit,
    comes_back: bool,  # noqa: FBT001
    called: Mapping[str, str],
) -> Target | str:
    """What to make fail for a cell, or why nothing can be.

    The first unit that asks a provider is the one that the wire shows, `asking`: others may ask later, or not, and each
    that can be told from it is looked for. `called` is what a run really called: the tools of MCP servers, by the unit
    that is about any of them, and the requests with which agents of a workflow begin.
    """
    if cell.failure is Failure.CRASH:
        return _dying(unit, asking.unit, called) if comes_back else "nothing begins it again by itself: a person has to"
    if unit.inside:
        return _within(unit, cell)
    if unit.beside or unit.served:
        return _beside(unit, cell) if unit.beside else _served(unit, cell, called)
    if unit.unit.rpartition(".")[2].startswith("output:"):
        return "the model would have to call this output tool, each time with what it does not take"
    if is_asked(cell) or cell.failure is Failure.INVALID_OUTPUT:
        seen = unit.unit == asking.unit or cell.failure is Failure.INVALID_OUTPUT or unit.is_apart(asking)
        first = f"{asking.unit} asks first, and what fails here fails there, too"
        return Target(kind=MODEL, called=unit.called, agent=unit.agent) if seen else first
    return _failing(unit)


def _failing(unit: UnitAudit) -> Target | str:
    """A body that fails by itself."""
    if not (unit.step or _is_tool(unit)):
        return _NO_RUN
    if hidden := next((layer.name for layer in unit.layers if layer.kind == "tool" and layer.unknown), ""):
        return f"nobody knows how often {hidden} runs it again, so there is no number to compare"
    if is_decorated(unit):
        return f"a fault cannot be put inside the decorator of the {'step' if unit.step else 'tool'}'s function"
    if unit.step:
        return Target(unit.step, STEP)
    return Target(f"{unit.unit}#1", "tool", unit.unit.partition(":")[2])


def _within(unit: UnitAudit, cell: Cell) -> Target | str:
    """What a tool's own body asks: the script calls the tool, and whatever it asks for fails."""
    if not is_asked(cell):
        return "a fault cannot be put inside a function that a tool calls"
    return Target(f"tool:{unit.inside}#1", "tool", unit.inside)


def _beside(unit: UnitAudit, cell: Cell) -> Target | str:
    """What another function of the agent's asks: whatever it asks for fails, in a run that only makes its output."""
    if not is_asked(cell):
        return "a fault cannot be put inside a function that is no tool"
    if not unit.unit.startswith(f"{unit.beside}."):
        return "only what runs in one place, in an agent that is audited itself, can be told apart in a run"
    if unit.unit.endswith(f".{MODEL}"):
        return "an agent asks its model in a task of its own, of which a run does not show which function began it"
    if cell.predicted is not None and isinf(cell.predicted):
        return "what the engine never gives up in the workflow itself comes to no end that could be counted"
    return Target(beside=unit.beside)


def is_asked(cell: Cell) -> bool:
    """Whether a provider is asked for what fails in a cell."""
    return cell.failure in ON_THE_WIRE and cell.counts == "requests"


def _is_tool(unit: UnitAudit) -> bool:
    """Whether a script can call it: what an MCP server has is only known in a run."""
    return unit.unit.startswith("tool:") and not unit.inside and not unit.unit.endswith(ANY_TOOL)


def _served(unit: UnitAudit, cell: Cell, called: Mapping[str, str]) -> Target | str:
    """A listing, or a call of a tool that a run has really called: the call fails, whatever the server is like."""
    if is_asked(cell):
        return "its client was asked alone: no server is here that could fail in this way"
    if cell.failure is Failure.READ_TIMEOUT:
        return "nobody waits as long as its client does for a server that says nothing"
    name = unit.unit.partition(":")[2]
    if unit.unit.startswith("tools:"):
        return Target(f"tools:{name}#1", "tools", name)
    if unit.unit not in called:
        return "none of the server's tools could be called here: which it has is only known in a run that reaches it"
    return Target(f"tool:{called[unit.unit]}#1", "tool", called[unit.unit])


def _dying(unit: UnitAudit, asking: str, called: Mapping[str, str]) -> Target | str:
    """Where the process dies: when the body is done, and before that is recorded."""
    if unit.unit.startswith("step:"):
        return _dying_in_step(unit)
    if unit.agent and unit.unit in called:
        return Target(called[unit.unit], STEP)
    if unit.unit == asking:  # in a workflow around an agent, the agent's name comes first
        return Target("model#1", STEP)  # the run goes on after the last death, and asks again in steps of their own
    if unit.served:
        return _served(unit, Cell(failure=Failure.CRASH, expression=times(1, "")), called)
    if _is_tool(unit):
        return Target(f"{unit.unit}#1", "tool", unit.unit.partition(":")[2])
    return "it is measured where a process can die: in a model's request, in a tool, in a step"


def _dying_in_step(unit: UnitAudit) -> Target | str:
    """A step of the person's own dies as a whole, whatever it asks."""
    if unit.dies:
        return Target(unit.dies, STEP)
    return _ONE_DEATH if unit.called and not unit.unseen else _NO_RUN


_NO_RUN = "no run of the harness can make it happen"
_ONE_DEATH = "what is asked in one step dies with it: that is measured at the first unit of the step"


def is_decorated(unit: UnitAudit) -> bool:
    """Whether a function has a retrying decorator of its own, or its calls have: no fault of ours is put inside."""
    return any(layer.kind == "tool" for layer in unit.layers)
