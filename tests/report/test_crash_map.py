"""The crash map: every step in its order, every crash in its cell."""

from __future__ import annotations

from harness.report.crash_map import MANY, Line, crash_map, folded, lines
from harness.report.paper import Paper
from harness.report.words import NOT_RUN, OK, SAME, TWICE, UNSURE, WARN, mark_of
from harness.verdict import EngineSweep, Row
from tests.report.samples import PLAIN_TOOLS, STEPS, a_finding, a_run, a_sweep
from tests.report.samples import TWICE as FOUND


def drawn(sweep: EngineSweep, width: int = 100) -> str:
    return Paper(width=width).write(*crash_map(sweep, width))


def test_the_rows_are_the_steps_in_their_order():
    assert tuple(line.step for line in lines(a_sweep())) == STEPS


def test_each_window_has_the_word_of_its_own_run():
    found = {("model#1", "before"): a_finding()}
    unknown = {("model#1", "after"): "no idea"}
    assert lines(a_sweep(found=found, unknown=unknown))[0].marks == (TWICE, OK, UNSURE)


def test_a_step_that_is_not_recorded_has_one_moment_after_its_body():
    line = next(line for line in lines(a_sweep(found=FOUND, unrecorded=PLAIN_TOOLS)) if line.step == "tool:charge#1")
    assert line.marks == (OK, WARN, SAME)
    assert line.effective == (OK, WARN, WARN)
    assert line.remark == "not recorded by the engine"


def test_a_crash_that_was_not_tried_is_never_shown_as_well():
    sweep = EngineSweep("dbos", "step", rows=(Row("model#1", recorded=True), Row("tool:a#1", recorded=False)))
    assert [line.marks for line in lines(sweep)] == [(NOT_RUN,) * 3, (NOT_RUN, NOT_RUN, SAME)]


def test_the_map_reads_without_colour():
    picture = drawn(a_sweep(found=FOUND, unrecorded=PLAIN_TOOLS)).splitlines()
    assert picture[:6] == [
        "  step                before    between   after",
        "  ----------------------------------------------------------------------------",
        "  model#1             ok        ok        ok",
        "  tool:find_order#1   ok        ok        =         not recorded by the engine",
        "  model#2             ok        ok        ok",
        "  tool:charge#1       ok        warn      =         not recorded by the engine",
    ]


def test_only_the_marks_that_occur_are_explained():
    picture = drawn(a_sweep())
    assert "Killed before the step's body ran" in picture
    assert "came back as if nothing had happened" in picture
    assert "ran twice" not in picture


def test_long_names_are_shortened_and_lines_stay_within_the_paper():
    steps = tuple(f"tool:delegate_to_somebody_else#1.tool:{'very_' * 20}long_{number}#1" for number in range(3))
    for width in (60, 100):
        picture = drawn(a_sweep(steps=steps, unrecorded=steps), width)
        assert max(map(len, picture.splitlines())) <= width
        assert "long_2#1" in picture


def test_of_very_many_steps_the_remarkable_ones_are_all_shown():
    steps = tuple(f"model#{number}" for number in range(1, 201))
    picture = drawn(a_sweep(steps=steps, found={("model#77", "after"): a_finding("model#77")}))
    assert len(picture.splitlines()) < 20
    assert ["model#77", "ok", "ok", "TWICE"] in [line.split() for line in picture.splitlines()]
    assert ".. 74 more steps" in picture


def test_as_many_steps_as_fit_are_shown_one_by_one():
    rows = tuple(Line(f"model#{number}", (OK, OK, OK)) for number in range(MANY))
    assert folded(rows) == rows


def test_folding_loses_no_step():
    rows = [Line(f"model#{number}", (OK, TWICE if number % 7 == 0 else OK, OK)) for number in range(200)]
    hidden = [int(line.step.split()[1]) for line in folded(rows) if line.step.startswith("..")]
    assert len(folded(rows)) - len(hidden) + sum(hidden) == len(rows)


def test_runs_that_are_no_single_crash_are_listed_below():
    sweep = a_sweep()
    several = a_run("crash@model#1/after; crash@model#2/before~2", a_finding())
    picture = drawn(EngineSweep("dbos", "step", rows=sweep.rows, runs=(*sweep.runs, several)))
    assert mark_of(several) == TWICE
    assert ["crash@model#1/after;", "crash@model#2/before~2", "TWICE"] in [
        line.split() for line in picture.splitlines()
    ]
