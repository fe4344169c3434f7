"""Several runs that share one store, played life by life: what happens next is decided while they are under way.

An ordinary run knows its plan beforehand. A stateful test decides after each life what comes next: another prompt while
the first run lies dead, a recovery, a fork. What was decided is written down as it happens, so that the whole episode
is a scenario in the end, which replays without any of this.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from harness.engines.base import Peeks
from harness.explore import unusable
from harness.explore.properties.benches import bench_for, unstacked
from harness.explore.properties.conversations import script_of
from harness.explore.properties.offered import Offer
from harness.explore.properties.plans import Strike, in_order
from harness.explore.properties.reproduction import DoesNotSurvive
from harness.explore.properties.trials import Unfit, fair
from harness.faults import NO_FAULT, Fault, FaultPlan, can_strike
from harness.history import History, ProcessEnded, RunEnded, RunStarted, located
from harness.runner import Run
from harness.scenario import Invocation, Scenario
from harness.subjects.script import Turn
from harness.subjects.script_yaml import to_data
from harness.verdict import RunReport


class Episode(Run):
    """Runs of one subject in one store. `begin` adds a run, `live` lets a process take one up, `judge` looks at all.

    `scenario` says subject, engine, tools, world and the like; its script, faults and invocations are made here.
    """

    def __init__(self, scenario: Scenario, offer: Offer) -> None:
        bench = bench_for(scenario)
        self.offer = offer
        self.talks: list[list[Turn]] = []
        self._mute = scenario.peaceful.model_copy(update={"invocations": ()})
        super().__init__(bench, NO_FAULT, bench.new_folder("episode"), None, cold=False, scenario=self._mute)
        self.journal.append(
            RunStarted(run=self.folder.name, engine=bench.engine.name, subject=scenario.subject, plan=str(NO_FAULT))
        )

    @property
    def pending(self) -> list[int]:
        """The runs that have begun and not ended."""
        return [number for number in range(1, len(self.talks) + 1) if number not in self.history.outcomes]

    @property
    def settled(self) -> list[int]:
        """The runs that have ended well, so that another can go on from them."""
        return [number for number, outcome in sorted(self.history.outcomes.items()) if outcome.status == "ok"]

    @property
    def hung(self) -> bool:
        """Whether a process of it was ended because nothing happened any more, though no step of it was to hang."""
        meant = {event.incarnation for event in self.history.fired if Fault.parse(event.fault).action == "hang"}
        return any(end.cause == "hang" and end.incarnation not in meant for end in self.history.of(ProcessEnded))

    def begin(self, turns: Sequence[Turn], prompt: str, *, after: int | None = None) -> int:
        """Add a run with this conversation, perhaps one that goes on from the history of run `after`; its number."""
        self.talks.append(list(turns))
        run = Invocation(prompt=prompt, continues=after or False)
        invocations = (*self.scenario.invocations, run)
        script = to_data(script_of(self.offer, *self.talks))
        self.scenario = self.scenario.model_copy(update={"invocations": invocations, "script": script})
        return len(self.talks)

    def live(self, number: int, fault: Fault | None = None) -> bool:
        """Let a new process take up run `number`, under a fault perhaps; whether the run has ended then.

        A fault that did not happen is forgotten: it is no part of the story. A process that hangs is ended.
        """
        life = len(self.scenario.lives) + 1
        armed = () if fault is None else (fault,)
        before = self.plan
        self.plan = FaultPlan((*before.faults, *armed))
        lives = (*self.scenario.lives, (number,))
        self.scenario = self.scenario.model_copy(update={"lives": lives})
        self._live(life)
        fired = {event.fault for event in self.history.fired}
        self.plan = FaultPlan((*before.faults, *(each for each in armed if str(each) in fired)))
        self.scenario = self.scenario.with_plan(self.plan)
        return number in self.history.outcomes

    @property
    def end(self) -> str:
        """What has become of every run, in words."""
        said = {"ok": "has ended well", "error": "has failed"}
        met = {number: outcome.status for number, outcome in self.history.outcomes.items()}
        ends = [said.get(met.get(number, ""), "has not ended") for number in range(1, len(self.talks) + 1)]
        return ", ".join(f"run {number} {end}" for number, end in enumerate(ends, 1))

    def strayed(self, before: str) -> RunReport:
        """The report that the same story came to something else `before`, so that chance decides in it."""
        words = f"the same story came to two ends: {before}; and the next time: {self.end}"
        why = unusable.by_chance(words, "ends-differ")
        return unusable.told(why, self.history, self.scenario, self.bench.engine.name, self.folder)

    def fault(self, number: int, strike: Strike, at: int) -> Fault | None:
        """What a strike does in the next life of run `number`, at a step that this run has where nothing goes wrong.

        Past the last step, `at` counts from the first again. None if it fails even so, which `judge` tells, or has
        nothing to strike.
        """
        try:
            history = fair(self.scenario).history
        except (Unfit, DoesNotSurvive):
            return None
        mine = [step for step in in_order(history) if located(step)[0] == number and can_strike(strike.action, step)]
        if not mine:
            return None
        step = mine[at % len(mine)]
        return strike.at(step, recorded=step in history.recorded_steps(), incarnation=len(self.scenario.lives) + 1)

    def judge(self) -> RunReport:
        """Compare what happened so far with the same runs without faults. For when no run is pending."""
        return fair(self.scenario).judge(self.scenario, self._so_far())

    def _so_far(self) -> History:
        """The history with the engine's own records and an end, as a run that is over has them."""
        session = self.bench.session
        said = session.peek(self.store) if isinstance(session, Peeks) else session.observe(self.store)
        events = [*self.history.events, *said, RunEnded(how="finished")]
        return unstacked(History(tuple(replace(event, seq=number) for number, event in enumerate(events, 1))))

    def close(self) -> None:
        """Forget it."""
        if isinstance(self.bench.session, Peeks):
            self.bench.session.observe(self.store)  # which is what lets go of the store
        self.journal.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _life(self, incarnation: int) -> dict[str, Any]:
        return {**super()._life(incarnation), "script": self.scenario.script}
