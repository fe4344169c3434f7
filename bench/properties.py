"""`python bench/properties.py`: how many random crash scenarios run in a second, and how far they reach.

Never a test. The rate counts examples with all checks: one random crash in one conversation (`fault_plans`), one or
two, of which the second strikes a second life, and random conversations, too, each of which needs a fault-free run of
its own first (`scenarios`). Reach is how many different (durable state, fault) pairs a number of examples came to:
drawn by Hypothesis at random, aimed as `scenarios(aim=True)` does, and with Hypothesis's own `target()`, which scores
what is on record and in flight.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from hypothesis import Phase, given, seed, target
from hypothesis.strategies import SearchStrategy

from harness.explore.properties import close_benches, durable, fault_plans, scenarios
from harness.explore.properties.states import Pair, pairs
from harness.explore.properties.trials import play
from harness.faults import FaultPlan
from harness.scenario import Scenario

SUBJECT = "fixtures.agents.bench:agent"
RATED = int(os.environ.get("BENCH_EXAMPLES", "60"))
REACHED = int(os.environ.get("BENCH_REACH", "500"))
SEED = 7


def rate(engine: str, strategy: SearchStrategy[Any], words: str) -> None:
    """Random crash scenarios in a second, after the first. `strategy` draws scenarios, or plans for our bench agent."""
    began: list[float] = []

    def once(drawn: Scenario | FaultPlan) -> None:
        if isinstance(drawn, FaultPlan):
            drawn = Scenario.make(subject=SUBJECT, engine=engine).with_plan(drawn)
        play(drawn)
        began.append(time.perf_counter())

    spent, started = cpu(), time.perf_counter()
    draw(strategy, RATED, once)
    close_benches()  # what children have used is known when they have ended
    first, rest = began[0] - started, began[-1] - began[0]
    print(f"{engine}: {(len(began) - 1) / rest:.1f} random crash scenarios per second {words};", end=" ")
    print(f"the first took {first:.1f} s (want < 5 s); CPU {(cpu() - spent) / len(began):.3f} s each, start included")
    sys.stdout.flush()


def cpu() -> float:
    """CPU seconds of this process and of its ended children: a busy machine changes the rate, and this much less."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def draw(strategy: SearchStrategy[Any], examples: int, body: Callable[..., None]) -> None:
    """Call `body` with so many random examples, the same ones each time."""
    quietly = durable(max_examples=examples, database=None, phases=[Phase.generate, Phase.target])
    quietly(seed(SEED)(given(strategy)(body)))()


def reached(*, aim: bool = False, aided: bool = False) -> int:
    """Different (durable state, fault) pairs in `REACHED` examples."""
    found: set[Pair] = set()

    def once(scenario: Scenario) -> None:
        come_to = list(pairs(play(scenario).history))
        found.update(come_to)
        if aided:
            target(sum(len(recorded) + len(flying) for recorded, flying, _fault in come_to))

    draw(scenarios(SUBJECT, ["journal"], aim=aim), REACHED, once)
    return len(found)


def main() -> None:
    for engine, wanted in (("journal", ">= 20 on 2 idle cores"), ("dbos", ">= 5")):
        rate(engine, fault_plans(SUBJECT, engine=engine, max_faults=1), f"with one crash each (want {wanted})")
        rate(engine, fault_plans(SUBJECT, engine=engine), "with one crash or two")
        rate(engine, scenarios(SUBJECT, [engine]), "when each has a conversation and so a fault-free run of its own")
    print(f"reach: distinct (durable state, fault) pairs in {REACHED} examples:", end=" ")
    print(f"{reached()} at random, {reached(aim=True)} with aim, {reached(aided=True)} with target()")


if __name__ == "__main__":
    main()
