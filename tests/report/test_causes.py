"""Findings by cause: what is acted upon, said once."""

from __future__ import annotations

from harness.report.causes import advice, causes, findings, unsure
from harness.report.paper import Paper
from harness.verdict import EngineSweep, Finding, Owner, Severity, SweepReport
from tests.report.samples import SUBJECT, a_bad_report, a_finding, a_good_report, a_run, a_sweep, a_warning


def report(*found: Finding, engine: str = "dbos") -> SweepReport:
    runs = tuple(a_run(f"crash@model#{number}/after", each, engine=engine) for number, each in enumerate(found, 1))
    return SweepReport(SUBJECT, (EngineSweep(engine, "step", runs=runs),))


def text(*parts: object) -> str:
    return Paper().write(*parts)  # type: ignore[arg-type]


def test_one_cause_is_told_once_with_every_place_it_was_seen_at():
    told = text(*findings(a_bad_report()))
    assert told.count("ERROR") == 1
    assert "(also at: crash@model#3/between, crash@model#3/after, crash@run/before, 1 more)" in told


def test_a_finding_says_who_what_and_how_to_see_it_again():
    told = text(*findings(report(a_finding())))
    assert told.splitlines()[1:] == [
        "1. ERROR tool:charge",
        "   `charge` ran twice: it had finished in life 1, the process died at model#3/before, and its body",
        "   was entered again in life 2",
        "   who:    configuration (whoever configures the agent and its engine)",
        "   do:     decorate `charge` with `@DBOS.step()` so that its result is recorded",
        "   replay: harness run shop.payments:agent --engine dbos --fault crash@model#3/before",
    ]


def test_errors_come_before_warnings_and_notes_last():
    mixed = report(a_finding(severity=Severity.NOTE, rule="noted"), a_warning(), a_finding())
    assert [cause.finding.severity for cause in causes(mixed)] == [Severity.ERROR, Severity.WARNING, Severity.NOTE]


def test_what_only_warns_is_not_told_as_what_fails():
    mild, grave = a_finding(severity=Severity.WARNING, message="mild"), a_finding(message="grave")
    assert [cause.finding.message for cause in causes(report(mild, grave))] == ["grave", "mild"]


def test_a_crash_at_the_very_step_stands_for_those_further_away():
    away = a_run("crash@run/between", a_finding(), cell=("run", "between"))
    here = a_run("crash@tool:charge#1/between", a_finding(), cell=("tool:charge#1", "between"))
    swept = SweepReport(SUBJECT, (EngineSweep("dbos", "step", runs=(away, here)),))
    assert [cause.plan for cause in causes(swept)] == ["crash@tool:charge#1/between"]


def test_what_no_fault_was_needed_for_stands_for_what_crashes_have_shown():
    here = a_run("crash@tool:charge#1/between", a_finding(), cell=("tool:charge#1", "between"))
    swept = SweepReport(SUBJECT, (EngineSweep("dbos", "step", runs=(here, a_run("no fault", a_finding()))),))
    assert [cause.plan for cause in causes(swept)] == ["no fault"]


def test_engines_that_want_the_same_change_share_one_cause():
    both = SweepReport(SUBJECT, (*report(a_warning()).engines, *report(a_warning(), engine="prefect").engines))
    (cause,) = causes(both)
    assert cause.engines == ("dbos", "prefect")
    assert "under dbos and prefect" in text(*findings(both))


def test_of_several_engines_the_last_lines_say_which_one_wants_the_change():
    both = SweepReport(SUBJECT, (*report(a_warning()).engines, *report(a_warning(), engine="prefect").engines))
    assert "(under dbos and prefect)" in text(*advice(both)).replace("\n   ", "")


def test_engines_that_want_different_changes_do_not():
    other = a_finding(remedy="decorate `charge` with `@task`")
    both = SweepReport(SUBJECT, (*report(a_finding()).engines, *report(other, engine="prefect").engines))
    assert len(causes(both)) == 2


def test_two_effects_outside_every_step_are_two_things_to_change():
    found = [a_finding(None, rule="effect-repeated", remedy=f"move `{name}` into a step") for name in ("mail", "audit")]
    assert [cause.finding.remedy for cause in causes(report(*found))] == [each.remedy for each in found]


def test_one_change_that_several_calls_of_a_tool_want_is_one():
    calls = [a_finding(step, remedy=f"limit the attempts of `{step}`") for step in ("tool:charge#1", "tool:charge#2")]
    assert len(causes(report(*calls))) == 1


def test_what_was_confirmed_in_cold_interpreters_says_so():
    assert "(seen again in cold interpreters)" in text(*findings(report(a_finding(confirmed="cold"))))


def test_a_finding_without_a_step_is_about_the_run():
    assert "ERROR the run" in text(*findings(report(a_finding(None))))


def test_hostile_text_is_made_harmless():
    told = text(*findings(report(a_finding(message="boom \x1b[2J [red]x[/red]"))))
    assert "\x1b" not in told
    assert "[red]x[/red]" in told


def test_the_last_lines_say_what_to_change_for_the_errors_only():
    assert text(*advice(a_bad_report())).splitlines() == [
        "What to change:",
        "  - decorate `charge` with `@DBOS.step()` so that its result is recorded",
    ]


def test_warnings_alone_are_said_to_hold():
    told = text(*advice(report(a_warning())))
    assert told.startswith("It holds.")
    assert "idempotency key" in told


def test_what_could_not_be_told_is_not_said_to_hold():
    runs = (a_run("crash@model#1/after", a_warning(), unknown="it did not fire"),)
    told = text(*advice(SweepReport(SUBJECT, (EngineSweep("dbos", "step", runs=runs),))))
    assert told.startswith("What to change:")


def test_a_remedy_that_names_no_step_is_given_them():
    told = text(*advice(report(a_finding(remedy="record it"), a_finding("tool:mail#2", remedy="record it"))))
    assert "- tool:charge and tool:mail: record it" in told


def test_a_remedy_is_said_once_however_many_rules_ask_for_it():
    told = text(*advice(report(a_finding(), a_finding(rule="other"), a_finding(owner=Owner.TOOL))))
    assert told.count("decorate") == 1


def test_when_nothing_is_wrong_the_last_line_says_that_nothing_has_to_change():
    assert text(*advice(a_good_report())) == "Nothing has to change: 18 crashes survived, no effect repeated or lost.\n"


def test_crashes_are_counted_and_not_the_runs_that_had_some():
    survived = SweepReport(SUBJECT, (EngineSweep("dbos", "step", runs=(a_run(crashes=3), a_run(crashes=0))),))
    assert text(*advice(survived)) == "Nothing has to change: 3 crashes survived, no effect repeated or lost.\n"


def test_an_interrupted_sweep_promises_nothing_about_the_rest():
    partial = SweepReport(SUBJECT, (a_sweep(partial=True),))
    assert text(*advice(partial)).startswith("So far nothing has to change")


def test_without_a_run_nothing_is_known():
    assert text(*advice(SweepReport(SUBJECT, ()))) == "Nothing was crashed, so nothing is known.\n"


def test_what_could_not_be_judged_is_never_praised():
    swept = SweepReport(SUBJECT, (EngineSweep("dbos", "step", runs=(a_run("p", unknown="the fault never fired"),)),))
    assert text(*advice(swept)) == "Nothing is proved: the fault never fired\n"


def test_each_reason_for_not_knowing_is_said_once_with_its_plans():
    runs = tuple(a_run(f"crash@model#{number}/after", unknown="it never fired") for number in range(1, 6))
    told = text(*unsure(SweepReport(SUBJECT, (EngineSweep("dbos", "step", runs=runs),))))
    assert told.count("it never fired") == 1
    assert "crash@model#1/after, crash@model#2/after, crash@model#3/after, 2 more" in told


def test_a_failed_run_is_not_also_called_unknown():
    runs = (a_run("p", a_finding(), unknown="it did not complete"),)
    assert text(*unsure(SweepReport(SUBJECT, (EngineSweep("dbos", "step", runs=runs),)))) == ""


def test_a_record_that_was_not_used_is_told_once_whoever_sees_it():
    unused = a_finding(check="resume", rule="recorded-ran-again", message="it ran again")
    seen = (a_finding(rule="recorded-ran-again"), a_finding(check="cache", rule="missed"))
    elsewhere = a_finding("tool:refund#1", rule="recorded-ran-again", message="another")
    runs = (a_run("crash@model#2/after", unused, *seen, elsewhere),)
    told = causes(SweepReport(SUBJECT, (EngineSweep("dbos", "step", runs=runs),)))
    assert [cause.finding.message for cause in told] == ["it ran again", "another"]
