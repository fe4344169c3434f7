"""What a person reads, whole: the shape of each report, and the width of its lines."""

from __future__ import annotations

import re

import pytest

from harness.report import terminal
from harness.report.paper import Paper
from harness.verdict import EngineSweep, Row, RunReport, Status, SweepReport, Verdict
from tests.builders import Story
from tests.report.samples import (
    SUBJECT,
    a_bad_report,
    a_finding,
    a_good_report,
    a_parity_report,
    a_run,
    a_sweep,
    a_warning,
)

REPORTS = {"bad": a_bad_report(), "good": a_good_report(), "parity": a_parity_report()}


def of_one(*found: object, **values: object) -> SweepReport:
    run = a_run("crash@model#3/before", *found, **values)  # type: ignore[arg-type]
    return SweepReport(SUBJECT, (EngineSweep("dbos", "step", runs=(run,), possible=1),), 1.5)


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS.keys())
def test_a_sweep_is_plain_ascii_within_a_hundred_columns(report: SweepReport):
    said = terminal.render(report)
    assert said.isascii()
    assert max(map(len, said.splitlines())) <= 100
    assert said.endswith("\n")
    assert not said.endswith("\n\n")


def test_a_sweep_reads_from_the_map_down_to_what_to_change():
    said = terminal.render(a_bad_report())
    parts = ["CRASH MAP", "  step", "1. ERROR", "2. WARNING", "16 crash points possible", "What to change:"]
    assert [part for _at, part in sorted((said.index(part), part) for part in parts)] == parts


def test_colour_changes_no_word():
    plain, coloured = terminal.render(a_bad_report()), terminal.render(a_bad_report(), Paper(colour=True))
    bare = re.sub(r"\x1b\[[0-9;]*m", "", coloured)
    assert coloured != plain
    assert [line.split() for line in bare.splitlines()] == [line.split() for line in plain.splitlines()]


def test_the_totals_say_how_much_was_tried():
    said = terminal.render(a_bad_report())
    assert "16 crash points possible, 16 run, 16 crashes, 3.1 seconds: 11 passed, 5 failed" in said


def test_the_title_of_a_pass_says_how_many_warnings_it_has():
    title = terminal.render(of_one(a_warning())).splitlines()[0]
    assert title.endswith("under dbos: PASSED with 1 warning")


def test_an_engine_that_was_not_tried_is_never_silent():
    said = terminal.render(a_parity_report())
    assert "temporal was not tried: temporalio is not installed: pip install 'durable-harness[temporal]'" in said
    assert "other: n/a, it does not take this subject: OtherEngine takes no agents without a name" in said
    assert said.splitlines()[0] == f"PARITY  {SUBJECT} under dbos, journal, prefect: FAILED"


def test_an_interrupted_sweep_says_that_it_is_partial():
    report = SweepReport(SUBJECT, (a_sweep(partial=True, runs=a_sweep().runs[:4]),))
    said = terminal.render(report)
    assert "Interrupted: this report is partial" in said
    assert said.splitlines()[0].endswith("UNKNOWN so far")
    assert "not run" in said


def test_a_sweep_without_a_usable_baseline_shows_why():
    finding = a_finding(
        None, rule="baselines-differ", message="two fault-free runs took different steps: x", remedy="fix"
    )
    run = RunReport("dbos", SUBJECT, "no fault", (Verdict.unknown("determinism", finding.message, (finding,)),), 1, "f")
    said = terminal.render(SweepReport(SUBJECT, (EngineSweep("dbos", "step", runs=(run,)),)))
    assert "UNKNOWN" in said
    assert said.count("two fault-free runs took different steps: x") == 1


def test_notes_are_told_once():
    run = a_run(notes=("everything is cold",))
    sweep = EngineSweep("dbos", "step", runs=(run, run), notes=("everything is cold",))
    assert terminal.render(SweepReport(SUBJECT, (sweep,))).count("everything is cold") == 1


def test_one_run_shows_its_lives_its_checks_and_its_findings():
    story = Story("crash@model#3/before")
    story.life().ran("tool:charge#1").crash().life().ran("tool:charge#1").kept("model#3").finished()
    said = terminal.render_run(of_one(a_finding()), story.history())
    for part in ("plan:   crash@model#3/before", "life 2", "<- TWICE", "faults fired", "1. ERROR", "What to change"):
        assert part in said
    assert max(map(len, said.splitlines())) <= 100


def test_one_run_without_its_history_is_still_told():
    said = terminal.render_run(of_one(a_finding()))
    assert "life 1 " not in said.split("1. ERROR")[0]
    assert "1. ERROR" in said


def test_a_torn_journal_is_said_to_be_one():
    story = Story().life().kept("model#1")
    assert "is torn" in terminal.render_run(of_one(), story.history(torn=True))
    assert "is torn" not in terminal.render_run(of_one(), story.history())


def test_a_check_that_broke_shows_its_traceback():
    said = terminal.render_run(of_one(unknown="the check itself failed, please report it:\nTraceback\n  KeyError: 'x'"))
    assert "KeyError: 'x'" in said


def test_a_run_that_was_refused_says_so_in_the_engines_words():
    refused = SweepReport(SUBJECT, (EngineSweep("dbos", "step", refused="an agent needs a name"),))
    assert refused.status is Status.UNKNOWN
    assert "dbos: n/a, it does not take this subject: an agent needs a name" in terminal.render_run(refused)


def test_steps_are_listed_with_the_windows_in_which_they_can_be_struck():
    rows = a_sweep(unrecorded=("tool:charge#1",)).rows
    listing = SweepReport(SUBJECT, (EngineSweep("dbos", "step", rows=rows),))
    lines = terminal.render_steps(listing).splitlines()
    assert '  tool:charge#1       before, between = after    {"order_id": "7"}' in lines
    assert "  model#1             before, between, after" in lines
    assert "17 crash points. To crash at one of them:" in lines
    assert "  harness run shop.payments:agent --engine dbos --fault 'crash@tool:find_order#1/between'" in lines


def test_long_arguments_do_not_widen_the_listing():
    rows = (Row("tool:a#1", recorded=True, arguments={"text": "x" * 500}),)
    said = terminal.render_steps(SweepReport("m:a", (EngineSweep("dbos", "step", rows=rows),)))
    assert max(map(len, said.splitlines())) <= 100
