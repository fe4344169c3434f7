"""A search that aims comes to more (durable state, fault) pairs than chance does in as many examples.

What is drawn, placed and turned down is real. Nothing runs: every run is as it was foreseen, which for a subject whose
steps are all recorded is what happens.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import Phase, given, seed

from harness.explore.properties import composing, durable, scenarios
from harness.explore.properties.foresight import Foresight
from harness.explore.properties.offered import Offer
from harness.explore.properties.reach import Reach
from harness.explore.properties.states import Pair, expected
from harness.explore.properties.trials import Guess
from harness.history import History
from harness.scenario import Scenario
from tests.builders import Story

EXAMPLES = 150
TEXT = {"type": "string"}
ORDER = {"type": "object", "properties": {"order_id": TEXT}, "required": ["order_id"]}
OFFER = Offer("bank", {"find": ORDER, "charge": ORDER, "thank": ORDER})


class Foreseen:
    """What stands for a bench: each fault-free run comes out as it was foreseen."""

    def __init__(self) -> None:
        self.foresight, self.reach, self.made_up = Foresight(), Reach(), set[str]()
        self.stuck = None
        story = Story().life().kept("model#1")
        for tool in OFFER.tools:
            story.kept(f"tool:{tool}#1")
        self.foresight.learn(story.kept("run").history(), None)
        self.history = History(())

    def fair(self, _scenario: Scenario, guess: Guess | None) -> Any:
        assert guess is not None
        self.history = guess.history
        return SimpleNamespace(history=guess.history)


def reached(monkeypatch: pytest.MonkeyPatch, number: int, *, aim: bool) -> int:
    """Different pairs in so many examples that would have run."""
    foreseen, found = Foreseen(), set[Pair]()
    monkeypatch.setattr(composing, "offer_of", lambda _scenario: OFFER)
    monkeypatch.setattr(composing, "opened_for", lambda _scenario: foreseen)
    monkeypatch.setattr(composing, "fair", foreseen.fair)

    @seed(number)
    @given(scenarios("bank:agent", aim=aim))
    @durable(max_examples=EXAMPLES, database=None, phases=[Phase.generate])
    def look(scenario: Scenario) -> None:
        found.update(expected(foreseen.history, scenario.plan))

    look()
    return len(found)


@pytest.mark.parametrize("number", [1, 2])
def test_what_is_aimed_goes_further_than_chance(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    assert reached(monkeypatch, number, aim=True) > reached(monkeypatch, number, aim=False)
