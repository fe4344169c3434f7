"""A coverage that is asked for is not held by a session that tried nothing, and such a session has its report, too."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import Make, Project, Ran

FOR_ANOTHER_ENGINE = """
    from harness.pytest_plugin import durable_sweep

    test_swept = durable_sweep("shop:agent", engine="dbos")
"""
SKIPPED = """
    import pytest
    from harness.pytest_plugin import durable_sweep

    test_tried = durable_sweep("shop:agent", script=["done"])

    @pytest.mark.skip(reason="later")
    @pytest.mark.durable("shop:agent")
    def test_skipped():
        pass
"""
ASKED = ("--durable-min-coverage", "90", "--durable-report", "told")
SET = ("-o", "durable_min_coverage=90", "-o", "durable_report=told")


@pytest.fixture(scope="module")
def suite(project: Make) -> Project:
    """Tests of which only those in one file are durable."""
    plain = "def test_plain():\n    pass\n"
    return project({"test_plain.py": plain, "test_dbos.py": FOR_ANOTHER_ENGINE, "test_shop.py": SKIPPED})


def summary(ran: Ran) -> str:
    return (ran.folder / "told" / "summary.md").read_text("utf-8")


@pytest.mark.parametrize("given", [ASKED, SET], ids=["on the command line", "in the settings"])
def test_a_job_whose_engine_no_test_asks_for_fails_and_says_so(suite: Project, given: tuple[str, ...]) -> None:
    ran = suite.pytest("test_dbos.py", "--durable-engines", "journal", "--durable-require", "journal", *given)

    said = (
        "0 % is less than --durable-min-coverage 90 %, no crash point was tried: the only durable test was skipped"
        " (durable: none of its engines (dbos) is among --durable-engines journal)"
    )
    assert (ran.count("skipped"), ran.code) == (1, pytest.ExitCode.TESTS_FAILED), ran.out
    assert f"crash-point coverage {said}" in ran.out
    assert summary(ran).startswith("## Durable tests: something is wrong (coverage too low)\n")
    assert f"Crash-point coverage: {said}" in summary(ran)


def test_the_crash_points_of_a_sweep_that_is_skipped_whole_were_not_tried(suite: Project) -> None:
    ran = suite.pytest("test_shop.py", "-n1", *ASKED)

    assert (ran.count("passed"), ran.count("skipped"), ran.code) == (6, 12, pytest.ExitCode.TESTS_FAILED), ran.out
    assert "crash points: 6 of 18 tried (33 %)" in ran.out
    assert "crash-point coverage 33 % is less than --durable-min-coverage 90 %\n" in ran.out
    assert "| `shop:agent` | journal | 6 of 18 | 6 | 0 | 0 |" in summary(ran)


def test_skipping_every_sweep_fails_too(suite: Project) -> None:
    ran = suite.pytest("test_shop.py", "-k", "skipped", *SET)

    assert ran.code == pytest.ExitCode.TESTS_FAILED
    assert "no crash point was tried: all 12 durable tests were skipped (later)" in ran.out
    assert "| `shop:agent` | journal | 0 of 12 | 0 | 0 | 0 |" in summary(ran)


def test_whoever_asks_for_coverage_on_the_command_line_means_a_session_with_durable_tests(suite: Project) -> None:
    ran = suite.pytest("test_plain.py", *ASKED)

    assert (ran.count("passed"), ran.code) == (1, pytest.ExitCode.TESTS_FAILED), ran.out
    assert "no crash point was tried: no durable test was run" in summary(ran)


@pytest.mark.parametrize(
    "chosen",
    [
        pytest.param(["test_plain.py", *SET], id="the settings are for sessions that have durable tests"),
        pytest.param(["-k", "plain", *SET], id="of which none may be selected"),
        pytest.param(["test_dbos.py", "--collect-only", *ASKED], id="nothing is tried where tests are only shown"),
        pytest.param(["test_plain.py", "--durable-report", "told"], id="a report alone asks for nothing"),
    ],
)
def test_where_nothing_was_to_be_tried_nothing_fails(suite: Project, chosen: list[str]) -> None:
    ran = suite.pytest(*chosen)

    assert ran.code == pytest.ExitCode.OK, ran.out
    assert "coverage" not in ran.out


def test_a_report_of_nothing_does_not_say_that_everything_held(suite: Project) -> None:
    ran = suite.pytest("test_plain.py", "--durable-report", "told")

    assert summary(ran) == "## Durable tests: nothing was tried\n"
