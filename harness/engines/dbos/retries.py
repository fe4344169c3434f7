"""What DBOS itself does with a failure: the configuration of a step, and how often a workflow is recovered.

Facts are from `dbos._core.invoke_step` and `dbos._outcome`: a step without `retries_allowed` runs once; otherwise it
runs `max_attempts` times and then raises an error of its own, which hides the one that it retried.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from dbos import DBOS
from dbos import error as errors
from dbos._error import DBOSMaxStepRetriesExceeded
from dbos._registrations import DEFAULT_MAX_RECOVERY_ATTEMPTS, get_func_info
from pydantic_ai.durable_exec.dbos import DBOSAgent

from harness.engines.dbos.waiting import backoff
from harness.retries.live import Answer, Deadline, Died, Live, MadeInCall, Opaque, TimedOut, Unit
from harness.retries.values import Origin, RetryLayer
from harness.subjects.attach import durability_of
from harness.subjects.loops import awaited
from harness.subjects.origins import at, decorated, default_of, explicit
from harness.subjects.wrapping import wrappers

_CONFIGS = {"model": "_model_step_config", "listing": "_mcp_step_config", "tool": "_mcp_step_config"}
_SETTINGS = ("retries_allowed", "max_attempts", "interval_seconds", "backoff_rate")


class Step:
    """One step's configuration. `given` is what was said, the rest is what `DBOS.step` does by default.

    `called` is its name, and `wrapper` what its decorator made, if it is the person's own.
    """

    def __init__(self, given: dict[str, Any], said: Origin, called: str = "", wrapper: Any = None) -> None:
        self.wrapper = wrapper
        known = inspect.signature(DBOS.step).parameters
        self.config = {name: given.get(name, known[name].default) for name in (*_SETTINGS, *_NEWER) if name in known}
        self.layer = RetryLayer(
            name="dbos step",
            kind="unit",
            settings=(told := _told(self.config)),
            usual={name: default_of("dbos").library for name in told if name not in given},
            origin=said if given else default_of("dbos"),
            each=None if (absurd := _absurd(self.config)) else self.config.get("timeout_seconds"),
            jitter=False,
            unknown=absurd,
            called=called,
        )

    def answer(self, error: BaseException) -> Answer:
        """All attempts, unless its own `should_retry` is against it. A process that dies takes its retries along."""
        if not self.config["retries_allowed"] or isinstance(error, Died):
            return Answer(raises=error)
        try:
            if not _wanted(self.config.get("should_retry"), self._raised(error)):
                return Answer(raises=error)
        except Exception as raised:  # noqa: BLE001  the person's own condition
            return Answer(raises=raised, unknown=f"should_retry raises {type(raised).__name__}: {raised}")
        attempts = self.config["max_attempts"]
        exhausted = DBOSMaxStepRetriesExceeded("step", attempts, [error])  # type: ignore[list-item]
        return Answer(attempts, self._wait, exhausted)

    def _raised(self, error: BaseException) -> BaseException:
        """What DBOS itself raises at the deadline of an attempt; every other error is raised as it is."""
        seconds = self.config.get("timeout_seconds")
        if not isinstance(error, TimedOut) or seconds is None:
            return error
        raised: BaseException = errors.DBOSStepTimeoutError(self.layer.called or "step", seconds)
        return raised

    def _wait(self, attempt: int) -> float:
        return backoff(self.config["interval_seconds"], self.config["backoff_rate"], attempt)


_NEWER = ("should_retry", "timeout_seconds")
"""Settings that older versions of DBOS do not have."""


class Recovery:
    """How often a workflow is begun again after its process died."""

    def __init__(self, workflow: Any, options: dict[str, Any]) -> None:
        told = get_func_info(workflow) if callable(workflow) else None
        wraps = isinstance(workflow, DBOSAgent)  # it makes a workflow of itself, and gives it no number
        ours = {} if wraps else options
        limit = ours.get("max_recovery_attempts", DEFAULT_MAX_RECOVERY_ATTEMPTS)
        self.limit = limit if told is None else told.max_recovery_attempts
        usual = self.limit == DEFAULT_MAX_RECOVERY_ATTEMPTS
        note = "the workflow around the agent is ours; say yours with `--option max_recovery_attempts=N`"
        self.layer = RetryLayer(
            name="dbos recovery",
            kind="recovery",
            settings={"max_recovery_attempts": str(self.limit)},
            origin=default_of("dbos") if usual else explicit(max_recovery_attempts=self.limit),
            unknown="" if self._is_meant else f"max_recovery_attempts={self.limit!r} makes no sense",
            notes=(note,) if told is None and usual and not wraps else (),
        )

    @property
    def _is_meant(self) -> bool:
        """Whether it is a number of recoveries. DBOS counts with whatever it is given, or fails at that then."""
        return self.limit is None or (type(self.limit) is int and self.limit >= 0)

    def answer(self, error: BaseException) -> Answer:
        """A workflow that was begun more than this often and once more is given up."""
        if self.layer.unknown:
            return Answer(raises=error, unknown=self.layer.unknown)
        return Answer(None if self.limit is None else self.limit + 1, raises=error)


def deadline(value: Any, options: dict[str, Any]) -> Deadline:
    """The timeout of the workflow. DBOS heeds it between steps: a step that runs comes to its end, retries and all.

    It is said where the workflow is started (`SetWorkflowTimeout`), so of a workflow of the person's own nobody knows.
    """
    seconds = options.get("workflow_timeout")
    ours = not hasattr(value, "dbos_function_name")
    layer = RetryLayer(
        name="dbos workflow timeout",
        kind="limit",
        settings={"timeout": f"{seconds:g} s" if seconds else "none"},
        origin=explicit() if seconds else default_of("dbos"),
        all=seconds,
        interrupts=False,
        unknown="" if ours or seconds else _STARTED,
        notes=(_OURS,) if ours and not seconds else (),
    )
    return Deadline(layer)


_SAY = "say so with `--option workflow_timeout=SECONDS`"
_OURS = f"the workflow is started by us without `SetWorkflowTimeout`; if yours has a timeout, {_SAY}"
_STARTED = f"the timeout of a workflow is said by whoever starts it, with `SetWorkflowTimeout`; {_SAY}"


def layers(value: Any, unit: Unit, options: dict[str, Any]) -> Sequence[Live]:
    """The layers that DBOS has around a unit, the innermost first. `value` is the subject: an agent or a wrapper."""
    ending = deadline(value, options)
    if unit.kind == "run":
        return (Recovery(value, options), ending)
    around = (ending,) if ending.layer.all else ()
    value = unit.owner or value
    if unit.kind == "flow" or (unit.kind == "event" and isinstance(value, DBOSAgent)):
        return around  # the wrapper hands the events of tools to a handler in the workflow itself
    if unit.kind in ("tool", "own") and not unit.mcp:
        return _of_function(unit, around)
    name = _CONFIGS.get(unit.kind, "_event_stream_handler_step_config")
    config = getattr(value, name, None) or getattr(durability_of(value), name, None) or {}
    return (Step(dict(config), explicit(name.strip("_"), max_attempts=config.get("max_attempts"))), *around)


def _of_function(unit: Unit, around: Sequence[Live]) -> Sequence[Live]:
    """The layers of a function of the person's own: a step, a workflow that another one calls, or neither."""
    if isinstance(unit.function, MadeInCall):
        return (_in_call(unit.function), *around)
    wrapper, kept = _kept(unit.function)
    if wrapper is not None:
        return (Step(_given(kept), decorated(wrapper), kept.get("step_name", ""), wrapper), *around)
    if unit.kind == "own":
        return (Recovery(unit.function, {}), *_timed(unit)) if _is_workflow(unit.function) else ()
    return around


def _timed(unit: Unit) -> Sequence[Live]:
    """The timeout of a workflow that is called or started inside of `with SetWorkflowTimeout(...)`, as that says it."""
    calls = [one for one in unit.calls if one.by == "SetWorkflowTimeout" and one.runs is unit.function]
    if not calls:
        return ()
    said = [(one.options or {}).get("workflow_timeout_sec") for one in calls]
    seconds, *others = said
    alike = not any(one.hidden for one in calls) and all(one == seconds for one in others)
    unknown = "" if alike and isinstance(seconds, int | float | None) else _MADE
    layer = RetryLayer(
        name="dbos workflow timeout",
        kind="limit",
        settings={} if unknown else {"timeout": "none" if seconds is None else f"{seconds:g} s"},
        origin=at(calls[0].file, calls[0].line),
        all=None if unknown else seconds,
        interrupts=False,
        unknown=unknown,
    )
    return (Deadline(layer),)


_MADE = "it is said with `SetWorkflowTimeout` when the workflow runs, or not everywhere alike"


def _is_workflow(function: Any) -> bool:
    """Whether this, if no step, is a workflow, which another one calls: DBOS recovers it, and never retries it."""
    return inspect.isroutine(function) and hasattr(function, "__orig_func")


def _in_call(made: MadeInCall) -> Live:
    """The step that `DBOS.run_step` makes, with the options that it is given."""
    said = at(made.file, made.line)
    called = str((made.options or {}).get("name") or made.called)
    if made.options is None:
        return Opaque(RetryLayer(name="dbos step", kind="unit", origin=said, unknown=_IN_CALL, called=called))
    return Step(made.options, said, called)


_IN_CALL = "its options are made in the call of `DBOS.run_step`, when the workflow runs"


def step_config(function: Callable[..., Any] | None) -> dict[str, Any] | None:
    """What `@DBOS.step` was given. None: not a step."""
    wrapper, kept = _kept(function)
    return None if wrapper is None else _given(kept)


def _kept(function: Callable[..., Any] | None) -> tuple[Any, dict[str, Any]]:
    """The function that `@DBOS.step` returned, and what it keeps in its cells. None and nothing: not a step.

    The outermost counts: inside a step, another one is plain code.
    """
    for wrapper in wrappers(function):
        code = getattr(wrapper, "__code__", None)
        if code is not None and "retries_allowed" in code.co_freevars:
            cells = (cell.cell_contents for cell in wrapper.__closure__)
            return wrapper, dict(zip(code.co_freevars, cells, strict=True))
    return None, {}


def _given(kept: dict[str, Any]) -> dict[str, Any]:
    """Of what is kept, the settings that are not the usual ones."""
    usual = inspect.signature(DBOS.step).parameters
    return {
        name: kept[name]
        for name in (*_SETTINGS, *_NEWER)
        if name in kept and name in usual and kept[name] != usual[name].default
    }


def _told(config: dict[str, Any]) -> dict[str, str]:
    """The settings as a person reads them. A condition is only asked where there is another attempt to be had."""
    told = {name: str(config[name]) for name in _SETTINGS}
    condition, seconds = config.get("should_retry"), config.get("timeout_seconds")
    if condition is not None and config["retries_allowed"]:
        told["should_retry"] = getattr(condition, "__qualname__", type(condition).__name__)
    return told if seconds is None else {**told, "timeout_seconds": str(seconds)}


def _wanted(condition: Callable[[BaseException], Any] | None, error: BaseException) -> bool:
    if condition is None:
        return True
    return bool(awaited(condition(error)))


def _absurd(config: dict[str, Any]) -> str:
    """Why these settings make no sense, empty if they do."""
    for name, least in _LEAST.items():
        value = config[name]
        if isinstance(value, bool) or not isinstance(value, int | float) or not value >= least:
            return f"{name}={value!r} makes no sense"
    seconds = config.get("timeout_seconds")
    if seconds is not None and not (isinstance(seconds, int | float) and seconds > 0):
        return f"timeout_seconds={seconds!r} makes no sense"
    return ""


_LEAST = {"max_attempts": 1, "interval_seconds": 0, "backoff_rate": 1}
"""What each number is at least: intervals that shrink are as little meant as those before the failure."""
