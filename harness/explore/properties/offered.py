"""What a subject's agent offers, found out by one fault-free run without an engine's help."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any

from pydantic_ai.agent import AbstractAgent

from harness.errors import UsageError
from harness.explore import policies
from harness.explore.properties.benches import bench_for
from harness.faults import NO_FAULT
from harness.history import History
from harness.journal import load
from harness.scenario import Scenario
from harness.subjects.offers import OFFER
from harness.subjects.variables import path_held

Schema = dict[str, Any]
SEVERAL = "final_result_"
"""What pydantic-ai puts before the name of each output where there are several."""

ASKS_NOBODY = "it asked no model"
INSTEAD = (
    "; let `scenarios(..., script=[])` draw its faults alone, with `invocations=[...]` for several runs in one store,"
    " or write a scenario file that has them"
)


@dataclass(frozen=True, eq=False)
class Offer:
    """What the model of an agent may do: call `tools`, and end with one of `outputs` (tool name to schema), with an
    output of the schema `json`, or with plain `text`.

    `alone` says that no other agent asked a model in that run, so a conversation needs no agent's name.
    """

    agent: str
    tools: dict[str, Schema]
    outputs: dict[str, Schema] = field(default_factory=dict)
    json: Schema | None = None
    text: bool = True
    alone: bool = True
    history: History = field(default_factory=lambda: History(()))
    """The run in which this was found out: every tool was called once."""


def offer_of(scenario: Scenario) -> Offer:
    """What the outermost agent of a scenario's subject offers, once per subject and engine. Its script is not asked.

    Raises `UsageError` if its agent asks no model, or if the subject cannot be used: always, if it did once. What one
    example is refused and the next is given is a mistake in the test to Hypothesis.
    """
    deps = scenario.deps if isinstance(scenario.deps, str | None) else repr(scenario.deps)
    unscripted = scenario.model_copy(update={"script": None, "invocations": (), "lives": ()})
    found = _offer(_Asked(scenario.subject, scenario.engine, deps, unscripted))
    if isinstance(found, str):
        raise UsageError(found)
    return found


def point_out_idle(scenario: Scenario, history: History, outputs: Collection[str] = ()) -> None:
    """Warn of each tool that something was said of and that this run never calls, once in a process.

    `outputs` are the output tools that other conversations end with. There may be a function behind each, for which its
    own name does as well.
    """
    for note in policies.idle(scenario, history, [*outputs, *(each.removeprefix(SEVERAL) for each in outputs)]):
        warn_once(note)


@cache
def warn_once(note: str) -> None:
    """Warn of it, once in a process."""
    warnings.warn(note, stacklevel=1)


@dataclass(frozen=True)
class _Asked:
    """What an offer is remembered by, and the scenario to ask with."""

    subject: str
    engine: str
    deps: str | None
    scenario: Scenario = field(compare=False)


@lru_cache(maxsize=64)
def _offer(asked: _Asked) -> Offer | str:
    """The offer; or why there is none, once a second run has said whether that is chance."""
    history = _asked(asked.scenario)
    seen = history.observed(OFFER)
    if not seen:
        why, again = _why_none(history), _asked(asked.scenario)
        if again.observed(OFFER):
            why = (
                f"two fault-free runs differ: the first asked no model ({why}), and the second did; take what varies"
                " (time, chance, the order of a set) out of the agent"
            )
        elif why == ASKS_NOBODY:
            why += INSTEAD
        return f"no conversation can be made up for {asked.scenario.subject}: {why}"
    return _made(history, [event.value for event in seen])


def _asked(scenario: Scenario) -> History:
    """A fault-free run in which the model says what it was offered."""
    folder = bench_for(scenario).run(
        NO_FAULT, name="offer", scenario=scenario.with_plan(NO_FAULT), more={"offers": True}
    )
    history = load(folder / "journal.jsonl")
    shutil.rmtree(folder, ignore_errors=True)
    return history


def _why_none(history: History) -> str:
    return next((outcome.error for outcome in history.outcomes.values() if outcome.error), ASKS_NOBODY)


def _made(history: History, seen: list[dict[str, Any]]) -> Offer:
    mine = [value for value in seen if value["agent"] == seen[0]["agent"]]
    tools: dict[str, Schema] = {}
    for value in mine:
        tools |= {name: schema for name, schema in value["tools"].items() if name not in tools}
    return Offer(
        agent=mine[0]["agent"],
        tools=tools,
        outputs=mine[0]["outputs"],
        json=mine[0]["object"],
        text=mine[0]["text"],
        alone=len(mine) == len(seen),
        history=history,
    )


def path_of(subject: Any) -> str:
    """The import path of a subject: a path as it is, an agent by the module-level variable that holds it.

    Raises `UsageError` for what is no subject, and for an agent that no imported module holds: another process could
    not import it either.
    """
    if isinstance(subject, str):
        return subject
    if not isinstance(subject, AbstractAgent) and not callable(subject):
        raise UsageError(
            f"the subject {subject!r} is no agent and no workflow; name one as 'package.module:agent', or give the"
            " variable that holds it"
        )
    if path := path_held(subject):
        return path
    raise UsageError(
        f"{subject!r} is no variable of an imported module, so another process cannot import it;"
        " put it into a module and name it as 'package.module:agent'"
    )
