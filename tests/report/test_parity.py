"""The parity matrix: the same crash under several engines, and no difference left unsaid."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.report.paper import Paper
from harness.report.parity import cells, merged, parity
from harness.report.words import NOT_RUN, WARN
from harness.verdict import SweepReport
from tests.report.samples import PLAIN_TOOLS, STEPS, SUBJECT, TWICE, a_finding, a_parity_report, a_run, a_sweep


def drawn(report: SweepReport, width: int = 100) -> str:
    return Paper(width=width).write(*parity(report, width))


def of(*sweeps: object) -> SweepReport:
    return SweepReport(SUBJECT, sweeps)  # type: ignore[arg-type]


def test_every_cell_in_which_engines_differ_is_named():
    picture = drawn(a_parity_report())
    assert "The engines differ in 8 of 18 cells:" in picture
    assert "model#3/before, between and after: TWICE under dbos; ok under journal and prefect" in picture
    assert "model#1/after: ok under dbos and journal; ? under prefect" in picture


def test_engines_that_agree_are_said_to_agree():
    assert "The engines agree in every cell." in drawn(of(a_sweep("dbos"), a_sweep("journal")))


def test_a_step_that_is_the_same_in_every_window_takes_one_line():
    picture = drawn(of(a_sweep("dbos"), a_sweep("journal")))
    assert [line.split()[0] for line in picture.splitlines() if "every window" in line] == list(STEPS)


def test_a_long_step_is_shortened_before_any_line_breaks():
    hotel = "tool:plan#1.run#2.tool:book_the_whole_hotel#1"
    others = [a_sweep(name, steps=("model#1", hotel)) for name in ("journal", "temporal", "prefect")]
    twice = a_sweep("dbos", steps=("model#1", hotel), found={(hotel, "between"): a_finding(hotel)})
    rows = drawn(of(twice, *others)).splitlines()
    assert [row for row in rows if row.endswith("<- differ")] != []
    assert [row for row in rows if row.strip() in ("diff", "differ", "er", "<-")] == []


def test_one_moment_is_compared_with_both_of_the_other_engines_windows():
    compared = cells([a_sweep("dbos", found=TWICE, unrecorded=PLAIN_TOOLS), a_sweep("journal")])
    charge = [cell for cell in compared if cell.step == "tool:charge#1"]
    assert [cell.differs for cell in charge] == [False, True, True]
    assert charge[2].marks["dbos"] == WARN


def test_a_fault_free_run_that_only_one_engine_fails_went_well_under_the_others():
    failing = replace(a_sweep("dbos"), runs=(*a_sweep("dbos").runs, a_run("no fault", a_finding())))
    assert "no fault: TWICE under dbos; ok under journal" in drawn(of(failing, a_sweep("journal")))


def test_a_step_that_one_engine_does_not_have_is_no_disagreement_and_is_said():
    compared = cells([a_sweep("dbos", steps=("model#1",)), a_sweep("journal", steps=("model#1", "tools:mcp#1"))])
    listing = next(cell for cell in compared if cell.step == "tools:mcp#1")
    assert listing.marks["dbos"] == NOT_RUN
    assert not listing.differs


def test_what_an_engine_does_not_record_is_said_for_each():
    picture = drawn(of(a_sweep("dbos", unrecorded=PLAIN_TOOLS), a_sweep("none", unrecorded=STEPS), a_sweep("journal")))
    assert "  dbos: tool:find_order#1 and tool:charge#1" in picture
    assert "  none: every step" in picture
    assert "  journal:" not in picture


ORDERS = [
    pytest.param([["a", "b"], ["a", "b"]], ("a", "b"), id="the same"),
    pytest.param([["a", "c"], ["a", "b", "c"]], ("a", "b", "c"), id="one more in the middle"),
    pytest.param([["a"], ["b", "a"]], ("b", "a"), id="one more at the front"),
    pytest.param([["a"], ["b"]], ("b", "a"), id="nothing in common"),
    pytest.param([["a", "b"], ["b", "a"]], ("a", "b"), id="another order"),
    pytest.param([], (), id="none"),
]


@pytest.mark.parametrize(("orders", "expected"), ORDERS)
def test_steps_of_all_engines_share_one_order(orders: list[list[str]], expected: tuple[str, ...]):
    assert merged(orders) == expected


def test_other_plans_are_compared_too():
    several = "crash@*/after"
    bad = a_sweep("dbos", runs=(*a_sweep().runs, a_run(several, a_finding())))
    good = a_sweep("journal", runs=(*a_sweep("journal").runs, a_run(several, engine="journal")))
    assert "crash@*/after: TWICE under dbos; ok under journal" in drawn(of(bad, good))


def test_five_engines_and_long_names_stay_within_the_paper():
    steps = tuple(f"tool:{'delegate_' * 12}{number}#1" for number in range(2))
    names = ("none", "journal", "dbos", "prefect", "temporal")
    picture = drawn(of(*(a_sweep(name, steps=steps) for name in names)))
    matrix = picture.split("\n\n")[0]
    assert max(map(len, matrix.splitlines())) <= 100
    assert all(name in matrix for name in names)
