"""What the journal of a run says: how often, how long, whether it would have gone on. Pure: it can be read again."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any

from harness.audits.wire.failures import CUT_OFF, LET_THROUGH, UNREACHED
from harness.history import (
    EngineRecord,
    FaultFired,
    History,
    HttpRequest,
    RunEnded,
    StepEntered,
    StepLeft,
    UnitEntered,
    UnitLeft,
    UnitTried,
    Waited,
)
from harness.process.tally import TRIES
from harness.steps import StepId


@dataclass(frozen=True)
class Wire:
    """How one run goes. `pace` divides waits inside bodies, None leaves them out; `scale` is the engine's.

    What the engine waits between attempts is divided by `haste` at least.

    `beside` is the one function whose requests fail, where that is neither a model nor a tool. `others` are the names
    of the workflow's own steps that are not what is measured, and whose calls the limit is not about; nor is it about
    requests to others than the `host`, or from others than the `sender`, if there is one. `alone` are the names of the
    workflow's own step and of the agent whose requests fail while everything else works; each is empty where there is
    none. `instead` says that what others are asked, or ask, is unavailable. A process that is to
    die dies `early` when the body of its step begins, and not when it is done. The limit is about `each` different
    request of a call where that is so, and not about all together.
    """

    failure: str
    limit: int
    step: str | None = None
    scale: float = 1.0
    pace: float | None = None
    raises: str = ""
    short: bool = False
    beside: str = ""
    others: tuple[str, ...] = ()
    host: str = ""
    alone: tuple[str, str] | None = None
    instead: bool = False
    sender: str = ""
    early: bool = False
    each: bool = False
    haste: float = 1.0

    @property
    def tries(self) -> int:
        """Runs of one body that nothing seems to stop: one more than may fail shows whether it is tried again."""
        return max(TRIES, self.limit + 1)


@dataclass(frozen=True)
class Measured:
    """What was counted in one run against one failure.

    `asked` are the requests by the call that they were made in, see `call_of`, but for those that went `elsewhere` than
    to the host that is measured; `requests` are all of them. `repeated` are those of the one request that each call
    made most often, of as many `different` ones as a call made at most.
    `bodies` says how often each step's body ran. `seconds` are configured ones: exactly what clients and transports
    waited for, and the time between bodies scaled back, the engine's overhead in it, so rather too many; where no body
    is known, in a workflow without an agent, only the former. `outcome` is `ok`, the type of the error that the run's
    caller saw, `cut off`, `stuck` or `broken`. `unbounded`: it would have gone on, and was ended at the limit of
    requests, or of runs of one body. `fired` says how often a body was made to fail, or the process to die. `outlived`:
    the run had come to its end, and something in it had not. `covered`: the record of the step that was to fail goes by
    a body in it, such as an agent's request, and not by that step. `reason` is why the watchdog ended it, and whom it
    asked that no run can reach. `arguments` are what the body of the step that was to fail was first called with; None
    if it never was.
    """

    asked: dict[str, int]
    bodies: dict[str, int]
    seconds: float
    outcome: str
    unbounded: bool
    fired: int
    folder: Path
    outlived: bool = False
    elsewhere: int = 0
    covered: bool = False
    reason: str = ""
    arguments: Any = None
    repeated: dict[str, int] = field(default_factory=dict)
    different: int = 1

    @property
    def requests(self) -> int:
        """All that reached the wire."""
        return sum(self.asked.values()) + self.elsewhere


def counted(history: History, wire: Wire, folder: Path) -> Measured:
    """The count of one run."""
    unbounded, sent = _is_unbounded(history, wire), asked(history, wire.host, wire.sender)
    alike = defaultdict[str, list[int]](list)
    for (call, *_same), number in _alike(history, wire.host, wire.sender).items():
        alike[call].append(number)
    return Measured(
        asked=sent,
        elsewhere=len(history.of(HttpRequest)) - sum(sent.values()),
        bodies=_bodies(history, wire),
        seconds=round(_seconds(history, wire), 3),
        outcome=_outcome(history, unbounded=unbounded),
        unbounded=unbounded,
        fired=len(history.fired),
        folder=folder,
        outlived=bool(history.outcomes) and _is_under_way(history),
        covered=_is_covered(history, wire),
        reason="; ".join(_reasons(history)),
        arguments=next((event.arguments for event in history.of(StepEntered) if event.step == wire.step), None),
        repeated={call: max(numbers) for call, numbers in alike.items()},
        different=max(map(len, alike.values()), default=1),
    )


def call_of(step: str | None) -> str:
    """The call that what happens in `step` belongs to: of a workflow's own step, of an agent's run, or of the whole.

    A workflow may make several of each, at the same time or after one of them has failed, and what tries one of them
    again knows nothing of the others. What the body of a step or of a tool begins is a part of its call.
    """
    path = StepId.parse(step).path if step else ()
    around = tuple(takewhile(lambda segment: segment.kind in ("run", "step"), path))
    steps = [depth for depth, segment in enumerate(around, 1) if segment.kind == "step"]
    call = around[: max(steps)] if steps else around
    return str(StepId(call)) if call else ""


def named(call: str) -> str:
    """The name of the workflow's own step that a call is of; empty if it is of none."""
    step = StepId.parse(call) if call else None
    return (step.name or "") if step and step.kind == "step" else ""


def by_call(numbers: Mapping[str, int]) -> dict[str, int]:
    """Numbers of steps, added up for each call."""
    found: Counter[str] = Counter()
    for step, number in numbers.items():
        found[call_of(step)] += number
    return dict(found)


def asked(history: History, host: str = "", sender: str = "") -> dict[str, int]:
    """How many requests each call has made, to this host or to any, and from this client or from any."""
    found: Counter[str] = Counter()
    for (call, *_same), number in _alike(history, host, sender).items():
        found[call] += number
    return dict(found)


def sent(history: History, wire: Wire) -> dict[str, int]:
    """The same as the endpoint of a later life goes on with: of `each` request where the limit is about that."""
    if not wire.each:
        return asked(history, wire.host, wire.sender)
    return {" ".join(one): number for one, number in _alike(history, wire.host, wire.sender).items()}


def _alike(history: History, host: str, sender: str) -> Counter[tuple[str, ...]]:
    """How often each call has made the same request, told apart as one attempt from the next is not."""
    his = (event for event in history.of(HttpRequest) if host in ("", event.host) and sender in ("", event.sender))
    return Counter((call_of(event.step), *same(event)) for event in his)


def same(request: HttpRequest) -> tuple[str, ...]:
    """What does not change when a request is made again; a body or a header may, by a time or an id in it."""
    return request.method, request.host, request.path, request.query


def is_cut_off(history: History) -> bool:
    """Whether one request more than the limit was on its way."""
    return bool(history.observed(CUT_OFF))


def longest_wait(history: History) -> float:
    """Configured seconds of all waits inside one attempt at a body, where they are the longest.

    What waits in a body inside another, or in a run that a body began, waits in both.
    Where no body is known, in a workflow without an agent, all waits count as one attempt's: at most it is too long.
    """
    attempts: Counter[str | None] = Counter()
    waited: dict[tuple[str | None, int], float] = defaultdict(float)
    for event in history:
        if isinstance(event, StepEntered):
            attempts[event.step] += 1
        elif isinstance(event, Waited):
            for step in _bodies_around(event.step):
                waited[step, attempts[step]] += event.seconds
    return max(waited.values(), default=0.0)


def _bodies_around(step: str | None) -> Iterable[str | None]:
    """The bodies that a step is in, itself among them; runs have no body."""
    path = StepId.parse(step).path if step else ()
    found = [str(StepId(path[:depth])) for depth, segment in enumerate(path, 1) if segment.kind != "run"]
    return found or [None]


def _bodies(history: History, wire: Wire) -> dict[str, int]:
    """How often each body ran. One that is made to fail before it begins has run as often as it failed.

    Of the steps of a workflow there are only units.
    """
    own = Counter(event.step for event in history.of(UnitEntered) if event.step == wire.step)
    entered = Counter(event.step for event in history.of(StepEntered))
    failed = Counter(event.step for event in history.fired if event.window == "before")
    most = {wire.step: wire.limit} if wire.step else {}
    return {step: min(count, most.get(step, count)) for step, count in {**own, **entered, **failed}.items()}


def _is_covered(history: History, wire: Wire) -> bool:
    """Whether a unit is known by a body in it, instead of by the step that it would be without one."""
    units = {event.unit for event in history.of(UnitEntered) if event.step == wire.step}
    return any(event.claimed and event.unit in units for event in history.of(UnitLeft))


def _is_unbounded(history: History, wire: Wire) -> bool:
    """Whether it would have gone on: another request was on its way, or a body began again after its last failure."""
    fired = Counter(event.step for event in history.fired)
    last = {event.step: event.seq for event in history.fired if fired[event.step] >= wire.limit}
    # Of the steps of a workflow there are only the latter.
    begun: list[StepEntered | UnitTried] = [*history.of(StepEntered), *history.of(UnitTried)]
    again = any(event.seq > last.get(event.step, event.seq) for event in begun)
    tries = Counter((event.incarnation, event.step) for event in history.of(StepEntered))
    return again or is_cut_off(history) or max(tries.values(), default=0) >= wire.tries


def _is_under_way(history: History) -> bool:
    """Whether a body that was entered was never left, in the last life: the others took theirs along."""
    entered, left = history.of(StepEntered), history.of(StepLeft)
    last = max((event.incarnation for event in entered), default=0)
    begun, ended = (Counter(one.step for one in events if one.incarnation == last) for events in (entered, left))
    return bool(begun - ended)


def _outcome(history: History, *, unbounded: bool) -> str:
    """How it ended. The watchdog, too, cuts off what is tried again and again; then it is not stuck."""
    if (outcome := history.outcomes.get(1)) is not None:
        return outcome.error_type or outcome.status
    return "cut off" if unbounded else history.of(RunEnded)[-1].how


def _reasons(history: History) -> Iterable[str]:
    yield from (event.reason for event in history.of(RunEnded)[-1:] if event.reason)
    if servers := sorted({event.value for event in history.observed(LET_THROUGH)}):
        yield f"{' and '.join(servers)} on this machine, which it did ask, is not made to fail"
    if hosts := sorted({event.value for event in history.observed(UNREACHED)}):
        yield f"{' and '.join(hosts)} cannot be reached from here"
    waiting = {(one.name, one.detail.get("queue")) for one in history.of(EngineRecord) if one.status == "queued"}
    for name, queue in sorted(waiting, key=str):
        yield f"`{name}` waits in the queue {queue!r}, and nothing here takes it from there"


def _seconds(history: History, wire: Wire) -> float:
    """What the whole would have taken: waits inside bodies as configured, time between bodies scaled back."""
    if wire.pace is None:
        return sum(event.seconds for event in history.of(Waited)) + _pauses(history) * wire.scale
    begun, ended = history.of(StepEntered), history.of(StepLeft)
    return max(0.0, ended[-1].time - begun[0].time) * wire.scale if begun and ended else 0.0


def _pauses(history: History) -> float:
    """Real seconds between the end of one attempt at a body and the beginning of the next one."""
    ended: dict[str, float] = {}
    pauses = 0.0
    for event in history:
        if isinstance(event, StepLeft):
            ended[event.step] = event.time
        elif isinstance(event, StepEntered | FaultFired) and event.step in ended:
            pauses += event.time - ended.pop(event.step)
        if isinstance(event, FaultFired) and event.window == "before":  # a body that ends before it begins
            ended[event.step] = event.time
    return pauses
