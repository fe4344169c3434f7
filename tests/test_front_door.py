"""The front door: every public name is there, costs nothing until it is used, and the example is true."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import harness

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("name", harness.__all__)
def test_a_public_name_leads_to_what_it_names(name: str):
    assert getattr(harness, name).__name__ == name


def test_public_names_are_listed():
    assert set(harness.__all__) <= set(dir(harness))


def test_a_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'swep'"):
        harness.swep  # noqa: B018


def test_the_door_is_light():
    script = "import sys, harness; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {"pydantic", "pydantic_ai", "rich", "click", "yaml"} & set(done.stdout.split()) == set()


def test_the_example_runs_as_it_is_written(tmp_path: Path):
    documented = (harness.__doc__ or "").partition("Python does it so:")[2].partition("\nThe house")[0]
    example = textwrap.dedent(documented).replace('".harness"', repr(str(tmp_path)))
    done = subprocess.run(
        [sys.executable, "-c", f"{example}\nprint(report.status)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "passed\n"
    assert list(tmp_path.glob("*-sweep/journal/*/journal.jsonl"))
