"""Which bodies a scaled timeout has given up although nothing held them up."""

from __future__ import annotations

import pytest

from harness.checks.untimely import Untimely, untimely
from tests.builders import Story

PACK, CHARGE, ASK = "tool:pack#1", "tool:charge#1", "tool:ask#1"
SCALED = {"limits": [600.0, 20.0], "effective": [3.0, 0.5]}
REAL = {"limits": [600.0, 20.0]}
GAVE_UP = Untimely(PACK, 20.0, 0.5)


def story(plan: str = "") -> Story:
    return Story(plan).life()


CUT_OFF = {"error": "CancelledError: "}
SUSPICIOUS = {
    "it was cancelled": story().entered(PACK, **SCALED).passes(0.5).left(PACK, **CUT_OFF).finished(),
    "it was cancelled, having begun late": story().entered(PACK, **SCALED).passes(0.3).left(PACK, **CUT_OFF).finished(),
    "it returned too late": story().entered(PACK, **SCALED).passes(0.6).left(PACK).finished(),
    "it was tried again meanwhile": story().entered(PACK, **SCALED).passes(0.5).ran(PACK, attempt=2).finished(),
    "the run ended meanwhile": story().entered(PACK, **SCALED).passes(0.5).failed().dies("exit").ended(),
    "another step was held up": story(f"hang@{CHARGE}").fires(f"hang@{CHARGE}", wait=0.5).ran(CHARGE)
    .entered(PACK, **SCALED).passes(0.5).left(PACK, **CUT_OFF).finished(),
    "it was held up, and then not any more": story(f"slow(9s)@{PACK}").fires(f"slow(9s)@{PACK}").ran(PACK, **SCALED)
    .entered(PACK, attempt=2, **SCALED).passes(0.5).left(PACK, **CUT_OFF).finished(),
    "it returned, and its unit was opened again before it was recorded": story().entered(PACK, recorded=True, **SCALED)
    .left(PACK).passes(0.5).kept(PACK, attempt=2, **SCALED).finished(),
    "its engine waited, and not for long or within another limit": story().waits(5.0, 20.0).waits(300.0, 600.0)
    .entered(PACK, **SCALED).passes(0.5).left(PACK, **CUT_OFF).finished(),
    "an error came before it": story(f"error(503)@{PACK}").fires(f"error(503)@{PACK}").entered(PACK, **SCALED)
    .passes(0.5).left(PACK, **CUT_OFF).finished(),
}  # fmt: skip
EXPLAINED = {
    "nothing was scaled": story().entered(PACK, **REAL).passes(0.5).left(PACK, **CUT_OFF).finished(),
    "nothing was scaled here": story().entered(PACK, **REAL).passes(9.5).left(PACK).ran(CHARGE, **SCALED).finished(),
    "it took long, and less": story().entered(PACK, **SCALED).passes(0.4).left(PACK).finished(),
    "it was cancelled with another": story().entered(PACK, **SCALED).passes(0.1).left(PACK, **CUT_OFF).finished(),
    "it was held up": story(f"slow(9s)@{PACK}").fires(f"slow(9s)@{PACK}").entered(PACK, **SCALED).passes(0.6)
    .left(PACK).finished(),
    "its answer was lost, and it was tried again": story(f"lost@{PACK}").entered(PACK, recorded=True, **SCALED)
    .left(PACK).fires(f"lost@{PACK}").passes(0.5).kept(PACK, attempt=2, **SCALED).finished(),
    "it was recorded, and ran again": story().kept(PACK, **SCALED).passes(0.6).kept(PACK, attempt=2).finished(),
    "nobody records it, and it ran again": story().ran(PACK, **SCALED).passes(0.6).ran(PACK, attempt=2).finished(),
    "what is in it was held up": story(f"hang@{ASK}.model#1").entered(ASK, **SCALED).fires(f"hang@{ASK}.model#1")
    .passes(0.6).left(ASK, **CUT_OFF).finished(),
    "what is in the run was held up": story(f"hang@{CHARGE}").entered("run", **SCALED).fires(f"hang@{CHARGE}")
    .passes(3.1).left("run", **CUT_OFF).finished(),
    "the server was away": story(f"crash(server)@{PACK}/before").entered(PACK, **SCALED)
    .fires(f"crash(server)@{PACK}/before").passes(0.6).left(PACK).finished(),
    "its engine waited": story().entered("run", **SCALED).waits(10.0, 20.0).passes(3.1).left("run", **CUT_OFF)
    .finished(),
    "a crash came first": story(f"crash@{PACK}/between").entered(PACK, **SCALED).passes(0.4).crash().life().ran(PACK)
    .finished(),
}  # fmt: skip


@pytest.mark.parametrize("run", SUSPICIOUS.values(), ids=SUSPICIOUS)
def test_a_body_that_nothing_held_up_was_given_up_by_our_haste(run: Story) -> None:
    assert untimely(run.history()) == GAVE_UP


@pytest.mark.parametrize("run", EXPLAINED.values(), ids=EXPLAINED)
def test_a_body_that_was_in_time_or_was_held_up_was_not(run: Story) -> None:
    assert untimely(run.history()) is None


def test_the_time_of_a_whole_run_goes_on_after_a_crash() -> None:
    run = story(f"crash@{PACK}/between").entered("run", **SCALED).passes(2.0).crash().life()
    run.entered("run", **SCALED).passes(1.2).left("run", error="Cancelled: too late")
    assert untimely(run.failed().dies("exit").ended().history()) == Untimely("run", 20.0, 0.5)


def test_it_is_told_with_both_times() -> None:
    assert str(GAVE_UP).startswith("`tool:pack#1` was given up after 0.5 s, which stand for the 20 s that were")
