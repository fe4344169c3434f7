"""A property that fails in pytest: no frame of ours, and a scenario that is saved as it is printed and fails again."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.plugin.conftest import Make, Project, Ran

PROPERTY = """
    from hypothesis import given
    from harness.explore.properties import durable, scenarios, survives

    ORDER = [{"call": "charge", "args": {"order_id": "A-1"}}, "done"]

    @durable(max_examples=10, derandomize=True, database=None)
    @given(scenarios("shop:agent", script=ORDER, tools={"charge": "once"}, max_faults=1))
    def test_survives(scenario):
        survives(scenario)
"""
HEADER = r"^-+ scenario: save it as it is under scenarios/ -+\n"


@pytest.fixture(scope="module")
def shop(project: Make) -> Project:
    return project({"test_shop.py": PROPERTY})


@pytest.fixture(scope="module")
def ran(shop: Project) -> Ran:
    """The session in which the property fails. What it prints below the failure is then saved, not a letter changed."""
    done = shop.pytest("test_shop.py")
    (printed,) = re.findall(HEADER + r"(.*?)^[-=]{9,}", done.out, re.MULTILINE | re.DOTALL)
    (shop.folder / "scenarios").mkdir()
    (shop.folder / "scenarios" / "found.yaml").write_text(printed, "utf-8")
    return done


def test_the_traceback_ends_in_the_test(ran: Ran) -> None:
    assert ran.count("failed") == 1
    assert "does not survive crash@tool:charge#1/between" in ran.out
    assert "harness/" not in ran.out
    assert re.search(r"^test_shop.py:\d+: DoesNotSurvive$", ran.out, re.MULTILINE)


@pytest.mark.usefixtures("ran")
def test_what_is_printed_is_a_scenario(shop: Project) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "harness", "check", "scenarios/found.yaml"],
        cwd=shop.folder,
        env=shop.environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.usefixtures("ran")
def test_what_is_printed_fails_again(shop: Project) -> None:
    again = shop.pytest("scenarios/found.yaml")

    assert again.count("failed") == 1
    assert "crash@tool:charge#1/between under journal: FAILED" in again.out
    assert "`charge` ran twice" in again.out
