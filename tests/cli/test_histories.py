"""`harness replay-history` as a shell sees it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cli.shell import outcome

GREETING = "fixtures/histories/temporal_greeting.json"
SUBJECT = "fixtures.workflows.temporal_greeting:Greeting"


@pytest.fixture
def changed(tmp_path: Path) -> str:
    """The history of a workflow that asked for another activity than the code does now."""
    file = tmp_path / "changed.json"
    file.write_text(Path(GREETING).read_text().replace("agent__greeter__model_request", "agent__host__model_request"))
    return str(file)


def test_histories_that_replay_pass(capfd: pytest.CaptureFixture[str]):
    assert outcome(["replay-history", GREETING, "--subject", SUBJECT]) == 0
    told = capfd.readouterr()
    assert told.out.startswith(f"HISTORIES  {SUBJECT}: PASSED\n")
    assert [GREETING, "replays", "Greeting"] in [line.split() for line in told.out.splitlines()]
    assert told.err == ""


def test_one_that_does_not_fails_with_the_line_that_shows_it_again(capfd: pytest.CaptureFixture[str], changed: str):
    assert outcome(["replay-history", GREETING, changed, "--subject", SUBJECT, "--format", "json"]) == 1
    document = json.loads(capfd.readouterr().out)
    assert [run["status"] for run in document["runs"]] == ["passed", "failed"]
    [finding] = document["findings"]
    assert (finding["check"], finding["rule"]) == ("determinism", "cannot-replay")
    assert finding["replay"] == f"harness replay-history {changed} --subject {SUBJECT}"


def test_a_file_that_cannot_be_read_is_a_sentence_beside_what_the_others_came_to(
    capfd: pytest.CaptureFixture[str], changed: str
):
    assert outcome(["replay-history", changed, "README.md", "no-such-file", "-s", SUBJECT]) == 2
    told = capfd.readouterr()
    assert "DIFFERS" in told.out
    assert told.err.startswith("error: README.md is no Temporal history in JSON")
    assert told.err.endswith("error: cannot read no-such-file: No such file or directory\n")
    assert len(told.err.splitlines()) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--subject", SUBJECT], "Missing argument 'FILE...'"),
        ([GREETING], "Missing option '-s' / '--subject'"),
        (["README.md", "--subject", SUBJECT], "error: README.md is no Temporal history"),
        ([GREETING, "--subject", "no.such:thing"], "no.such"),
    ],
    ids=["no file", "no subject", "nothing to replay", "a subject that is not there"],
)
def test_what_cannot_be_done_is_a_sentence(capfd: pytest.CaptureFixture[str], arguments: list[str], said: str):
    assert outcome(["replay-history", *arguments]) == 2
    told = capfd.readouterr()
    assert said in told.err
    assert told.out == ""
    assert "Traceback" not in told.err
