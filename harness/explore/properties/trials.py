"""One example: a scenario's fault-free run, its run under faults, and the judgement of the two.

The fault-free run is kept for the next example that has the same conversation, which a shrinking Hypothesis asks for
again and again. Its twin, which tells what varies by itself, is run only where something was found: in an example that
passes there was nothing to excuse.
"""

from __future__ import annotations

from collections import OrderedDict
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from harness import checks
from harness.checks import Baseline
from harness.errors import UsageError
from harness.explore import policies, unusable
from harness.explore.properties.benches import Opened, opened_for, played
from harness.explore.properties.blame import held_against
from harness.explore.properties.foresight import alike
from harness.explore.properties.offered import offer_of
from harness.explore.properties.reproduction import DoesNotSurvive, failure
from harness.faults import LATE, NO_FAULT
from harness.history import History
from harness.runner import Bench, report
from harness.scenario import Scenario
from harness.steps import StepId
from harness.subjects.script_sources import load_script
from harness.verdict import RunReport, Severity, Status, Verdict

KEPT = 256
"""How many fault-free runs are remembered."""
DOUBTS = 4
"""How many more fault-free runs have to be like the first two before a failure is believed."""


class Everything(frozenset[str]):
    """The paths of all values there are."""

    def __contains__(self, path: object) -> bool:
        return True


class Unfit(UsageError):
    """The conversation cannot be had with this agent, even without faults and engine: it says nothing about crashes."""


@dataclass(frozen=True)
class Guess:
    """What a fault-free run is expected to be, and the scenario with its faults placed in that."""

    history: History
    scenario: Scenario


@dataclass
class Fair:
    """The fault-free runs of one conversation: the first at once, its twin when it is needed.

    `begun` is a run under faults that was started beside the first one, on a guess that came true.
    """

    bench: Bench
    scenario: Scenario
    history: History
    turn: int = 0
    begun: tuple[Scenario, Future[History]] | None = None
    twin: Baseline | None = None

    def play(self, scenario: Scenario) -> History:
        """The history of a run under the faults of `scenario`, which may have begun already."""
        begun, self.begun = self.begun, None
        if begun is not None and begun[0] == scenario:
            return begun[1].result()
        return played(self.bench, scenario, scenario.plan, self.history)

    def judge(self, scenario: Scenario, history: History, *, strict: bool = False) -> RunReport:
        """Judge a run beside the first of these, and beside both where the twin could excuse what is found.

        Raises `EndsSearch` if the two take different steps, or others do: before the first failure in which a step
        takes part there are `DOUBTS` more, because two that chance decides may be alike; what varies in any of them is
        excused.
        """
        judged = self._report(Baseline(self.history), scenario, history, strict=strict)
        if self._is_sure(judged, scenario, history, strict=strict):
            return judged
        self.twin = self.twin or self._beside_another()
        judged, opened = self._report(self.twin, scenario, history, strict=strict), opened_for(self.scenario)
        steps = {StepId.parse(step).unnumbered for step in (*self.history.steps, *history.steps)}
        if judged.status is Status.FAILED and not steps <= opened.steady:
            varies = (self._beside_another().volatile for _ in range(DOUBTS))
            self.twin = Baseline(self.history, self.twin.volatile.union(*varies))
            judged = self._report(self.twin, scenario, history, strict=strict)
            opened.steady |= steps
        return judged

    def _is_sure(self, judged: RunReport, scenario: Scenario, history: History, *, strict: bool) -> bool:
        """Whether nothing is held against the run, or only warnings that would stand if every value varied by itself.

        A repeat that nobody minds much is such a warning. What fails a run, or leaves open what it came to, is always
        looked at again: a fault that never happened may have been meant for a step that is not always there. So is a
        run of the fault-free scenario itself, of which nothing else is asked.
        """
        if judged.status is not Status.PASSED or scenario == self.scenario:
            return False
        warned = {verdict.check: verdict for verdict in judged.verdicts if _weighs(verdict)}
        if strict or not warned:
            return not warned
        most = Baseline(self.history, Everything())
        again = checks.judge(history, most, scenario, self.bench.engine.contract(), names=warned)
        return list(again) == list(warned.values())

    def _report(self, baseline: Baseline, scenario: Scenario, history: History, *, strict: bool) -> RunReport:
        return report(history, baseline, scenario, self.bench.engine, Path(), strict=strict)

    def _beside_another(self) -> Baseline:
        """The first run beside another one: what differs between the two is not held against a third."""
        histories = self.history, played(self.bench, self.scenario, NO_FAULT, None, turn=1 - self.turn)
        settled = unusable.settle(histories, self.scenario, self.bench.engine.contract())
        if isinstance(settled, Baseline):
            return settled
        which, why = settled
        told = unusable.told(why, histories[which], self.scenario, self.bench.engine.name, Path())
        failed = Failed(self.scenario, histories[which], why.findings[0].message, told)
        _fair[_key(self.scenario)] = failed  # what chance decides is not asked twice
        raise failed.error()


@dataclass(frozen=True)
class Failed:
    """A fault-free run that failed, so that there is nothing to compare with: why, and the report if that is a failure.

    Without a report the conversation is unfit.
    """

    scenario: Scenario
    history: History
    why: str
    report: RunReport | None = None

    def error(self) -> Unfit | DoesNotSurvive:
        """What `fair` raises of it."""
        return Unfit(self.why) if self.report is None else failure(self.scenario, self.report)

    def trial(self) -> Trial:
        """The same as what a scenario came to. Raises `Unfit`."""
        if self.report is None:
            raise self.error()
        return Trial(self.scenario, self.report, self.history)


@dataclass(frozen=True)
class Trial:
    """A scenario that was played: the report on it and the history that the report judges."""

    scenario: Scenario
    report: RunReport
    history: History
    fired: frozenset[str] = field(default_factory=frozenset)

    @property
    def missed(self) -> tuple[str, ...]:
        """The planned faults that never happened."""
        return tuple(fault for fault in self.scenario.faults if fault not in self.fired)


def _weighs(verdict: Verdict) -> bool:
    """Whether a verdict holds more than notes."""
    return any(finding.severity is not Severity.NOTE for finding in verdict.findings)


_fair: OrderedDict[str, Fair | Failed] = OrderedDict()


def fair(scenario: Scenario, guess: Guess | None = None) -> Fair:
    """The fault-free runs that `scenario` is compared with. A `guess` lets the run under faults begin beside the first.

    Raises `Unfit` if the agent cannot have the conversation, `DoesNotSurvive` if it can and the run fails all the same,
    `UsageError` if subject, engine or script cannot be used, or if a tool is said to be keyed by what is no argument
    of it.
    """
    known = _known(scenario, guess)
    if isinstance(known, Failed):
        raise known.error()
    return known


def forget(scenario: Scenario) -> None:
    """Let the fault-free run of `scenario` be made anew when it is next asked for."""
    _fair.pop(_key(scenario), None)


def _key(scenario: Scenario) -> str:
    peaceful = scenario.peaceful
    return f"{opened_for(peaceful).bench.folder} {peaceful.model_dump_json(exclude_defaults=True)}"


def _known(scenario: Scenario, guess: Guess | None = None) -> Fair | Failed:
    peaceful = scenario.peaceful
    opened, key = opened_for(peaceful), _key(scenario)
    if key not in _fair:
        _fair[key] = _made(opened, peaceful, guess)
        if len(_fair) > KEPT:
            _fair.popitem(last=False)
    _fair.move_to_end(key)
    return _fair[key]


def _made(opened: Opened, peaceful: Scenario, guess: Guess | None) -> Fair | Failed:
    """A first fault-free run, on the second zygote if the first one is to bear another run meanwhile."""
    if isinstance(peaceful.script, str):
        load_script(peaceful.script)  # a life that cannot read it only dies of that
    bench, begun, turn = opened.bench, None, 0
    if guess is not None and not any(fault.action in LATE for fault in guess.scenario.plan.faults):
        turn, begun = 1, opened.beside.submit(played, bench, guess.scenario, guess.scenario.plan, guess.history)
    history = played(bench, peaceful, NO_FAULT, None, turn=turn)
    if (failed := _failed(history, peaceful, bench)) is not None:
        return failed
    _refuse_lost_key(history, peaceful)
    opened.foresight.learn(history, guess.history if guess else None)
    if begun is None or guess is None or not alike(history, guess.history):
        return Fair(bench, peaceful, history, turn)
    return Fair(bench, peaceful, history, turn, (guess.scenario, begun))


def _failed(history: History, scenario: Scenario, bench: Bench) -> Failed | None:
    contract = bench.engine.contract()
    verdict = unusable.failed(history, scenario, contract)
    if verdict is None:
        return None
    why = next((finding.message for finding in verdict.findings), verdict.reason)
    held = held_against(verdict, history, scenario, contract)
    told = None if held is None else unusable.told(held, history, scenario, bench.engine.name, Path())
    return Failed(scenario, history, why, told)


def _refuse_lost_key(history: History, scenario: Scenario) -> None:
    lost = policies.lost_key(scenario, history)
    if lost and (scenario.script is None or policies.lost_key(scenario, offer_of(scenario).history)):
        raise UsageError(lost)
    if lost:  # the tool has such an argument, and this conversation leaves it out
        raise Unfit(lost)


def play(scenario: Scenario, *, strict: bool = False) -> Trial:
    """Run a scenario under its faults on an open bench, and judge it.

    Without its faults, if it fails without any. Raises `Unfit` and `UsageError` as `fair` does. A finding that a second
    fault-free run excuses is not reported.
    """
    known = _known(scenario)
    if isinstance(known, Failed):
        return known.trial()
    expanded = scenario.with_plan(scenario.plan.expand(known.history.steps))
    history = known.play(expanded)
    try:
        judged = known.judge(scenario, history, strict=strict)
    except DoesNotSurvive:  # that is remembered
        return play(scenario, strict=strict)
    known.bench.leaving.end()
    fired = frozenset(event.fault for event in history.fired)
    return Trial(expanded, judged, history, fired)
