"""Every rule finds what it is for, and leaves alone what is right: on reports written by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.audits.rules import RULES, found
from harness.retries.arithmetic import AtMost, added, product, times
from harness.retries.report import UnitAudit
from harness.retries.values import Failure
from harness.verdict import Severity
from tests.audits.reports import FLOW, SDK, STEP, WIRE, cell, growing, layer, measured, model, report, tool

F = Failure
ONCE = times(1, "openai")
STEP_3 = growing(3, "dbos step")
SDK_3 = growing(3, "openai")


def deciding(what: str):
    """A step whose retry condition wants none, some or all of what it was asked about."""
    return STEP.model_copy(update={"decided": what})


def fallback(*parts, layers=()):
    chain = layer("fallback", "fallback")
    return model(cell(F.UNAVAILABLE, *parts), layers=(SDK, layer("anthropic", "sdk"), *layers, chain))


def cut(layer_name: str, seconds: float, part):
    return AtMost(most=1, seconds=seconds, layer=layer_name, part=part)


CASES = {
    "stacked-retries": (
        report(model(cell(F.UNAVAILABLE, SDK_3, STEP_3))),
        report(model(cell(F.UNAVAILABLE, growing(3, "openai"), growing(2, "dbos step")))),
    ),
    "many-retries": (
        report(model(cell(F.UNAVAILABLE, growing(9, "dbos step")))),
        report(model(cell(F.UNAVAILABLE, growing(6, "dbos step")))),
    ),
    "unlimited-retries": (
        report(model(cell(F.UNAVAILABLE, growing(None, "dbos step", endless=True)))),
        report(model(cell(F.UNAVAILABLE, growing(100, "dbos step")))),
    ),
    "sdk-under-engine": (
        report(model(cell(F.UNAVAILABLE, growing(2, "openai"), growing(2, "dbos step")))),
        report(model(cell(F.UNAVAILABLE, growing(2, "openai")), cell(F.BAD_REQUEST, growing(2, "dbos step")))),
    ),
    "fallback-multiplied": (
        report(fallback(added(SDK_3, times(1, "anthropic")))),
        report(fallback(added(ONCE, growing(3, "anthropic")))),  # after the last one nobody is asked
    ),
    "permanent-error-retried": (
        report(model(cell(F.BAD_REQUEST, growing(2, "dbos step")))),
        report(model(cell(F.BAD_REQUEST, ONCE), cell(F.UNAVAILABLE, growing(2, "dbos step")))),
    ),
    "condition-never-matches": (
        report(
            model(cell(F.UNAVAILABLE, ONCE), layers=(SDK, deciding("none"))),
        ),
        report(
            model(cell(F.UNAVAILABLE, ONCE), layers=(SDK, deciding("some"))),
        ),
    ),
    "condition-always-matches": (
        report(
            model(
                *(cell(failure, STEP_3) for failure in WIRE),
                layers=(SDK, deciding("all")),
            )
        ),
        report(
            model(
                *(cell(failure, STEP_3) for failure in WIRE),
                layers=(SDK, deciding("some")),
            )
        ),
    ),
    "modelretry-retried": (
        report(tool(cell(F.MODEL_RETRY, STEP_3, counts="executions"))),
        report(tool(cell(F.MODEL_RETRY, times(2, "agent"), counts="executions"))),
    ),
    "fallback-not-reached": (
        report(fallback(growing(5, "tenacity transport"))),
        report(fallback(added(growing(5, "tenacity transport"), times(1, "anthropic")))),
    ),
    "no-backoff": (
        report(model(cell(F.UNAVAILABLE, times(3, "dbos step", wait=lambda _attempt: 1.0)))),
        report(model(cell(F.UNAVAILABLE, STEP_3))),
    ),
    "no-jitter": (
        report(model(cell(F.UNAVAILABLE, STEP_3))),
        report(model(cell(F.UNAVAILABLE, SDK_3))),
    ),
    "retry-after-ignored": (
        report(model(cell(F.RATE_LIMITED_AFTER, STEP_3), cell(F.RATE_LIMITED, STEP_3))),
        report(
            model(
                cell(F.RATE_LIMITED_AFTER, times(3, "openai", wait=lambda _attempt: 2.0)), cell(F.RATE_LIMITED, SDK_3)
            )
        ),
    ),
    "inner-timeout-not-shorter": (
        report(model(layers=(SDK, STEP.model_copy(update={"each": 60.0})))),
        report(model(layers=(SDK.model_copy(update={"each": 20.0}), STEP.model_copy(update={"each": 60.0})))),
    ),
    "waits-for-ever": (
        report(
            model(
                cell(F.READ_TIMEOUT, times(1, "openai"), hangs=True),
                layers=(SDK.model_copy(update={"each": None}), STEP),
            )
        ),
        report(model(cell(F.READ_TIMEOUT, times(1, "openai")), layers=(SDK, STEP))),
    ),
    "inner-retries-cut": (
        report(
            model(cell(F.UNAVAILABLE, cut("dbos step", 5, SDK_3)), layers=(SDK, STEP.model_copy(update={"each": 5.0})))
        ),
        report(model(cell(F.UNAVAILABLE, SDK_3), layers=(SDK, STEP.model_copy(update={"each": 5.0})))),
    ),
    "past-deadline": (
        report(
            model(
                cell(F.UNAVAILABLE, cut("flow", 30, product(SDK_3, STEP_3))),
                layers=(SDK, STEP, FLOW.model_copy(update={"each": 30.0})),
            )
        ),
        report(
            model(cell(F.UNAVAILABLE, SDK_3, STEP_3), layers=(SDK, STEP, FLOW.model_copy(update={"each": 300.0}))),
        ),
    ),
    "effects-without-key": (
        report(tool(cell(F.TOOL_EXCEPTION, STEP_3, counts="executions"))),
        report(tool(cell(F.TOOL_EXCEPTION, STEP_3, counts="executions"), may="keyed")),
    ),
    "tool-config-ignored": (
        report(tool(metadata=("dbos",)), engine="dbos"),
        report(tool(metadata=("prefect", "owner")), engine="prefect"),
    ),
    "heartbeat-without-beats": (
        report(
            tool(
                layers=(layer("temporal activity", "unit", settings={"heartbeat_timeout": "5 s", "heartbeats": "no"}),)
            )
        ),
        report(tool(layers=(layer("temporal activity", "unit", settings={"heartbeat_timeout": "5 s"}),))),
    ),
    "flow-retries-without-results": (
        report(
            UnitAudit(
                unit="run", layers=(layer("flow", "container", settings={"retries": "2", "persist_result": "False"}),)
            )
        ),
        report(UnitAudit(unit="run", layers=(FLOW,))),
    ),
    "few-recoveries": (
        report(UnitAudit(unit="run", layers=(layer("dbos", "recovery", settings={"max_recovery_attempts": "1"}),))),
        report(UnitAudit(unit="run", layers=(layer("dbos", "recovery", settings={"max_recovery_attempts": "100"}),))),
    ),
    "prediction-differs": (
        report(model(cell(F.UNAVAILABLE, SDK_3, measured=measured(4)))),
        report(model(cell(F.UNAVAILABLE, SDK_3, measured=measured(3)))),
    ),
    "unknown-layer": (
        report(model(layers=(layer("Mine", "transport", unknown="it shows nothing"),))),
        report(model()),
    ),
}


def rules_of(audit) -> set[str]:
    return {finding.rule for finding in found(audit)}


def test_every_rule_has_a_case_on_each_side():
    assert {rule.id for rule in RULES} == set(CASES)


@pytest.mark.parametrize("rule", CASES)
def test_a_rule_finds_what_it_is_for(rule: str):
    wrong, right = CASES[rule]
    assert rule in rules_of(wrong)
    assert rule not in rules_of(right)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_is_documented_where_its_anchor_leads(rule):
    page = (Path(__file__).parents[2] / "docs" / "retry-audit.md").read_text()
    assert f"\n### {rule.id}\n" in page


def test_findings_come_with_the_line_that_set_it():
    (finding,) = [one for one in found(CASES["no-backoff"][0]) if one.rule == "no-backoff"]
    assert (finding.origin.file, finding.origin.line) == ("app.py", 7)
    assert finding.anchor == "docs/retry-audit.md#no-backoff"


def test_the_gravest_findings_come_first():
    mixed = report(model(cell(F.UNAVAILABLE, SDK_3, STEP_3), cell(F.BAD_REQUEST, STEP_3)))
    severities = [list(Severity).index(finding.severity) for finding in found(mixed)]
    assert severities == sorted(severities)


@pytest.mark.parametrize("cells", [(), (cell(F.UNAVAILABLE, times(None, "openai")),)], ids=["nothing", "unknown"])
def test_a_condition_is_not_blamed_where_nobody_knows_what_reaches_it(cells):
    audit = report(model(*cells, layers=(deciding("none"),)))
    assert "condition-never-matches" not in rules_of(audit)


def test_a_tool_that_must_run_once_and_is_retried_is_an_error():
    audit = report(tool(cell(F.TOOL_EXCEPTION, STEP_3, counts="executions"), may="once"))
    (finding,) = [one for one in found(audit) if one.rule == "effects-without-key"]
    assert finding.severity is Severity.ERROR


def test_of_several_layers_that_run_a_tool_again_the_chain_is_told():
    audit = report(tool(cell(F.TOOL_EXCEPTION, STEP_3, growing(2, "tenacity"), counts="executions")))
    (finding,) = [one for one in found(audit) if one.rule == "effects-without-key"]
    assert finding.message.startswith("charge can run 6 times: 3 (dbos step) × 2 (tenacity) = 6, and nobody")


def test_a_measurement_that_was_stopped_agrees_with_what_never_ends():
    endless = growing(None, "dbos step", endless=True)
    assert cell(F.UNAVAILABLE, endless, measured=measured(25, capped=True)).agrees is True
    assert cell(F.UNAVAILABLE, endless, measured=measured(7)).agrees is False
    assert cell(F.UNAVAILABLE, SDK_3, measured=measured(3, capped=True)).agrees is False
    assert cell(F.UNAVAILABLE, growing(10**9, "openai"), measured=measured(26, capped=True)).agrees is None
    assert cell(F.UNAVAILABLE, growing(10**9, "openai"), measured=measured(3)).agrees is False


@pytest.mark.parametrize(
    ("bound", "severity"), [(True, Severity.NOTE), (False, Severity.ERROR)], ids=["a bound", "a number"]
)
def test_fewer_than_what_never_ends_are_fewer(bound, severity):
    """Code in between may end what no number does. Where none is, somebody else does, and that is a difference."""
    seen = cell(F.UNAVAILABLE, growing(None, "dbos step", endless=True), bound=bound, measured=measured(1))
    (told,) = [one for one in found(report(model(seen))) if one.rule == "prediction-differs"]
    assert told.severity is severity
    assert ("or raises an error of its own for it" in told.remedy) is bound  # no run shows which of the two it does


OVER = layer("dbos workflow timeout", "limit", all=30.0, interrupts=False)
LATE = {
    "a call that takes longer": (cell(F.UNAVAILABLE, SDK_3, STEP_3, seconds=31.0), True),
    "a call that never ends": (cell(F.UNAVAILABLE, growing(None, "dbos step", endless=True)), True),
    "a call that is done by then": (cell(F.UNAVAILABLE, SDK_3, STEP_3, seconds=29.0), False),
    "a call of which nobody knows": (cell(F.UNAVAILABLE, times(None, "Mine")), False),
}


@pytest.mark.parametrize(("one", "late"), LATE.values(), ids=LATE.keys())
def test_a_deadline_that_lets_a_call_finish_is_past_when_the_call_takes_longer(one, late):
    rules = rules_of(report(model(one, layers=(SDK, STEP, OVER))))
    assert ("past-deadline" in rules) is late


@pytest.mark.parametrize(("patience", "cuts"), [(600.0, True), (60.0, True), (20.0, False), (None, False)])
def test_a_tools_own_timeout_is_shorter_than_its_units(patience, cuts):
    agent = layer("agent", "agent", settings={"retries": "1"}, each=patience)
    rules = rules_of(report(tool(layers=(STEP.model_copy(update={"each": 60.0}), agent))))
    assert ("inner-timeout-not-shorter" in rules) is cuts


@pytest.mark.parametrize("setting", ["toolset_activity_config", "tool_activity_config of"])
def test_a_toolset_that_is_configured_by_its_id_is_there(setting):
    around = layer("temporal workflow", "container", settings={setting: "shop, shpo"})
    unit = UnitAudit(unit="run", toolsets=("shop",), layers=(around,))
    (finding,) = [one for one in found(report(unit, engine="temporal")) if one.rule == "tool-config-ignored"]
    assert (
        finding.message == f"`{setting.partition(' ')[0]}` configures 'shpo', and the agent has no toolset of that id"
    )
    assert "('shop')" in finding.remedy


NAMED = {"prefect": "tool_task_config_by_name", "temporal": "tool_activity_config"}


@pytest.mark.parametrize(("engine", "setting"), NAMED.items(), ids=NAMED.keys())
def test_a_tool_that_is_configured_by_name_is_there(engine, setting):
    around = layer("around", "container", settings={setting: "pya, charge"})
    units = (tool(), UnitAudit(unit="run", layers=(around,)))
    (finding,) = [one for one in found(report(*units, engine=engine)) if one.rule == "tool-config-ignored"]
    assert (finding.unit, finding.message) == ("run", f"`{setting}` configures 'pya', and the agent has no such tool")
    hidden = report(*units, UnitAudit(unit="tools:server"), engine=engine)  # one of its tools may have that name
    assert "tool-config-ignored" not in rules_of(hidden)


@pytest.mark.parametrize(("ended", "past"), [(90.0, False), (300.0, True)])
def test_what_ends_one_attempt_is_no_deadline(ended, past):
    both = STEP.model_copy(update={"each": 90.0, "all": 300.0})
    ends = cell(F.READ_TIMEOUT, cut("dbos step", ended, SDK_3), STEP_3)
    assert ("past-deadline" in rules_of(report(model(ends, layers=(SDK, both))))) is past


def test_a_usage_limit_is_no_deadline():
    stopped = AtMost(most=2, layer="flow", part=SDK_3)
    assert "past-deadline" not in rules_of(report(model(cell(F.UNAVAILABLE, stopped), layers=(SDK, FLOW))))


@pytest.mark.parametrize(("around", "rule"), [((), "many-retries"), ((STEP_3,), "stacked-retries")])
@pytest.mark.parametrize(("counted", "accused"), [(6, False), (12, True)])
def test_what_was_measured_is_over_the_budget_where_nobody_could_predict_it(around, rule, counted, accused) -> None:
    mine = layer("Mine", "transport", unknown="it shows nothing")
    seen = model(cell(F.UNAVAILABLE, times(None, "Mine"), *around, measured=measured(counted)), layers=(mine, STEP))
    told = {one.rule: one for one in found(report(seen, proven=True))}

    assert (rule in told) is accused
    assert not accused or f"{counted} measured requests" in told[rule].message
    assert told["unknown-layer"].remedy.endswith("else go by what was measured")


def test_a_chain_of_models_is_over_the_budget_by_its_length() -> None:
    long = report(fallback(added(ONCE, times(1, "anthropic"), times(1, "groq"))), budget=2)

    assert "many-retries" in {finding.rule for finding in found(long)}


@pytest.mark.parametrize("tries", [3, None], ids=["a number", "without end"])
@pytest.mark.parametrize(("counted", "accused"), [(1, False), (2, True), (3, True)])
def test_a_layer_is_not_accused_of_what_a_run_has_shown_that_it_leaves(
    tries: int | None, counted: int, accused: bool
) -> None:
    """Code inside it raises an error of its own for what is permanent, which the layer's condition refuses."""
    step = growing(tries, "dbos step", endless=tries is None)
    seen = cell(F.BAD_REQUEST, step, bound=True).model_copy(update={"measured": measured(counted)})

    assert ("permanent-error-retried" in rules_of(report(model(seen)))) is accused


@pytest.mark.parametrize("failure", [F.INVALID_RESPONSE, F.VALIDATION, F.BAD_REQUEST])
@pytest.mark.parametrize(("name", "kind", "accused"), [("agent output", "agent", False), ("dbos step", "unit", True)])
def test_an_agent_that_asks_its_model_for_another_answer_may_get_one(name, kind, accused, failure) -> None:
    asked = model(cell(failure, growing(2, name)), layers=(SDK, layer(name, kind)))

    assert ("permanent-error-retried" in rules_of(report(asked))) is accused


HEEDING = layer("tenacity transport", "transport", heeds=True)
TRANSPORT_5 = times(5, "tenacity transport", wait=lambda _attempt: 2.0)
LIMITED = {
    "the SDK around it": ((TRANSPORT_5, SDK_3), "tenacity transport alone", "return the response"),
    "the engine around it": ((TRANSPORT_5, STEP_3), "tenacity transport alone", "let dbos step refuse"),
    "another model's": ((added(TRANSPORT_5, SDK_3),), "the layer that reads the header", "a transport with"),
}


@pytest.mark.parametrize(("parts", "owner", "how"), LIMITED.values(), ids=LIMITED.keys())
def test_a_transport_that_reads_the_header_is_the_one_to_own_rate_limits(parts, owner, how) -> None:
    cells = (cell(F.RATE_LIMITED_AFTER, *parts), cell(F.RATE_LIMITED, *parts))
    (told,) = [
        one for one in found(report(model(*cells, layers=(HEEDING, SDK, STEP)))) if one.rule == "retry-after-ignored"
    ]

    assert told.remedy.startswith(f"let {owner}")
    assert how in told.remedy
    assert (HEEDING.name in told.message) is (HEEDING.name in told.remedy)


MULTIPLIED = {
    "the first": (added(SDK_3, times(1, "anthropic")), "openai tries again"),
    "both, and the last one, too": (added(SDK_3, growing(2, "anthropic"), SDK_3), "openai and anthropic try again"),
    "the first of those that are last": (added(ONCE, added(growing(2, "anthropic"), SDK_3)), "anthropic tries again"),
}


@pytest.mark.parametrize(("models", "said"), MULTIPLIED.values(), ids=MULTIPLIED.keys())
def test_only_a_model_that_has_a_next_one_is_multiplied_by_its_sdk(models, said) -> None:
    (told,) = [one for one in found(report(fallback(models))) if one.rule == "fallback-multiplied"]

    assert told.message == f"{said} before the next model of the fallback is asked"


PLAIN = layer("httpx2 transport", "transport", settings={"retries": "0"})
BEHIND = {
    "none": ((PLAIN, SDK), F.UNAVAILABLE, "let `fallback_on` take that error"),
    "its own": ((PLAIN, HEEDING, SDK), F.UNAVAILABLE, "let the transport return the response"),
    "its own, where nobody answers": ((PLAIN, HEEDING, SDK), F.REFUSED, "let `fallback_on` take that error"),
    "the next one's": ((PLAIN, SDK, PLAIN, HEEDING), F.UNAVAILABLE, "let `fallback_on` take that error"),
}


@pytest.mark.parametrize(("layers", "failure", "remedy"), BEHIND.values(), ids=BEHIND.keys())
def test_a_transport_is_to_show_the_answer_only_where_the_last_model_has_one(layers, failure, remedy) -> None:
    every = (*layers, layer("anthropic", "sdk"), layer("fallback", "fallback"))
    (told,) = [
        one for one in found(report(model(cell(failure, ONCE), layers=every))) if one.rule == "fallback-not-reached"
    ]

    assert told.remedy.startswith(remedy)


@pytest.mark.parametrize(("kind", "accused"), [("agent", False), ("tool", True)])
def test_an_agent_needs_no_backoff_for_its_model_takes_its_turn_in_between(kind: str, accused: bool) -> None:
    at_once = times(3, "again", wait=lambda _attempt: 0.0)
    asked = tool(cell(F.UNAVAILABLE, at_once), layers=(layer("again", kind),))

    assert ("no-backoff" in rules_of(report(asked))) is accused
