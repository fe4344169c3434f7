"""Scripts in YAML: what can be said, how a script is written down, and what a mistake is told."""

from __future__ import annotations

from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.subjects.script import Call, Conversation, FinishReason, Script, Turn
from harness.subjects.script_yaml import from_yaml, to_yaml

WHOLE = """\
agents:
  payments:
    - call: charge
      args: {amount: 5, order_id: '007'}
      on_retry:
        args: {amount: 6}
    - text: Both at once.
      calls:
        - mail
        - call: charge
          args: {amount: 1}
          on_retry:
            - args: {amount: 2}
            - I give up.
    - output: null
      output_tool: final_result
      usage: {input_tokens: 5}
      finish_reason: stop
  refunds:
    - - Hello.
    - - thinking: Hm.
        text: |-
          Two
          lines
turns:
  - call: teleport
    made_up: true
  - Done.
"""


def test_a_script_says_all_of_this() -> None:
    script = from_yaml(WHOLE)
    charge = Turn(
        calls=(Call("charge", {"amount": 5, "order_id": "007"}),),
        on_retry=(Turn(calls=(Call("charge", {"amount": 6}),)),),
    )
    again = (Turn(calls=(Call("charge", {"amount": 2}),)), Turn(text="I give up."))
    both = Turn(text="Both at once.", calls=(Call("mail"), Call("charge", {"amount": 1}, on_retry=again)))
    output = Turn(output=None, output_tool="final_result", usage={"input_tokens": 5}, finish_reason="stop")
    assert script == Script(
        agents={
            "payments": (Conversation((charge, both, output)),),
            "refunds": (Conversation((Turn(text="Hello."),)), Conversation((Turn(thinking="Hm.", text="Two\nlines"),))),
        },
        others=(Conversation((Turn(calls=(Call("teleport", made_up=True),)), Turn(text="Done."))),),
    )


def test_a_script_is_written_as_a_person_would() -> None:
    assert to_yaml(from_yaml(WHOLE)) == WHOLE


def test_the_short_form_is_a_list() -> None:
    assert to_yaml(Script.of(["Hi.", Call("a", {})])) == "- Hi.\n- call: a\n  args: {}\n"


def test_notes_become_comments() -> None:
    assert to_yaml(Script(agents={}, others=["Hi."], notes=("left out: x",))) == "# left out: x\n- Hi.\n"  # type: ignore[arg-type]


AS_JSON = {
    "no": "no",
    "on": "on",
    "12:30": "12:30",
    "2024-01-01": "2024-01-01",
    "007": "007",
    "1_000": "1_000",
    "0x10": "0x10",
    "true": True,
    "null": None,
    "~": None,
    "": None,
    "-5": -5,
    "1e3": 1000.0,
    "1.50": 1.5,
    ".5": 0.5,
    "1.2.3": "1.2.3",
    "'5'": "5",
}


@pytest.mark.parametrize(("written", "meant"), AS_JSON.items(), ids=AS_JSON)
def test_arguments_mean_what_json_means(written: str, meant: Any) -> None:
    turn = from_yaml(f"- call: a\n  args:\n    x: {written}\n").others[0].turns[0]
    assert turn.calls[0].args == {"x": meant}


def test_anchors_and_merges_work() -> None:
    text = dedent("""\
        - call: a
          args: &base {x: 1, y: 2}
        - call: b
          args: {<<: *base, y: 3}
        """)
    assert from_yaml(text).others[0].turns[1].calls[0].args == {"x": 1, "y": 3}


MISTAKES = {
    "an unknown field": ("- cal: charge\n", "pay.yaml:1:3: [1].cal: unknown field 'cal', did you mean 'call'?"),
    "an unknown field on top": ("agent: {}\n", "pay.yaml:1:1: agent: unknown field 'agent', did you mean 'agents'?"),
    "arguments without a tool": ("- args: {x: 1}\n", "pay.yaml:1:3: [1].args: 'call' is missing"),
    "arguments that are a list": ("- call: a\n  args: [1]\n", "pay.yaml:2:3: [1].args: expected a mapping"),
    "arguments for which call": (
        "- calls: [a, b]\n  on_retry: {args: {x: 1}}\n",
        "pay.yaml:2:14: [1].on_retry.args: 'call' is missing: which tool gets these arguments?",
    ),
    "call and calls": ("- call: a\n  calls: [b]\n", "'call' and 'calls' do not go together"),
    "a number for a text": ("- text: 42\n", "pay.yaml:1:3: [1].text: expected a text (in quotes"),
    "a key that is a number": ("- call: a\n  args: {1: x}\n", "the key 1 must be a text"),
    "a field twice": ("- text: a\n  text: b\n", "pay.yaml:2:3: 'text' is given twice"),
    "usage that is no number": ("- usage: {input_tokens: many}\n", "expected a number of tokens, found 'many'"),
    "an unknown usage figure": ("- usage: {input: 1}\n", "unknown field 'input', did you mean 'input_tokens'?"),
    "an unknown reason": ("- finish_reason: stopp\n", "unknown reason 'stopp', did you mean 'stop'?"),
    "a retry of a retry": ("- on_retry: {on_retry: x}\n", "[1].on_retry.on_retry: an on_retry has none of its own"),
    "turns and runs mixed": (
        "- a\n- [b]\n",
        "pay.yaml:1:1: expected turns, or one list of turns per run, but found both",
    ),
    "agents that are a list": ("agents: [a]\n", "pay.yaml:1:1: agents: expected agents' names"),
    "an agent that is a text": ("agents: {a: b}\n", "agents.a: expected a list of turns, found 'b'"),
    "a text alone": ("hello", "a script is a list of turns or a mapping of 'agents' and 'turns', found 'hello'"),
    "nothing": ("# nothing\n", "pay.yaml: it is empty"),
    "two documents": ("- a\n---\n- b\n", "pay.yaml:2:1"),
    "an open bracket": ("- [a\n", "pay.yaml:2:1: expected ',' or ']'"),
    "a tab": ("- call: a\n\targs: {}\n", "pay.yaml:2:1: found character '\\t'"),
    "an object": (
        "- !!python/object:os.system {}\n",
        "pay.yaml:1:3: the tag 'tag:yaml.org,2002:python/object:os.system'",
    ),
    "a scalar with a tag": ("- !!python/name:os.system x\n", "pay.yaml:1:3: could not determine a constructor"),
    "a key that is a list": ("- {? [a] : b}\n", "pay.yaml:1:6: a key must be a text"),
    "an alias of itself": ("- &x [*x]\n", "an alias contains itself"),
    "a character that YAML forbids": ("- a\x00b\n", "pay.yaml: "),
    "bytes": (
        "- call: a\n  args: {x: !!binary aGk=}\n",
        "pay.yaml:2:10: [1].args.x: expected what JSON can say, found b'hi'",
    ),
}


@pytest.mark.parametrize(("text", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_with_its_place(text: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        from_yaml(text, "pay.yaml")
    assert message in str(error.value)
    assert str(error.value).startswith("cannot read the script: ")


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(UsageError) as error:
        from_yaml("- txt: a\n- 5\n- finish_reason: x\n  text: 1\n", "pay.yaml")
    lines = str(error.value).splitlines()
    assert lines[0] == "cannot read the script:"
    assert [line.split(": ")[0].strip(" -") for line in lines[1:]] == [
        f"pay.yaml:{at}" for at in ("1:3", "2:3", "4:3", "3:3")
    ]


_TEXTS = st.text(max_size=20)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=6,
)
_ARGS = st.none() | _TEXTS | st.dictionaries(_TEXTS, _JSON, max_size=3)


def _calls(on_retry: st.SearchStrategy[Any]) -> st.SearchStrategy[Call]:
    return st.builds(Call, tool=_TEXTS, args=_ARGS, on_retry=on_retry, made_up=st.booleans())


def _turns(on_retry: st.SearchStrategy[Any]) -> st.SearchStrategy[Turn]:
    return st.builds(
        Turn,
        text=st.none() | _TEXTS,
        calls=st.lists(_calls(on_retry), max_size=2).map(tuple),
        output=_JSON | st.just(Turn().output),
        thinking=st.none() | _TEXTS,
        output_tool=st.none() | _TEXTS,
        usage=st.none() | st.dictionaries(st.sampled_from(["input_tokens", "output_tokens"]), st.integers(0)),
        finish_reason=st.none() | st.sampled_from(FinishReason.__args__),  # type: ignore[attr-defined]
        on_retry=on_retry,
    )


_RETRIES = st.lists(_turns(st.just(())), max_size=2).map(tuple)
_RUNS = st.lists(st.lists(_turns(_RETRIES), max_size=3).map(tuple).map(Conversation), min_size=1, max_size=2).map(tuple)
_SCRIPTS = st.builds(Script, agents=st.dictionaries(_TEXTS, _RUNS, max_size=2), others=_RUNS | st.just(()))


@settings(max_examples=60, deadline=None)
@given(_SCRIPTS)
def test_every_script_survives_being_written_and_read(script: Script) -> None:
    assert from_yaml(to_yaml(script)) == script
