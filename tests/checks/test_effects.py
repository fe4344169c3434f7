"""The table of what a tool may be, cell by cell, and the company that repeats keep: retries and nesting."""

from __future__ import annotations

import pytest

from harness.checks.effects import effects
from harness.contract import Contract
from harness.history import SHOWN
from harness.verdict import Finding, Owner, Severity, Status
from tests.builders import KEEPS_ALL, KEEPS_MODELS, KEEPS_NOTHING, Story, a_case

CHARGE = "tool:charge#1"
ORDER = {"order_id": "o-1", "amount": 5}


def usual(*, recorded: bool = False) -> Story:
    """Ask, charge, answer."""
    story = Story().life().kept("model#1", calls=(CHARGE,))
    return story.ran(CHARGE, recorded=recorded, arguments=ORDER, call="c1").kept("model#2").finished()


def died_later(arguments: dict[str, object] = ORDER, **charge: object) -> Story:
    """The charge had finished, nobody kept it, and the process died in the next request."""
    story = Story("crash@model#2/before").life().kept("model#1", calls=(CHARGE,))
    story.ran(CHARGE, arguments=ORDER, call="c1", **charge).crash()
    return story.life().ran(CHARGE, arguments=arguments, call="c1", **charge).kept("model#2").finished()


def died_in_flight(arguments: dict[str, object] = ORDER, **charge: object) -> Story:
    """The charge was done, and the process died before the engine had recorded it."""
    story = Story(f"crash@{CHARGE}/between").life().kept("model#1", calls=(CHARGE,))
    story.entered(CHARGE, recorded=True, arguments=ORDER, call="c1", **charge).left(CHARGE).committing(CHARGE).crash()
    return story.life().kept(CHARGE, arguments=arguments, call="c1", **charge).kept("model#2").finished()


def findings(
    story: Story, baseline: Story, contract: Contract = KEEPS_ALL, **tools: str
) -> tuple[Status, list[Finding]]:
    verdict = effects(a_case(story, baseline, contract=contract, tools=tools))
    return verdict.status, list(verdict.findings)


def only(story: Story, baseline: Story, contract: Contract = KEEPS_ALL, **tools: str) -> Finding:
    _status, found = findings(story, baseline, contract, **tools)
    assert len(found) == 1, [finding.message for finding in found]
    return found[0]


OTHER = {"order_id": "o-2", "amount": 5}
WARNED = (Severity.WARNING, "in-flight-ran-again")
REPEATED = (Severity.ERROR, "in-flight-ran-again")
NOT_KEPT = (Severity.ERROR, "finished-ran-again")
DIFFERS = (Severity.ERROR, "key-differs")
MISSING = (Severity.ERROR, "key-missing")
TABLE = [
    # what was said, arguments of the second body, and what is found: in flight, finished
    pytest.param(None, ORDER, WARNED, NOT_KEPT, id="unsaid"),
    pytest.param("repeatable", ORDER, None, None, id="repeatable"),
    pytest.param("keyed:order_id", ORDER, None, None, id="keyed, the same key"),
    pytest.param("keyed:order_id", OTHER, DIFFERS, DIFFERS, id="keyed, another key"),
    pytest.param("keyed:nothing", ORDER, MISSING, MISSING, id="keyed, no key"),
    pytest.param("keyed", ORDER, MISSING, MISSING, id="keyed, by nothing"),
    pytest.param("keyed:tool_call_id", OTHER, None, None, id="keyed by the call"),
    pytest.param("once", ORDER, REPEATED, NOT_KEPT, id="once"),
]


@pytest.mark.parametrize(("may", "again", "in_flight", "finished"), TABLE)
@pytest.mark.parametrize("moment", ["in flight", "finished"])
def test_the_table(may, again, in_flight, finished, moment):
    tools = {} if may is None else {"charge": may}
    if moment == "in flight":
        status, found = findings(died_in_flight(again), usual(recorded=True), KEEPS_ALL, **tools)
        expected = in_flight
    else:
        status, found = findings(died_later(again), usual(), KEEPS_MODELS, **tools)
        expected = finished
    assert [(finding.severity, finding.rule) for finding in found] == ([expected] if expected else [])
    assert status is (Status.FAILED if expected and expected[0] is Severity.ERROR else Status.PASSED)


def test_a_finished_charge_that_ran_again_is_told_in_one_sentence():
    finding = only(died_later(), usual(), KEEPS_MODELS)
    assert finding.message == (
        "`charge` ran twice: it had finished in life 1, the process died at model#2/before,"
        " and its body was entered again in life 2"
    )
    assert finding.remedy == "decorate `charge` with `@step` so that its result is recorded"
    assert (finding.owner, finding.step, finding.incarnation) == (Owner.CONFIGURATION, CHARGE, 2)


@pytest.mark.parametrize(
    ("contract", "remedy"),
    [
        (KEEPS_ALL, "let a tool do what `charge` does, for keeper records tools and no output functions"),
        (KEEPS_MODELS, "decorate `charge` with `@step`"),
    ],
    ids=["it keeps tools", "it keeps what is decorated"],
)
def test_an_output_function_becomes_a_tool_where_only_tools_are_kept(contract: Contract, remedy: str):
    baseline = usual().observed(SHOWN, {"step": "model#1", "tools": ["find_order"]})
    assert only(died_later(), baseline, contract).remedy.startswith(remedy)


def test_a_tool_that_an_engine_keeps_no_result_of_is_no_output_function():
    baseline = usual().observed(SHOWN, {"step": "model#1", "tools": ["charge"]})
    assert only(died_later(), baseline, KEEPS_ALL).remedy.startswith("find out why keeper keeps no result of `charge`")


def test_the_events_of_a_finding_are_the_lines_of_both_bodies():
    story = died_later()
    finding = only(story, usual(), KEEPS_MODELS)
    lines = [story.events[line - 1] for line in finding.events]
    assert [type(event).__name__ for event in lines] == ["StepEntered", "StepLeft"] * 2
    assert [event.incarnation for event in lines] == [1, 1, 2, 2]


def test_a_charge_in_flight_is_the_tools_to_make_harmless():
    finding = only(died_in_flight(), usual(recorded=True))
    assert finding.owner is Owner.TOOL
    assert "it was done but not yet recorded by keeper in life 1" in finding.message
    assert "idempotency key" in finding.remedy


def test_a_recorded_charge_that_ran_again_is_the_engines_fault():
    story = Story("crash@model#2/before").life().kept("model#1").kept(CHARGE).crash()
    story.life().kept(CHARGE).kept("model#2").finished()
    finding = only(story, usual(recorded=True))
    assert (finding.rule, finding.owner, finding.severity) == ("recorded-ran-again", Owner.ENGINE, Severity.ERROR)


def test_a_charge_that_ran_three_times_is_one_finding():
    plan = "crash@model#2/before; crash@model#2/before~2"
    story = Story(plan).life().kept("model#1").ran(CHARGE).crash()
    story.life().ran(CHARGE).crash().life().ran(CHARGE).kept("model#2").finished()
    finding = only(story, usual(), KEEPS_MODELS)
    assert finding.message.startswith("`charge` ran 3 times")


def test_an_engine_that_keeps_nothing_has_its_own_remedy():
    assert only(died_later(), usual(), KEEPS_NOTHING).remedy == "run `charge` under an engine"


def test_an_engine_without_a_remedy_is_asked_why():
    assert only(died_later(), usual(), KEEPS_ALL).remedy.startswith("find out why keeper keeps no result of `charge`")


def test_a_model_request_that_ran_again_is_no_effect():
    story = Story("crash@model#1/between").life().entered("model#1", recorded=True).left("model#1").crash()
    story.life().kept("model#1").kept(CHARGE).kept("model#2").finished()
    assert findings(story, usual(recorded=True)) == (Status.PASSED, [])


def test_a_crash_that_repeats_nothing_passes():
    story = Story("crash@model#2/before").life().kept("model#1").kept(CHARGE).crash().life().kept("model#2").finished()
    assert findings(story, usual(recorded=True)) == (Status.PASSED, [])


def test_what_the_scenario_says_of_a_tool_beats_what_the_tool_says_of_itself():
    says_once = {"may": {"may": "once"}}
    assert only(died_later(**says_once), usual(), KEEPS_MODELS).severity is Severity.ERROR
    assert findings(died_later(**says_once), usual(), KEEPS_MODELS, charge="repeatable") == (Status.PASSED, [])


def test_a_tool_that_calls_itself_keyed_is_taken_at_its_word():
    keyed = {"may": {"may": "keyed", "key": "order_id"}}
    assert findings(died_later(**keyed), usual(), KEEPS_MODELS) == (Status.PASSED, [])


def test_the_keys_of_both_attempts_are_shown():
    (finding,) = findings(died_later(OTHER), usual(), KEEPS_MODELS, charge="keyed:order_id")[1]
    assert finding.message.endswith("in life 2, first with the key 'o-1', then with 'o-2'")
    (finding,) = findings(died_later(), usual(), KEEPS_MODELS, charge="keyed:nothing")[1]
    assert finding.message.endswith("in life 2, both times with the key none")


# Keys that effects declare ------------------------------------------------------------------------------------


def declaring(first: str | None, second: str | None) -> Story:
    story = Story("crash@model#2/before").life().kept("model#1")
    story.entered(CHARGE).effect("charge", CHARGE, first).left(CHARGE).crash()
    return story.life().entered(CHARGE).effect("charge", CHARGE, second).left(CHARGE).kept("model#2").finished()


def usual_declaring() -> Story:
    story = Story().life().kept("model#1").entered(CHARGE).effect("charge", CHARGE, "k1").left(CHARGE)
    return story.kept("model#2").finished()


@pytest.mark.parametrize(
    ("first", "second", "rule"),
    [
        pytest.param("k1", "k1", None, id="the same key on both"),
        pytest.param("k1", "k2", "key-differs", id="another key"),
        pytest.param("k1", None, "finished-ran-again", id="no key the second time"),
        pytest.param(None, None, "finished-ran-again", id="no key at all"),
    ],
)
def test_effects_with_keys_make_an_unsaid_tool_a_keyed_one(first, second, rule):
    _status, found = findings(declaring(first, second), usual_declaring(), KEEPS_MODELS)
    assert [finding.rule for finding in found] == ([rule] if rule else [])


@pytest.mark.parametrize(("second", "rule"), [("m1", None), ("m2", "key-differs"), (None, "finished-ran-again")])
def test_every_effect_of_a_body_needs_its_key(second, rule):
    story = Story("crash@model#2/before").life().kept("model#1")
    story.entered(CHARGE).effect("charge", CHARGE, "k1").effect("mail", CHARGE, "m1").left(CHARGE).crash().life()
    story.entered(CHARGE).effect("charge", CHARGE, "k1").effect("mail", CHARGE, second).left(CHARGE).kept("model#2")
    _status, found = findings(story.finished(), usual_declaring(), KEEPS_MODELS)
    assert [finding.rule for finding in found] == ([rule] if rule else [])


def test_a_tool_that_calls_itself_keyed_needs_a_key_for_every_effect():
    story = Story("crash@model#2/before").life().kept("model#1")
    story.entered(CHARGE).effect("charge", CHARGE, "k1").effect("mail", CHARGE).left(CHARGE).crash().life()
    story.entered(CHARGE).effect("charge", CHARGE, "k1").effect("mail", CHARGE).left(CHARGE).kept("model#2").finished()
    assert only(story, usual_declaring(), KEEPS_MODELS, charge="keyed").rule == "key-missing"


def test_a_keyed_tool_that_died_before_its_effect_repeats_nothing():
    story = Story("crash@model#2/before").life().kept("model#1").entered(CHARGE).dies("death")
    story.life().entered(CHARGE).effect("charge", CHARGE, "k1").left(CHARGE).kept("model#2").finished()
    assert findings(story, usual_declaring(), KEEPS_MODELS, charge="keyed") == (Status.PASSED, [])


def test_an_effect_outside_every_step_that_happened_twice_is_repeated():
    story = Story("crash@model#1/before").life().effect("mail").crash().life().effect("mail").kept("model#1").finished()
    baseline = Story().life().effect("mail").kept("model#1").finished()
    finding = only(story, baseline)
    assert (finding.rule, finding.owner) == ("effect-repeated", Owner.CONFIGURATION)
    assert "`mail` happened twice, and without faults once" in finding.message
    assert finding.remedy == "move `mail` into an entry of keeper, or give it an idempotency key"
    assert "into a unit of a durable engine" in only(story, baseline, KEEPS_NOTHING).remedy


def test_an_effect_outside_every_step_with_one_key_is_harmless():
    story = Story("crash@model#1/before").life().effect("mail", key="m").crash()
    story.life().effect("mail", key="m").kept("model#1").finished()
    baseline = Story().life().effect("mail", key="m").kept("model#1").finished()
    assert findings(story, baseline) == (Status.PASSED, [])


# Retries ------------------------------------------------------------------------------------------------------


def retried(**charge: object) -> Story:
    """The body raised, and somebody tried it again in the same life."""
    story = Story().life().kept("model#1").ran(CHARGE, error="TimeoutError: late", **charge)
    return story.ran(CHARGE, attempt=2, **charge).kept("model#2").finished()


@pytest.mark.parametrize(
    ("tools", "rule"),
    [
        pytest.param({}, None, id="nothing said: a retry is no repeat"),
        pytest.param({"charge": "repeatable"}, None, id="repeatable"),
        pytest.param({"charge": "keyed:order_id"}, None, id="keyed, the same key"),
        pytest.param({"charge": "keyed:nothing"}, "key-missing", id="keyed, no key"),
        pytest.param({"charge": "once"}, "retried-once-only", id="once"),
    ],
)
def test_a_retry_after_an_error_is_judged_by_what_was_said(tools, rule):
    _status, found = findings(retried(arguments=ORDER), usual(), KEEPS_MODELS, **tools)
    assert [finding.rule for finding in found] == ([rule] if rule else [])


def test_a_retry_of_what_may_run_once_is_a_matter_of_configuration():
    assert only(retried(), usual(), KEEPS_MODELS, charge="once").owner is Owner.CONFIGURATION


def test_a_reissue_after_a_retry_prompt_is_a_call_of_its_own():
    story = Story().life().kept("model#1").ran(CHARGE, error="ModelRetry: no").ran(f"{CHARGE}+1").kept("model#2")
    assert findings(story.finished(), usual(), KEEPS_MODELS, charge="once") == (Status.PASSED, [])


def test_a_charge_whose_answer_was_lost_was_in_flight_when_it_was_retried():
    fault = f"lost@{CHARGE}"
    story = (
        Story(fault).life().kept("model#1").entered(CHARGE, recorded=True).left(CHARGE).fires(fault).committed(CHARGE)
    )
    story.kept(CHARGE, attempt=2).kept("model#2").finished()
    finding = only(story, usual(recorded=True))
    assert (finding.rule, finding.severity) == ("in-flight-ran-again", Severity.WARNING)
    assert "the same process went on" in finding.message


def test_an_answer_that_was_lost_once_does_not_excuse_a_later_repeat():
    fault = f"lost@{CHARGE}"
    story = Story(f"{fault}; crash@model#2/before").life().kept("model#1").entered(CHARGE, recorded=True).left(CHARGE)
    story.fires(fault).committed(CHARGE).kept(CHARGE, attempt=2).crash("crash@model#2/before").life().kept(CHARGE)
    assert only(story.kept("model#2").finished(), usual(recorded=True)).rule == "recorded-ran-again"


def test_a_fault_at_another_step_does_not_excuse_a_repeat():
    story = Story("lost@model#1; crash@model#2/before").life().kept("model#1").kept(CHARGE).fires("lost@model#1")
    story.crash("crash@model#2/before").life().kept(CHARGE).kept("model#2").finished()
    assert only(story, usual(recorded=True)).rule == "recorded-ran-again"


def test_a_slow_charge_that_nobody_waited_for_ran_twice():
    fault = f"slow(2s)@{CHARGE}"
    story = Story(fault).life().kept("model#1").entered(CHARGE, recorded=True).left(CHARGE).fires(fault)
    story.kept(CHARGE, attempt=2).kept("model#2").finished()
    assert only(story, usual(recorded=True)).rule == "in-flight-ran-again"


def test_a_slow_charge_whose_caller_gave_up_was_recorded_as_a_failure():
    fault = f"slow(2s)@{CHARGE}"
    story = Story(fault).life().kept("model#1").entered(CHARGE, recorded=True).left(CHARGE).fires(fault)
    story.committed(CHARGE).kept(CHARGE, attempt=2).kept("model#2").finished()
    assert only(story, usual(recorded=True)).rule == "in-flight-ran-again"


def test_a_slow_charge_that_was_waited_for_was_recorded():
    fault = f"slow(2s)@{CHARGE}"
    story = Story(f"{fault}; crash@model#2/before").life().kept("model#1").entered(CHARGE, recorded=True).left(CHARGE)
    story.fires(fault).committed(CHARGE).crash("crash@model#2/before").life().kept(CHARGE).kept("model#2").finished()
    assert only(story, usual(recorded=True)).rule == "recorded-ran-again"


def test_a_body_that_two_workers_ran_at_once_was_in_flight():
    story = (
        Story(f"duplicate@{CHARGE}").life().kept("model#1").fires(f"duplicate@{CHARGE}").entered(CHARGE, recorded=True)
    )
    story.life(twin=True).kept(CHARGE).kept("model#2").finished()
    finding = only(story, usual(recorded=True))
    assert finding.rule == "in-flight-ran-again"
    assert "another process took the run while the first still lived" in finding.message


def test_a_failure_that_died_with_its_process_is_no_reason_for_a_retry_but_a_body_in_flight():
    story = Story("crash@model#2/before").life().kept("model#1").ran(CHARGE, error="ModelRetry: too much").crash()
    story.life().ran(CHARGE).kept("model#2").finished()
    finding = only(story, usual(), KEEPS_MODELS)
    assert (finding.severity, finding.rule) == (Severity.WARNING, "in-flight-ran-again")
    assert "it had failed, perhaps after its effect, in life 1, the process died" in finding.message


def test_a_failure_that_the_engine_had_recorded_is_retried_in_whatever_life():
    story = Story("crash@model#2/before").life().kept("model#1").kept(CHARGE, error="TimeoutError: late").crash()
    story.life().kept(CHARGE, attempt=2).kept("model#2").finished()
    assert findings(story, usual(), KEEPS_ALL) == (Status.PASSED, [])


# Bodies in bodies ---------------------------------------------------------------------------------------------

ASK = "tool:delegate#1"
INNER = f"{ASK}.{CHARGE}"


def delegating(*, recorded: bool = False) -> Story:
    story = Story().life().kept("model#1").entered(ASK, recorded=recorded).ran(f"{ASK}.model#1").ran(INNER)
    story.ran(f"{ASK}.model#2").left(ASK)
    return (story.committed(ASK) if recorded else story).kept("model#2").finished()


def test_an_inner_body_of_a_body_that_a_second_owner_overtook_was_in_flight():
    fault = f"duplicate@{ASK}.model#1"
    story = Story(fault).life().kept("model#1").entered(ASK, recorded=True).fires(fault).life(twin=True)
    story.entered(ASK, recorded=True).ran(f"{ASK}.model#1").ran(INNER).ran(f"{ASK}.model#2").left(ASK).committed(ASK)
    story.kept("model#2").finished().wakes().ran(f"{ASK}.model#1").ran(INNER).ran(f"{ASK}.model#2").left(ASK)
    _status, found = findings(story, delegating(recorded=True))
    assert {finding.rule for finding in found} == {"in-flight-ran-again", "container-ran-again"}


def test_what_a_second_owner_had_done_when_the_first_went_on_is_told_in_this_order():
    fault = f"duplicate@{CHARGE}"
    story = Story(fault).life().kept("model#1").fires(fault).life(twin=True).kept(CHARGE).kept("model#2").finished()
    finding = only(story.wakes().kept(CHARGE), usual(recorded=True))
    assert (finding.rule, finding.owner) == ("in-flight-ran-again", Owner.TOOL)
    assert finding.message.startswith(
        "`charge` ran twice: it had done its work in life 2, the process that had stood still went on, and its body"
    )


def test_an_outer_body_that_had_finished_takes_the_blame_for_what_ran_inside_it():
    story = Story("crash@model#2/before").life().kept("model#1").entered(ASK).ran(f"{ASK}.model#1").ran(INNER)
    story.ran(f"{ASK}.model#2").left(ASK).crash().life().entered(ASK).ran(f"{ASK}.model#1").ran(INNER)
    story.ran(f"{ASK}.model#2").left(ASK).kept("model#2").finished()
    finding = only(story, delegating(), KEEPS_MODELS)
    assert (finding.step, finding.severity) == (ASK, Severity.ERROR)
    assert finding.message.endswith("; with it ran again: model#1, tool:charge#1, model#2")


def in_flight_around_a_charge(*, recorded: bool) -> Story:
    """The outer body was in flight, the charge inside it had finished: both run again."""
    story = Story(f"crash@{ASK}.model#2/before").life().kept("model#1").entered(ASK, recorded=recorded)
    story.ran(f"{ASK}.model#1").ran(INNER).crash().life().entered(ASK, recorded=recorded).ran(f"{ASK}.model#1")
    story.ran(INNER).ran(f"{ASK}.model#2").left(ASK)
    return (story.committed(ASK) if recorded else story).kept("model#2").finished()


@pytest.mark.parametrize(
    ("recorded", "contract", "severity"),
    [
        pytest.param(False, KEEPS_MODELS, Severity.ERROR, id="nothing was going to keep it"),
        pytest.param(True, KEEPS_ALL, Severity.WARNING, id="the record around it was in flight too"),
    ],
)
def test_a_charge_that_had_finished_inside_a_body_in_flight_is_told_by_itself(recorded, contract, severity):
    story = in_flight_around_a_charge(recorded=recorded)
    _status, found = findings(story, delegating(recorded=recorded), contract)
    assert [(finding.step, finding.severity) for finding in found] == [(ASK, Severity.NOTE), (INNER, severity)]
    assert found[0].remedy == "mend what ran again inside `delegate`: each is told by itself"


def test_a_charge_inside_a_recorded_body_that_ran_again_is_listed_with_it():
    story = Story("crash@model#2/before").life().kept("model#1").entered(ASK, recorded=True).ran(INNER).left(ASK)
    story.committed(ASK).crash().life().entered(ASK, recorded=True).ran(INNER).left(ASK).committed(ASK).kept("model#2")
    finding = only(story.finished(), delegating(recorded=True))
    assert (finding.step, finding.owner, finding.rule) == (ASK, Owner.ENGINE, "recorded-ran-again")


@pytest.mark.parametrize("recorded", [True, False])
def test_what_was_said_of_a_nested_tool_counts_for_itself(recorded):
    story = in_flight_around_a_charge(recorded=recorded)
    _status, found = findings(story, delegating(recorded=recorded), KEEPS_ALL, charge="repeatable")
    assert [(finding.step, finding.severity) for finding in found] == [(ASK, Severity.WARNING)]


def test_a_nested_tool_that_may_run_once_is_told_beside_the_outer_body():
    story = Story("crash@model#2/before").life().kept("model#1").entered(ASK).ran(INNER).left(ASK).crash()
    story.life().entered(ASK).ran(INNER).left(ASK).kept("model#2").finished()
    _status, found = findings(story, delegating(), KEEPS_MODELS, charge="once")
    assert [finding.step for finding in found] == [ASK, INNER]


def composed(*, recorded_inside: bool = True) -> Story:
    story = Story().life().kept("model#1").entered(CHARGE).unit(f"{CHARGE}.step:reserve#1").left(CHARGE)
    return story.kept("model#2").finished()


def beginning() -> Story:
    """A tool that starts a workflow and does not wait for it."""
    story = Story().life().kept("model#1").ran(CHARGE).kept("model#2").unit(f"{CHARGE}.step:deliver#1")
    return story.finished()


@pytest.mark.parametrize(
    ("until", "severity"),
    [("", Severity.NOTE), ("committing", Severity.NOTE), ("committed", Severity.ERROR)],
    ids=["kept", "in flight", "done twice"],
)
def test_a_tool_that_only_begins_what_is_kept_after_it_is_a_note_as_long_as_that_is_done_once(until, severity):
    story = Story("crash@model#2/after").life().kept("model#1").ran(CHARGE)
    story = (story.unit(f"{CHARGE}.step:deliver#1", until=until) if until else story).kept("model#2").crash()
    story = story.life().ran(CHARGE).unit(f"{CHARGE}.step:deliver#1").finished()
    _status, found = findings(story, beginning(), KEEPS_MODELS)
    assert found[0].severity is severity


def test_a_tool_whose_units_were_all_replayed_is_only_a_note():
    story = Story("crash@model#2/before").life().kept("model#1").entered(CHARGE).unit(f"{CHARGE}.step:reserve#1")
    story.left(CHARGE).crash().life().entered(CHARGE).left(CHARGE).kept("model#2").finished()
    status, found = findings(story, composed(), KEEPS_MODELS)
    assert status is Status.PASSED
    assert [(finding.rule, finding.severity) for finding in found] == [("container-ran-again", Severity.NOTE)]


def test_a_unit_inside_a_tool_that_was_in_flight_carries_the_warning():
    inside = f"{CHARGE}.step:reserve#1"
    story = (
        Story(f"crash@{inside}/between").life().kept("model#1").entered(CHARGE).unit(inside, until="committing").crash()
    )
    story.life().entered(CHARGE).unit(inside).left(CHARGE).kept("model#2").finished()
    _status, found = findings(story, composed(), KEEPS_MODELS)
    assert [(finding.step, finding.severity) for finding in found] == [
        (CHARGE, Severity.NOTE),
        (inside, Severity.WARNING),
    ]


@pytest.mark.parametrize(("tools", "severities"), [({}, []), ({"clock": "once"}, [Severity.ERROR])])
def test_a_unit_that_is_nobodys_tool_matters_once_somebody_spoke_of_it(tools, severities):
    story = Story("crash@step:clock#1/between").life().unit("step:clock#1", until="committing").crash()
    story.life().unit("step:clock#1").kept("model#1").finished()
    baseline = Story().life().unit("step:clock#1").kept("model#1").finished()
    _status, found = findings(story, baseline, KEEPS_MODELS, **tools)
    assert [finding.severity for finding in found] == severities


def test_a_unit_whose_arguments_nobody_sees_is_to_say_its_key_itself():
    post = f"{CHARGE}.step:post#1"
    story = Story(f"crash@{post}/between").life().entered(CHARGE).unit(post, until="left").crash().life()
    story.entered(CHARGE).unit(post).left(CHARGE).finished()
    usually = Story().life().entered(CHARGE).unit(post).left(CHARGE).finished()
    _status, found = findings(story, usually, KEEPS_MODELS)
    assert [finding.remedy.partition("(")[2] for finding in found if finding.step == post] == [
        "`harness.effect(..., key=...)`), or say that a repeat is harmless (`--tools post=repeatable`)"
    ]


def test_nothing_that_ran_is_nothing_checked():
    assert effects(a_case(Story().life(), usual())).status is Status.UNKNOWN
