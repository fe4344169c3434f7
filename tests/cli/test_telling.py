"""What a finished report means to a shell."""

from __future__ import annotations

import contextlib
import io

import pytest

from harness.cli.telling import exit_code, say
from harness.verdict import EngineSweep, SweepReport
from tests.report.samples import SUBJECT, a_bad_report, a_good_report, a_run, a_sweep


def of(*sweeps: EngineSweep) -> SweepReport:
    return SweepReport(SUBJECT, sweeps)


REFUSED = EngineSweep("dbos", "step", refused="an agent needs a name")
UNAVAILABLE = EngineSweep("temporal", "activity", unavailable="not installed")
UNTRIED = EngineSweep("temporal", "activity", unavailable="interrupted", partial=True)
UNKNOWN = EngineSweep("dbos", "step", runs=(a_run("p", unknown="no idea"),))

CODES = [
    pytest.param(a_good_report(), (), 0, id="passed"),
    pytest.param(a_bad_report(), (), 1, id="failed"),
    pytest.param(of(UNKNOWN), (), 3, id="unknown"),
    pytest.param(of(), (), 3, id="nothing checked"),
    pytest.param(of(REFUSED), (), 2, id="the only engine refuses"),
    pytest.param(of(a_sweep("journal"), REFUSED), (), 0, id="one engine refuses"),
    pytest.param(of(a_sweep("journal"), REFUSED), ("dbos",), 2, id="a required engine refuses"),
    pytest.param(of(a_sweep("journal"), UNAVAILABLE), (), 0, id="one engine is missing"),
    pytest.param(of(a_sweep("journal"), UNAVAILABLE), ("temporal",), 2, id="a required engine is missing"),
    pytest.param(of(UNAVAILABLE, REFUSED), (), 2, id="no engine could be tried"),
    pytest.param(of(a_sweep(partial=True)), (), 130, id="interrupted"),
    pytest.param(of(a_sweep(partial=True), UNTRIED), ("temporal",), 130, id="interrupted before a required engine"),
]


@pytest.mark.parametrize(("report", "require", "code"), CODES)
def test_each_outcome_has_its_exit_code(report: SweepReport, require: tuple[str, ...], code: int):
    assert exit_code(report, require) == code


def test_a_report_can_be_caught_by_a_program_that_redirects_stdout():
    with contextlib.redirect_stdout(io.StringIO()) as caught:
        say("größe ✓")
    assert caught.getvalue() == "größe ✓"
