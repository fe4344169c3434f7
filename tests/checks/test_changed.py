"""Effects that are otherwise behind a crash, and never between runs without faults."""

from __future__ import annotations

from harness.checks.effects import effects
from harness.verdict import Finding, Owner, Severity
from tests.builders import Story, a_case

PAY = "tool:pay#1"
SHIP = "tool:ship#1"


def paying(*amounts: int, life: int = 2, fault: str = f"crash@{SHIP}/after") -> list[Finding]:
    """A `pay` that declares two effects, a crash in front of it if it is in life 2, and what is found."""
    usually = Story().life().kept(SHIP).entered(PAY).effect("pay", PAY, cents=1).effect("pay", PAY, cents=2).left(PAY)
    story = Story(fault).life()
    story = story.kept(SHIP).crash().life() if life == 2 else story.kept(SHIP)
    story.entered(PAY)
    for cents in amounts:
        story.effect("pay", PAY, cents=cents)
    return list(effects(a_case(story.left(PAY).finished(), usually.finished())).findings)


def test_an_effect_that_is_another_one_behind_a_crash_is_an_error() -> None:
    (finding,) = paying(1, 3)

    assert (finding.rule, finding.owner, finding.severity) == ("effect-differs", Owner.TOOL, Severity.ERROR)
    assert "effect[1].arguments.cents: 2 became 3: it ran in life 2, without what `ship` had left" in finding.message


def test_the_same_effects_are_not() -> None:
    assert paying(1, 2) == []


def test_what_varies_before_anything_has_died_is_no_crashs_doing() -> None:
    assert paying(1, 3, life=1) == []
