"""Saved histories, replayed against the code as it is now."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WORKFLOW = "fixtures.workflows.temporal_greeting:Greeting"
HISTORY = ROOT / "fixtures" / "histories" / "temporal_greeting.json"


def replay(workflow: str, *files: Path) -> list[dict[str, object]] | str:
    """In a process of its own, as from the command line: what is imported stays there."""
    code = (
        "import dataclasses, json, pathlib, sys\n"
        "from harness.engines.temporal.replay import replay_histories\n"
        "from harness.errors import HarnessError\n"
        "try:\n"
        "    done = replay_histories(sys.argv[1], [pathlib.Path(file) for file in sys.argv[2:]])\n"
        "    said = [dataclasses.asdict(one) for one in done]\n"
        "except HarnessError as error:\n"
        "    said = str(error)\n"
        "print(json.dumps(said))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, workflow, *map(str, files)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    said: list[dict[str, object]] | str = json.loads(done.stdout.strip().splitlines()[-1])
    return said


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    """The history of a workflow that asked for another activity than the code does now."""
    file = tmp_path / "changed.json"
    file.write_text(HISTORY.read_text().replace("agent__greeter__model_request", "agent__greeter__another_request"))
    return file


def test_a_history_of_the_same_code_is_replayed(changed: Path) -> None:
    good, bad = replay(WORKFLOW, HISTORY, changed)
    assert isinstance(good, dict)
    assert isinstance(bad, dict)
    assert (good["ok"], good["workflow"], good["message"]) == (True, "Greeting", "")
    assert bad["ok"] is False
    assert "another_request" in str(bad["message"])


@pytest.mark.parametrize(
    ("workflow", "content", "words"),
    [
        (WORKFLOW, "not json", "is no Temporal history in JSON"),
        (WORKFLOW, "{}", "is no Temporal history in JSON"),
        (WORKFLOW, None, "No such file or directory"),
        ("fixtures.workflows.temporal_greeting:agent", "{}", "is no Temporal workflow class"),
        ("fixtures.workflows.temporal_greeting:Greting", "{}", "has no 'Greting'"),
        ("fixtures.no_such_module:Greeting", "{}", "no module"),
    ],
    ids=["no json", "no history", "no file", "no workflow", "no attribute", "no module"],
)
def test_what_cannot_be_replayed_is_one_sentence(
    tmp_path: Path, workflow: str, content: str | None, words: str
) -> None:
    file = tmp_path / "history.json"
    if content is not None:
        file.write_text(content)
    said = replay(workflow, file)
    assert isinstance(said, str)
    assert words in said


def test_a_history_of_another_workflow_is_told_apart(tmp_path: Path) -> None:
    file = tmp_path / "other.json"
    file.write_text(HISTORY.read_text().replace('"Greeting"', '"Farewell"'))
    assert "is a history of the workflow 'Farewell'" in str(replay(WORKFLOW, file))
