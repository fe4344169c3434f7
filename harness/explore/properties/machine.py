"""A state machine for what one run cannot show: several runs in one store, some of them dead, others going on.

The rules are what happens to a service in production. Each is a real process that lives, or dies, on a real store. When
no run is left lying, everything that happened is compared with the same prompts without faults.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import cache, wraps
from typing import Any, ClassVar

from hypothesis import reject
from hypothesis import strategies as st
from hypothesis.errors import Flaky
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from harness.explore.properties.asked import at_least, base, names, plainly
from harness.explore.properties.conversations import calling, endings
from harness.explore.properties.episode import Episode
from harness.explore.properties.offered import Offer, offer_of, path_of, point_out_idle
from harness.explore.properties.patience import Patience, patience
from harness.explore.properties.plans import Strike, strikes
from harness.explore.properties.reproduction import DoesNotSurvive, EndsSearch, ending_search
from harness.explore.properties.trials import Unfit
from harness.subjects.script import Turn
from harness.verdict import Owner, Status

AT = st.integers(0, 11)
"""Which step of a run a fault strikes, by its place; past the end counts from the start again."""
CRASHES = strikes(["crash"])
MISHAPS = (*CRASHES, Strike("lost", "between"), Strike("hang", "before"))

DRAWN = ("script", "prompt", "faults", "invocations", "lives")
"""The fields of the scenario that the rules write."""
CHANCE = "The same story does not always end like this: chance decides in it, and the file may pass."
"""Said of a story that came to two ends."""


class DurableMachine(RuleBasedStateMachine):
    """A service that is sent prompts and is killed. Subclass it, name `subject` and `engine`, and run `TestCase`.

    `owners` are those whose errors fail it: an answer that is lost, or a step that hangs, rightly fails a run that no
    retry or timeout was configured for, which is not what is searched for here. What fails without any fault, and not
    because of the agent, fails it whosever error it is. Raises `DoesNotSurvive`, whose message is a scenario that
    replays without Hypothesis.
    """

    subject: ClassVar[Any] = None
    """Its import path, or what a module's variable holds."""
    engine: ClassVar[str] = "journal"
    scenario: ClassVar[dict[str, Any]] = {}
    """Other fields of the scenario: `tools`, `deps`, `world`, `options`, …"""
    most_runs: ClassVar[int] = 3
    owners: ClassVar[frozenset[Owner]] = frozenset({Owner.ENGINE, Owner.INTEGRATION})

    faults: ClassVar[Counter[str]] = Counter()
    """How many faults were planned, and how many happened, in all stories of a test."""
    latest: ClassVar[Patience] = Patience()
    """What the stories of a test have come to."""
    episode: Episode
    offer: Offer

    @classmethod
    @cache
    def _to_test_case(cls) -> Any:  # what `TestCase` is made by
        case: Any = super()._to_test_case()
        case.runTest = _never_idle(cls, case.runTest)
        return case

    @initialize()
    @plainly
    def open_the_store(self) -> None:
        """An empty store, and a service that knows what its agent can do."""
        at_least(1, "most_runs", self.most_runs)
        subject = type(self).subject  # of the class: a workflow would be bound as a method
        owners = sorted(names("owners", self.owners))
        given = base(subject, self.engine, {"stall": 2.0, "owners": owners, **self.scenario}, drawn=DRAWN)
        self.offer = offer_of(given)
        point_out_idle(given, self.offer.history, self.offer.outputs)
        self.episode = Episode(given, self.offer)
        self.turns: list[Turn] = []
        self.judged = 0
        self.asked: list[str] = []
        self.patience = type(self).latest = patience()
        self.failed = self.strayed = False

    @rule(data=st.data())
    @precondition(lambda self: self._may_begin() and len(self.turns) < 2 and self.offer.tools)
    def call_tools(self, data: st.DataObject) -> None:
        """The next conversation calls tools first."""
        self.turns.append(data.draw(calling(self.offer), label="calls"))

    @rule(data=st.data())
    @precondition(lambda self: self._may_begin())
    def prompt(self, data: st.DataObject) -> None:
        """A prompt is answered."""
        self._live(self._begin(data))

    @rule(data=st.data(), what=st.sampled_from(MISHAPS), at=AT)
    @precondition(lambda self: self._may_begin())
    def prompt_and_fail(self, data: st.DataObject, what: Strike, at: int) -> None:
        """The process that works on a prompt dies; or an answer is lost; or a step hangs, and the process is ended."""
        self._live(self._begin(data), what, at)

    @rule(data=st.data(), siblings=st.integers(1, 2))
    @precondition(lambda self: self._may_begin() and self.episode.settled)
    def fork(self, data: st.DataObject, siblings: int) -> None:
        """One or two other prompts go on from where an earlier run ended."""
        after = data.draw(st.sampled_from(self.episode.settled), label="after")
        for _ in range(siblings):
            self._live(self._begin(data, after=after))

    @rule(data=st.data())
    @precondition(lambda self: self._pending())
    def recover(self, data: st.DataObject) -> None:
        """A new process picks up a run that lies dead."""
        self._live(data.draw(st.sampled_from(self.episode.pending), label="run"))

    @rule(data=st.data(), at=AT, what=st.sampled_from(CRASHES))
    @precondition(lambda self: self._pending() and len(self.episode.scenario.lives) < 2 * self.most_runs)
    def recover_and_crash(self, data: st.DataObject, at: int, what: Strike) -> None:
        """The process that picks up a run dies, too."""
        self._live(data.draw(st.sampled_from(self.episode.pending), label="run"), what, at)

    @rule()
    @precondition(lambda self: not self._may_begin() and not self._pending())
    def rest(self) -> None:
        """Nobody wants anything any more."""

    @invariant()
    def all_is_well(self) -> None:
        """When nothing is left to recover, nothing has been lost, repeated or mixed up."""
        __tracebackhide__ = True
        if not hasattr(self, "episode"):
            return
        with ending_search():
            self._expect(self.episode.end)
            try:
                if not self._pending():
                    self._judge()
            except Unfit:
                reject()

    def teardown(self) -> None:
        """Recover what still lies dead, and look once more."""
        __tracebackhide__ = True
        if not hasattr(self, "episode"):
            return
        try:
            if not self.strayed:
                with ending_search():
                    self._end()
        finally:
            self.episode.close()

    def _end(self) -> None:
        __tracebackhide__ = True
        for number in self.episode.pending:
            self._live(number)
        # Hypothesis may have ended the example by now, and then takes no `reject` for it.
        with suppress(Unfit):
            self._judge()
        if self.episode.hung and not self.failed:
            self.patience.spend()

    def _may_begin(self) -> bool:
        return hasattr(self, "episode") and len(self.episode.talks) < self.most_runs

    def _pending(self) -> bool:
        return hasattr(self, "episode") and bool(self.episode.pending)

    def _begin(self, data: st.DataObject, after: int | None = None) -> int:
        """A run with the calls that were made ready. Its prompt is its own: who gets another's answer has to show."""
        said = [*self.turns, data.draw(endings(self.offer), label="ending")]
        self.turns = []
        return self.episode.begin(said, f"This is prompt {len(self.episode.talks) + 1}.", after=after)

    def _live(self, number: int, what: Strike | None = None, at: int = 0) -> None:
        fault = None if what is None else self.episode.fault(number, what, at)
        self.asked.append(f"{number} {fault}")
        struck = len(self.episode.plan)
        self.episode.live(number, fault)
        self.faults["planned"] += fault is not None
        self.faults["happened"] += len(self.episode.plan) - struck

    def _expect(self, end: str, seen: str = "") -> None:
        """Compare what the story so far has come to, as `seen` by the checks or not, with the same in earlier examples.

        If chance decides in it, Hypothesis would find fault with the test: what it may draw next is not what it was.
        Raises `EndsSearch`, with a failure that was found meanwhile rather than with that.
        """
        __tracebackhide__ = True
        scenario = self.episode.scenario
        story = f"{scenario.script} {scenario.invocations} {self.asked} {seen}"
        before = self.patience.other_end(story, end)
        if before is None:
            return
        self.strayed = True
        found = self.patience.best
        if found is None:
            raise EndsSearch(scenario, self.episode.strayed(before), CHANCE)
        raise EndsSearch(found.scenario, found.report, CHANCE)

    def _judge(self) -> None:
        """Look at what happened since the last time. Raises `DoesNotSurvive`, or `Unfit` if it says nothing."""
        __tracebackhide__ = True
        if self.judged == len(self.episode.scenario.lives):
            return
        self.judged = len(self.episode.scenario.lives)
        failure = self._failure()
        if failure is not None:
            self.failed = True
            self.patience.found(failure)
        self._expect("passed" if failure is None else "failed", seen="judged")
        if failure is None:
            return
        if self.episode.hung:
            self.patience.spend()
        raise failure.with_traceback(None)  # to Hypothesis, what is raised in two places is two failures

    def _failure(self) -> DoesNotSurvive | None:
        """What the story so far fails with."""
        try:
            report = self.episode.judge()
        except DoesNotSurvive as failure:  # without any fault
            return failure
        return DoesNotSurvive(self.episode.scenario, report) if report.status is Status.FAILED else None


def _never_idle(machine: type[DurableMachine], test: Callable[[Any], None]) -> Callable[[Any], None]:
    """A machine's test, that warns when it has tried no fault, and shows what it found where that does not repeat."""

    @wraps(test)
    def run(case: Any) -> None:
        __tracebackhide__ = True
        machine.faults, machine.latest = Counter(), Patience()
        try:
            test(case)
        except Flaky:
            found = machine.latest.best
            if found is None:
                raise
            raise EndsSearch(found.scenario, found.report, CHANCE) from None
        if not machine.faults["happened"]:
            warnings.warn(
                f"{machine.__name__} tried no fault: in its stories {machine.faults['planned']} were planned and none"
                f" happened, so it says nothing of how {path_of(machine.subject)} survives under {machine.engine};"
                " let `durable(max_examples=...)` try more stories, and see by `harness steps` what there is to strike",
                stacklevel=1,
            )

    return run
