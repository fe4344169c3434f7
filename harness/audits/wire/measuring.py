"""From a scenario and a class of failure to what was counted.

A run is quick first: engines keep their timeouts, waits inside bodies are only added up. If a body then comes out
longer than a deadline around it allows, the deadline would have ended what the quick run let finish. Only such a run is
made again with everything, waits and deadlines, divided by one factor, so that the deadline strikes where it would.
"""

from __future__ import annotations

import importlib.util
import json
import math
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from harness.audits.wire.around import Around, met
from harness.audits.wire.counted import Measured, Wire, counted, is_cut_off, longest_wait, sent
from harness.audits.wire.failures import SUCCESS, calling, check, plan
from harness.errors import EngineUnavailable, SubjectError
from harness.faults import FaultPlan
from harness.history import SHOWN, EngineWaited, History, HttpRequest, RunEnded, Waited
from harness.journal import load
from harness.process import complaint
from harness.process.watchdog import Watched
from harness.retries.values import MEASURED_TO, Failure
from harness.runner import Bench, Run, open_bench
from harness.scenario import Scenario
from harness.steps import StepId

__all__ = ["Measured", "ask", "measure", "open_wire"]

ASKING = 120.0
"""Seconds for a life to ask every layer: it takes a tenth of one, and an import where lives are cold."""

QUICK = 50.0
"""What an engine's waits are divided by at most: what is left of them is still more than its own overhead."""
ENDLESS = 500.0
"""What they are divided by where an engine never gives up: they grow, and how long it takes means nothing."""
LONGEST = 10.0
"""Seconds that all waits of a run come to at most, as far as they are predicted: growing ones may be hours."""
ROOM = 3.0
"""Seconds that the shortest deadline is scaled to at least: a busy machine may stall a body for a while."""
MORE_ROOM = (12.0, 30.0)
"""The same where a run came to less than is expected: what it does besides waiting counts for less in longer times."""
HARDLY_ANY = 0.6
"""The same where an engine never gives up, or its waits are long: attempts that a stall ends are attempts."""


@contextmanager
def open_wire(scenario: Scenario, folder: Path) -> Iterator[Bench]:
    """A bench for `measure`: the subject under its engine, with its own models. One serves all classes of failure.

    Raises `EngineUnavailable` if respx is not installed, `UsageError` for everything else that cannot be used: the
    subject, the engine. What the bench has `refused` can be asked, and not measured.
    """
    if importlib.util.find_spec("respx") is None:
        raise EngineUnavailable(
            "the proof on the wire needs respx, which is not installed;"
            " run `pip install 'durable-harness[wire]'`, or ask for a static audit"
        )
    bare = scenario.with_plan(FaultPlan())
    with open_bench(bare, folder, prepare="harness.audits.wire.child:prepare", seeds=(1,)) as bench:
        yield bench


def ask(bench: Bench) -> dict[str, Any]:
    """What the subject's layers say of themselves, as `harness.audits.worker.prepare` returns it.

    A life is asked, for the interpreter has imported everything already and is to stay as it is. Raises `SubjectError`
    if that fails, and whatever of ours it raised.
    """
    folder = bench.new_folder("layers")
    answer, output = folder / "layers.json", folder / "output.log"
    argument = {
        "subject": bench.scenario.subject,
        "engine": bench.engine.name,
        "refused": bench.refused,
        "answer": str(answer.absolute()),
    }
    life = bench.zygote(0, cold=bench.cold).spawn("harness.audits.worker:tell", argument, output=output)
    asking = f"asking the layers of {bench.scenario.subject!r}"
    if life.wait(ASKING) is None:
        where = life.stacks()
        life.kill()
        raise SubjectError(f"{asking} took longer than {ASKING:g} s", traceback=where)
    if not answer.exists():
        raise SubjectError(f"{asking} ended its process: {_end(output)}")
    info: dict[str, Any] = json.loads(answer.read_text("utf-8"))
    if "failed" in info:
        raise complaint.rebuild(info["failed"])
    return info


def _end(output: Path) -> str:
    lines = output.read_text("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "it printed nothing"


def measure(  # noqa: PLR0913  as many words as there are ways to fail
    scenario: Scenario,
    failure: str,
    *,
    bench: Bench,
    limit: int = MEASURED_TO,
    step: str | None = None,
    raises: str = "",
    short: bool = False,
    beside: str = "",
    others: Collection[str] = (),
    host: str = "",
    sender: str = "",
    each: bool = False,
    alone: tuple[str, str] | None = None,
    instead: bool = False,
    around: Around | None = None,
    waits: float = 0.0,
    hangs: bool = False,
    is_enough: Callable[[Measured], bool] = lambda _seen: True,
) -> Measured:
    """Run the scenario once with one thing failing in that way (one of `FAILURES`) whenever it is tried, and count.

    What fails is every request to a provider; or the body of `step`, with an exception of the type `raises`; or every
    request out of that body, where the failure is one of the wire; or out of the function that `audits.beside` calls
    `beside`. It fails up to `limit` times in each call, and more often only in those of `others`, steps of the
    workflow, to others than the `host`, or from other clients than the `sender`; whatever tries once more is unbounded.
    The limit is about `each` different request of a call, if that is said.
    With the names of a step and an agent that are `alone`, only the requests of these fail; where it is asked `instead`
    of others, those are unavailable. `short` lets chance make waits short. `around` is what the engine has around that
    which fails; if it is not given, the same as around a model. `waits` are the seconds that it all takes at worst, as
    configured, perhaps without end; the longer, the more they are divided. Where a deadline strikes, also one that only
    the run has told, and what was counted `is_enough` not, it is run again in longer times. What `hangs`, because a
    client waits for ever, comes to every deadline, and to an end at no other time. A process dies when the body of
    `step` is done; when it begins, where the record of that step goes by a body in it. Safe to call from several
    threads. Raises `UsageError` for what cannot be measured.
    """
    check(failure, step, limit)
    model = _around_model(bench)
    around = around or model
    room, most = _haste(around, waits)
    scale = min(quick_scale(around, room, most), quick_scale(model, room, most))  # a model is asked before
    wire = Wire(
        failure,
        limit,
        step,
        scale=scale,
        raises=raises,
        short=short,
        beside=beside,
        others=tuple(others),
        host=host,
        alone=alone,
        instead=instead,
        sender=sender,
        each=each,
        haste=_least(around),
    )
    if not (hangs and _is_timed(around)):
        quick = _measured(scenario, wire, bench)
        if failure == Failure.CRASH and quick.covered and not quick.fired:
            wire = replace(wire, early=True)
            quick = _measured(scenario, wire, bench)
        seen = load(quick.folder / "journal.jsonl")
        around = met(seen, around)
        if not (_is_timed(around) if hangs else _strikes(quick, seen, around)):
            return quick
    # A death is waited for in no deadline, and what comes after it is to find some time left in the longest.
    rooms = (HARDLY_ANY if around["endless"] and failure != Failure.CRASH else ROOM, *MORE_ROOM)
    scales = (max(1.0, min(_shortest(around) / room, _shortest(model) / HARDLY_ANY)) for room in rooms)
    wire = replace(wire, haste=_least(around))
    runs = (_measured(scenario, replace(wire, scale=scale, pace=scale), bench) for scale in dict.fromkeys(scales))
    timed = next(runs)
    while not (is_enough(timed) or timed.outcome == "stuck"):  # what waits too long waits longer in longer times
        if (longer := next(runs, None)) is None:
            break
        timed = longer
    return timed


def offered(bench: Bench) -> dict[str, str]:
    """The tools that a run offers to its model, with nothing failing: only there are those of servers known.

    Each with the id of its toolset, empty if that has none.
    """
    quiet = Wire(Failure.TOOL_EXCEPTION, 1, scale=quick_scale(_around_model(bench)))  # scripted, and no step that fails
    seen = load(_measured(bench.scenario, quiet, bench).folder / "journal.jsonl")
    told = [event.value for event in seen.observed(SHOWN)]
    return {name: value.get("toolsets", {}).get(name, "") for value in told for name in value["tools"]}


def first_asked(bench: Bench, step: str, agent: str) -> str:
    """The step in which an agent of a workflow (in a `step` of it) asks its model first, with nothing failing.

    Empty if it does not.
    """
    alone = Wire(SUCCESS, 1, scale=quick_scale(_around_model(bench)), alone=(step, agent))
    seen = load(_measured(bench.scenario, alone, bench).folder / "journal.jsonl")
    steps = (event.step for event in seen.of(HttpRequest) if event.step)
    return next((asked for asked in steps if StepId.parse(asked).kind == "model"), "")


class WireRun(Run):
    """A run whose lives meet the endpoint: what counts is on the wire, so engines are rarely asked for records."""

    entry: ClassVar[str] = "harness.audits.wire.child:live"

    def __init__(self, bench: Bench, scenario: Scenario, wire: Wire, folder: Path) -> None:
        faults = plan(wire.failure, wire.step, wire.limit, wire.raises, early=wire.early)
        super().__init__(bench, faults, folder, None, cold=False, scenario=scenario)
        self.wire = wire
        self.tries = wire.tries
        self.store = replace(self.store, values={**self.store.values, "factor": wire.scale})

    def _testify(self, incarnation: int) -> None:
        """Ask the engine only about a run that came to no end: what it says does not count, and takes time."""
        if not (self.history.outcomes or is_cut_off(self.history)):
            for record in self.bench.session.observe(self.store):
                self.journal.append(record)

    def _life(self, incarnation: int) -> dict[str, Any]:
        script = calling(self.wire.step) if self.scenario.script is None else None
        wire = {**vars(self.wire), "sent": sent(self.history, self.wire), "script": script}
        return {**super()._life(incarnation), "wire": wire}

    def _over(self, watched: Watched) -> RunEnded | None:
        if is_cut_off(self.history):
            return RunEnded(how="limit", reason=f"request {self.wire.limit + 1} of a call, or a call too many, began")
        return super()._over(watched)


def quick_scale(around: Around, room: float = ROOM, most: float = QUICK) -> float:
    """What an engine's times are divided by in a quick run, by what it has around what fails: `most` at most.

    An engine may have no way to scale waits and leave timeouts alone, so the shortest deadline keeps its `room`, in
    seconds.
    """
    if around["endless"]:
        return ENDLESS
    return min(most, max(1.0, _shortest(around) / room))


def _haste(around: Around, waits: float) -> tuple[float, float]:
    """The room that a deadline is left in a quick run, and what times are divided by at most; see `quick_scale`."""
    if around["endless"]:
        return HARDLY_ANY, ENDLESS
    if waits / quick_scale(around) <= LONGEST:
        return ROOM, QUICK
    return HARDLY_ANY, ENDLESS if math.isinf(waits) else max(QUICK, waits / LONGEST)


def _least(around: Around) -> float:
    """What waits are divided by at least, whatever deadlines are: between attempts without end they matter to none."""
    return ENDLESS if around["endless"] and not around["all"] else 1.0


def _measured(scenario: Scenario, wire: Wire, bench: Bench) -> Measured:
    folder = bench.new_folder(f"wire-{wire.failure}")
    WireRun(bench, scenario, wire, folder).execute()
    return counted(load(folder / "journal.jsonl"), wire, folder)


def _strikes(quick: Measured, seen: History, around: Around) -> bool:
    """Whether a deadline would have ended something that this run let finish."""
    # Where no body is known, only the engine tells how long it waits between them.
    waits = [one.seconds for one in seen.of(Waited)] + [one.configured for one in seen.of(EngineWaited)]
    whole = max(quick.seconds, sum(waits))
    return longest_wait(seen) >= (around["each"] or float("inf")) or whole >= (around["all"] or float("inf"))


def _is_timed(around: Around) -> bool:
    return math.isfinite(_shortest(around))


def _around_model(bench: Bench) -> Around:
    return Around(each=bench.info["each"], all=bench.info["all"], endless=bench.info["endless"])


def _shortest(around: Around) -> float:
    return min((one for one in (around["each"], around["all"]) if one), default=float("inf"))
