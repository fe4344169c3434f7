"""A run has to end, and as it ends without faults; who must act depends on what the caller saw."""

from __future__ import annotations

import pytest

from harness.checks.completion import completion
from harness.verdict import Owner, Severity, Status
from tests.builders import Story, a_case

PLAN = "crash@model#1/between"


def usual() -> Story:
    return Story().life().kept("model#1").finished({"total": 5, "at": "noon"})


def crashed() -> Story:
    return Story(PLAN).life().entered("model#1", recorded=True).left("model#1").crash().life().kept("model#1")


def judged(story: Story, baseline: Story | None = None, **case):
    verdict = completion(a_case(story, baseline or usual(), **case))
    return verdict.status, [(finding.rule, finding.owner, finding.severity) for finding in verdict.findings]


def test_the_same_output_passes():
    assert judged(crashed().finished({"total": 5, "at": "noon"})) == (Status.PASSED, [])


@pytest.mark.parametrize(
    ("said", "remedy"), [("five", "find out what keeper made of"), ("ten", "compare the messages")]
)
def test_what_to_look_at_depends_on_whether_the_messages_differ(said, remedy):
    usually = Story().life().kept("model#1").finished("5", messages=[{"parts": [{"content": "five"}]}])
    story = crashed().finished("10", messages=[{"parts": [{"content": said}]}])
    (finding,) = completion(a_case(story, usually)).findings
    assert finding.remedy.startswith(remedy)


def test_another_output_is_the_engines_to_explain():
    status, found = judged(crashed().finished({"total": 10, "at": "noon"}))
    assert (status, found) == (Status.FAILED, [("output-differs", Owner.ENGINE, Severity.ERROR)])


def test_another_output_says_where_and_shows_both_sides():
    verdict = completion(a_case(crashed().finished({"total": 10, "at": "noon"}), usual()))
    assert "outcome#1.output.total: 5 became 10" in verdict.findings[0].message


def test_an_output_that_varies_by_itself_is_left_out():
    story = crashed().finished({"total": 5, "at": "midnight"})
    assert judged(story, volatile=frozenset({"outcome#1.output.at"})) == (Status.PASSED, [])
    assert judged(story)[0] is Status.FAILED


def test_an_error_that_faults_do_not_explain_is_the_engines():
    assert judged(crashed().failed().dies("exit").ended()) == (
        Status.FAILED,
        [("failed", Owner.ENGINE, Severity.ERROR)],
    )


def test_a_refusal_at_run_time_is_a_matter_of_configuration():
    story = crashed().failed("streaming is not supported", "UserError").dies("exit").ended()
    assert judged(story) == (Status.FAILED, [("refused", Owner.CONFIGURATION, Severity.ERROR)])


@pytest.mark.parametrize("before", ["ok", "TimeoutError"])
def test_a_run_that_ends_in_another_way_when_a_limit_counts_waits_was_ended_by_that(before):
    story = Story(plan := "2*error(503)@model#1").paced(60.0, 70.0, before).life().fires(plan)
    [finding] = completion(a_case(story.failed().dies("exit").ended(), usual())).findings
    assert (finding.rule, finding.owner) == ("outlasted", Owner.CONFIGURATION)
    assert finding.message.startswith("waits of 70 s within a limit of 60 s, and the run failed with RuntimeError")


def test_one_that_ends_as_before_was_not():
    story = Story(plan := "error(503)@model#1").paced(60.0, 70.0, "RuntimeError").life().fires(plan)
    assert judged(story.failed().dies("exit").ended())[1][0][0] == "not-retried"


@pytest.mark.parametrize("fault", ["error(503)@model#1", "lost@model#1", "hang@model#1", "slow(2s)@model#1"])
def test_an_error_that_a_fault_explains_was_not_retried(fault):
    story = Story(fault).life().fires(fault).failed().dies("exit").ended()
    assert judged(story) == (Status.FAILED, [("not-retried", Owner.CONFIGURATION, Severity.ERROR)])
    assert completion(a_case(story, usual())).findings[0].step == "model#1"


def test_an_injected_error_that_was_survived_passes():
    fault = "error(503)@model#1"
    story = Story(fault).life().fires(fault).kept("model#1").finished({"total": 5, "at": "noon"})
    assert judged(story) == (Status.PASSED, [])


def test_another_output_after_an_injected_error_is_a_note():
    fault = "error(503)@model#1"
    story = Story(fault).life().fires(fault).kept("model#1").finished("sorry")
    assert judged(story) == (Status.PASSED, [("output-differs", Owner.CONFIGURATION, Severity.NOTE)])


def test_a_run_that_fails_without_any_fault_fails():
    story = Story().life().failed().dies("exit").ended()
    assert judged(story, story) == (Status.FAILED, [("baseline-failed", Owner.CONFIGURATION, Severity.ERROR)])


@pytest.mark.parametrize(
    ("error", "said"),
    [
        pytest.param("RuntimeError: boom", ", in the body of `charge`: RuntimeError: boom", id="it raised"),
        pytest.param(None, ", when `charge` had returned and keeper was to record its result: ", id="nothing raised"),
        pytest.param("ModelRetry: again", "without any fault: RuntimeError: boom", id="another error was caught"),
    ],
)
def test_a_run_that_fails_without_any_fault_is_told_with_the_body_it_failed_in(error, said):
    story = Story().life().kept("model#1").entered("tool:charge#1", unit="u").left("tool:charge#1", error=error)
    (finding,) = completion(a_case(story.failed().dies("exit").ended(), story)).findings
    assert said in finding.message


def test_the_body_that_failed_in_a_later_invocation_is_named_as_faults_name_it():
    story = Story().life().kept("model#1").outcome("one").invokes(2)
    story.ran("step:post#1", error="RuntimeError: boom").failed().dies("exit").ended()
    (finding,) = completion(a_case(story, story)).findings
    assert "in the body of `run#2.step:post#1`: RuntimeError: boom" in finding.message


def test_a_run_that_fails_as_it_does_without_faults_is_not_blamed_again():
    usually = Story().life().failed().dies("exit").ended()
    assert judged(crashed().failed().dies("exit").ended(), usually) == (Status.PASSED, [])


def test_a_run_that_fails_otherwise_than_without_faults_is_blamed():
    usually = Story().life().failed("no funds").dies("exit").ended()
    assert judged(crashed().failed("no table").dies("exit").ended(), usually)[1][0][0] == "failed"


def test_an_error_that_vanished_is_a_finding():
    usually = Story().life().failed("no funds").dies("exit").ended()
    assert judged(crashed().finished(), usually)[1][0][0] == "error-vanished"


@pytest.mark.parametrize(
    ("how", "rule", "owner"),
    [
        ("limit", "crash-loop", Owner.ENGINE),
        ("broken", "process-ended", Owner.CONFIGURATION),
        ("abducted", "no-outcome", Owner.ENGINE),
    ],
)
def test_a_run_without_an_end_fails_and_says_how(how, rule, owner):
    story = crashed().dies("death").ended(how, "because")
    verdict = completion(a_case(story, usual()))
    assert [(finding.rule, finding.owner) for finding in verdict.findings] == [(rule, owner)]
    assert "(because)" in verdict.findings[0].message


def test_a_run_that_is_stuck_fails_and_leaves_the_reason_to_liveness():
    story = Story("hang@model#1").life().fires("hang@model#1").dies("hang").ended("stuck", "no progress for 10 s")
    verdict = completion(a_case(story, usual()))
    assert (verdict.status, verdict.findings) == (Status.FAILED, ())
    assert "no progress for 10 s" in verdict.reason


def test_a_process_that_hung_after_its_last_outcome_has_completed():
    story = crashed().outcome({"total": 5, "at": "noon"}).dies("hang").ended("stuck", "no progress")
    assert judged(story) == (Status.PASSED, [])


def test_a_run_that_was_over_without_an_outcome_was_picked_up_by_nobody():
    assert judged(crashed().dies("exit").ended())[1] == [("no-outcome", Owner.ENGINE, Severity.ERROR)]


def test_a_plan_with_more_crashes_than_lives_is_unknown():
    story = Story("2*crash@model#1/before").life().crash("2*crash@model#1/before").life()
    story.crash("2*crash@model#1/before").ended("limit", "the run had not ended after 2 lives")
    verdict = completion(a_case(story, usual()))
    assert verdict.status is Status.UNKNOWN
    assert "limit of the harness" in verdict.reason


@pytest.mark.parametrize("torn", [True, False])
def test_a_journal_without_an_end_is_unknown_and_says_what_is_missing(torn):
    case = a_case(crashed(), usual())
    cut = type(case)(crashed().history(torn=torn), case.baseline, case.scenario, case.contract)
    verdict = completion(cut)
    assert verdict.status is Status.UNKNOWN
    assert "no outcome and no end of the run follow" in verdict.reason
    assert ("torn" in verdict.reason) is torn


def test_a_journal_that_lost_only_its_last_line_still_has_its_outcome():
    assert judged(crashed().outcome({"total": 5, "at": "noon"})) == (Status.PASSED, [])


def test_every_invocation_is_compared():
    baseline = Story().life().kept("model#1").outcome("one").invokes(2).kept("model#1").finished("two")
    story = Story(PLAN).life().kept("model#1").outcome("one").invokes(2).kept("model#1").finished("three")
    verdict = completion(a_case(story, baseline))
    assert [finding.step for finding in verdict.findings] == ["run#2"]


def test_without_a_baseline_outcome_there_is_nothing_to_compare():
    assert judged(usual(), Story().life())[0] is Status.UNKNOWN


def test_a_failure_that_was_retried_too_seldom_says_how_often_it_came():
    fault = "3*error(503)@model#1"
    story = Story(fault).life().fires(fault).fires(fault).failed().dies("exit").ended()
    finding = completion(a_case(story, usual())).findings[0]
    assert "fired 2 of 3" in finding.message
    assert "more than 2" in finding.remedy
    assert finding.incarnation == 1


def test_a_tool_that_raises_because_its_memory_died_with_the_process_is_no_fault_of_the_engine():
    usually = Story().life().kept("tool:mail#1").kept("tool:log#1").finished()
    story = Story("crash@tool:mail#1/after").life().kept("tool:mail#1").crash().life()
    story.kept("tool:log#1", error="ModelRetry: mail first").failed("too many retries").dies("exit").ended()
    (finding,) = completion(a_case(story, usually)).findings
    assert (finding.rule, finding.owner, finding.step) == ("failed", Owner.TOOL, "tool:log#1")
    assert "`log` raised ModelRetry: mail first: it ran in life 2, without what `mail` had left" in finding.message


def test_a_tool_that_raises_with_all_its_memory_is_still_the_engines_to_explain():
    usually = Story().life().ran("tool:mail#1").kept("tool:log#1").finished()
    story = Story("crash@tool:mail#1/after").life().ran("tool:mail#1").crash().life().ran("tool:mail#1")
    story.kept("tool:log#1", error="ModelRetry: mail first").failed("too many retries").dies("exit").ended()
    (finding,) = completion(a_case(story, usually)).findings
    assert (finding.rule, finding.owner) == ("failed", Owner.ENGINE)
