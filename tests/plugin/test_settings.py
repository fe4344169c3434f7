"""What a session's settings do to its runs, and to the line that does one of them again outside pytest."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.plugin.options import OPTIONS, Settings
from tests.plugin.conftest import Make, Project, Ran

TESTS = """
    import pytest

    @pytest.mark.durable("shop:agent", engine="journal", faults="crash@tool:charge#1/between")
    def test_warned():
        pass

    def test_timed(durable):
        assert durable.run(subject="shop:agent").judged.time_scale == "times are divided by 4 (`--time-scale 4`)"
        assert durable.run(subject="shop:agent", time_scale=2).judged.time_scale.startswith("times are divided by 2")
"""
GIVEN = """
[tool.pytest.ini_options]
durable_engines = ["journal", "none"]
durable_require = ["journal"]
durable_jobs = 2
durable_time_scale = 4
durable_min_coverage = 12.5
durable_report = "told"
durable_strict = true
"""


@pytest.fixture(scope="module")
def shop(project: Make) -> Project:
    return project({"test_shop.py": TESTS})


@pytest.fixture(scope="module")
def ran(shop: Project) -> Ran:
    return shop.pytest("-v", "--durable-strict", "--durable-time-scale=4", "--durable-report=told")


@pytest.fixture(scope="module")
def warned(ran: Ran) -> dict[str, Any]:
    """What the files for CI say of the run that was warned of."""
    runs = json.loads((ran.folder / "told" / "report.json").read_text("utf-8"))["runs"]
    return next(run for run in runs if run["fault"])


def test_with_durable_strict_a_warning_fails_its_test(ran: Ran, warned: dict[str, Any]) -> None:
    assert {finding["severity"] for finding in warned["findings"]} == {"warning"}
    assert "test_warned[journal-crash@tool:charge#1/between] FAILED" in ran.out


def test_the_time_scale_is_that_of_every_run_which_says_no_other(ran: Ran) -> None:
    assert "test_timed PASSED" in ran.out


def test_the_line_that_is_printed_does_the_same_outside_pytest(shop: Project, ran: Ran, warned: dict[str, Any]) -> None:
    (line,) = {line.partition("replay: ")[2] for line in ran.out.splitlines() if "replay: " in line}
    assert line == warned["replay"]
    command, *arguments = shlex.split(line)

    again = subprocess.run(
        [sys.executable, "-m", command, *arguments, "--format", "json"],
        cwd=shop.folder,
        env=shop.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    said = json.loads(again.stdout)
    assert again.returncode == 1
    assert {finding["rule"] for finding in said["findings"]} == {each["rule"] for each in warned["findings"]}
    assert said["runs"][0]["time_scale"].startswith("times are divided by 4")


def test_every_setting_is_read_from_the_projects_file(pytester: pytest.Pytester) -> None:
    pytester.makepyprojecttoml(GIVEN)

    read = Settings.of(pytester.parseconfig("-p", "harness.pytest_plugin"))

    assert all(option.ini in GIVEN for option in OPTIONS)
    assert read == Settings(("journal", "none"), ("journal",), 2, 4.0, 12.5, Path.cwd() / "told", strict=True)
