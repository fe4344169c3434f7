"""What a test asks about one run: did it pass, how often did an effect happen, was a step replayed.

Questions about a step that the run never had are errors: an assertion about `tool:serch#1` must not hold by accident.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn

from harness.checks import Baseline, Case
from harness.checks.keys import keys_of
from harness.checks.ledger import ledger
from harness.contract import Contract
from harness.errors import UsageError
from harness.history import Effect, Execution, History
from harness.plugin.failure import headline, lives, told
from harness.scenario import Scenario
from harness.steps import StepId, readable
from harness.typos import nearest
from harness.verdict import Finding, RunReport, Status


@dataclass(frozen=True)
class Seen:
    """One thing that the outside world saw: its idempotency key, what it was done with, in which life."""

    key: str | None
    arguments: Any
    life: int
    step: str | None


@dataclass(frozen=True)
class Effects(Sequence[Seen]):
    """Every time that one effect happened, in order. `len` counts them all; the assertions below count what matters.

    Repeats that carry the same idempotency key are one for the world: that is what the key is for.
    """

    name: str
    seen: tuple[Seen, ...]
    about: str = ""

    def __getitem__(self, index: Any) -> Any:
        return self.seen[index]

    def __len__(self) -> int:
        return len(self.seen)

    def __iter__(self) -> Iterator[Seen]:
        return iter(self.seen)

    @property
    def keys(self) -> tuple[str | None, ...]:
        """The idempotency keys, in the order in which the world saw them."""
        return tuple(seen.key for seen in self.seen)

    def once(self) -> Effects:
        """Assert that each call for this effect reached the world exactly once."""
        __tracebackhide__ = True
        if not self.seen:
            self._fail("never happened")
        counts = Counter(seen.step for seen in self._distinct())
        repeated = {step: count for step, count in counts.items() if step is not None and count > 1}
        outside = counts[None] > 1
        if repeated or outside:
            self._fail("happened more than once")
        return self

    def never(self) -> Effects:
        """Assert that it did not happen."""
        __tracebackhide__ = True
        return self.times(0)

    def times(self, count: int) -> Effects:
        """Assert how often the world saw it, repeats under one key counted once."""
        __tracebackhide__ = True
        found = len(self._distinct())
        if found != count:
            self._fail(f"was expected {count} times and happened {found} times")
        return self

    def _distinct(self) -> list[Seen]:
        keyed = {(seen.step, seen.key): seen for seen in self.seen if seen.key is not None}
        return [*keyed.values(), *(seen for seen in self.seen if seen.key is None)]

    def _fail(self, what: str) -> NoReturn:
        __tracebackhide__ = True
        lines = [
            f"  {seen.step or 'outside every step'}, life {seen.life}, key {seen.key or 'none'}: {seen.arguments}"
            for seen in self.seen
        ]
        raise AssertionError("\n".join([f"the effect {self.name!r} {what}{self.about}", *lines]))


@dataclass(frozen=True)
class Report:
    """One run, judged, with what happened in it. Two reports are equal if the same could be seen from outside."""

    judged: RunReport
    history: History
    baseline: Baseline
    scenario: Scenario
    contract: Contract
    replay: str
    points: tuple[str, int] = ("", 0)
    """The name of the crash map that the run is part of, and how many crash points that has."""

    def assert_passed(self) -> Report:
        """Assert that every check passed; the error tells what went wrong, whose it is, and how to see it again."""
        __tracebackhide__ = True
        if self.status is not Status.PASSED:
            raise AssertionError(self.explained())
        return self

    @property
    def status(self) -> Status:
        """`passed`, `failed` or `unknown`."""
        return self.judged.status

    @property
    def passed(self) -> bool:
        return self.status is Status.PASSED

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the checks found, warnings and notes too."""
        return self.judged.findings

    @property
    def engine(self) -> str:
        return self.judged.engine

    @property
    def plan(self) -> str:
        """The faults, in their one-line spelling."""
        return self.judged.plan

    @property
    def lives(self) -> int:
        """How many processes the run took."""
        return self.judged.incarnations

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps whose bodies ran, in the order in which they were first entered."""
        return self.history.steps

    @property
    def output(self) -> Any:
        """What the run gave back, as JSON values. Raises `AssertionError` if it ended otherwise."""
        __tracebackhide__ = True
        outcomes = self.history.outcomes
        last = outcomes[max(outcomes)] if outcomes else None
        if last is None or last.status != "ok":
            said = f"{last.error_type}: {last.error}" if last else "it never ended"
            raise AssertionError(f"the run gave no output: {said}{self._about}")
        return last.output

    @property
    def error(self) -> str | None:
        """What the caller of the run saw raised, as `Type: message`; None if it returned."""
        outcomes = self.history.outcomes
        last = outcomes[max(outcomes)] if outcomes else None
        return f"{last.error_type}: {last.error}" if last is not None and last.status != "ok" else None

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The message history that the caller got, as pydantic-ai's JSON."""
        outcomes = self.history.outcomes
        return list(outcomes[max(outcomes)].messages or []) if outcomes else []

    def effects(self, name: str) -> Effects:
        """What the world saw of `name`: effects declared under it, else the bodies of the tool of that name.

        A body that raised is no effect; one that a death cut off may have been, and counts. Raises `UsageError` for a
        name that neither this run nor the fault-free one knows.
        """
        __tracebackhide__ = True
        declared = tuple(Seen(each.key, each.arguments, each.incarnation, each.step) for each in self._declared(name))
        bodies = tuple(self._seen(body) for body in self._bodies(name))
        if not declared and not bodies:
            self._known("effect", name, self._effect_names)
        return Effects(name, declared or bodies, self._about)

    def attempts(self, step: str) -> int:
        """How often the body of a step was entered, in all lives together."""
        __tracebackhide__ = True
        step = self._step(step)
        return len(self.history.by_step.get(step, ()))

    def replayed(self, step: str) -> bool:
        """Whether a later life used the recorded result of a step, instead of running its body again."""
        __tracebackhide__ = True
        step = self._step(step)
        return any(line.step == step and line.replayed > 0 for line in self._ledger.lines)

    def timeline(self) -> str:
        """The lives of the run side by side."""
        return lives(self.history, self.findings)

    def explained(self) -> str:
        """All of it, for a person: the lives around the fault, each finding, the line that does it again."""
        return told(self.judged, self.history, self.replay)

    @cached_property
    def visible(self) -> dict[str, Any]:
        """What can be seen of the run from outside: what `==` compares, and what its message shows."""
        outcomes = self.history.outcomes
        ends = {number: (end.status, end.output, end.error_type) for number, end in sorted(outcomes.items())}
        tools = [step for step in self.history.steps if StepId.parse(step).kind == "tool"]
        return {
            "status": str(self.status),
            "outcome": ends[1] if list(ends) == [1] else ends,
            **{f"attempts({step!r})": self.attempts(step) for step in tools},
            "findings": sorted(
                {f"{each.severity} {each.check}/{each.rule} {each.step or ''}" for each in self.findings}
            ),
        }

    def __eq__(self, other: object) -> bool:
        return self.visible == other.visible if isinstance(other, Report) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<report of {self.plan} under {self.engine}: {headline(self.judged)}>"

    @cached_property
    def _ledger(self) -> Any:
        return ledger(Case(self.history, self.baseline, self.scenario, self.contract))

    @property
    def _about(self) -> str:
        return f" ({self.plan} under {self.engine}; see it again: {self.replay})"

    @property
    def _effect_names(self) -> tuple[str, ...]:
        both = (self.history, self.baseline.history)
        tools = [StepId.parse(step).name for history in both for step in history.steps if "tool:" in step]
        names = [effect.name for history in both for effect in history.of(Effect)]
        return tuple(dict.fromkeys(name for name in (*names, *tools) if name))

    def _declared(self, name: str) -> Iterator[Effect]:
        return (effect for effect in self.history.of(Effect) if effect.name == name)

    def _bodies(self, name: str) -> Iterator[Execution]:
        for body in self.history.executions:
            step = StepId.parse(body.step)
            if step.kind == "tool" and step.name == name and (body.left is None or body.finished):
                yield body

    def _seen(self, body: Execution) -> Seen:
        case = Case(self.history, self.baseline, self.scenario, self.contract)
        keys = keys_of(case, body).keys
        return Seen(keys[0] if keys else None, body.arguments, body.incarnation, body.step)

    def _step(self, text: str) -> str:
        """The id of a step that this run or the fault-free one has. Raises `UsageError` for another."""
        __tracebackhide__ = True
        shown = {readable(step): step for step in (*self.history.steps, *self.baseline.steps)}
        self._known("step", readable(text), tuple(shown))
        return shown[readable(text)]

    def _known(self, kind: str, name: str, known: Sequence[str]) -> None:
        __tracebackhide__ = True
        if name in known:
            return
        raise UsageError(f"neither this run nor the fault-free one has the {kind} {name!r}{nearest(name, known)}")
