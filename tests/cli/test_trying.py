"""sweep, run, replay and steps with real processes and real kills: what is printed, and what a shell is told."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import CHARGE, ROOT, SHOP, Ran, Shell, environment
from tests.process.families import MARK, family, happens


def test_a_sweep_draws_the_map_and_passes_with_its_warning(shell: Shell, tmp_path: Path):
    ran = shell("sweep", SHOP, "--engine", "journal", "--jobs", "2", "--out", str(tmp_path))
    assert ran.code == 0
    assert ran.out.startswith(f"CRASH MAP  {SHOP} under journal: PASSED with 1 warning\n")
    assert ["tool:charge#1", "ok", "warn", "ok"] in [line.split() for line in ran.out.splitlines()]
    assert "12 of 12 run" in ran.err
    assert "\x1b" not in ran.out + ran.err


def test_warnings_fail_when_they_are_asked_to(shell: Shell, tmp_path: Path):
    ran = shell("run", SHOP, "-e", "journal", "-f", CHARGE, "--strict", "--out", str(tmp_path))
    assert ran.code == 1
    assert "FAILED" in ran.out


def test_what_the_person_says_of_a_tool_is_heard(shell: Shell, tmp_path: Path):
    arguments = ("-e", "journal", "-f", CHARGE, "--tools", "charge=keyed:order_id", "--out", str(tmp_path))
    ran = shell("run", SHOP, *arguments)
    assert ran.code == 0
    assert "Nothing has to change" in ran.out


def test_a_scenario_file_says_whether_it_is_what_it_expects(shell: Shell, tmp_path: Path):
    file = tmp_path / "twice.yaml"
    expected = {"none": "failed", "journal": "failed"}
    file.write_text(json.dumps({"subject": SHOP, "faults": CHARGE, "expected": expected}))
    known, mended = (shell("run", str(file), "-e", one, "--out", str(tmp_path)) for one in expected)
    assert (known.code, mended.code) == (1, 0)
    assert "note: failed is what the scenario expects under none" in known.out
    assert "note: the scenario expects failed under journal, and this is passed" in mended.out


def test_several_engines_are_compared_cell_by_cell(shell: Shell, tmp_path: Path):
    ran = shell("sweep", SHOP, "-e", "none,journal", "-j", "2", "--out", str(tmp_path))
    assert ran.code == 1
    assert "tool:charge#1/between: TWICE under none; warn under journal" in ran.out


def test_json_is_the_one_document_on_stdout(shell: Shell, tmp_path: Path):
    ran = shell("sweep", SHOP, "-e", "none", "-j", "2", "--format", "json", "--out", str(tmp_path))
    document = json.loads(ran.out)
    assert ran.code == 1
    assert (document["status"], document["engine"], document["subject"]) == ("failed", "none", SHOP)
    assert document["totals"]["possible"] == document["totals"]["run"] == len(document["runs"])
    assert {finding["owner"] for finding in document["findings"]} <= {"configuration", "tool"}
    assert all(Path(run["folder"], "journal.jsonl").exists() for run in document["runs"])


def test_one_run_shows_both_lives(crashed: tuple[Ran, Path]):
    ran, folder = crashed
    assert ran.code == 0
    assert f"plan:   {CHARGE}" in ran.out
    assert f"folder: {folder}" in ran.out
    lives = [line.split() for line in ran.out.splitlines()]
    assert ["model#1", "ran,", "recorded", "replayed"] in lives
    assert any(line[:4] == ["tool:charge#1", "ran,", "KILLED", "between"] and line[-1] == "twice" for line in lives)
    assert ["model#1", "1", "1", "-", "-", "-"] in lives
    assert ["tool:charge#1", "2", "-", "1", "1", "-"] in lives
    assert re.search(r"  2 model requests, \d+ tokens: nothing was bought twice\n", ran.out)


def test_the_replay_line_of_a_finding_does_the_same_again(crashed: tuple[Ran, Path], shell: Shell, tmp_path: Path):
    ran, _folder = crashed
    (line,) = (line.split("replay:")[1] for line in ran.out.splitlines() if "replay:" in line)
    program, *arguments = shlex.split(line)
    again = shell(*arguments, "--out", str(tmp_path))
    assert program == "harness"
    assert verdicts(again.out) == verdicts(ran.out)


def verdicts(said: str) -> list[str]:
    """The report of a run without its folder."""
    return [line for line in said.splitlines() if not line.startswith("folder:")]


def test_a_run_folder_is_run_again(crashed: tuple[Ran, Path], shell: Shell, tmp_path: Path):
    ran, folder = crashed
    again = shell("replay", str(folder), "--out", str(tmp_path))
    assert verdicts(again.out) == verdicts(ran.out)
    assert again.code == ran.code


def test_steps_are_listed_and_each_can_be_named_in_a_fault(shell: Shell, tmp_path: Path):
    ran = shell("steps", SHOP, "-e", "journal", "--out", str(tmp_path))
    assert ran.code == 0
    assert "12 crash points. To crash at one of them:" in ran.out
    program, *arguments = shlex.split(ran.out.splitlines()[-1])
    assert (program, shell(*arguments, "--out", str(tmp_path)).code) == ("harness", 0)


def test_a_fault_that_never_fires_leaves_the_run_unknown(shell: Shell, tmp_path: Path):
    ran = shell("run", SHOP, "-e", "journal", "-f", "crash@model#1/before~2", "--out", str(tmp_path))
    assert ran.code == 3
    assert "COULD NOT TELL crash@model#1/before~2" in ran.out


def interrupted(*arguments: str) -> Ran:
    """A sweep that is given Ctrl-C when some of its crashes have been tried. Fails if a process outlives it."""
    mark = f"{os.getpid()}-interrupted"
    process = subprocess.Popen(
        [sys.executable, "-m", "harness", "sweep", SHOP, "-j", "2", *arguments],
        cwd=ROOT,
        env=environment({MARK: mark}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    assert any(" of 12 run" in line for line in process.stderr)
    assert len(family(mark)) > 1
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate()
    assert "Traceback" not in out + err
    assert happens(lambda: family(mark) == [])
    return Ran(process.returncode, out, err)


def test_an_interrupted_sweep_reports_what_it_has_and_leaves_no_process(tmp_path: Path):
    ran = interrupted("-e", "journal", "--out", str(tmp_path))
    assert ran.code == 130
    assert "Interrupted: this report is partial" in ran.out


@pytest.mark.engine(name="temporal")
def test_an_interrupted_sweep_of_servers_names_the_engines_whose_turn_had_not_come(tmp_path: Path):
    ran = interrupted("-e", "temporal,prefect", "--format", "json", "--out", str(tmp_path))
    document = json.loads(ran.out)
    temporal, prefect = document["engines"]
    assert (ran.code, document["status"]) == (130, "unknown")
    assert 0 < document["totals"]["run"] < document["totals"]["possible"]
    assert (temporal["engine"], temporal["partial"], temporal["unavailable"]) == ("temporal", True, "")
    assert (prefect["engine"], prefect["partial"]) == ("prefect", True)
    assert "interrupted" in prefect["unavailable"]
