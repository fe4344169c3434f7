"""A mistake in an engine's options is told from an engine that is missing, where the engine itself tells them apart."""

from __future__ import annotations

import pytest

from harness.engines.journal.engine import JournalEngine
from harness.engines.none import NoneEngine
from harness.engines.usable import demand
from harness.errors import EngineUnavailable, UsageError


class Missing(JournalEngine):
    name = "missing"

    def problems(self, options: dict[str, object]) -> list[str]:
        return ["it is not installed: run `pip install missing`"]

    def packages(self, options: dict[str, object]) -> list[str]:
        return []


class Plain:
    """One that was written before engines could tell their mistakes."""

    name = "plain"

    def problems(self, options: dict[str, object]) -> list[str]:
        return [f"there is no option {name!r} here" for name in options]


@pytest.mark.parametrize("engine", [JournalEngine(), NoneEngine(), Missing()], ids=lambda engine: engine.name)
def test_an_option_that_the_engine_does_not_have_is_a_mistake_whether_or_not_it_is_here(engine: JournalEngine) -> None:
    said = f"engine {engine.name!r} has no option 'x'; it has none"
    with pytest.raises(UsageError, match=said) as raised:
        demand(engine, {"x": "abc"})
    assert not isinstance(raised.value, EngineUnavailable)


def test_an_engine_that_is_not_here_is_missing_unless_it_need_not_run() -> None:
    with pytest.raises(EngineUnavailable, match="engine 'missing' cannot be used here: it is not installed"):
        demand(Missing(), {})
    demand(Missing(), {}, to_run=False)


def test_of_an_engine_that_knows_no_mistakes_everything_is_a_problem() -> None:
    demand(Plain(), {})
    with pytest.raises(EngineUnavailable, match="engine 'plain' cannot be used here: there is no option 'x' here"):
        demand(Plain(), {"x": 1})
