"""The smallest change that brings a unit under its budget, with what it then comes to."""

from __future__ import annotations

import pytest

from harness.audits.advice import advised
from harness.retries.arithmetic import AtMost, added, changed, product, spelled, times
from harness.retries.values import Failure
from tests.audits.reports import FLOW, SDK, STEP, cell, growing, layer, model, report

TRANSPORT = layer("tenacity transport", "transport", settings={"stop": "stop_after_attempt(5)"})
TASK = layer("prefect task", "unit", settings={"retries": "3"})
ACTIVITY = layer("temporal activity", "unit", settings={"maximum_attempts": "0 (unlimited)"})

CASES = {
    "the engine keeps the failure": (
        (growing(3, "openai"), growing(3, "dbos step")),
        (SDK, STEP),
        [("openai", "max_retries", "0")],
        3,
    ),
    "no more than is needed": (
        (growing(5, "tenacity transport"), growing(2, "openai"), growing(3, "dbos step")),
        (TRANSPORT, SDK, STEP),
        [("tenacity transport", "stop", "stop_after_attempt(1)")],
        6,
    ),
    "the owner, too, when it alone is too much": (
        (growing(3, "openai"), growing(12, "prefect task")),
        (SDK, TASK),
        [("openai", "max_retries", "0"), ("prefect task", "retries", "5")],
        6,
    ),
    "a layer without end gets one": (
        (growing(3, "openai"), times(None, "temporal activity", endless=True)),
        (SDK, ACTIVITY),
        [("openai", "max_retries", "0"), ("temporal activity", "maximum_attempts", "6")],
        6,
    ),
    "without an engine the outermost keeps it": (
        (growing(5, "tenacity transport"), growing(3, "openai")),
        (TRANSPORT, SDK),
        [("tenacity transport", "stop", "stop_after_attempt(1)")],
        3,
    ),
    "without an engine a transport that reads `Retry-After` keeps it": (
        (growing(5, "tenacity transport"), growing(3, "openai")),
        (TRANSPORT.model_copy(update={"heeds": True}), SDK),
        [("openai", "max_retries", "0")],
        5,
    ),
    "the flow is switched off before the task": (
        (growing(5, "prefect task"), growing(2, "flow")),
        (TASK, FLOW.model_copy(update={"settings": {"retries": "1"}})),
        [("flow", "retries", "0")],
        5,
    ),
}


@pytest.mark.parametrize(("parts", "layers", "changes", "total"), CASES.values(), ids=CASES.keys())
def test_advice_is_the_smallest_change(parts, layers, changes, total):
    (advice,) = advised(report(model(cell(Failure.UNAVAILABLE, *parts), layers=layers)))
    assert [(change.layer, change.setting, change.then) for change in advice.changes] == changes
    assert advice.after.endswith(f"= {total}")


def test_a_change_is_for_every_failure_that_is_over_the_budget():
    worst = cell(Failure.UNAVAILABLE, growing(5, "tenacity transport"), growing(3, "openai"), growing(3, "dbos step"))
    other = cell(Failure.REFUSED, growing(10, "httpx2 transport"), growing(3, "openai"))
    connects = layer("httpx2 transport", "transport", settings={"retries": "9"})
    (advice,) = advised(report(model(worst, other, layers=(connects, TRANSPORT, SDK, STEP))))
    assert [(change.layer, change.setting, change.then) for change in advice.changes] == [
        ("tenacity transport", "stop", "stop_after_attempt(1)"),
        ("openai", "max_retries", "0"),
        ("httpx2 transport", "retries", "5"),
    ]
    assert (advice.before.endswith("= 45"), advice.after) == (True, "6 (httpx2 transport) × 1 (openai) = 6")


REFUSING = {
    "alone": ((growing(3, "openai"),), 2, 3),
    "of two, the outer one": ((growing(2, "tenacity transport"), growing(3, "openai")), 2, 3),
}


@pytest.mark.parametrize(("parts", "openai", "steps"), REFUSING.values(), ids=REFUSING.keys())
def test_what_the_engine_refuses_keeps_an_owner(parts, openai, steps):
    busy = cell(Failure.UNAVAILABLE, *parts, growing(5, "dbos step"))
    limited = cell(Failure.RATE_LIMITED, *parts)
    (advice,) = advised(report(model(busy, limited, layers=(TRANSPORT, SDK, STEP))))
    told = {change.layer: change.then for change in advice.changes}
    assert (told["openai"], told["dbos step"]) == (str(openai - 1), str(steps))
    assert advice.after.endswith("= 6")


def test_what_is_permanent_needs_no_owner():
    wrong = cell(Failure.BAD_REQUEST, growing(3, "openai"))
    busy = cell(Failure.UNAVAILABLE, growing(3, "openai"), growing(5, "dbos step"))
    (advice,) = advised(report(model(busy, wrong, layers=(SDK, STEP))))
    assert [(change.layer, change.then) for change in advice.changes] == [("openai", "0")]


def test_each_model_of_a_fallback_is_told_its_own_number():
    retries = {"openai of a": 5, "openai of b": 0, "openai of c": 7}
    sdks = [layer(name, "sdk", settings={"max_retries": str(number)}) for name, number in retries.items()]
    models = added(*(growing(number + 1, name) for name, number in retries.items()))
    (advice,) = advised(report(model(cell(Failure.UNAVAILABLE, models), layers=(*sdks, layer("fallback", "fallback")))))
    told = [(change.layer, change.now, change.then) for change in advice.changes]
    assert told == [("openai of a", "5", "0"), ("openai of c", "7", "1")]


SPELLED = {
    "connections": (layer("httpx2 transport", "transport", settings={"retries": "8"}), "retries", "8", "5"),
    "google": (layer("google-genai", "sdk", settings={"attempts": "9"}), "attempts", "9", "6"),
    "google, by the model": (layer("google-genai", "sdk", settings={"max_retries": "8"}), "max_retries", "8", "5"),
    "an sdk of the common make": (layer("groq", "sdk", settings={"max_retries": "8"}), "max_retries", "8", "5"),
    "output": (layer("agent output", "agent", settings={"output": "8"}), "output", "8", "5"),
    "a workflow": (
        layer("temporal workflow", "container", settings={"retry_policy": "9"}),
        "retry_policy",
        "9",
        "RetryPolicy(maximum_attempts=6)",
    ),
}


@pytest.mark.parametrize(("one", "setting", "now", "then"), SPELLED.values(), ids=SPELLED.keys())
def test_a_change_is_said_as_its_library_says_it(one, setting, now, then):
    (advice,) = advised(report(model(cell(Failure.UNAVAILABLE, growing(9, one.name)), layers=(one,))))
    (change,) = advice.changes
    assert (change.setting, change.now, change.then) == (setting, now, then)


def test_a_layer_that_takes_no_number_is_not_advised_about():
    mine = layer("MyTransport", "transport")
    assert advised(report(model(cell(Failure.UNAVAILABLE, growing(9, "MyTransport")), layers=(mine,)))) == ()


def test_nothing_is_advised_that_leaves_a_unit_over_its_budget():
    loop = layer("MyClient", "transport")
    over = cell(Failure.UNAVAILABLE, growing(20, "MyClient"), growing(3, "openai"))
    assert advised(report(model(over, layers=(loop, SDK)))) == ()
    within = cell(Failure.UNAVAILABLE, growing(4, "MyClient"), growing(3, "openai"))
    (advice,) = advised(report(model(within, layers=(loop, SDK))))
    assert advice.after == "4 (MyClient) × 1 (openai) = 4"


def test_a_unit_within_its_budget_needs_none():
    assert advised(report(model(cell(Failure.UNAVAILABLE, growing(3, "openai"))))) == ()


def test_what_is_unknown_is_not_advised_about():
    unknown = cell(Failure.UNAVAILABLE, times(None, "Mine"), growing(9, "dbos step"))
    assert advised(report(model(unknown))) == ()


def test_a_change_says_where_it_is_to_be_made():
    (advice,) = advised(report(model(cell(Failure.UNAVAILABLE, growing(9, "dbos step")))))
    assert (advice.changes[0].file, advice.changes[0].line) == ("app.py", 7)
    assert (advice.changes[0].now, advice.changes[0].then) == ("3", "6")


def test_a_fallback_is_changed_in_every_model():
    chain = added(times(3, "openai"), times(3, "openai"))
    assert spelled(changed(chain, "openai", 1)) == "1 (openai) + 1 (openai) = 2"


def test_a_deadline_that_cuts_nothing_any_more_is_gone():
    cut = AtMost(most=2, seconds=9, layer="x", part=times(3, "openai"))
    assert changed(product(cut, times(2, "flow")), "openai", 1).total == 2
