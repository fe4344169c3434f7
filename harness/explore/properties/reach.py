"""Where the faults of a search have struck so far, so that it can go elsewhere.

Hypothesis's own `target()` cannot do that: it changes one example in every number that it was drawn from, and most of
those are letters of arguments. Turning an example down before it runs costs a draw.
"""

from __future__ import annotations

from harness.explore.properties.states import Pair, expected
from harness.history import History
from harness.scenario import Scenario


class Reach:
    """The (durable state, fault) pairs that one bench's examples were drawn for.

    An example that was wanted once is wanted for ever, and after a failure every one is: what Hypothesis tries again,
    or shrinks, must mean what it meant.
    """

    def __init__(self) -> None:
        self._pairs: set[Pair] = set()
        self._wanted: set[str] = set()
        self._refused = False
        self._failed = False

    def wants(self, scenario: Scenario, history: History) -> bool:
        """Whether an example would come to a new pair; never False twice in a row: the same faults with other
        arguments, or after another refusal, find other bugs.
        """
        key = scenario.model_dump_json(exclude_defaults=True)
        if self._failed or key in self._wanted:
            return True
        new = set(expected(history, scenario.plan)) - self._pairs
        self._refused = not new and not self._refused
        if self._refused:
            return False
        self._pairs |= new
        self._wanted.add(key)
        return True

    def fail(self) -> None:
        """Something was found: from now on everything is wanted."""
        self._failed = True
