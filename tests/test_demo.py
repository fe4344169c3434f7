"""The demonstration keeps its word: each act comes to what is promised, and it says so when one does not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness import demo
from tests.report.samples import a_good_report

ROOT = Path(__file__).parents[1]
OUTCOMES = ["passed; ", "failed; ", "passed with 1 warning; ", "passed; "]


@pytest.mark.slow
def test_every_act_comes_to_what_was_promised(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "harness.demo"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    *_, first, second, third, fourth = done.stdout.splitlines()

    assert done.returncode == 0, done.stdout + done.stderr
    for act, outcome, line in zip(demo.ACTS, OUTCOMES, (first, second, third, fourth), strict=True):
        assert line.startswith(f"- {act.title}: {outcome}")


def test_an_act_that_comes_to_something_else_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "sweep", lambda *_given, **_named: a_good_report())
    monkeypatch.setenv("COLUMNS", "200")

    code = demo.main()

    wrong = [line for line in capsys.readouterr().out.splitlines() if line.startswith("This demonstration is wrong")]
    assert code == 1
    assert [line.rpartition(": ")[2] for line in wrong] == [
        "expected failed, got passed",
        "expected passed with 1 warning, got passed",
    ]
