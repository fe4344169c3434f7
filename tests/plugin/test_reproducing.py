"""A property that fails in pytest: no frame of ours, and a scenario that is saved as it is printed and fails again."""

from __future__ import annotations

import os
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

BESIDE = {
    "tests/pump.py": """
        from pydantic_ai import Agent

        agent = Agent("test", name="pump")


        @agent.tool_plain
        def pour(litres: int) -> str:
            return str(litres)
    """,
    "tests/mine.py": """
        from harness.engines.journal.engine import JournalEngine


        class Engine(JournalEngine):
            name = "mine"
    """,
    "tests/test_pump.py": """
        import pytest
        from hypothesis import given
        from harness.explore.properties import durable, scenarios, survives
        from pydantic_ai import Agent

        from pump import pour

        here = Agent("test", name="here", tools=[pour])
        POUR = [{"call": "pour", "args": {"litres": 1}}, "done"]


        OURS = [(here, "journal"), ("pump:agent", "journal"), (here, "mine:Engine")]


        @pytest.mark.parametrize(("subject", "engine"), OURS)
        def test_survives(subject, engine):
            @durable(max_examples=10, derandomize=True, database=None)
            @given(scenarios(subject, [engine], script=POUR, max_faults=1, actions="error"))
            def holds(scenario):
                survives(scenario)

            holds()
    """,
}
"""The usual layout: what tests import lies beside them, in a folder that pytest puts in front of the path."""


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


@pytest.fixture(scope="module")
def pump(project: Make) -> tuple[Project, Ran]:
    """A project with its tests in a folder, and what its properties print, saved as the numbers of the tests."""
    made = project(BESIDE)
    done = made.pytest("tests")
    printed = re.findall(HEADER + r"(.*?)^[-=_]{5,}", done.out, re.MULTILINE | re.DOTALL)
    made.write({f"scenarios/{number}.yaml": text for number, text in enumerate(printed, 1)})
    return made, done


def test_a_scenario_names_what_only_pytest_finds_by_its_file(pump: tuple[Project, Ran]) -> None:
    subjects = re.findall(r"^subject: (.*)$", pump[1].out, re.MULTILINE)

    assert subjects == ["tests/test_pump.py:here", "tests/pump.py:agent", "tests/test_pump.py:here"]


@pytest.mark.parametrize(("number", "path"), [(1, ""), (2, ""), (3, "tests")])
def test_what_is_printed_in_a_folder_fails_again_from_the_root(
    pump: tuple[Project, Ran], number: int, path: str
) -> None:
    found, environment = pump[0], pump[0].environment
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [path, environment["PYTHONPATH"]]))
    assert (
        f"`PYTHONPATH=tests{os.pathsep}{found.environment['PYTHONPATH']} harness run FILE` does it again" in pump[1].out
    )

    for command in ("harness run", "pytest -pharness.pytest_plugin"):
        again = subprocess.run(
            [sys.executable, "-m", *command.split(), f"scenarios/{number}.yaml"],
            cwd=found.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

        assert again.returncode == 1, again.stdout + again.stderr
        assert "nothing made up for it" in again.stdout
