"""What every process of a run would otherwise build for itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
WARMED = """
import importlib, os
from harness.engines.prefect import home
home.replace(os.environ, home.of_zygote(os.environ))
from harness.engines.prefect import lazy
lazy.warm()
for path in lazy.MODELS:
    module, _, name = path.partition(":")
    print(getattr(importlib.import_module(module), name).__pydantic_complete__)
print(len(os.listdir("/proc/self/task")), "thread")
"""


def test_every_model_that_is_named_is_one_of_prefect_and_built_before_any_run_without_a_thread() -> None:
    # In a process of its own: Prefect must find its variables before it is imported.
    done = subprocess.run([sys.executable, "-c", WARMED], cwd=ROOT, capture_output=True, text=True, check=True)
    *built, threads = done.stdout.splitlines()
    assert set(built) == {"True"}
    assert threads == "1 thread"
