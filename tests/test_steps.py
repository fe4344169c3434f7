"""Step ids: they print, parse back, nest, and lose their numbers for grouping."""

from __future__ import annotations

import pytest

from harness.errors import UsageError
from harness.steps import KINDS, NAMED, Segment, StepId, readable

GOOD = [
    # spelling, kind, name, without numbers
    pytest.param("model#2", "model", None, "model", id="model"),
    pytest.param("tool:charge#1", "tool", "charge", "tool:charge", id="tool"),
    pytest.param("tools:weather_mcp#1", "tools", "weather_mcp", "tools:weather_mcp", id="listing"),
    pytest.param("event#3", "event", None, "event", id="event"),
    pytest.param("sleep#1", "sleep", None, "sleep", id="sleep"),
    pytest.param("wait:approval#1", "wait", "approval", "wait:approval", id="wait"),
    pytest.param("step:reserve#12", "step", "reserve", "step:reserve", id="step of a workflow"),
    pytest.param("run", "run", None, "run", id="run"),
    pytest.param("run#2", "run", None, "run", id="second run"),
    pytest.param("run#2.model#1", "model", None, "model", id="step of the second run"),
    pytest.param("tool:a#1.run#2.tool:b#3", "tool", "b", "tool:a.tool:b", id="second run in a step"),
    pytest.param("tool:delegate#1.model#2", "model", None, "tool:delegate.model", id="step in a step"),
    pytest.param("tool:charge#1+2", "tool", "charge", "tool:charge", id="second re-issue"),
    pytest.param("tool:a#1+1.tool:b#3+2", "tool", "b", "tool:a.tool:b", id="re-issues all the way"),
    pytest.param("tool:my%20tool#1", "tool", "my tool", "tool:my%20tool", id="blank in a name"),
]


@pytest.mark.parametrize(("text", "kind", "name", "unnumbered"), GOOD)
def test_a_step_prints_and_parses_back(text, kind, name, unnumbered):
    step = StepId.parse(text)
    assert str(step) == text
    assert (step.kind, step.name, step.unnumbered) == (kind, name, unnumbered)


BAD = [
    pytest.param("", "'' is none of tool:NAME#1", id="nothing"),
    pytest.param("modle#1", "is none of", id="no such kind"),
    pytest.param("model", "needs a number, as in 'model#1'", id="no number"),
    pytest.param("model#0", "is none of", id="number zero"),
    pytest.param("model#-1", "is none of", id="negative number"),
    pytest.param("model#01", "is none of", id="number with a leading zero"),
    pytest.param("tool#1", "'tool' needs a name", id="tool without a name"),
    pytest.param("event:x#1", "'event' takes no name", id="event with a name"),
    pytest.param("tool:charge#1+0", "is none of", id="re-issue zero"),
    pytest.param("run+1", "never issued again", id="re-issued run"),
    pytest.param("tool:delegate#1..model#2", "'' is none of", id="empty level"),
    pytest.param("tool:my[tool]#1", "write such a name as 'tool:my%5Btool%5D#1'", id="a bracket in a name"),
    pytest.param("tool:docs.search", "needs a number", id="a dotted name without a number"),
]


@pytest.mark.parametrize(("text", "said"), BAD)
def test_what_is_no_step_is_refused(text, said):
    with pytest.raises(UsageError) as refused:
        StepId.parse(text)
    assert f"cannot read step {text!r}" in str(refused.value)
    assert said in str(refused.value)


ODD = ["a.b", "a#1", "a+1", "a/b", "a@b", "a~b", "a*b", "a[b]", "a?b", "a:b", "a%2Eb", "a;b", "naïve 名前", "-_"]


@pytest.mark.parametrize("name", ODD)
def test_every_name_survives_printing(name):
    step = StepId.of("tool", name, 2, 1).inside(StepId.of("tool", name))
    assert StepId.parse(str(step)) == step
    assert not set(str(step)) & set("/@~*?[; ")


TYPED = [
    pytest.param("tool:zürich#1", "tool:z%C3%BCrich#1", id="letters of another alphabet"),
    pytest.param("tool:docs.search#1", "tool:docs%2Esearch#1", id="a dot"),
    pytest.param("tool:docs.model#2.model#1", "tool:docs%2Emodel#2.model#1", id="a dot before what could be a kind"),
    pytest.param("step:Shop.<locals>.send mail#3+1", "step:Shop%2E%3Clocals%3E%2Esend%20mail#3+1", id="a function"),
    pytest.param("run#2.tools:<agent>#1", "run#2.tools:%3Cagent%3E#1", id="a toolset"),
]


@pytest.mark.parametrize(("typed", "canonical"), TYPED)
def test_names_may_be_typed_as_they_are_and_are_shown_so(typed, canonical):
    assert str(StepId.parse(typed)) == canonical
    assert readable(f"it died at {canonical}/after") == f"it died at {typed}/after"


@pytest.mark.parametrize("name", ODD)
def test_what_is_shown_of_an_id_reads_back_as_that_id(name):
    step = StepId.of("tool", name, 2, 1).inside(StepId.of("tool", name))
    assert StepId.parse(readable(str(step))) == step


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_made_and_read(kind):
    step = StepId.of(kind, "x" if kind in NAMED else None)
    assert StepId.parse(str(step)) == step


def test_a_step_inside_another_takes_its_path():
    inner = StepId.of("model", number=2)
    assert str(inner.inside(StepId.parse("tool:delegate#1"))) == "tool:delegate#1.model#2"
    assert inner.inside(None) == inner


def test_steps_sort_by_number_not_by_letter():
    assert sorted(map(StepId.parse, ["model#10", "model#2"])) == [StepId.parse("model#2"), StepId.parse("model#10")]


def test_the_first_run_has_no_number():
    assert StepId.parse("run#1") == StepId((Segment("run"),))
    assert str(StepId.parse("run#1")) == "run"
