"""One key per call, through every attempt of it and for no other call."""

from __future__ import annotations

import pytest

from harness.checks.effects import effects
from harness.checks.idempotency_keys import idempotency_keys
from harness.verdict import Finding, Owner, Status
from tests.builders import KEEPS_MODELS, Story, a_case

CHARGE = "tool:charge#1"
SECOND = "tool:charge#2"


def found(story: Story, **tools: str) -> list[Finding]:
    verdict = idempotency_keys(a_case(story, Story().life().finished(), contract=KEEPS_MODELS, tools=tools))
    assert (verdict.status is Status.FAILED) is bool(verdict.findings)
    return list(verdict.findings)


def twice(first: str | None, second: str | None) -> Story:
    """Two bodies of one call, each declaring an effect with a key."""
    return bodies([first], [second])


def bodies(first: list[str | None], second: list[str | None]) -> Story:
    """Two bodies of one call, each declaring effects with these keys."""
    story = charging(Story("crash@model#2/before"), first).crash()
    return charging(story, second).finished()


def charging(story: Story, keys: list[str | None]) -> Story:
    story.life().entered(CHARGE)
    for key in keys:
        story.effect("charge", CHARGE, key)
    return story.left(CHARGE)


def test_the_same_key_in_both_lives_passes():
    assert found(twice("k", "k")) == []


def test_a_key_that_changes_between_two_lives_is_the_tools_fault():
    (finding,) = found(twice("k1", "k2"))
    assert (finding.rule, finding.owner, finding.step) == ("key-changed", Owner.TOOL, CHARGE)
    assert "changed: 'k1' in life 1, 'k2' in life 2 (the process died at model#2/before)" in finding.message


def test_a_key_that_changes_between_two_attempts_in_one_life_is_found_too():
    story = Story().life().ran(CHARGE, error="boom", arguments={"id": 1}).ran(CHARGE, arguments={"id": 2}).finished()
    assert [finding.rule for finding in found(story, charge="keyed:id")] == ["key-changed"]


PARTS = [
    pytest.param(["0", "1", "2"], ["1", "2"], [], id="it resumes where it stopped"),
    pytest.param(["0", "1", "2"], ["0", "2"], [], id="it leaves out what is done"),
    pytest.param(["0"], ["0", "1"], [], id="it goes further"),
    pytest.param(["0", "1"], ["1", "2"], [], id="it resumes and goes further"),
    pytest.param(["0", "1"], ["0", "x"], ["key-changed"], id="one of its keys changes"),
    pytest.param(["0", "1"], ["x", "1"], ["key-changed"], id="the first of its keys changes"),
    pytest.param(["0", "1"], ["x"], ["key-changed"], id="a part of it changes its key"),
    pytest.param(["0", "1"], ["1", "0"], ["key-changed"], id="two effects change keys with each other"),
]


@pytest.mark.parametrize(("first", "second", "rules"), PARTS)
def test_a_body_that_repeats_a_part_of_its_effects_keeps_their_keys(first, second, rules):
    assert [finding.rule for finding in found(bodies(first, second))] == rules


Declared = list[tuple[str, str]]
PAID: Declared = [("pay", "0"), ("pay", "1"), ("pay", "2")]
SAID: Declared = [("pay", "0"), ("mail", "m"), ("mail", "n")]
RESUMED = [
    pytest.param(PAID[:1], PAID[1:], [PAID], [], id="one attempt does all of it without faults"),
    pytest.param(PAID[:1], PAID[1:], [PAID[:1], PAID[1:]], ["key-changed"], id="each attempt may have paid the same"),
    pytest.param(PAID[:1], [*PAID[1:], ("pay", "x")], [PAID], ["key-changed"], id="a payment that is not known"),
    pytest.param(PAID[1:2], PAID[:1], [PAID], ["key-changed"], id="the other way round"),
    pytest.param(SAID[:1], SAID[1:], [SAID[:1], SAID[1:]], [], id="other effects come behind it"),
    pytest.param(SAID[:1], [("mail", "x")], [SAID], [], id="their keys are of this run alone"),
    pytest.param(SAID[:1], [("cheque", "c")], [SAID], ["key-changed"], id="another effect stands in for it"),
]


@pytest.mark.parametrize(("failed", "later", "usual", "rules"), RESUMED)
def test_a_body_that_resumes_behind_all_that_a_failed_one_did_has_changed_no_key_where_the_fault_free_run_shows_it(
    failed, later, usual, rules
):
    story = attempts(attempts(Story(f"crash@{CHARGE}/before").life(), failed, ok=False).crash().life(), later)
    without_faults = attempts(Story().life(), *usual).finished()
    case = a_case(story.finished(), without_faults, contract=KEEPS_MODELS)

    assert [finding.rule for finding in idempotency_keys(case).findings] == rules
    assert ("key-differs" in {finding.rule for finding in effects(case).findings}) is bool(rules)


def attempts(story: Story, *each: Declared, ok: bool = True) -> Story:
    """Attempts at one call, each declaring these effects; all but the last one fail, and that too unless it is `ok`."""
    for number, declared in enumerate(each, 1):
        story.entered(CHARGE)
        for name, key in declared:
            story.effect(name, CHARGE, key)
        story.left(CHARGE, error=None if ok and number == len(each) else "ConnectionError: no")
    return story


def test_a_missing_key_is_the_business_of_effects():
    assert found(twice("k1", None)) == []
    assert found(twice(None, None)) == []


def test_a_tool_that_may_repeat_needs_no_stable_key():
    assert found(twice("k1", "k2"), charge="repeatable") == []


def two_calls(one: dict[str, object], other: dict[str, object]) -> Story:
    return Story().life().ran(CHARGE, arguments=one, call="a").ran(SECOND, arguments=other, call="b").finished()


def test_two_calls_with_their_own_keys_pass():
    assert found(two_calls({"id": 1}, {"id": 2}), charge="keyed:id") == []


def test_two_calls_that_share_a_key_are_found_at_the_second():
    (finding,) = found(two_calls({"id": 1, "cents": 5}, {"id": 1, "cents": 7}), charge="keyed:id")
    assert (finding.rule, finding.owner, finding.step) == ("key-shared", Owner.TOOL, SECOND)
    assert "carry the same idempotency key '1'" in finding.message


def test_two_calls_with_the_same_arguments_still_are_two_calls():
    (finding,) = found(two_calls({"id": 1}, {"id": 1}), charge="keyed:id")
    assert "with the same arguments" in finding.message


def test_nothing_is_said_of_arguments_that_nobody_has_seen():
    story = Story().life()
    for step, given in (("step:pay#1", "a"), ("step:pay#2", "b")):
        story.unit(step, until="entered", given=given).effect("pay", step, "payment")
    (finding,) = found(story.finished())
    assert finding.message.startswith("two different calls of `pay`, `step:pay#1` and `step:pay#2`, carry")


def test_the_tool_call_id_tells_two_calls_apart():
    assert found(two_calls({"id": 1}, {"id": 1}), charge="keyed:tool_call_id") == []


def test_two_calls_share_a_key_that_they_declare():
    story = Story().life()
    for step in (CHARGE, SECOND):
        story.entered(step).effect("charge", step, "constant").left(step)
    assert [finding.rule for finding in found(story.finished())] == ["key-shared"]


def test_two_effects_of_different_names_may_share_a_key():
    story = Story().life().entered(CHARGE).effect("charge", CHARGE, "o-1").effect("mail", CHARGE, "o-1").left(CHARGE)
    assert found(story.finished()) == []


def test_a_reissued_call_may_keep_its_key():
    story = (
        Story().life().ran(CHARGE, error="ModelRetry: no", arguments={"id": 1}).ran(f"{CHARGE}+1", arguments={"id": 1})
    )
    assert found(story.finished(), charge="keyed:id") == []


def test_two_invocations_that_ask_for_the_same_may_share_a_key():
    story = Story().life().ran(CHARGE, arguments={"id": 1}).invokes(2).ran(CHARGE, arguments={"id": 1})
    assert found(story.finished(), charge="keyed:id") == []


def test_two_invocations_that_ask_for_different_things_may_not():
    story = (
        Story()
        .life()
        .ran(CHARGE, arguments={"id": 1, "cents": 5})
        .invokes(2)
        .ran(CHARGE, arguments={"id": 1, "cents": 7})
    )
    assert [finding.step for finding in found(story.finished(), charge="keyed:id")] == ["run#2.tool:charge#1"]


def test_effects_outside_steps_with_one_key_must_say_the_same():
    same = Story().life().effect("mail", key="m", to="ann").effect("mail", key="m", to="ann").finished()
    other = Story().life().effect("mail", key="m", to="ann").effect("mail", key="m", to="bob").finished()
    assert found(same) == []
    assert [finding.rule for finding in found(other)] == ["key-shared"]


def test_tools_without_keys_pass():
    assert found(two_calls({"id": 1}, {"id": 1})) == []


def test_effects_outside_steps_without_keys_are_not_compared():
    assert found(Story().life().effect("mail", to="ann").effect("mail", to="bob").finished()) == []


def test_a_key_that_two_requests_of_one_tool_share_is_told_of_the_tool():
    story = Story().life()
    for step in (CHARGE, SECOND):
        story.entered(step, arguments={"id": step}).sent("POST pay.test", step, "k").left(step)
    (finding,) = found(story.finished())
    assert finding.message.startswith("two different calls of `charge`, ")
    assert finding.remedy.startswith("put what tells two calls of `charge` apart")


POST = "step:post#1"


@pytest.mark.parametrize(
    ("given", "owner", "remedy"),
    [
        pytest.param("a", Owner.TOOL, "derive the key of `post` from the call", id="made in the body"),
        pytest.param("b", Owner.CONFIGURATION, "ask for `step:post#1` in the same way in every life", id="handed in"),
    ],
)
def test_a_key_that_the_workflow_hands_in_anew_is_for_the_workflow_to_keep(given, owner, remedy):
    story = Story(f"crash@{POST}/between").life().unit(POST, until="entered", given="a").effect("post", POST, "k1")
    story.crash().life().unit(POST, until="entered", given=given).effect("post", POST, "k2").finished()
    for check in (idempotency_keys, effects):
        (finding,) = check(a_case(story, Story().life().unit(POST).finished())).findings
        assert (finding.rule in ("key-changed", "key-differs"), finding.owner) == (True, owner)
        assert finding.remedy.startswith(remedy)


def test_a_step_of_a_later_invocation_is_named_as_faults_name_it():
    post = f"run#2.{POST}"
    story = Story(f"crash@{post}/between").life().unit(POST).outcome("one").invokes(2)
    story.unit(POST, until="entered", given="a").effect("post", POST, "k1")
    story.crash().life().unit(POST, until="entered", given="b").effect("post", POST, "k2").finished()
    usual = Story().life().unit(POST).outcome("one").invokes(2).unit(POST).finished()
    for check in (idempotency_keys, effects):
        (finding,) = check(a_case(story, usual)).findings
        assert finding.step == post
        assert f"`{post}` " in finding.message
        assert finding.remedy.startswith(f"ask for `{post}` in the same way")
