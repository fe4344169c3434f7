"""What an agent says of itself before anybody asks: instructions, system prompts, tools; and the deps it has.

They are part of what a model is asked, and so, in engines that find results by their inputs, of the key of a record.
Where the agent's own code makes them otherwise in each life (the time, the order of a set), no record is found again,
and neither the engine nor its integration can help it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.checks.base import Case
from harness.history import SHOWN, History, spelled


def varying_prompt(case: Case) -> str:
    """What of the prompt is otherwise than in the fault-free run, for people; empty if nothing is known to be.

    Times of day count: what is left out of other comparisons is as new to a key as anything else.
    """
    usual, seen = list(_said(case.baseline.history)), list(_said(case.history))
    found = ["the instructions"] if any(one != other for one, other in zip(usual, seen, strict=False)) else []
    shown = _shown(case.baseline.history)
    pairs = [(shown[step], now) for step, now in _shown(case.history).items() if step in shown]
    varies = _varying(case.baseline.volatile, shown)
    found += _of_tools(pairs, varies)
    if any(one.get("deps") != other.get("deps") for one, other in pairs) or "deps" in varies:
        found.append("the deps")
    return " and ".join(found)


def _of_tools(pairs: list[tuple[Any, Any]], varies: set[str]) -> list[str]:
    """The same of its tools: which there are, what is said of them, in which order."""
    if any(set(one["tools"]) != set(other["tools"]) for one, other in pairs):
        return ["the tools"]
    found = ["the order of the tools"] if "tools" in varies else []
    said = any(one.get("words") != other.get("words") for one, other in pairs)
    if said or "words" in varies:
        found.append("the descriptions of the tools")
    return found


def _varying(volatile: frozenset[str], shown: dict[str, Any]) -> set[str]:
    """What of that which models were shown differs between two runs without a fault: `tools`, `words`, `deps`."""
    return {
        name
        for name in ("tools", "words", "deps")
        for place in (f"{step}.{name}" for step in shown)
        if any(path == place or path.startswith((f"{place}.", f"{place}[")) for path in volatile)
    }


def _shown(history: History) -> dict[str, Any]:
    """What was offered to a model in each of its requests, the last time that it was asked."""
    return {spelled(event.value["step"], event.invocation): event.value for event in history.observed(SHOWN)}


def _said(history: History) -> Iterator[Any]:
    """Every instruction and system prompt that the messages of a run show, in order."""
    for _number, outcome in sorted(history.outcomes.items()):
        for message in outcome.messages if isinstance(outcome.messages, list) else ():
            yield message.get("instructions")
            yield from (part.get("content") for part in message["parts"] if part.get("part_kind") == "system-prompt")
