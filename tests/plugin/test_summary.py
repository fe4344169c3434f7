"""The lines at the end of a session: what was tried of what there is, and every kind of finding once."""

from __future__ import annotations

from typing import Any

import pytest

from harness.plugin.summary import Tally, lines
from harness.verdict import Finding, Severity
from tests.plugin.conftest import Make, Ran
from tests.report.samples import a_finding

CONVERSATIONS = """
    from harness.pytest_plugin import durable_sweep

    TWO = [{"call": "charge", "args": {"order_id": "a"}}, {"call": "charge", "args": {"order_id": "b"}}, "done"]

    test_one_of_many = durable_sweep("shop:agent", script=TWO, faults="crash@model#1/before")
    test_every_one = durable_sweep("shop:agent", script=["done"])
    test_one_of_them_again = durable_sweep("shop:agent", script=["done"], faults="crash@run/before", checks=["effects"])
"""


@pytest.fixture(scope="module")
def conversations(project: Make) -> Ran:
    """Two conversations with one agent, of which one has many more crash points than the other, and than were tried."""
    return project({"test_shop.py": CONVERSATIONS}).pytest("--durable-report", "told", "--durable-min-coverage", "50")


def test_each_conversation_has_its_own_crash_points(conversations: Ran) -> None:
    assert "crash points: 7 of 24 tried (29 %)" in conversations.out
    assert "| `shop:agent` | journal | 7 of 24 | 8 | 0 | 0 |" in (conversations.folder / "told/summary.md").read_text()


def test_what_was_tried_of_one_conversation_does_not_make_up_for_another(conversations: Ran) -> None:
    assert conversations.count("passed") == 8
    assert conversations.code == pytest.ExitCode.TESTS_FAILED
    assert "crash-point coverage 29 % is less than --durable-min-coverage 50 %" in conversations.out


def a_run(*findings: Finding, subject: str = "shop:agent") -> dict[str, Any]:
    """What a test says of a run that failed."""
    values = {"engine": "journal", "fault": "", "status": "failed", "expected": "passed", "crashes": 1, "replay": ""}
    return {**values, "subject": subject, "cell": None, "findings": [finding.to_json() for finding in findings]}


def told(*runs: dict[str, Any]) -> list[str]:
    """How the findings begin in the lines of a session, and in how many runs they were seen."""
    return [line.partition(": `")[0] for line in lines(Tally(list(runs))) if " under journal" in line]


def test_what_only_warns_in_one_test_does_not_hide_the_error_of_another() -> None:
    mild, grave = a_finding(severity=Severity.WARNING), a_finding()

    beginnings = [f"{severity}: tool:charge of shop:agent under journal" for severity in ("error", "warning")]
    assert told(a_run(mild), a_run(grave)) == beginnings


def test_findings_of_two_subjects_are_two() -> None:
    runs = [a_run(a_finding(), subject=subject) for subject in ("shop:agent", "shop:other")]

    beginnings = [f"error: tool:charge of {subject} under journal" for subject in ("shop:agent", "shop:other")]
    assert told(*runs) == beginnings


def test_two_effects_outside_every_step_are_two_findings() -> None:
    effects = [a_finding(None, message=name, remedy=f"move `{name}` into a step") for name in ("mail", "audit")]

    said = "\n".join(lines(Tally([a_run(*effects)])))

    assert "under journal: mail\n  do: move `mail` into a step\n" in said
    assert "under journal: audit\n  do: move `audit` into a step" in said


def test_one_kind_is_told_once_with_the_runs_that_show_it_and_not_the_steps() -> None:
    calls = [a_finding(step, remedy=f"limit the attempts of `{step}`") for step in ("tool:charge#1", "tool:charge#2")]

    assert told(a_run(*calls), a_run(*calls)) == ["error: tool:charge of shop:agent under journal (2 runs)"]


def test_what_only_follows_from_a_record_that_was_not_used_is_not_told_beside_it() -> None:
    again = [a_finding(check=check, rule="recorded-ran-again") for check in ("resume", "effects")]

    assert told(a_run(*again)) == ["error: tool:charge of shop:agent under journal"]
    assert told(a_run(again[1])) == ["error: tool:charge of shop:agent under journal"]
