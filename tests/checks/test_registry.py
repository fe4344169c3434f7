"""Judging: every check runs, none can take the others down."""

from __future__ import annotations

import pytest

from harness.checks import CHECKS, Baseline, judge
from harness.checks.registry import safely
from harness.errors import UsageError
from harness.scenario import Scenario
from harness.verdict import Owner, Severity, Status, Verdict
from tests.builders import KEEPS_ALL, Story, a_case

CHARGE = "tool:charge#1"


def usual() -> Story:
    return Story().life().kept("model#1").kept(CHARGE).finished()


def judged(story: Story, **options) -> dict[str, Verdict]:
    case = a_case(story, usual())
    scenario = case.scenario.model_copy(update=options.pop("scenario", {}))
    verdicts = judge(case.history, case.baseline, scenario, KEEPS_ALL, **options)
    return {verdict.check: verdict for verdict in verdicts}


def warned() -> Story:
    story = Story(f"crash@{CHARGE}/between").life().kept("model#1").entered(CHARGE, recorded=True).left(CHARGE)
    return story.committing(CHARGE).crash().life().kept(CHARGE).finished()


def test_every_check_says_something_of_every_run():
    assert list(judged(usual())) == list(CHECKS)


def test_a_fault_free_run_passes_every_check():
    assert {verdict.status for verdict in judged(usual()).values()} == {Status.PASSED}


def test_a_warning_passes_unless_judged_strictly():
    assert judged(warned())["effects"].status is Status.PASSED
    assert judged(warned(), strict=True)["effects"].status is Status.FAILED
    assert judged(warned(), strict=True)["resume"].status is Status.PASSED


def test_only_the_checks_of_the_scenario_run():
    assert list(judged(usual(), scenario={"checks": ("faults fired", "Completion")})) == ["faults_fired", "completion"]


def test_only_the_checks_that_were_named_run():
    assert list(judged(usual(), names=["idempotency-keys"], scenario={"checks": ("resume",)})) == ["idempotency_keys"]


def test_an_unknown_check_is_refused_with_the_nearest_name():
    with pytest.raises(UsageError, match="no check 'efects', did you mean 'effects'"):
        judged(usual(), names=["efects"])


def test_a_check_that_raises_is_unknown_with_its_traceback():
    def broken(case):
        raise ZeroDivisionError("by zero")

    verdict = safely("broken", broken, a_case(usual(), usual()))
    assert verdict.status is Status.UNKNOWN
    assert "ZeroDivisionError: by zero" in verdict.reason
    assert "report it" in verdict.reason


def test_a_check_that_cannot_be_used_is_unknown_with_one_sentence():
    story = Story("crash@model#2/before").life().ran(CHARGE, may={"may": "sometimes"}).crash().life().ran(CHARGE)
    verdict = judged(story.finished())["effects"]
    assert verdict.status is Status.UNKNOWN
    assert verdict.reason.startswith("the metadata of `charge` is no policy")
    assert "Traceback" not in verdict.reason


def test_an_empty_history_is_unknown_and_no_error():
    empty = type(usual().history())(())
    verdicts = judge(empty, Baseline(empty), Scenario(subject="m:agent"), KEEPS_ALL)
    assert {verdict.status for verdict in verdicts if verdict.check in ("completion", "resume", "effects")} == {
        Status.UNKNOWN
    }


def test_every_finding_has_what_a_person_needs():
    plan = "crash@model#2/before"
    story = Story(plan).life().kept("model#1").kept(CHARGE).crash().life().kept(CHARGE).finished("other")
    findings = [finding for verdict in judged(story).values() for finding in verdict.findings]
    assert {finding.check for finding in findings} >= {"completion", "resume", "effects"}
    for finding in findings:
        assert finding.events
        assert finding.message
        assert finding.remedy[0].islower()
        assert not finding.remedy.endswith(".")
        assert isinstance(finding.owner, Owner)
        assert isinstance(finding.severity, Severity)


def another_key() -> Story:
    story = Story("crash@model#2/before").life().kept("model#1")
    story.entered(CHARGE).effect("charge", CHARGE, "k1").left(CHARGE).crash().life()
    return story.entered(CHARGE).effect("charge", CHARGE, "k2").left(CHARGE).kept("model#2").finished()


def test_a_repeat_with_another_key_fails_two_checks_and_is_one_finding():
    verdicts = judged(another_key())
    assert [verdicts[name].status for name in ("effects", "idempotency_keys")] == [Status.FAILED, Status.FAILED]
    told = [(finding.check, finding.rule) for verdict in verdicts.values() for finding in verdict.findings]
    assert [pair for pair in told if "key" in pair[1]] == [("effects", "key-differs")]


def test_a_key_that_changed_is_told_by_its_own_check_where_no_other_tells_it():
    (verdict,) = judged(another_key(), names=["idempotency_keys"]).values()
    assert [finding.rule for finding in verdict.findings] == ["key-changed"]
