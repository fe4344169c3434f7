"""Saved histories, replayed against the code as it is now."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.errors import UsageError
from harness.explore.histories import replay_histories
from harness.verdict import RunReport, Status

ROOT = Path(__file__).parents[2]
WORKFLOW = "fixtures.workflows.temporal_greeting"
GREETING = ROOT / "fixtures" / "histories" / "temporal_greeting.json"
PAYMENTS = ROOT / "fixtures" / "histories" / "temporal_payments.json"
"""As a run of ours under Temporal leaves it in its folder."""


def replayed(subject: str, *files: Path) -> list[RunReport]:
    return list(replay_histories(subject, files).runs)


def events() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(GREETING.read_text())["events"]
    return found


def in_words(text: str) -> str:
    """As older command lines print it: `ActivityTaskScheduled`."""

    def word(match: re.Match[str]) -> str:
        return f'"eventType": "{match[1].title().replace("_", "")}"'

    return re.sub(r'"eventType": "EVENT_TYPE_(\w+)"', word, text)


READABLE: dict[str, Callable[[], bytes]] = {
    "as the command line saves it": GREETING.read_bytes,
    "as older ones did": lambda: in_words(GREETING.read_text()).encode(),
    "the events alone": lambda: json.dumps(events()).encode(),
    "in a run folder": lambda: json.dumps({"history": {"events": events()}, "replay": None}).encode(),
    "with a byte order mark": lambda: b"\xef\xbb\xbf" + GREETING.read_bytes(),
}
UNREADABLE: dict[str, tuple[Callable[[], bytes], str]] = {
    "no json": (lambda: b"not json", "is no Temporal history in JSON"),
    "torn": (lambda: GREETING.read_bytes()[:9000], "is no Temporal history in JSON"),
    "binary": (lambda: b"\xff\xfe\x00", "is no Temporal history in JSON"),
    "nothing in it": (lambda: b"{}", "is no Temporal history that the SDK can read"),
    "another document": (lambda: b'{"events": {"a": 1}}', "is no Temporal history that the SDK can read"),
    "a number": (lambda: b"7", "is no Temporal history that the SDK can read"),
    "payloads decoded": (
        lambda: re.sub(rb'"data": "[^"]*"', b'"data": {"name": "Ada"}', GREETING.read_bytes()),
        "is no Temporal history that the SDK can read",
    ),
    "only its end": (lambda: json.dumps({"events": events()[4:]}).encode(), "a part of the history is missing"),
    "another workflow's": (
        lambda: GREETING.read_bytes().replace(b'"Greeting"', b'"Farewell"'),
        f"is a history of the workflow 'Farewell', and '{WORKFLOW}' has 'Greeting'; name the class that ran",
    ),
}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, RunReport]:
    """What is said of each file, all of them replayed by one process."""
    folder = tmp_path_factory.mktemp("histories")
    contents = {**READABLE, **{name: content for name, (content, _words) in UNREADABLE.items()}}
    for name, content in contents.items():
        (folder / f"{name}.json").write_bytes(content())
    files = [*(folder / f"{name}.json" for name in contents), folder / "no file", folder]
    return dict(zip([*contents, "no file", "a folder"], replayed(WORKFLOW, *files), strict=True))


@pytest.mark.parametrize("name", READABLE)
def test_a_history_is_replayed_however_it_was_saved(said: dict[str, RunReport], name: str) -> None:
    assert (said[name].status, said[name].notes) == (Status.PASSED, ("workflow Greeting",)), said[name].reasons


@pytest.mark.parametrize(
    ("name", "words"),
    [
        *((name, words) for name, (_content, words) in UNREADABLE.items()),
        ("no file", "No such file or directory"),
        ("a folder", "Is a directory"),
    ],
)
def test_what_cannot_be_replayed_is_one_sentence_and_the_others_are_judged(
    said: dict[str, RunReport], name: str, words: str
) -> None:
    [sentence] = said[name].reasons
    assert said[name].status is Status.UNKNOWN
    assert words in sentence
    assert str(said[name].plan) in sentence
    assert "\n" not in sentence


CHANGES = {
    "a tool that answers otherwise": ("likes tea", "likes coffee", ""),
    "an agent of another name": ('name="greeter"', 'name="host"', "agent__greeter__model_request"),
    "a tool that is workflow code now": (
        "@agent.tool_plain",
        '@agent.tool_plain(metadata={"temporal": False})',
        "tool",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_an_agent_that_was_changed_replays_while_it_takes_the_same_steps(tmp_path: Path, change: str) -> None:
    before, after, words = CHANGES[change]
    code = (ROOT / "fixtures" / "workflows" / "temporal_greeting.py").read_text()
    assert before in code
    module = tmp_path / f"changed_{len(change)}.py"
    module.write_text(code.replace(before, after))
    [run] = replayed(f"{module}:Greeting", GREETING)
    assert run.status is (Status.FAILED if words else Status.PASSED)
    assert [("Nondeterminism error" in finding.message, words in finding.message) for finding in run.findings] == [
        (True, True)
    ] * bool(words)


def test_an_agent_stands_for_the_workflow_that_the_harness_puts_around_it_and_for_those_beside_it() -> None:
    ours, theirs = replayed(f"{WORKFLOW}:agent", PAYMENTS, GREETING)
    assert theirs.status is Status.PASSED
    assert ours.status is Status.FAILED
    [run] = replayed("fixtures.agents.payments:agent", PAYMENTS)
    assert run.status is Status.PASSED


@pytest.mark.parametrize(
    ("subject", "words"),
    [
        (f"{WORKFLOW}:Greting", "has no 'Greting'"),
        (f"{WORKFLOW}:look_up", "is no agent, and as a factory it needs name"),
        ("fixtures.no_such_module:Greeting", "no module"),
        ("fixtures.agents.uses.events_dbos:agent", "was built for Dbos; run it under --engine dbos"),
    ],
    ids=["no attribute", "a function", "no module", "another engine's"],
)
def test_a_subject_that_cannot_be_replayed_is_one_sentence(subject: str, words: str) -> None:
    with pytest.raises(UsageError, match=re.escape(words)):
        replayed(subject, GREETING)


def test_code_that_a_busy_machine_held_up_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.engines.temporal import replay

    busy = f"{replay.BUSY} Potential deadlock detected"
    for answers, said in (([busy, None], None), ([busy, "other"], "other"), ([busy] * 4, busy)):
        left = iter(answers)

        async def failure(*_: object, left: Any = left) -> str | None:
            return next(left)

        monkeypatch.setattr(replay, "_failure", failure)
        assert asyncio.run(replay.failure_of(object, Any)) == said


def test_an_engine_without_histories_says_so() -> None:
    with pytest.raises(UsageError, match="engine 'journal' replays no histories"):
        replay_histories(WORKFLOW, [GREETING], engine="journal")
