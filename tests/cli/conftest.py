"""The command line as a person has it: a real process, its exit code and its two streams."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHOP = "tests.cli.shop:agent"
CHARGE = "crash@tool:charge#1/between"


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


Shell = Callable[..., Ran]


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without what would make the harness believe that it is in CI, or in colour."""
    kept = {name: value for name, value in os.environ.items() if name not in ("CI", "NO_COLOR", "COLUMNS")}
    return {**kept, **(more or {})}


def harness(*arguments: str, cwd: Path = ROOT, env: Mapping[str, str] | None = None) -> Ran:
    done = subprocess.run(
        [sys.executable, "-m", "harness", *arguments],
        cwd=cwd,
        env=environment(env),
        capture_output=True,
        text=True,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def shell() -> Shell:
    return harness


@pytest.fixture(scope="session")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ran, Path]:
    """One run with a crash, as text, and its run folder."""
    out = tmp_path_factory.mktemp("crashed")
    ran = harness("run", SHOP, "--engine", "journal", "--fault", CHARGE, "--out", str(out))
    (folder,) = (path.parent for path in out.glob("*/journal/*-run/journal.jsonl"))
    return ran, folder
