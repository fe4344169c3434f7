"""When a search for something simpler ends: over what hangs, as each costs the whole stall, and over what is chance."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import currently_in_test_context
from hypothesis.control import current_build_context

from harness.explore.properties.reproduction import DoesNotSurvive, EndsSearch, to_yaml

HANGS = 4
"""How many simpler scenarios may hang, each for `stall` seconds, before the search for a simpler one ends."""
CUT_SHORT = "The search for a simpler scenario ended early, because what it tried hung again and again."
"""Said of what may not be the simplest for that."""


@dataclass
class Patience:
    """The simplest failure that the examples of one test have come to, how many have hung since the first, and what
    each story has come to.
    """

    test: Any = None
    best: DoesNotSurvive | None = None
    hung: int = 0
    ends: dict[str, str] = field(default_factory=dict)

    def found(self, failure: DoesNotSurvive) -> None:
        """Keep a failure, if there is no simpler one."""
        self.best = failure if self.best is None else min(self.best, failure, key=_size)

    def spend(self) -> None:
        """An example has hung, of itself. Raises `EndsSearch` with the simplest failure if too many have."""
        __tracebackhide__ = True
        if self.best is None or not self.test or current_build_context().is_final:
            return
        self.hung += 1
        if self.hung >= HANGS + 2:  # Hypothesis runs the first one twice
            raise EndsSearch(self.best.scenario, self.best.report, CUT_SHORT)

    def other_end(self, story: str, end: str) -> str | None:
        """What a story that has now come to `end` came to in an earlier example, if that was something else."""
        before = self.ends.setdefault(story, end)
        return before if self.test and before != end else None


def _size(failure: DoesNotSurvive) -> tuple[int, int, int]:
    scenario = failure.scenario
    return len(scenario.lives), len(scenario.faults), len(to_yaml(scenario))


_latest = Patience()


def patience() -> Patience:
    """That of the test that Hypothesis is running; a new one elsewhere."""
    global _latest
    test = current_build_context().wrapped_test if currently_in_test_context() else None
    if test is None or _latest.test is not test:
        _latest = Patience(test)
    return _latest
