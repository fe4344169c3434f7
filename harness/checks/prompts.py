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
    found += _of_tools(pairs, case.baseline.volatile)
    if any(one.get("deps") != other.get("deps") for one, other in pairs) or _ends(case.baseline.volatile, ".deps"):
        found.append("the deps")
    return " and ".join(found)


def _of_tools(pairs: list[tuple[Any, Any]], volatile: frozenset[str]) -> list[str]:
    """The same of its tools: which there are, what is said of them, in which order."""
    if any(set(one["tools"]) != set(other["tools"]) for one, other in pairs):
        return ["the tools"]
    found = ["the order of the tools"] if any(".tools[" in path for path in volatile) else []
    said = any(one.get("words") != other.get("words") for one, other in pairs)
    if said or any(".words" in path for path in volatile):
        found.append("the descriptions of the tools")
    return found


def _ends(volatile: frozenset[str], end: str) -> bool:
    return any(path.endswith(end) for path in volatile)


def _shown(history: History) -> dict[str, Any]:
    """What was offered to a model in each of its requests, the last time that it was asked."""
    return {spelled(event.value["step"], event.invocation): event.value for event in history.observed(SHOWN)}


def _said(history: History) -> Iterator[Any]:
    """Every instruction and system prompt that the messages of a run show, in order."""
    for _number, outcome in sorted(history.outcomes.items()):
        for message in outcome.messages if isinstance(outcome.messages, list) else ():
            yield message.get("instructions")
            yield from (part.get("content") for part in message["parts"] if part.get("part_kind") == "system-prompt")
