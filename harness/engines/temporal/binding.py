"""How a subject becomes durable under Temporal: the way its user would write it, in a module with a workflow class.

A workflow's module is imported again inside Temporal's sandbox, and everything it imports with it, unless it is passed
through. So the subject is loaded, and made durable, in both places by the same lines.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast, get_type_hints

from pydantic_ai.durable_exec.temporal import PydanticAIPayloadConverter, PydanticAIPlugin, TemporalDurability
from temporalio import workflow
from temporalio.common import RawValue
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from harness.engines.base import Case, Unsupported
from harness.engines.temporal import seams
from harness.subjects.attach import attach, engine_of
from harness.subjects.loading import Subject, load_subject

WORKFLOW = "harness.engines.temporal.agent_workflow"
"""The module of our workflow class; the only one of ours that the sandbox imports again."""

_outside: Case | None = None


class Runner(SandboxedWorkflowRunner):
    """The sandbox, with our own modules passed through. Validated once before forking rather than in each child."""

    def prepare_workflow(self, defn: Any) -> None:
        """Nothing: `bind` has done it."""


@dataclass(frozen=True)
class Bound:
    """Our workflow class, bound to the subject, and the seconds that importing it into the sandbox takes."""

    kind: type
    importing: float


def bind(case: Case) -> Bound | Unsupported:
    """Bind our workflow class to the subject, or say why there is none: what Temporal or pydantic-ai say."""
    global _outside
    subject = case.subject
    engine = engine_of(subject.value)
    if subject.agent is None:
        return Unsupported(f"{subject.name!r} is a workflow of its own, and only agents can be run")
    if engine not in (None, "temporal"):
        return Unsupported(f"the agent {subject.name!r} was built for {engine.title()}; run it under --engine {engine}")
    _outside = case
    sys.modules.pop(WORKFLOW, None)
    try:
        kind = importlib.import_module(WORKFLOW).AgentWorkflow
        begun = time.monotonic()
        seams.validate(_sandbox(case, SandboxedWorkflowRunner), kind)
        importing = time.monotonic() - begun
        warm(kind)
    except Exception as error:  # noqa: BLE001  the integration's own refusal, whatever its type
        return Unsupported(_words(error))
    return Bound(kind, importing)


def warm(kind: type) -> None:
    """Build, once before forking, the type adapters with which each child would read its activities' arguments."""
    converter = PydanticAIPayloadConverter()
    nothing = converter.to_payloads([{}])
    config = PydanticAIPlugin().configure_worker({"workflows": [kind], "workflow_runner": SandboxedWorkflowRunner()})
    for activity in config["activities"]:
        for hint in get_type_hints(activity).values():
            with contextlib.suppress(Exception):  # nothing is rarely what it expects; by then the adapter is built
                converter.from_payloads(nothing, [hint])


def durable_agent() -> Any:
    """The subject's agent as the workflow runs it, for our workflow's module: here, or in the sandbox."""
    assert _outside is not None, "bind comes first"
    if not workflow.unsafe.in_sandbox():
        return _durable(_outside.subject)
    if _outside.options.get("sandbox") == "passthrough":
        return sys.modules[WORKFLOW].agent
    return _durable(load_subject(_outside.subject.path))


def runner() -> Runner:
    """The workflow runner for a worker of the bound subject."""
    assert _outside is not None, "bind comes first"
    found: Runner = _sandbox(_outside, Runner)
    return found


def plugin() -> PydanticAIPlugin:
    """Pydantic-ai's plugin, for clients, workers and replayers."""
    return PydanticAIPlugin()


def deps_of(agent: Any, raw: RawValue) -> Any:
    """The deps of a run from the workflow's argument, as the type that the agent declares."""
    declared = agent.deps_type
    hint: Any = Any if declared in (object, None, type(None)) else declared | None
    return workflow.payload_converter().from_payload(raw.payload, hint)


def _durable(subject: Subject) -> Any:
    if engine_of(subject.value) == "temporal":
        return subject.value
    return attach(subject.agent, TemporalDurability(), name=subject.name)


def _sandbox(case: Case, kind: type[Any]) -> Any:
    ours = [name for name in sys.modules if name.startswith("harness.") and not f"{WORKFLOW}.".startswith(f"{name}.")]
    theirs = case.options.get("passthrough", ())
    restrictions = SandboxedWorkflowRunner().restrictions.with_passthrough_modules(*ours, *theirs)
    bare = kind(restrictions=restrictions)
    return cast("Callable[[Any], Any]", PydanticAIPlugin().workflow_runner)(bare)


def _words(error: BaseException) -> str:
    """The error and its causes, outermost first."""
    said: list[str] = []
    seen: BaseException | None = error
    while seen is not None:
        said.append(f"{type(seen).__name__}: {seen}")
        seen = seen.__cause__
    return ", because of ".join(said)
