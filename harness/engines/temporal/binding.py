"""How a subject becomes durable under Temporal: the way its user would write it, in a module with a workflow class.

A workflow's module is imported again inside Temporal's sandbox, and everything it imports with it, unless it is passed
through. So the subject is loaded, and made durable, in both places by the same lines.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast, get_type_hints

from pydantic_ai.durable_exec.temporal import PydanticAIPayloadConverter, PydanticAIPlugin, TemporalDurability
from temporalio import workflow
from temporalio.common import RawValue
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from harness.engines.base import Case, Unsupported
from harness.engines.temporal import own_workflow, seams
from harness.subjects.attach import attach, engine_of
from harness.subjects.loading import Subject, load_subject
from harness.subjects.naming import unwrapped
from harness.subjects.owned import arguments, refusal

WORKFLOW = "harness.engines.temporal.agent_workflow"
"""The module of our workflow class; the only one of ours that the sandbox imports again."""

PASSED = "passthrough"
"""What the option `sandbox` says to keep the subject out of it."""


class Runner(SandboxedWorkflowRunner):
    """The sandbox, with our own modules passed through. Validated once before forking rather than in each child."""

    def prepare_workflow(self, defn: Any) -> None:
        """Nothing: `bind` has done it."""


@dataclass(frozen=True)
class Bound:
    """A workflow class, ours around the subject's agent or the subject itself.

    `importing` is how many seconds importing it into the sandbox takes, `beside` are the workflows that it may ask for,
    and `activities` what all of them need besides those of their agents.
    """

    kind: type
    importing: float
    is_own: bool = False
    beside: Sequence[type] = ()
    activities: Sequence[Callable[..., Any]] = ()
    notes: tuple[str, ...] = ()

    @property
    def kinds(self) -> list[type]:
        """Every workflow class that a worker has to serve."""
        return [self.kind, *self.beside]

    @property
    def names(self) -> list[str | None]:
        """What they are called; None is one that takes every name."""
        return [seams.name_of(kind) for kind in self.kinds]

    @property
    def run(self) -> Any:
        """The method that is decorated with `@workflow.run`."""
        return seams.run_method(self.kind)

    def arguments(self, prompt: Any, keywords: dict[str, Any]) -> list[Any]:
        """What to start it with. Raises `UsageError` if a workflow of the person's own needs more than there is."""
        if self.is_own:
            return arguments(self.run, prompt, keywords.get("deps"))
        return [prompt, keywords.get("deps"), keywords.get("message_history")]


@dataclass
class _Outside:
    """What the sandbox finds outside of it: it asks this module, because it cannot be handed a value."""

    case: Case
    passed: bool
    agent: Any = None


_outside: _Outside | None = None


def bind(case: Case) -> Bound | Unsupported:
    """Bind our workflow class to the subject, or say why there is none: what Temporal or pydantic-ai say.

    A module that the sandbox cannot import is passed through, as its author would have to do, and a note says so.
    """
    subject, asked = case.subject, case.options.get("sandbox")
    if (refusal := _refusal(subject)) is not None:
        return Unsupported(refusal)
    try:
        return _bind(case, passed=asked == PASSED)
    except Exception as error:  # noqa: BLE001  the integration's own refusal, whatever its type
        words = _words(error)
    if asked is not None or subject.agent is None:
        return Unsupported(words)
    try:
        bound = _bind(case, passed=True)
    except Exception:  # noqa: BLE001  then the sandbox was not to blame
        return Unsupported(words)
    return replace(bound, notes=(_passed_through(words),))


def _refusal(subject: Subject) -> str | None:
    """Why this is nothing for Temporal, None if it may be."""
    if subject.agent is None:
        inherits = f"{subject.name!r} only inherits from a Temporal workflow; decorate it with `@workflow.defn`, too"
        is_one = own_workflow.is_workflow(subject.value)
        return refusal(subject.value, subject.name, "temporal") or (None if is_one else inherits)
    engine = engine_of(subject.value)
    if engine in (None, "temporal"):
        return None
    return f"the agent {subject.name!r} was built for {engine.title()}; run it under --engine {engine}"


def _bind(case: Case, *, passed: bool) -> Bound:
    global _outside
    _outside = _Outside(case, passed)
    is_own = own_workflow.is_workflow(case.subject.value)
    kind = case.subject.value if is_own else _around(_outside)
    importing = _import(kind)
    beside = [one for one in own_workflow.workflows_beside(kind) if _is_possible(one)] if is_own and case.runs else []
    activities = own_workflow.activities_beside(kind, *beside) if is_own else []
    served = [*_served(kind, *beside), *activities]
    if case.runs:
        warm([kind, *beside], served)
    return Bound(kind, importing, is_own, beside, activities)


def _import(kind: type) -> float:
    """Import a workflow class into the sandbox. Returns how many seconds that takes; raises what the worker would."""
    assert _outside is not None
    begun = time.monotonic()
    seams.validate(_sandbox(_outside, SandboxedWorkflowRunner), kind)
    return time.monotonic() - begun


def _is_possible(beside: type) -> bool:
    """Whether a worker could serve a workflow that nobody has asked for: if not, that is no reason to refuse others."""
    try:
        _import(beside)
        _served(beside)
    except Exception:  # noqa: BLE001  whatever it is, it is said when a workflow asks for this one
        return False
    return True


def _around(outside: _Outside) -> type:
    """Our workflow class around the subject's agent."""
    sys.modules.pop(WORKFLOW, None)
    outside.agent = importlib.import_module(WORKFLOW).agent
    kind: type = sys.modules[WORKFLOW].AgentWorkflow
    return kind


def _passed_through(words: str) -> str:
    return (
        f"Temporal's sandbox cannot import the subject ({words}), so it is passed through, as a workflow of yours would"
        " have to do with `workflow.unsafe.imports_passed_through()`; the sandbox does not watch over it then"
    )


def _served(*kinds: type) -> list[Callable[..., Any]]:
    """What a worker of workflow classes would serve. Raises what would keep it from starting."""
    config = PydanticAIPlugin().configure_worker({"workflows": kinds, "workflow_runner": SandboxedWorkflowRunner()})
    return [*map(seams.run_method, kinds), *config["activities"]]


def warm(kinds: Sequence[type], served: Sequence[Callable[..., Any]]) -> None:
    """Do once, before forking, what each child would do: build its models' clients, and the adapters of what crosses.

    In workflow code a client that takes long to import would even count as a deadlock.
    """
    from harness.subjects import models

    for agent in own_workflow.agents_of(*kinds):
        models.warm(unwrapped(agent))
    converter = PydanticAIPayloadConverter()
    nothing = converter.to_payloads([{}])
    for function in served:
        for hint in _hints(function):
            with contextlib.suppress(Exception):  # nothing is rarely what it expects; by then the adapter is built
                converter.from_payloads(nothing, [hint])


def _hints(function: Callable[..., Any]) -> list[Any]:
    """The types of what a function takes and returns; none where they are not known outside of its module's sandbox."""
    try:
        return list(get_type_hints(function).values())
    except Exception:  # noqa: BLE001  a name that only a type checker knows; Temporal says what it thinks of it
        return []


def durable_agent() -> Any:
    """The subject's agent as the workflow runs it, for our workflow's module: here, or in the sandbox."""
    assert _outside is not None, "bind comes first"
    if not workflow.unsafe.in_sandbox():
        return _durable(_outside.case.subject)
    return _outside.agent if _outside.passed else _durable(load_subject(_outside.case.subject.path))


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


def _sandbox(outside: _Outside, kind: type[Any]) -> Any:
    ours = [name for name in sys.modules if name.startswith("harness.") and not f"{WORKFLOW}.".startswith(f"{name}.")]
    theirs = [*outside.case.options.get("passthrough", ())]
    if outside.passed and outside.agent is None:
        theirs.append(outside.case.subject.value.__module__)
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
