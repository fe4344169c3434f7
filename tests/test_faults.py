"""The one-line grammar of faults: one table of good spellings, one of bad ones."""

from __future__ import annotations

import pytest

from harness.errors import UsageError
from harness.faults import ACTIONS, WINDOWS, Fault, FaultPlan

GOOD = [
    # spelling, and how it prints: the same unless something was left to a default or said too clearly
    pytest.param("crash@tool:charge#1/between", None, id="crash"),
    pytest.param("crash@tool:charge#1", "crash@tool:charge#1/before", id="a crash always says its window"),
    pytest.param("crash(server)@tool:charge#1/between", None, id="crash of the server"),
    pytest.param("2*error(503)@model#3", None, id="two HTTP errors"),
    pytest.param("1*error@model#3", "error@model#3", id="once need not be said"),
    pytest.param("error@model#3/before", "error@model#3", id="nor the only window"),
    pytest.param("error(TimeoutError)@model#3", None, id="an exception by name"),
    pytest.param("error(app.errors.Declined: no funds)@tool:charge#1", None, id="an exception by path, with a message"),
    pytest.param("error(ValueError: a; b)@model#1", None, id="a message with a semicolon"),
    pytest.param("hang@tool:search#1", None, id="hang"),
    pytest.param("hang@tool:search#1/between", None, id="hang after the work"),
    pytest.param("lost@tool:charge#2", None, id="lost answer"),
    pytest.param("slow(1.5s)@model#1", None, id="slow"),
    pytest.param("delay(200ms)@model#1", None, id="delay"),
    pytest.param("duplicate@model#2", None, id="duplicate"),
    pytest.param("crash@model#2/before~2", None, id="a later life"),
    pytest.param("crash@model#2/before~1", "crash@model#2/before", id="the first life need not be said"),
    pytest.param("crash@run/after", None, id="the run"),
    pytest.param("crash@run#1/after", "crash@run/after", id="the first run has no number"),
    pytest.param("crash@run#2.model#1/after", None, id="the second run"),
    pytest.param("crash@tool:delegate#1.model#2/after", None, id="a step in a step"),
    pytest.param("crash@tool:charge#1+1/after", None, id="a re-issued call"),
    pytest.param("crash@tool:my%20tool%2E#1/after", None, id="a name with odd characters"),
    pytest.param("crash@tool:docs.search#1/after", "crash@tool:docs%2Esearch#1/after", id="a name with a dot"),
    pytest.param("hang@step:send mail#1", "hang@step:send%20mail#1", id="a name with a blank"),
    pytest.param("crash@*/after", None, id="every step"),
    pytest.param("error@tool:*#1", None, id="every tool's first call"),
]


@pytest.mark.parametrize(("text", "printed"), GOOD)
def test_a_good_spelling_prints_and_parses_back(text, printed):
    fault = Fault.parse(text)
    assert str(fault) == (printed or text)
    assert Fault.parse(str(fault)) == fault


BAD = [
    # spelling, column, and what the error says there
    pytest.param("", 1, "the action is missing", id="nothing"),
    pytest.param("2*", 3, "the action is missing", id="only a count"),
    pytest.param("-1*crash@model#1", 1, "the action is missing", id="a negative count"),
    pytest.param("0*crash@model#1", 1, "at least once", id="zero times"),
    pytest.param("crsh@model#1", 1, "unknown action 'crsh', did you mean 'crash'", id="a misspelt action"),
    pytest.param("CRASH@model#1", 1, "did you mean 'crash'", id="capitals"),
    pytest.param("explode@model#1", 1, "known are crash, error", id="an action unlike all"),
    pytest.param("2*crsh@model#1", 3, "did you mean 'crash'", id="a misspelt action after a count"),
    pytest.param("crash", 6, "the step comes after '@'", id="no step"),
    pytest.param("crash@", 7, "the step is missing", id="an empty step"),
    pytest.param("crash@modle#1", 7, "'modle#1' is none of", id="a step of no kind"),
    pytest.param("crash@tool#1", 7, "'tool' needs a name", id="a tool without a name"),
    pytest.param("crash@model:x#1", 7, "'model' takes no name", id="a model with a name"),
    pytest.param("crash@tool:charge", 7, "needs a number, as in 'tool:charge#1'", id="a step without a number"),
    pytest.param("crash@tool:charge#0", 7, "is none of", id="number zero"),
    pytest.param("crash@run+1", 7, "never issued again", id="a re-issued run"),
    pytest.param("crash@tool:a$ä#1", 7, "write such a name as 'tool:a%24%C3%A4#1'", id="a name to be encoded"),
    pytest.param("crash@model#1/befor", 15, "unknown window 'befor', did you mean 'before'", id="a misspelt window"),
    pytest.param("crash@model#1/", 15, "unknown window '', known are before, between, after", id="an empty window"),
    pytest.param("hang@model#1/after", 14, "'hang' can only strike before or between", id="a window it cannot strike"),
    pytest.param("error@model#1/between", 15, "'error' can only strike before", id="another such window"),
    pytest.param("crash@model#1~", 15, "a number from 1, as in '~2'", id="a life without a number"),
    pytest.param("crash@model#1~0", 15, "a number from 1", id="life zero"),
    pytest.param("crash@model#1~2x", 16, "'x' is left over", id="something after the life"),
    pytest.param("crash@model#1~2/after", 16, "'/after' is left over", id="window and life swapped"),
    pytest.param("crash(server@model#1", 6, "the '(' is never closed", id="an open parenthesis"),
    pytest.param("crash(sever)@model#1", 7, "did you mean 'server'", id="a crash of something else"),
    pytest.param("hang(3s)@model#1", 5, "'hang' takes no argument", id="an argument too many"),
    pytest.param("delay@model#1", 6, "'delay' needs an argument, as in 'delay(2s)'", id="an argument missing"),
    pytest.param("delay(2)@model#1", 7, "'2' is no duration such as '2s'", id="a duration without a unit"),
    pytest.param("slow(-1s)@model#1", 6, "'-1s' is no duration", id="a negative duration"),
    pytest.param("error(600)@model#1", 7, "neither an HTTP status", id="no HTTP status"),
    pytest.param("error()@model#1", 7, "neither an HTTP status", id="an empty argument"),
]


@pytest.mark.parametrize(("text", "column", "said"), BAD)
def test_a_bad_spelling_is_refused_with_its_column(text, column, said):
    with pytest.raises(UsageError) as refused:
        Fault.parse(text)
    assert f"cannot read fault {text!r}: column {column}: " in str(refused.value)
    assert said in str(refused.value)
    assert "for example 'crash@tool:charge#1/between'" in str(refused.value)


@pytest.mark.parametrize("action", ACTIONS.values(), ids=ACTIONS)
def test_every_action_strikes_in_its_windows_and_nowhere_else(action):
    argument = {"required": "(2s)"}.get(action.argument, "")
    for window in WINDOWS:
        text = f"{action.name}{argument}@model#1/{window}"
        if window in action.windows:
            assert Fault.parse(text).window == window
        else:
            with pytest.raises(UsageError):
                Fault.parse(text)


@pytest.mark.parametrize(
    ("text", "seconds"), [("delay(2s)", 2.0), ("slow(250ms)", 0.25), ("slow(1.5s)", 1.5), ("delay(2m)", 120.0)]
)
def test_durations_are_seconds(text, seconds):
    assert Fault.parse(f"{text}@model#1").seconds == pytest.approx(seconds)


# Plans --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        pytest.param("", "no fault", id="none"),
        pytest.param("  ", "no fault", id="blank"),
        pytest.param("hang@model#1", "hang@model#1", id="one"),
        pytest.param("hang@model#1;lost@model#2", "hang@model#1; lost@model#2", id="two in a line"),
        pytest.param(["hang@model#1", "", "lost@model#2"], "hang@model#1; lost@model#2", id="a list"),
        pytest.param("error(E: a; b)@model#1; lost@model#2", "error(E: a; b)@model#1; lost@model#2", id="a message"),
        pytest.param("hang@model#1; hang@model#1", "hang@model#1", id="the same twice is one"),
        pytest.param("2*hang@model#1; hang@model#1", "2*hang@model#1; hang@model#1", id="another count is another"),
    ],
)
def test_plans(text, printed):
    plan = FaultPlan.parse(text)
    assert str(plan) == printed
    assert len(plan) == (0 if printed == "no fault" else printed.count("@"))


@pytest.mark.parametrize("text", ["hang@model#1;", ";hang@model#1", "hang@model#1;;lost@model#2"])
def test_an_empty_part_of_a_plan_is_refused(text):
    with pytest.raises(UsageError, match="the action is missing"):
        FaultPlan.parse(text)


STEPS = ["run", "model#1", "tool:charge#1", "tool:charge#2", "model#2", "step:Shop%2Esend#1"]


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        pytest.param("hang@model#1", ["hang@model#1"], id="a step stays itself"),
        pytest.param("hang@model#*", ["hang@model#1", "hang@model#2"], id="in the order of the baseline"),
        pytest.param("hang@tool:*#2", ["hang@tool:charge#2"], id="one match"),
        pytest.param("hang@step:Shop.*", ["hang@step:Shop%2Esend#1"], id="a name as it is shown"),
        pytest.param("hang@model#[2-9]", ["hang@model#2"], id="a range"),
        pytest.param(
            "hang@*; hang@model#1", [f"hang@{step}" for step in STEPS[1:]], id="a step named twice strikes once"
        ),
        pytest.param("crash@*/before", [f"crash@{step}/before" for step in STEPS], id="the run can crash, too"),
        pytest.param(
            "2*crash@model#*/after~2", ["2*crash@model#1/after~2", "2*crash@model#2/after~2"], id="the rest stays"
        ),
    ],
)
def test_a_glob_stands_for_the_steps_of_the_baseline(text, expanded):
    assert [str(fault) for fault in FaultPlan.parse(text).expand(STEPS).faults] == expanded


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("hang@tool:chrage#1", "Did you mean 'tool:charge#1'", id="a misspelt step"),
        pytest.param("hang@model#3", "Did you mean 'model#", id="a number too high"),
        pytest.param("hang@sleep#*", "It has 'run', 'model#1'", id="a glob that matches nothing"),
    ],
)
def test_a_step_that_the_baseline_has_not_is_refused_with_the_nearest(text, said):
    with pytest.raises(UsageError, match="which the fault-free run does not have") as refused:
        FaultPlan.parse(text).expand(STEPS)
    assert said in str(refused.value)


@pytest.mark.parametrize("text", ["hang@run", "slow(2s)@run", "delay(2s)@run"])
def test_the_run_as_a_whole_cannot_be_held_up(text):
    with pytest.raises(UsageError, match="which is the run as a whole and has no body of its own; name a step in it"):
        FaultPlan.parse(text).expand(STEPS)
