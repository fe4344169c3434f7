"""What Temporal itself does with a failure: the retry policy and the timeouts of an activity, and of the workflow.

A policy that was not given is Temporal's own: without limit, after 1, 2, 4 seconds and so on. What may not be retried
is matched by the name of the error's type, as pydantic-ai spells it for the server; so the error is put through the
same code, and the name is not guessed.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Collection, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, Literal

from pydantic_ai import UserError
from pydantic_ai.agent import AbstractAgent
from pydantic_ai.durable_exec._toolset import DurableToolsetBase
from pydantic_ai.durable_exec.temporal import TemporalAgent, TemporalDurability
from pydantic_ai.durable_exec.temporal._model_errors import model_errors_as_application_errors
from pydantic_ai.durable_exec.temporal._toolset import resolve_tool_activity_config
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError
from temporalio.workflow import ParentClosePolicy

from harness.engines.temporal import calls as calling
from harness.engines.temporal.given import given_to
from harness.engines.temporal.noticing import Noticing
from harness.engines.temporal.own_workflow import activity_name, definition, is_activity, is_workflow, workflow_run_by
from harness.engines.temporal.policies import absurd, said_of, seconds_of
from harness.engines.temporal.waiting import LEFT_TO_THE_SERVER, backoff, remembered
from harness.engines.temporal.workflows import OTHERWISE, Bare, ChildWorkflow, Workflow, WorkflowTask
from harness.retries.live import Answer, Died, Live, MadeInCall, Opaque, TimedOut, Unit
from harness.retries.values import Origin, RetryLayer
from harness.subjects.attach import durability_of
from harness.subjects.bare import OnlyARunTells
from harness.subjects.origins import decorated, default_of, explicit

TIMEOUTS = ("start_to_close_timeout", "schedule_to_close_timeout", "schedule_to_start_timeout", "heartbeat_timeout")


Beats = Literal["always", "perhaps", "before", "never"]
"""When a body heartbeats: all the time, nobody knows, not while it waits for somebody, or never."""
_QUIET: dict[str, str] = {"before": "not while it asks", "never": "no"}
_BESIDE = {"TaskGroup", "create_task", "create_task_group", "ensure_future", "gather", "start_soon"} | {
    *("Thread", "Timer", "call_later", "run_coroutine_threadsafe", "run_in_executor", "submit", "to_thread")
}
"""Names that code uses to do something beside what it waits for."""


class Activity:
    """One activity's configuration. `non_retryable` are the model errors that pydantic-ai marks for the server.

    They are None for an activity of the person's own, whose errors nobody changes. `usual` are the settings that nobody
    gave: pydantic-ai's own defaults. `called` is what Temporal calls an activity of the person's own. One that is
    `threaded` runs sync code in a thread, which goes on when Temporal has given the attempt up: nothing interrupts what
    that waits for, and what is raised in it then, a client of its own may take for a failure, and try again.
    """

    anew, elsewhere = True, True

    def __init__(
        self,
        config: dict[str, Any],
        origin: Any,
        non_retryable: tuple[type[Any], ...] | None = (),
        *,
        beats: Beats = "always",
        usual: Collection[str] = (),
        called: str = "",
        threaded: bool = False,
    ) -> None:
        self.policy: RetryPolicy = config.get("retry_policy") or RetryPolicy()
        self._non_retryable = non_retryable
        seconds = {name: seconds_of(config.get(name)) for name in TIMEOUTS}
        unknown = absurd(self.policy, seconds)
        settings = {"maximum_attempts": str(self.policy.maximum_attempts or "0 (unlimited)")}
        settings |= {name: f"{value:g} s" for name, value in seconds.items() if value is not None}
        settings |= {} if beats not in _QUIET or not seconds["heartbeat_timeout"] else {"heartbeats": _QUIET[beats]}
        settings |= dict(said_of(self.policy, non_retryable or ()))
        queue = str(config.get("task_queue") or "")
        settings |= {"task_queue": queue} if queue else {}
        attempt = seconds["start_to_close_timeout"] or seconds["schedule_to_close_timeout"] or math.inf
        self._noticing = Noticing(attempt, seconds["heartbeat_timeout"] or math.inf, beats not in _QUIET)
        ended = self._noticing.death if beats in _QUIET else attempt
        self.layer = RetryLayer(
            name="temporal activity",
            kind="unit",
            settings=settings,
            usual={name: default_of("pydantic_ai").library for name in usual if name in settings}
            | ({} if self.policy.maximum_attempts else {"maximum_attempts": default_of("temporalio").library}),
            origin=origin,
            each=None if unknown or math.isinf(ended) else ended,
            all=None if unknown else seconds["schedule_to_close_timeout"],
            jitter=False,
            unknown=unknown,
            notes=(_THREADED,) if threaded and (ended < math.inf or seconds["schedule_to_close_timeout"]) else (),
            called=called,
            queue=queue,
        )
        self.abandons = threaded
        # Whether such a body beats while it asks, or goes on, is only known in a run: fewest happens if it does not.
        self.sparing = self
        if threaded or (beats == "perhaps" and seconds["heartbeat_timeout"]):
            less: Beats = "before" if beats == "perhaps" else beats
            self.sparing = Activity(config, origin, non_retryable, beats=less, usual=usual, called=called)

    def answer(self, error: BaseException) -> Answer:
        """All attempts that the policy allows, unless the error is of a type that it does not retry."""
        name, allowed = self._typed(error)
        if not allowed or name in (self.policy.non_retryable_error_types or ()):
            return Answer(raises=error)
        noticed = self._noticing.death if isinstance(error, Died) else 0.0
        delay = error.next_retry_delay if isinstance(error, ApplicationError) else None
        wait = self._wait if delay is None else lambda _attempt: seconds_of(delay) or 0.0
        return Answer(self.policy.maximum_attempts or None, wait, error, noticed=noticed)

    def sure(self, age: float) -> float:
        """How old an attempt is when its deadline comes too late for what it does at the age of `age` seconds."""
        return self._noticing.sure(age)

    def _typed(self, error: BaseException) -> tuple[str, bool]:
        """The type that the server is told, and whether it may retry at all."""
        if isinstance(error, TimedOut | Died):
            return "", True
        try:
            refused = self._non_retryable
            with nullcontext() if refused is None else model_errors_as_application_errors(refused):
                raise error  # noqa: TRY301  it is the contexts' answer that we want
        except ApplicationError as told:
            return told.type or "", not told.non_retryable
        except OnlyARunTells:
            raise
        except BaseException as same:  # noqa: BLE001  every other error is named by its class
            return type(same).__name__, True

    def _wait(self, attempt: int) -> float:
        return backoff(self.policy, attempt)


_THREADED = "its body is sync, in a thread that no timeout ends: what was given up may go on beside the next attempt"


TASK = 10.0
"""Seconds until the server notices that a task of a workflow has died with its process, as it is by default."""


class LocalActivity(Activity):
    """An activity that the worker runs itself, beside the workflow's code. Its policy is kept there, no server has it.

    So nothing of it is left where its process dies, and the workflow's task is done again. What it raises is no
    `ActivityError` to the workflow, but an error of its own type.
    """

    def __init__(self, config: dict[str, Any], origin: Any, called: str, *, threaded: bool = False) -> None:
        super().__init__(config, origin, None, beats="never", called=called, threaded=threaded)
        self._local = seconds_of(config.get(THRESHOLD) or LEFT_TO_THE_SERVER) or 0.0
        settings = {**self.layer.settings, **({THRESHOLD: f"{self._local:g} s"} if config.get(THRESHOLD) else {})}
        notes = (_FORGETS.format(self._local),) if self.layer.all and self.policy.maximum_attempts != 1 else ()
        self.layer = self.layer.model_copy(
            update={
                "name": "temporal local activity",
                "settings": settings,
                "notes": (*self.layer.notes, *notes),
                "unseen": True,
            }
        )
        self.sparing = LocalActivity(config, origin, called) if threaded else self

    def answer(self, error: BaseException) -> Answer:
        """All attempts that the policy allows; without end where its process dies, with whatever time it had left."""
        if isinstance(error, Died):
            return Answer(None, raises=error, noticed=TASK, strikes=lambda _seconds: math.inf)
        answer, (name, allowed) = super().answer(error), self._typed(error)
        if self.layer.all:
            answer = replace(answer, strikes=remembered(self.layer.all, answer.attempts, answer.wait, self._local))
        if isinstance(error, TimedOut):
            return answer
        return replace(answer, raises=Bare(error, name, non_retryable=not allowed))


THRESHOLD = "local_retry_threshold"
_FORGETS = (
    "`schedule_to_close_timeout` ends an attempt of a local activity, and no wait of {:g} s or less between two: if it"
    " passes in such a wait, nobody looks at it again, and the attempts go on"
)
_OF_ACTIVITY = {**dict.fromkeys((*TIMEOUTS, THRESHOLD), timedelta), "retry_policy": RetryPolicy}
_OF_CHILD = {
    **dict.fromkeys(("execution_timeout", "run_timeout"), timedelta),
    "retry_policy": RetryPolicy,
    "cron_schedule": str,
    "parent_close_policy": ParentClosePolicy,
}
_ENDED_BY_NOTHING = (
    f"Temporal begins no activity without one of `{TIMEOUTS[0]}` and `{TIMEOUTS[1]}`, and its call says neither"
)


def _is_sync(function: Any) -> bool:
    """Whether pydantic-ai runs a function in a thread."""
    return not (inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__))


def _hidden(reason: str, origin: Origin, called: str = "") -> Opaque:
    """An activity whose options are not to be seen before it runs."""
    return Opaque(RetryLayer(name="temporal activity", kind="unit", origin=origin, unknown=reason, called=called))


def layers(value: Any, unit: Unit, options: dict[str, Any]) -> Sequence[Live]:
    """The layers that Temporal has around a unit, the innermost first. `value` is the subject."""
    changes = calling.goes_on_otherwise(unit.calls, _OF_CHILD)
    workflow = Workflow(options, named=_named(unit.owner or value), changes=changes, started=_started(value, unit))
    if unit.kind == "run":
        return (workflow,)
    if unit.kind == "flow":
        return (WorkflowTask(), workflow)
    if unit.kind == "own":
        return _own(value, unit, workflow)
    value = unit.owner or value
    try:
        config = _config(value, unit)
    except UserError as error:  # pydantic-ai's own word for a configuration that it does not take
        return (_hidden(str(error), explicit()), workflow)
    if config is None:
        return (WorkflowTask(), workflow)
    usual = _usual(unit, config)
    origin = default_of("pydantic_ai") if len(usual) == len(config) else _origin(unit)
    # Every activity of pydantic-ai's heartbeats while its body runs, but for the model's of the old wrapper.
    beats: Beats = "never" if unit.kind == "model" and isinstance(value, TemporalAgent) else "always"
    refused = getattr(durability_of(value), "_non_retryable_model_errors", ())
    threaded = unit.kind == "tool" and unit.function is not None and _is_sync(unit.function)
    return (Activity(config, origin, refused, beats=beats, usual=usual, threaded=threaded), workflow)


def _started(value: Any, unit: Unit) -> MadeInCall | None:
    """The call in the person's own modules that starts the workflow which is audited with a retry policy, if any."""
    held = vars(value).values() if is_workflow(value) else ()
    runs = ((workflow_run_by(one), one) for one in held)
    name, function = next(((name, one) for name, one in runs if name is not None), ("", None))
    return calling.saying_a_policy(unit.calls, name, function) if function else None


def _own(value: Any, unit: Unit, workflow: Live) -> Sequence[Live]:
    """Around an activity of the person's own, or a workflow that is asked for as a child. None around anything else."""
    if is_activity(unit.function):
        return (_called(unit.function, unit), workflow)
    name = workflow_run_by(unit.function)
    calls = [] if name is None else calling.of_workflow(unit.calls, name, unit.function)
    if _is_itself(value, unit):
        calls = [one for one in calls if one.runs is not None]  # it is not its own child, unless somebody says so
    return (_child(value, unit, name or "", calls, workflow), workflow) if calls else ()


def _is_itself(value: Any, unit: Unit) -> bool:
    """Whether a function is that of the workflow that is audited."""
    return is_workflow(value) and any(unit.function is one for one in vars(value).values())


def _child(value: Any, unit: Unit, name: str, calls: Sequence[MadeInCall], outer: Live) -> Live:
    """A workflow as the calls say that ask for it. `value` is the one that is audited, `outer` what is around that."""
    said = calling.about(calls, _OF_CHILD)
    unknown = said.unknown
    if calling.goes_on_otherwise(unit.calls, _OF_CHILD):
        unknown = OTHERWISE
    if said.options.get("parent_close_policy") == ParentClosePolicy.ABANDON:
        others = [one for one in unit.calls if one not in calls and one.by not in calling.STARTING]
        if outer.layer.all or calling.says_any(others, ("execution_timeout", "run_timeout")):
            unknown = "its `parent_close_policy` lets it go on when the time of the workflow that asks for it is over"
    if said.options.get("cron_schedule"):
        unknown = "its `cron_schedule` begins it again and again, whatever becomes of it"
    if _is_itself(value, unit):
        unknown = "it asks for itself as its child, and only a run knows how often"
    return ChildWorkflow(unit.function, name, said.options, said.origin, unknown)


def _called(function: Any, unit: Unit) -> Live:
    """An activity as the calls say that ask for it, if they all say the same, and that can be known."""
    name = activity_name(function)
    calls = calling.of_activity(unit.calls, name, function)
    if not calls:
        return _hidden(calling.in_call("execute_activity"), decorated(function), name)
    said, local = calling.about(calls, _OF_ACTIVITY), calling.is_local(calls[0])
    threaded = not definition(function).is_async
    if said.unknown:
        return _hidden(said.unknown, said.origin, name)
    if not any(said.options.get(timeout) for timeout in TIMEOUTS[:2]):
        return _hidden(_ENDED_BY_NOTHING, said.origin, name)
    if local:
        return LocalActivity(said.options, said.origin, name, threaded=threaded)
    queue = {"task_queue": (calls[0].options or {}).get("task_queue")}  # one that only a run knows changes no number
    config = {**said.options, **queue}
    return Activity(config, said.origin, None, beats=_beats(unit), called=name, threaded=threaded)


def _beats(unit: Unit) -> Beats:
    """When the body of an activity of the person's own beats.

    What it says itself, in no task or thread beside it and under no decorator, it does not say while it waits.
    """
    if not any("heartbeat" in used.lower() for used in unit.names):
        return "never"
    code = getattr(unit.function, "__code__", None)
    itself = code is not None and "heartbeat" in code.co_names and not hasattr(unit.function, "__wrapped__")
    return "before" if itself and _BESIDE.isdisjoint(unit.names) else "perhaps"


def _config(value: Any, unit: Unit) -> dict[str, Any] | None:
    """The activity configuration of a unit. None: it is no activity, and runs in the workflow.

    Raises `UserError` for one that nobody can see, or that pydantic-ai itself refuses.
    """
    return _config_of(
        durability_of(value) or (value if hasattr(value, "activity_config") else TemporalDurability()), unit
    )


def _config_of(owner: Any, unit: Unit) -> dict[str, Any] | None:
    """The same from whatever was configured: the capability, or the old wrapper."""
    base = dict(owner.activity_config)
    if unit.kind == "model":
        # The old wrapper keeps it on the model that it made, the capability on itself.
        return dict(getattr(owner, "_model_activity_config", None) or getattr(owner.model, "activity_config", base))
    if unit.kind == "event":
        return dict(getattr(owner, "_event_stream_handler_activity_config", base))
    whole, by_name = _of_toolset(owner, unit)
    told = SimpleNamespace(tool_def=SimpleNamespace(metadata=unit.metadata))
    own: Any = resolve_tool_activity_config(told, unit.name, by_name)  # type: ignore[arg-type]
    return None if own is False else {**whole, **own}


def _of_toolset(owner: Any, unit: Unit) -> tuple[dict[str, Any], dict[str, Any]]:
    """The configuration of a toolset's activities, and those of single tools that the old wrapper was given.

    The capability tells both when it is asked. The wrapper made toolsets of them, and kept nothing else.
    """
    if not isinstance(owner, TemporalAgent):
        return dict(owner._toolset_operation_config("function", unit.toolset)), {}  # noqa: SLF001  nobody else adds what is never retried
    made = (one for toolset in owner.toolsets for one in _made(toolset))
    wrapped = next((one for one in made if one.id == unit.toolset), None)
    whole, by_name = getattr(wrapped, "durable_config", None), _by_name(wrapped)
    if whole is None or by_name is None:
        raise UserError(f"how TemporalAgent configured the activities of toolset {unit.toolset!r} cannot be seen")
    if unit.mcp and unit.kind == "tool" and by_name:
        raise UserError(f"`tool_activity_config` configures single tools of {unit.toolset!r}: {', '.join(by_name)}")
    return dict(whole), dict(by_name)


def _by_name(toolset: Any) -> dict[str, Any] | None:
    """What the old wrapper was told about single tools of a toolset: only the function that decides has it."""
    decides = getattr(toolset, "_resolve_tool_config", None)
    told: dict[str, Any] | None = None
    if decides is not None:
        told = inspect.getclosurevars(decides).nonlocals.get("tool_activity_config")
    return told


def _named(value: Any) -> dict[str, str]:
    """The toolsets and tools that are configured by their names, and by which argument."""
    capability = durability_of(value) if isinstance(value, AbstractAgent) else None
    by_toolset = getattr(capability, "_toolset_activity_config", None) or {}
    told = {"toolset_activity_config": list(by_toolset)}
    if isinstance(value, TemporalAgent):
        given = given_to(value)
        tools = [name for toolset in value.toolsets for one in _made(toolset) for name in _by_name(one) or ()]
        told = {name: list(given.get(name) or ()) for name in ("toolset_activity_config", "tool_activity_config")}
        told["tool_activity_config of"] = told.pop("tool_activity_config")
        told["tool_activity_config"] = tools
    return {name: ", ".join(names) for name, names in told.items() if names}


def _made(toolset: Any) -> Iterator[Any]:
    """The toolsets whose calls are activities, through whatever is around them."""
    if isinstance(toolset, DurableToolsetBase):
        yield toolset
        return
    inner = getattr(toolset, "toolsets", None) or [getattr(toolset, "wrapped", None)]
    for one in inner:
        yield from () if one is None else _made(one)


_NAMES = ("temporal", "tool_activity_config", "toolset_activity_config", "activity_config", "retry_policy")


def _usual(unit: Unit, config: dict[str, Any]) -> set[str]:
    """What is as pydantic-ai itself configures such a unit, when nobody says anything."""
    default = _config_of(TemporalDurability(), replace(unit, metadata=None)) or {}
    return {name for name, value in config.items() if name in default and default[name] == value}


def _origin(unit: Unit) -> Origin:
    """Where the configuration was said."""
    if unit.kind in ("model", "event"):
        return explicit("model_activity_config", "activity_config", "retry_policy")
    own = isinstance((unit.metadata or {}).get("temporal"), dict)
    return explicit(*_NAMES[0 if own else 1 :])
