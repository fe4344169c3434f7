"""What Prefect itself does with a failure: the retries of a task, and those of the flow around it.

A real task is made of the configuration and asked, so Prefect's own defaults and settings count. Whether a condition is
heard is Prefect's to say: `task_engine.can_retry` hears plain functions only, and takes any other callable for a no.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Sequence
from copy import copy
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from prefect import Flow, Task
from prefect.cache_policies import NO_CACHE
from prefect.settings import get_current_settings
from prefect.utilities.math import lower_clamp_multiple
from pydantic_ai import UserError
from pydantic_ai.agent import AbstractAgent
from pydantic_ai.durable_exec.prefect import PrefectAgent, PrefectDurability
from pydantic_ai.durable_exec.prefect._toolset import resolve_tool_task_config, with_non_retryable_errors
from pydantic_ai.durable_exec.prefect._types import default_task_config

from harness.engines.prefect.conditions import Unshown, attempts
from harness.engines.prefect.waiting import backoff
from harness.retries.live import Answer, Died, Live, Opaque, Unfit, Unit
from harness.retries.values import Origin, RetryLayer
from harness.subjects.attach import durability_of
from harness.subjects.origins import decorated, default_of, explicit
from harness.subjects.wrapping import wrappers

_CONFIGS = {"model": "_model_task_config", "listing": "_mcp_task_config", "tool": "_tool_task_config"}


class TaskLayer:
    """One task, with everything that it was configured with.

    `called` is its name, if it is the person's own, and nobody said what is `usual`, which is the default of `whose`.
    `strays` is what keeps what it kept from being found again, if anything does.
    """

    def __init__(
        self,
        task: Any,
        origin: Any,
        called: str = "",
        usual: Collection[str] = (),
        whose: str = "prefect",
        strays: str = "",
    ) -> None:
        self.task = self.wrapper = task
        self.tries_once = not task.retries
        absurd = _absurd(task.retries, task.retry_delay_seconds, task.timeout_seconds)
        settings = {"retries": str(task.retries)}
        if task.retries:
            settings |= {"retry_delay_seconds": str(task.retry_delay_seconds)}
            settings |= {"retry_jitter_factor": str(task.retry_jitter_factor)} if task.retry_jitter_factor else {}
            settings |= {"retry_condition_fn": name} if (name := _own_condition(task.retry_condition_fn)) else {}
        settings |= {"timeout_seconds": f"{task.timeout_seconds:g}"} if task.timeout_seconds else {}
        self.layer = RetryLayer(
            name="prefect task",
            kind="unit",
            settings=settings,
            **_set_by(origin, settings, usual, whose),
            each=None if absurd else task.timeout_seconds,
            jitter=bool(task.retry_jitter_factor),
            unknown=absurd,
            notes=_told(task),
            called=called,
            kept=_kept(task),
            loses=not _kept(task, persists=True),
            strays=strays,
        )

    def answer(self, error: BaseException) -> Answer:
        """The first attempt and the retries, unless the task's own condition is against it.

        Nobody retries a task whose process died: its flow run says `Running`, until a person asks for another run.
        """
        if not self.task.retries or isinstance(error, Died):
            return Answer(raises=error)
        try:
            tries = attempts(self.task, error)
        except Unshown as hidden:
            return Answer(raises=error, unknown=f"retry_condition_fn {hidden}")
        except Exception as raised:  # noqa: BLE001  the person's own condition
            if raised is error:  # `state.result()` has raised it, and that is no word about anything else
                return Answer(raises=error)
            reason = f"retry_condition_fn raises {type(raised).__name__}: {raised}; Prefect takes that for a no"
            return Answer(raises=error, unknown=reason)
        delay, most = self.task.retry_delay_seconds, 1 + (self.task.retry_jitter_factor or 0)
        least = lower_clamp_multiple(most)  # 1 without jitter
        return Answer(
            tries,
            lambda attempt: backoff(delay, attempt) * most,
            error,
            shortest=lambda attempt: backoff(delay, attempt) * least,
            chooses=1 < tries <= self.task.retries,
        )


def _refused(reason: str, origin: Any) -> Opaque:
    """A task that cannot be made of its configuration."""
    return Opaque(RetryLayer(name="prefect task", kind="unit", origin=origin, unknown=reason))


class FlowLayer:
    """A flow: when it fails as a whole, it runs again, and what its tasks recorded is not done again.

    Its timeout ends one run of it, and a run that was ended is retried like any that failed.
    Nobody said what is `usual`; `inner` is the flow itself, if another one calls it.
    """

    def __init__(
        self,
        retries: int,
        delay: Any,
        origin: Any,
        *,
        persists: bool,
        timeout: float | None = None,
        by_name: Collection[str] = (),
        usual: Collection[str] = (),
        notes: tuple[str, ...] = (),
        inner: Any = None,
    ) -> None:
        self.wrapper = inner
        seconds = _whole(delay)
        self.retries, self.delay, self.persists, self.recalls = retries, seconds or 0, persists, persists
        self.strays, self.tries_once = False, not retries
        absurd = _NO_DELAY.format(delay) if seconds is None else _absurd(retries, seconds, timeout)
        settings = {"retries": str(retries), "persist_result": str(persists)}
        settings |= {"retry_delay_seconds": str(delay)} if retries and delay else {}
        settings |= {"timeout_seconds": f"{timeout:g}"} if timeout else {}
        settings |= {"tool_task_config_by_name": ", ".join(by_name)} if by_name else {}
        self.layer = RetryLayer(
            name=f"flow {inner.name}" if inner else "flow",
            kind="container",
            settings=settings,
            **_set_by(origin, settings, usual),
            each=None if absurd else timeout,
            jitter=False,
            unknown=absurd,
            notes=notes,
        )

    def around(self, *units: Live) -> FlowLayer:
        """The flow around these, the innermost first: whether their results are found again is the outermost's to say.

        A task may keep what its flow does not, and the other way round.
        """
        if units and isinstance(task := units[-1], TaskLayer):
            kept = _kept(task.task, persists=self.persists)
            self.strays = kept and bool(task.layer.strays)
            self.recalls = kept and not self.strays
        return self

    @property
    def sparing(self) -> FlowLayer:
        """The same flow where all is found again that may be."""
        if not self.strays:
            return self
        lucky = copy(self)
        lucky.recalls = True
        return lucky

    def answer(self, error: BaseException) -> Answer:
        """The first run and the retries, whatever the error is; none by itself if its process died.

        What was recorded is not done again, if it is kept.
        """
        if isinstance(error, Died) or (isinstance(error, Unfit) and self.recalls):
            return Answer(raises=error)
        return Answer(self.retries + 1, lambda _attempt: self.delay, error)


_NO_DELAY = (
    "retry_delay_seconds={!r} makes no sense for a flow: Prefect makes one whole number of it, so no run of this flow"
    " begins; say one number"
)


def _whole(delay: Any) -> int | None:
    """What Prefect makes of a flow's delay when a run begins; None if it fails at that."""
    try:
        return int(delay or 0)
    except (TypeError, ValueError, OverflowError):
        return None


def layers(value: Any, unit: Unit, options: dict[str, Any], deps: Callable[[], Any] = lambda: None) -> Sequence[Live]:
    """The layers that Prefect has around a unit, the innermost first. `value` is the subject, `deps` make its runs'."""
    flow = _flow(value, options)
    value = unit.owner or value
    given = deps if flow.retries else None  # nothing is looked for again where nothing is done again
    if unit.kind in ("run", "flow"):
        return (flow.around(_model_task(value, unit, given)) if isinstance(value, AbstractAgent) else flow,)
    own = _own(unit.function)
    if unit.kind == "own":
        return (*own, _unless_blocked(flow, value, own[0])) if own else ()
    try:
        config = _config(value, unit)
    except UserError as error:  # pydantic-ai's own word for a configuration that it does not take
        return (_refused(str(error), explicit()), flow)
    units = [*own, *([] if config is None else [_made(unit, config, value, given)])]
    return (*units, flow.around(*units))


def _unless_blocked(layer: FlowLayer, flow: Any, inner: Any) -> FlowLayer:
    """The layer of a flow around a unit of one's own: a sync unit blocks an async flow, which cannot end it."""
    if getattr(flow, "isasync", False) and not inner.wrapper.isasync:
        layer.layer = layer.layer.model_copy(update={"interrupts": False})
    return layer


def _own(function: Any) -> list[Live]:
    """The tasks and flows that a function is itself, the innermost first, whatever other decorators are around each."""
    own = [wrapper for wrapper in wrappers(function) if isinstance(wrapper, Task | Flow)]
    return [_given_flow(one, inner=True) if isinstance(one, Flow) else _given_task(one) for one in reversed(own)]


def _given_task(task: Any) -> TaskLayer:
    return TaskLayer(task, decorated(task.fn), task.name, _usual(task, Task(_nothing)))


def _made(unit: Unit, config: dict[str, Any], agent: Any, deps: Callable[[], Any] | None) -> Live:
    """The task of an agent's that Prefect makes of a configuration, if it does. Without `deps` no key is asked for."""
    argument = _CONFIGS.get(unit.kind, "_event_stream_handler_task_config").strip("_")
    usual = {name for name, value in default_task_config.items() if config.get(name, value) == value}
    origin = explicit(argument, retries=config.get("retries"))
    if strange := sorted(config.keys() - inspect.signature(Task.with_options).parameters.keys()):
        return _refused(f"a Prefect task has no setting called {strange[0]!r}, so its call fails", origin)
    try:
        task = _task(config)
    except Exception as error:  # noqa: BLE001  Prefect calls a function for the delays when the task is made
        return _refused(f"Prefect makes no task of it: {type(error).__name__}: {error}", origin)
    lost = ""
    if deps is not None:
        # Imported here, because that takes time and is rarely needed.
        from harness.engines.prefect.keys import strays

        lost = strays(task, agent, unit, deps)
    return TaskLayer(task, origin, usual=usual, whose="pydantic_ai", strays=lost)


def _model_task(agent: Any, run: Unit, deps: Callable[[], Any] | None) -> Live:
    """The task in which an agent asks its model in a run."""
    unit = replace(run, kind="model")
    return _made(unit, _config(agent, unit) or {}, agent, deps)


def _config(value: Any, unit: Unit) -> dict[str, Any] | None:
    """The task configuration of a unit. None: it is no task. Raises `UserError` for one that pydantic-ai refuses.

    What pydantic-ai never retries in a tool or a listing is added when that is called, by its own function.
    """
    name = _CONFIGS.get(unit.kind, "_event_stream_handler_task_config")
    owner = value if isinstance(value, PrefectAgent) else durability_of(value) or PrefectDurability()
    base = getattr(owner, "_mcp_task_config" if unit.mcp else name, None) or {}
    if unit.kind not in ("tool", "listing"):
        return dict(base)
    by_name = {} if unit.mcp else getattr(owner, "_tool_task_config_by_name", {})
    told: Any = SimpleNamespace(tool_def=SimpleNamespace(metadata=unit.metadata))
    own: Any = resolve_tool_task_config(told, unit.name, by_name) if unit.kind == "tool" else {}
    merged: Any = {**base, **({} if own is False else own)}
    return None if own is False else dict(with_non_retryable_errors(merged))


def _usual(made: Any, bare: Any) -> set[str]:
    """The settings that a bare task or flow has as well, by Prefect and what its own settings say."""
    return {name for name, value in vars(bare).items() if getattr(made, name, None) == value}


def _set_by(
    origin: Origin, settings: Collection[str], usual: Collection[str], whose: str = "prefect"
) -> dict[str, Any]:
    """Who said the settings: those that are `usual` are that library's, and so is the layer if there are no others."""
    own = {name: default_of(whose).library for name in settings if name in usual}
    return {"usual": own, "origin": origin if len(own) < len(settings) else default_of(whose)}


async def _nothing() -> None:
    """Stands for the body."""


def _task(config: dict[str, Any]) -> Any:
    kept = {name: config[name] for name in _ASKED if name in config}
    return Task(_nothing).with_options(name="harness", **kept)


_ASKED = (
    "retries",
    "retry_delay_seconds",
    "retry_jitter_factor",
    "retry_condition_fn",
    "timeout_seconds",
    "persist_result",
    "cache_policy",
)


def _kept(task: Any, *, persists: bool = False) -> bool:
    """Whether a task keeps its results, and is then not run again: by itself, or in a flow that `persists` them."""
    usual = get_current_settings().tasks.default_persist_result
    said = (one for one in (task.persist_result, usual, persists) if one is not None)
    found = task.cache_policy not in (None, NO_CACHE) or task.result_storage_key is not None
    return found and bool(next(said))


def _persists(flow: Any) -> bool:
    """Whether a flow keeps the results of its tasks: as it says itself, else as Prefect's settings do."""
    usual = get_current_settings().results
    by_default = usual.persist_by_default or usual.default_storage_block is not None
    return bool(by_default if flow.persist_result is None else flow.persist_result)


def _flow(value: Any, options: dict[str, Any]) -> FlowLayer:
    if isinstance(value, Flow):
        return _given_flow(value)
    if isinstance(value, PrefectAgent):
        by_name = value._tool_task_config_by_name  # noqa: SLF001  it is told nowhere else
        return FlowLayer(0, 0, default_of("pydantic_ai"), persists=True, by_name=by_name)
    retries = options.get("flow_retries", 0)
    note = (
        "the flow around the agent is ours; say how often yours is retried with `--option flow_retries=N`, and when it"
        " is ended with `--option flow_timeout=SECONDS`"
    )
    origin = explicit() if {"flow_retries", "flow_timeout"} & options.keys() else default_of("prefect")
    persists, timeout = options.get("persist_results", True), options.get("flow_timeout")
    return FlowLayer(retries, 0, origin, persists=persists, timeout=timeout, notes=(note,))


def _given_flow(flow: Any, *, inner: bool = False) -> FlowLayer:
    """A flow of the person's own: the subject, or an `inner` one that it calls, which is retried inside it."""
    return FlowLayer(
        flow.retries,
        flow.retry_delay_seconds,
        decorated(flow.fn),
        persists=_persists(flow),
        timeout=flow.timeout_seconds,
        usual=_usual(flow, Flow(_nothing)),
        inner=flow if inner else None,
    )


def _own_condition(condition: Any) -> str:
    """The name of the person's own condition: pydantic-ai wraps it in one that refuses errors of its own."""
    code = getattr(condition, "__code__", None)
    if code is not None and "configured_condition" in code.co_freevars:
        kept = dict(zip(code.co_freevars, condition.__closure__, strict=True))
        condition = kept["configured_condition"].cell_contents
    return "" if condition is None else getattr(condition, "__qualname__", type(condition).__name__)


def _told(task: Any) -> tuple[str, ...]:
    """What a person would not expect of these settings."""
    condition = task.retry_condition_fn
    if condition is not None and not inspect.isfunction(condition):
        return ("retry_condition_fn is no plain function, and Prefect then never retries",)
    return ()


def _absurd(retries: Any, delay: Any, timeout: float | None) -> str:
    """Why these settings cannot be meant, as Prefect spells them."""
    if not isinstance(retries, int) or isinstance(retries, bool) or retries < 0:
        return f"retries={retries!r} makes no sense"
    if any(seconds < 0 for seconds in (delay if isinstance(delay, Sequence) else (delay or 0,))):
        return f"retry_delay_seconds={delay!r} makes no sense"
    return f"timeout_seconds={timeout:g} makes no sense" if timeout is not None and timeout < 0 else ""
