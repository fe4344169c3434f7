"""What `--require` asks, answered before anything runs: a sweep of an hour must not end with an engine that is missing.

Whether an engine takes the subject is not known before it is bound; that is told by the exit code at the end.
"""

from __future__ import annotations

from collections.abc import Iterable

from harness.engines.registry import load as load_engine
from harness.errors import EngineUnavailable
from harness.scenario import Scenario


def demand(scenario: Scenario, names: Iterable[str]) -> None:
    """Raise `EngineUnavailable` with everything that keeps one of these engines from being used here."""
    missing = [
        f"{name}: {problem}"
        for name in dict.fromkeys(names)
        for problem in load_engine(name).problems(scenario.under(name).options)
    ]
    if missing:
        raise EngineUnavailable.listing("a required engine cannot be used here", missing)
