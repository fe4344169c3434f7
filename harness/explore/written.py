"""The script that a subject would be run with, written down so that a person can edit it.

What the scripted model made up during a fault-free run is taken from that run's journal: what is printed is what was
said, not what might have been.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from pydantic import TypeAdapter
from pydantic_ai.messages import ModelRequest, ModelResponse, RetryPromptPart

from harness.errors import UsageError
from harness.faults import FaultPlan
from harness.folders import new_folder
from harness.history import History, StepEntered, StepLeft
from harness.journal import load
from harness.runner import open_bench
from harness.scenario import Scenario
from harness.steps import StepId
from harness.subjects.script import Conversation, Script, Turn
from harness.subjects.script_history import from_messages
from harness.subjects.script_yaml import to_yaml

_RESPONSE: TypeAdapter[ModelResponse] = TypeAdapter(ModelResponse)


def script(scenario: Scenario, *, out: Path) -> str:
    """The script of `scenario` as YAML. Raises `UsageError` if the agent makes no request to a model."""
    with new_folder(out, "script") as folder, open_bench(scenario.under("none"), folder) as bench:
        history = load(bench.run(FaultPlan(), name="baseline") / "journal.jsonl")
    errors = [outcome.error for outcome in history.outcomes.values() if outcome.error]
    agents = {agent: conversations(history, agent) for agent in spoken_to(history)}
    if not agents:
        reasons = [(*errors, "it asked no model")[0], *bench.notes]  # a note may explain it: deps that were not given
        raise UsageError(f"there is no script to print for {scenario.subject}: {'; '.join(reasons)}")
    notes = tuple(f"unfinished: the run failed here: {error}" for error in errors)
    if len(agents) == 1:
        return to_yaml(Script(agents={}, others=next(iter(agents.values())), notes=notes))
    return to_yaml(Script(agents=agents, notes=notes))


def spoken_to(history: History) -> list[str]:
    """The agents that asked a model, in the order of their first request."""
    asked = (entered for entered in history.of(StepEntered) if StepId.parse(entered.step).kind == "model")
    return list(dict.fromkeys(entered.arguments["agent"] for entered in asked))


def conversations(history: History, agent: str) -> tuple[Conversation, ...]:
    """What was said to one agent. An agent that a tool calls several times has one conversation for all of its runs.

    A response whose step is a re-issue answers a retry prompt, which the script says as `on_retry`.
    """
    asked = {entered.step for entered in history.of(StepEntered) if (entered.arguments or {}).get("agent") == agent}
    runs: dict[tuple[int, tuple[object, ...]], list[tuple[StepId, ModelResponse]]] = {}
    for left in history.of(StepLeft):
        step = StepId.parse(left.step)
        if left.step in asked and step.kind == "model" and left.outcome == "ok":
            said = (step, _RESPONSE.validate_python(left.result))
            runs.setdefault((left.invocation, step.path[:-1]), []).append(said)
    nested = any(parents for _invocation, parents in runs)
    chosen = list(runs.values())[:1] if nested else list(runs.values())
    return tuple(_conversation(said) for said in chosen)


def _conversation(said: Iterable[tuple[StepId, ModelResponse]]) -> Conversation:
    messages: list[ModelRequest | ModelResponse] = []
    for step, response in said:
        if step.path[-1].reissue:
            messages.append(ModelRequest(parts=[RetryPromptPart(content="again")]))
        messages.append(response)
    (conversation,) = from_messages(messages).others
    return Conversation(tuple(map(_plain, conversation.turns)))


def _plain(turn: Turn) -> Turn:
    """A turn without the figures that the scripted model would make up again."""
    return replace(turn, usage=None, finish_reason=None, on_retry=tuple(map(_plain, turn.on_retry)))
