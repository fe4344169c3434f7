"""A stranger's project, with the harness installed as a distribution: its own suite, run as its owner would."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.pytest_plugin.conftest import OTHERS, ROOT, Ran
from tests.pytest_plugin.installing import environment

pytestmark = pytest.mark.xdist_group("sample_project")  # what its tests share is made by one worker only

SAMPLE = ROOT / "fixtures" / "sample_project"


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


def test_the_readme_shows_the_whole_test_file_and_the_closing_lines() -> None:
    readme = Path(ROOT / "README.md").read_text("utf-8")

    assert (SAMPLE / "tests" / "test_roulette.py").read_text("utf-8").strip() in readme
