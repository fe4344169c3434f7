from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.subjects.telemetry import without_telemetry

ROOT = Path(__file__).parents[2]
CREDENTIALS = {
    "token": "pylf_v1_us_x",
    "project_name": "p",
    "project_url": "https://logfire-us.pydantic.dev/a/p",
    "logfire_api_url": "https://logfire-us.pydantic.dev",
}


def test_variables_that_start_exporters_are_dropped() -> None:
    environ = {"LOGFIRE_TOKEN": "t", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x", "OTEL_SERVICE_NAME": "mine"}

    without_telemetry(environ)

    assert environ["OTEL_SERVICE_NAME"] == "mine"
    assert not environ.keys() & {"LOGFIRE_TOKEN", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"}


HABITS = {
    "default": "import logfire; logfire.configure()",
    "if there is a token": "import logfire; logfire.configure(send_to_logfire='if-token-present')",
    "insisting": "from logfire import configure; configure(send_to_logfire=True)",
    "own token": "import logfire; logfire.configure(token='pylf_v1_us_x')",
    "not at all": "",
}


@pytest.mark.parametrize("habit", HABITS.values(), ids=HABITS.keys())
@pytest.mark.parametrize("imported", ["", "import logfire"], ids=["later", "already imported"])
def test_logfire_sends_nothing_starts_no_thread_and_asks_nothing(habit: str, imported: str, tmp_path: Path) -> None:
    (tmp_path / ".logfire").mkdir()
    (tmp_path / ".logfire" / "logfire_credentials.json").write_text(json.dumps(CREDENTIALS))
    code = f"""
import os, sys
{imported}
from harness.subjects import telemetry
telemetry.silence()
telemetry.silence()
{habit}
if 'logfire' in sys.modules:
    import logfire
    with logfire.span('work'): logfire.info('hello')
print(len(os.listdir('/proc/self/task')))
"""

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "LOGFIRE_TOKEN": "pylf_v1_us_x", "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "1"
