"""What the adapter holds on to in Prefect, and what it says when that has moved or is not there."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest

from harness.engines.prefect import versions
from harness.engines.prefect.engine import PrefectEngine

ROOT = Path(__file__).parents[2]

CHECKED = """
import os
from harness.engines.prefect import home
home.replace(os.environ, home.of_zygote(os.environ))
from harness.engines.prefect import seams
from harness.errors import EngineUnavailable
seams.check()
for owner, name, parameters in seams.HELD:
    real = getattr(owner, name)
    for fake in ([lambda: None] if parameters else []) + [None]:
        setattr(owner, name, fake)
        try:
            seams.check()
        except EngineUnavailable as error:
            print(error)
        else:
            print("nothing was said about", name)
    setattr(owner, name, real)
"""


def test_every_name_that_has_moved_is_said_with_the_versions_that_have_it() -> None:
    # In a process of its own: Prefect must find its variables before it is imported.
    done = subprocess.run([sys.executable, "-c", CHECKED], cwd=ROOT, capture_output=True, text=True, check=True)
    said = done.stdout.splitlines()
    assert len(said) > 20
    for line in said:
        assert line.startswith(f"engine 'prefect' {versions.installed()} is not supported: prefect"), line
        assert " is gone; " in line or " has no parameter " in line
        assert line.endswith(f"versions known to work: 3.8.8 (run `pip install prefect=={versions.KNOWN[-1]}`)")


def test_the_installed_version_is_one_that_is_known_to_work() -> None:
    assert versions.installed() in versions.KNOWN
    assert PrefectEngine().problems({}) == []


def _absent(name: str) -> str:
    raise PackageNotFoundError(name)


@pytest.mark.parametrize(
    ("version", "says"),
    [
        (_absent, "engine 'prefect' is not installed: run `pip install \"durable-harness[prefect]\"`"),
        (lambda _name: "3.6.21", "engine 'prefect' 3.6.21 is too old, 3.7 is the oldest that is supported: run"),
        (lambda _name: "2.20.1", "engine 'prefect' 2.20.1 is too old"),
    ],
    ids=["absent", "3.6.21", "2.20.1"],
)
def test_what_keeps_prefect_from_running_is_told_with_the_command_that_mends_it(
    monkeypatch: pytest.MonkeyPatch, version: Any, says: str
) -> None:
    monkeypatch.setattr(versions, "version", version)
    [problem] = PrefectEngine().problems({})
    assert problem.startswith(says)
    assert "pip install" in problem


def test_the_parents_half_imports_no_prefect() -> None:
    code = "import sys, harness.engines.prefect.engine; print([name for name in sys.modules if 'prefect' in name])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    modules = [name.strip("'[]\n ") for name in done.stdout.split(",")]
    assert all(name.startswith("harness.") for name in modules)
