"""One run with a crash on a server that a person has, as a shell sees it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
CRASH = "crash@tool:charge#1/between"


def crashed(engine: str, subject: str, server: str, *, out: Path) -> dict[str, Any]:
    """The report of `harness run` with a crash in the charge, `server` being the option that names the server.

    Fails unless it passed, and for a password in what it printed.
    """
    command = [sys.executable, "-m", "harness", "run", subject, "-e", engine, server, "-f", CRASH]
    done = subprocess.run(
        [*command, "--format", "json", "--out", str(out)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "hush" not in done.stdout + done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said
