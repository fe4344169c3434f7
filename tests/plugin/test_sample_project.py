"""A stranger's project, with the harness installed as a distribution: its own suite, run as its owner would."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.plugin.conftest import OTHERS, ROOT, Ran
from tests.plugin.installing import environment

SAMPLE = ROOT / "fixtures" / "sample_project"
README = Path(ROOT / "README.md").read_text("utf-8")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    folder = tmp_path_factory.mktemp("sample")
    python = environment(folder / "venv")
    shutil.copytree(SAMPLE, folder / "casino")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "PYTHONPATH"))}
    done = subprocess.run(
        [python, "-m", "pytest", *OTHERS, "-v"],
        cwd=folder / "casino",
        env={**kept, "OPENAI_API_KEY": "none", "COLUMNS": "120"},
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )
    return Ran(done.returncode, done.stdout + done.stderr, folder)


def test_the_installed_plugin_is_found_and_everything_passes(ran: Ran) -> None:
    assert "durable-harness-" in ran.out
    assert ran.code == 0, ran.out


def test_sweeps_scenarios_fixtures_and_properties_are_all_there(ran: Ran) -> None:
    for test in (
        "test_every_crash[journal-crash@tool:roulette_wheel#1/between] PASSED",
        "test_an_answer_is_bought_once[dbos-crash@model#2/between] PASSED",
        "test_the_agent_says_whether_the_customer_has_won PASSED",
        "test_no_conversation_is_lost PASSED",
        "wheel_turned_twice.yaml::dbos PASSED",
    ):
        assert test in ran.out


def test_the_readme_shows_the_whole_test_file() -> None:
    assert (SAMPLE / "tests" / "test_roulette.py").read_text("utf-8").strip() in README


def test_the_readme_shows_what_the_run_really_says(ran: Ran) -> None:
    shown = README.partition("this is what `pytest -v` says:")[2].split("```")[1]

    assert collected(shown) == collected(ran.out) > 0
    assert passed(shown) == passed(ran.out)
    assert summary(shown) == summary(ran.out) != []


def collected(said: str) -> int:
    return int(re.findall(r"collected (\d+) items", said)[0])


def passed(said: str) -> list[str]:
    """Every test that passed, in order; how wide a terminal is and how far the session was do not matter."""
    return re.findall(r"^(\S+::.+) PASSED", said, re.MULTILINE)


def summary(said: str) -> list[str]:
    """The lines of the `durable` section."""
    section = re.split(r"^=+ durable =+$", said, flags=re.MULTILINE)[1]
    return re.split(r"^=+ ", section, flags=re.MULTILINE)[0].split("\n\n")[0].splitlines()
