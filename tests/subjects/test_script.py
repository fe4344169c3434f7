"""Scripts as values: what may be written in Python, and which conversation an agent gets."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import ValidationError
from pydantic_ai.usage import RequestUsage

from harness.errors import UsageError
from harness.subjects.script import NOTHING, USAGE_FIELDS, Call, Conversation, Script, ScriptError, Turn

SPELLINGS = {
    "a text for a turn": (["Hi."], [Turn(text="Hi.")]),
    "a call for a turn": ([Call("a")], [Turn(calls=(Call("a"),))]),
    "a list of calls": ([Turn(calls=[Call("a")])], [Turn(calls=(Call("a"),))]),  # type: ignore[arg-type]
    "a call for its own retry": (
        [Call("a", on_retry=Call("a", {"x": 1}))],  # type: ignore[arg-type]
        [Turn(calls=(Call("a", on_retry=(Turn(calls=(Call("a", {"x": 1}),)),)),))],
    ),
    "a text for a retry": ([Turn(on_retry="No.")], [Turn(on_retry=(Turn(text="No."),))]),  # type: ignore[arg-type]
}


@pytest.mark.parametrize(("short", "long"), SPELLINGS.values(), ids=SPELLINGS)
def test_short_spellings_mean(short: list[object], long: list[Turn]) -> None:
    assert Script.of(short) == Script(agents={}, others=(Conversation(tuple(long)),))


def test_an_agent_has_its_own_conversation_or_that_of_the_others() -> None:
    script = Script(agents={"payments": ["A."], "refunds": [["B."], ["C."]]}, others=["D."])  # type: ignore[dict-item,arg-type]
    said = {(agent, run): script.conversation(agent, run) for agent in ("payments", "x") for run in (1, 7)}
    assert said == {
        ("payments", 1): Conversation((Turn(text="A."),)),
        ("payments", 7): Conversation((Turn(text="A."),)),
        ("x", 1): Conversation((Turn(text="D."),)),
        ("x", 7): Conversation((Turn(text="D."),)),
    }
    assert script.conversation("refunds", 2) == Conversation((Turn(text="C."),))
    with pytest.raises(ScriptError, match="has 2 runs of agent 'refunds', and run 3 began"):
        script.conversation("refunds", 3)


def test_nothing_scripted_means_made_up() -> None:
    assert Script(agents={}).conversation("payments") is None
    assert replace(Script(agents={}), notes=("x",)).conversation("payments") is None


def test_agents_that_do_not_exist_are_refused_with_the_nearest_name() -> None:
    script = Script(agents={"payment": [], "zzz": []})  # type: ignore[dict-item]
    script.check_agents(["payment", "zzz"])
    with pytest.raises(UsageError) as error:
        script.check_agents(["payments", "refunds"])
    assert "'payment', did you mean 'payments'?" in str(error.value)
    assert "'zzz'; known are 'payments', 'refunds'" in str(error.value)


def test_no_output_is_not_the_output_none() -> None:
    assert not Turn().has_output
    assert Turn(output=None).has_output
    assert Turn().output is NOTHING


REFUSED = {
    "a field that does not exist": lambda: Turn(txt="x"),  # type: ignore[call-arg]
    "a number for a text": lambda: Turn(text=5),  # type: ignore[arg-type]
    "a retry of a retry": lambda: Turn(on_retry=(Turn(on_retry=(Turn(),)),)),
    "a retry of a retried call": lambda: Call("a", on_retry=(Turn(calls=(Call("b", on_retry=(Turn(),)),)),)),
    "a usage figure that does not exist": lambda: Turn(usage={"tokens": 1}),
    "a text for a conversation": lambda: Script(agents={"a": "hi"}),  # type: ignore[dict-item]
}


@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED)
def test_python_values_are_checked(make: type[Turn]) -> None:
    with pytest.raises(ValidationError):
        make()


def test_usage_figures_are_those_of_pydantic_ai() -> None:
    usage = RequestUsage(**dict.fromkeys(USAGE_FIELDS, 1))  # type: ignore[arg-type]
    unknown = {"unmeasured_requests", "details", "cost"}  # no figures of one response
    assert {name for name in vars(RequestUsage()) if not name.startswith("_")} - unknown <= set(USAGE_FIELDS)
    assert all(getattr(usage, name) == 1 for name in USAGE_FIELDS)
