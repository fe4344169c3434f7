"""What agents really use: one small agent per row, what shows that it works, and a crash or two that tell most."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.history import Effect, History, StepEntered, StepLeft
from harness.steps import StepId

ENGINES = ("journal", "dbos", "prefect", "temporal")
PATIENCE = 60.0
"""Seconds without progress after which a run counts as stuck. None of these should, on the busiest machine."""
CHARGED = "crash@tool:charge#1/between"
ANSWERED = "crash@model#2/before"


@dataclass(frozen=True)
class Use:
    """One row. `subject` is a module of `fixtures.agents.uses` and an agent in it; `forms` are engines' own of it.

    `seen` says in a few words, the same on every machine, what the fault-free run shows.
    """

    name: str
    what: str
    subject: str
    seen: Callable[[History], str]
    crashes: tuple[str, ...]
    forms: Mapping[str, str] = field(default_factory=dict)
    scenario: Mapping[str, Any] = field(default_factory=dict)

    @property
    def where(self) -> str:
        """Where the agents are, for a reader."""
        own = [f"`{agent}` ({engine})" for engine, agent in self.forms.items() if agent != self.subject]
        return f"Agent: {', '.join([f'`{self.subject}`', *own])} in `fixtures/agents/uses`."

    def under(self, engine: str) -> dict[str, Any]:
        """The values of the row's scenario for one engine."""
        subject = self.forms.get(engine, self.subject)
        return {"subject": f"fixtures.agents.uses.{subject}", "stall": PATIENCE, **self.scenario}


def results(history: History) -> str:
    """What the tools returned."""
    found = [left.result for left in history.of(StepLeft) if StepId.parse(left.step).kind == "tool"]
    return ", ".join(f"`{result}`" for result in found)


def at_once(history: History) -> str:
    """How many tool bodies were open at the same time, at most."""
    open_, most = 0, 0
    for event in history:
        if isinstance(event, StepEntered | StepLeft) and StepId.parse(event.step).kind == "tool":
            open_ += 1 if isinstance(event, StepEntered) else -1
            most = max(most, open_)
    return f"{most} at once"


def handled(history: History) -> str:
    """What the handler did, and what became of its calls."""
    told = ", ".join(f"`{effect.name}`" for effect in history.of(Effect))
    steps = [f"`{step}`" for step in history.steps if StepId.parse(step).kind == "event"]
    return f"{told}, in {', '.join(steps) or 'no unit'}"


def models(history: History) -> str:
    """Which models were asked."""
    asked = [event.arguments["model"] for event in history.of(StepEntered) if event.step.startswith("model#")]
    return ", then ".join(f"`{name}`" for name in asked)


def asked_again(history: History) -> str:
    """The requests that were asked again, and the output after them."""
    again = [step for step in history.steps if StepId.parse(step).path[-1].reissue]
    return f"{', '.join(f'`{step}`' for step in again)}, output `{history.outcomes[1].output}`"


def remembered(history: History) -> str:
    """The prompts that the second invocation's messages hold."""
    messages = str(history.outcomes[2].messages)
    return ", ".join(f"`{prompt}`" for prompt in ("first", "second") if f"'{prompt}'" in messages)


def inner(history: History) -> str:
    """The steps of other runs inside this one."""
    return ", ".join(f"`{step}`" for step in history.steps if len(StepId.parse(step).path) > 1)


THREE = {"script": [{"calls": [{"call": "charge", "args": {"order_id": name}} for name in "abc"]}, {"text": "done"}]}
TWO_TALKS = {"invocations": [{"prompt": "first"}, {"prompt": "second", "continues": True}]}

USES = (
    Use(
        "deps",
        "The tool and the instructions read `ctx.deps`, given as values.",
        "with_deps:agent",
        results,
        (CHARGED,),
        scenario={"deps": {"name": "Corner shop"}},
    ),
    Use(
        "parallel tool calls",
        "Three tool calls in one response. Each waits for the others, as long as a second.",
        "parallel:agent",
        at_once,
        ("crash@tool:charge#2/between",),
        scenario=THREE,
    ),
    Use(
        "tool calls one by one",
        "The same three with `Tool(sequential=True)`; under DBOS with its own `parallel_execution_mode='sequential'`.",
        "parallel:one_by_one",
        at_once,
        ("crash@tool:charge#2/between",),
        forms={"dbos": "parallel_dbos:one_by_one"},
        scenario=THREE,
    ),
    Use(
        "event handler on the agent",
        "`ProcessEventStream(handler)` as a capability of the agent: the handler runs around the engine's units.",
        "events:agent",
        handled,
        (ANSWERED,),
    ),
    Use(
        "event handler on the engine",
        "`event_stream_handler=` of the engine's durable capability.",
        "events_journal:agent",
        handled,
        ("crash@event#2/between", ANSWERED),
        forms={name: f"events_{name}:agent" for name in ENGINES},
    ),
    Use(
        "MCP tools",
        "An `MCPToolset` with an `id`, and a real server behind it over standard input and output.",
        "mcp_server:agent",
        results,
        ("crash@tool:forecast#1/between", ANSWERED),
    ),
    Use(
        "MCP tools without an id",
        "The same toolset without an `id`.",
        "mcp_unnamed:agent",
        results,
        (),
    ),
    Use(
        "model chosen by name",
        "`SelectModel` names another model for each request while the agent runs.",
        "chosen_model:agent",
        models,
        (ANSWERED,),
    ),
    Use(
        "output validator",
        "The validator raises `ModelRetry` at the first answer.",
        "validated:agent",
        asked_again,
        ("crash@model#2+1/before",),
    ),
    Use(
        "message history",
        "A second invocation goes on from the messages of the first.",
        "talkative:agent",
        remembered,
        ("crash@run#2.tool:charge#1/between",),
        scenario=TWO_TALKS,
    ),
    Use(
        "two runs in one workflow",
        "The workflow runs the agent, then runs it again with what the first run said.",
        "talkative:twice",
        inner,
        ("crash@run#2.model#1/before",),
    ),
    Use(
        "an agent in a tool",
        "A tool runs another agent, which has no durability of its own.",
        "delegating:agent",
        inner,
        ("crash@tool:delegate#1.model#2/before", ANSWERED),
    ),
)
