"""Strategies for conversations: what a model could say to this agent, turn by turn.

Everything is offered to Hypothesis from the simplest on: one call before several, an accepted call before a rejected
one, `done` before a refusal or a long text. A conversation is a list of rounds, each with calls, and an ending.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from hypothesis import strategies as st

from harness.explore.properties.asked import at_least, base, plainly
from harness.explore.properties.offered import Offer, offer_of
from harness.explore.properties.schemas import values
from harness.subjects.automatic import TEXT
from harness.subjects.script import Call, Conversation, Script, Turn

ROUNDS = 4
"""The most turns with calls: bugs of recovery show in two, and a third has never been needed so far."""
CALLS = 3
REFUSAL = "I'm sorry, but I can't help with that."


@plainly
def scripts(agent: Any, *, engine: str = "none", deps: Any = None, rounds: int = ROUNDS) -> st.SearchStrategy[Script]:
    """Conversations that fit an agent's tools, their JSON schemas and its output types.

    `agent` is an import path, or an agent that a module's variable holds. They vary in number, order and parallelism of
    calls, in arguments, in calls that the agent rejects and the model then corrects, in refusals, structured outputs,
    and long and foreign texts. Raises `UsageError` for `rounds` that make no sense and, when it is first drawn from,
    for a subject that cannot be used.
    """
    scenario, longest = base(agent, engine, {"deps": deps}), at_least(0, "rounds", rounds)
    return st.deferred(plainly(lambda: _scripts(offer_of(scenario), longest)))


def _scripts(offer: Offer, rounds: int) -> st.SearchStrategy[Script]:
    turns = st.lists(calling(offer), max_size=rounds if offer.tools else 0)
    return st.builds(lambda said, last: script_of(offer, [*said, last]), turns, endings(offer))


def script_of(offer: Offer, *conversations: list[Turn]) -> Script:
    """The script of these turns, one list per run; of this agent alone if the subject has several."""
    runs = tuple(Conversation(tuple(turns)) for turns in conversations)
    return Script(agents={}, others=runs) if offer.alone else Script(agents={offer.agent: runs})


@lru_cache(maxsize=16)  # a strategy that is built for every example costs more than drawing from it
def calling(offer: Offer) -> st.SearchStrategy[Turn]:
    """A turn that calls one tool, or several in parallel, with or without a word."""
    call = st.one_of([_calls(name, schema) for name, schema in offer.tools.items()])
    words = st.none() | st.sampled_from(["Let me see.", *texts_worth_saying()])
    return st.builds(
        lambda calls, text: Turn(text=text, calls=tuple(calls)), st.lists(call, min_size=1, max_size=CALLS), words
    )


def _calls(name: str, schema: dict[str, Any]) -> st.SearchStrategy[Call]:
    """A call that the agent takes; or, where a call can be wrong, one that it rejects and that is then put right."""
    right = values(schema).map(lambda args: Call(name, args))
    if not schema.get("required"):
        return right
    return right | right.map(lambda call: Call(name, {}, on_retry=(Turn(calls=(call,)),)))


@lru_cache(maxsize=16)
def endings(offer: Offer) -> st.SearchStrategy[Turn]:
    """The last turn: a text where that is an output, else a structured output, perhaps after a refusal."""
    ways: list[st.SearchStrategy[Turn]] = []
    if offer.text:
        ways.append(st.just(Turn(text=TEXT)))
        ways.append(st.sampled_from([REFUSAL, *texts_worth_saying()]).map(lambda text: Turn(text=text)))
    ways += [_structured(name, schema) for name, schema in offer.outputs.items()]
    if offer.json is not None:
        ways.append(values(offer.json).map(lambda output: Turn(output=output)))
    return st.one_of(ways)


def _structured(tool: str, schema: dict[str, Any]) -> st.SearchStrategy[Turn]:
    return values(schema).map(lambda output: Turn(output=output, output_tool=tool))


def texts_worth_saying() -> list[str]:
    """Texts with which naive storage goes wrong."""
    return ["naïve café — 東京 🎉", "first line\nsecond line", "a long answer, " * 200]
