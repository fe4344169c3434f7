"""What we put into the worker: public interceptors that name units, see their bodies and scale their times.

A unit is an activity, known by its name and how many of that name the workflow asked for before it. The number is
counted in workflow code, which replays in the same order in every process, and travels to the activity in a header.
A child workflow that is served here is a unit, too, and has units of its own: their keys begin with its own.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from contextvars import ContextVar
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, NoReturn

from temporalio import activity, workflow
from temporalio.api.common.v1 import Payload
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError
from temporalio.worker import (
    ActivityInboundInterceptor,
    ActivityOutboundInterceptor,
    ContinueAsNewInput,
    ExecuteActivityInput,
    ExecuteWorkflowInput,
    Interceptor,
    SignalExternalWorkflowInput,
    StartActivityInput,
    StartChildWorkflowInput,
    StartLocalActivityInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)

from harness.engines.base import RUN, Hook
from harness.engines.clock import Clock
from harness.engines.temporal.children import Children
from harness.engines.temporal.noticing import LEEWAY, Noticing
from harness.engines.temporal.records import BEFORE, HEADER, UNSEEN, WHOLE
from harness.engines.temporal.underway import UnderWay
from harness.engines.temporal.waiting import LEFT_TO_THE_SERVER, backoff
from harness.faults import LATE
from harness.steps import StepId
from harness.subjects.clock import Limit, in_order, limits
from harness.subjects.places import Setting, unseen_here

IsAwaited = Callable[[activity.Info], Awaitable[bool]]
TIMEOUTS = ("schedule_to_close_timeout", "schedule_to_start_timeout", "start_to_close_timeout", "heartbeat_timeout")


class Watch(Interceptor):
    """Shows the worker's activities and workflows to `hook`, and scales what they configure by `clock`.

    `is_awaited(info)` says whether the server still waits for an attempt of an activity.
    """

    def __init__(self, hook: Hook, clock: Clock, is_awaited: IsAwaited, children: Children) -> None:
        self.hook, self.clock, self.children, self._is_awaited = hook, clock, children, is_awaited
        self._configured: dict[float, float] = {}
        self._attempts: dict[str, activity.Info] = {}
        self._started: dict[str, str] = {}
        self.attempts = UnderWay()

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        return _Bodies(next, self)

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:  # noqa: A002
        watch = self

        class Container(WorkflowInboundInterceptor):
            """One execution of workflow code, from its beginning: the first in this process, or a replay of it."""

            def init(self, outbound: WorkflowOutboundInterceptor) -> None:
                self._requests = _Requests(outbound, watch)
                super().init(self._requests)

            async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:  # noqa: A002
                before = input.headers.get(BEFORE)
                with (
                    watch.around_workflow(workflow.info()),
                    self._requests.code_of(input.headers, goes_on=before is not None),
                ):
                    if before is not None:
                        self._requests.goes_on(json.loads(before.data))
                    return await super().execute_workflow(input)

        return Container

    def whole(self, configured: timedelta) -> timedelta:
        """What a timeout of a whole workflow is here. What it was is remembered: the server tells no more than this."""
        effective = round(self.clock.timeout(WHOLE, _seconds(configured)), 3)
        self._configured[effective] = _seconds(configured)
        return timedelta(seconds=effective)

    @contextmanager
    def around_workflow(self, info: workflow.Info) -> Iterator[None]:
        """Surround workflow code with the timeouts of the whole, as they were configured and as the server has them."""
        with ExitStack() as around:
            given = [_seconds(known) for known in (info.execution_timeout, info.run_timeout) if known]
            for seconds in dict.fromkeys(given):  # where only one was asked for, the server says it of both
                around.enter_context(self.hook.limited(self._configured.get(seconds, seconds), seconds))
            yield

    def begins_again(self, run: str, unit: str) -> bool:
        """Whether a workflow run, which is the unit `unit`, has begun in this process before."""
        again = run in self._started
        self._started[run] = unit
        return again

    def workflow_of(self, run: str) -> str:
        """The unit that a workflow run is."""
        return self._started.get(run, RUN)

    def silence(self, body: Callable[..., Any], configured: Mapping[str, float]) -> float | None:
        """The seconds after its last heartbeat in which a body hears that it was given up for its silence, as here.

        None where the SDK lets it hear, as in `ends`.
        """
        known, effective = configured.get("heartbeat_timeout"), activity.info().heartbeat_timeout
        if not known or not effective or not self._strikes or (body.__module__ or "").startswith("pydantic_ai."):
            return None
        return (known + LEEWAY) * _seconds(effective) / known

    def ends(self, body: Callable[..., Any], configured: Mapping[str, float]) -> float | None:
        """The seconds after which a body without a heartbeat timeout hears that it was given up, as they are here.

        None where the SDK itself lets it hear: that can scale neither its worker's leeway nor pydantic-ai's rhythm.
        """
        known = configured.get("start_to_close_timeout", configured.get("schedule_to_close_timeout"))
        info = activity.info()
        if known is None or info.start_to_close_timeout is None or info.heartbeat_timeout or not self._strikes:
            return None
        beats = (body.__module__ or "").startswith("pydantic_ai.")
        return Noticing(known, beats=beats).heard * _seconds(info.start_to_close_timeout) / known

    @property
    def _strikes(self) -> bool:
        """Whether timeouts strike here, and no fault is the reason."""
        return self.clock.asked and not self.hook.plans(*LATE)

    async def given_up(self) -> None:
        """Wait until every attempt that the server has given up has heard of it: until then it does what it does."""
        if self._strikes:
            await self.attempts.left()

    def asked_before(self, key: str, name: str) -> None:
        """A unit may come before its workflow has been replayed here: tell the hook what that would have told."""
        prefix, _, number = key.rpartition("#")
        for earlier in range(1, int(number)):
            self.hook.called(f"{prefix}#{earlier}", name)

    @contextmanager
    def waits(self, info: activity.Info, told: Mapping[str, Any]) -> Iterator[None]:
        """Surround an attempt, after which the server, or the worker, waits if it fails and is not the last.

        Nothing is `told` of a local activity. An error may say itself how long, which is made shorter as any wait.
        """
        try:
            yield
        except BaseException as error:  # what the server has given up is cancelled
            policy, said = info.retry_policy, getattr(error, "next_retry_delay", None)
            if policy is not None and (not policy.maximum_attempts or info.attempt < policy.maximum_attempts):
                whole = told.get("configured", {}).get("schedule_to_close_timeout")
                around = [configured for configured, _ in told.get("around", ())]
                here = self.clock.wait(_seconds(said)) if said else backoff(policy, info.attempt)
                self.hook.waits(self.clock.divisor * here, here, *around, *filter(None, [whole]))
                if said and isinstance(error, ApplicationError):
                    raise _saying(error, timedelta(seconds=here)) from error.__cause__
            raise

    def entered(self, key: str) -> None:
        """Remember the attempt of a unit that begins here: an attempt before it has been given up."""
        self._attempts[key] = activity.info()

    async def unit_of(self, token: bytes) -> str | None:
        """The unit whose latest attempt has this task token, if its result still comes in time."""
        for key, info in self._attempts.items():
            if info.task_token == token:
                return key if await self._is_awaited(info) else None
        return None


_silence: ContextVar[tuple[asyncio.Timeout, float | None] | None] = ContextVar("harness_silence", default=None)
"""What ends the body that runs here if it says nothing for so many seconds."""


class _Beats(ActivityOutboundInterceptor):
    def heartbeat(self, *details: Any) -> None:
        super().heartbeat(*details)
        spoken, silence = _silence.get() or (None, None)
        if spoken is not None and silence is not None:
            with suppress(RuntimeError):  # it is over
                spoken.reschedule(asyncio.get_running_loop().time() + silence)


class _Bodies(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, watch: Watch) -> None:  # noqa: A002
        super().__init__(next)
        self._watch = watch

    def init(self, outbound: ActivityOutboundInterceptor) -> None:
        super().init(_Beats(outbound))

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        info = activity.info()
        if HEADER not in input.headers:
            local = input.headers.get(UNSEEN)
            here = None if local is None else StepId.parse(json.loads(local.data))
            with self._watch.waits(info, {}) if info.is_local else nullcontext(), Setting(unseen_here, here):
                return await super().execute_activity(input)
        told = json.loads(input.headers[HEADER].data)
        key = told["unit"]
        self._watch.entered(key)
        with (
            self._watch.hook.inside(told["inside"]),
            self._watch.waits(info, told),
            self._limited(info, told),
            self._watch.attempts.begun(),
        ):
            self._watch.asked_before(key, info.activity_type)
            heard = inspect.iscoroutinefunction(input.fn)
            ended = self._watch.ends(input.fn, told["configured"]) if heard else None
            silence = self._watch.silence(input.fn, told["configured"]) if heard else None
            input.fn = self._watch.hook.unit(input.fn, key, info.activity_type, info.attempt, _tries(info))
            async with asyncio.timeout(ended), asyncio.timeout(silence) as spoken:
                _silence.set((spoken, silence))
                return await super().execute_activity(input)

    @contextmanager
    def _limited(self, info: activity.Info, told: Mapping[str, Any]) -> Iterator[None]:
        """Surround an attempt with what ends its workflow, and with the timeout that ends it by itself.

        Both as they were configured and as the server has them.
        """
        limits = list(told.get("around", ()))
        known, effective = told["configured"].get("start_to_close_timeout"), info.start_to_close_timeout
        if known is not None and effective is not None:
            limits.append((known, _seconds(effective)))
        with ExitStack() as around:
            for limit in limits:
                around.enter_context(self._watch.hook.limited(*limit))
            yield


class _Requests(WorkflowOutboundInterceptor):
    def __init__(self, next: WorkflowOutboundInterceptor, watch: Watch) -> None:  # noqa: A002
        super().__init__(next)
        self._watch = watch
        self._asked: Counter[str] = Counter()
        self._unseen: Counter[str] = Counter()
        self._unit = ""
        self._told: Payload | None = None

    @contextmanager
    def code_of(self, headers: Mapping[str, Payload], *, goes_on: bool) -> Iterator[None]:
        """Surround the code of this workflow: the run's own, or that of a unit which another workflow has asked for.

        It begins here, `goes_on` from the workflow that continued as this one, or is replayed.
        """
        hook, info, self._told = self._watch.hook, workflow.info(), headers.get(HEADER)
        if self._told is None:
            again = self._watch.begins_again(info.run_id, RUN)
            with hook.replaying() if again else nullcontext() if goes_on else hook.container():
                yield
            return
        told = json.loads(self._told.data)
        self._unit, tries = told["unit"], None if info.retry_policy is None else info.retry_policy.maximum_attempts
        again = self._watch.begins_again(info.run_id, self._unit) or goes_on
        with hook.inside(told["inside"]), ExitStack() as around:
            for limit in told["around"]:
                around.enter_context(hook.limited(*limit))
            self._watch.asked_before(self._unit, info.workflow_type)
            attempt = None if tries is None else info.attempt
            around.enter_context(hook.child(self._unit, info.workflow_type, attempt, tries, again=again))
            yield

    def start_activity(self, input: StartActivityInput) -> workflow.ActivityHandle[Any]:  # noqa: A002
        name = input.activity
        key = self._asked_for(name)
        configured = self._shorten(input)
        policy, configured = input.retry_policy or RetryPolicy(), _as_taken(configured)
        configured["initial_interval"] = _seconds(policy.initial_interval)
        input.retry_policy = _scaled(policy, self._watch.clock)
        input.headers = {**input.headers, HEADER: _header(key, self._watch.hook.current(), configured)}
        handle = super().start_activity(input)
        handle.add_done_callback(partial(self._answered, key))
        return handle

    def start_local_activity(self, input: StartLocalActivityInput) -> workflow.ActivityHandle[Any]:  # noqa: A002
        """It is no unit here, as nothing records it before it ends; its calls are told apart, and its times scaled."""
        self._shorten(input)
        self._unseen[input.activity] += 1
        step, around = StepId.of("step", input.activity, self._unseen[input.activity]), self._watch.hook.current()
        called = _json(str(step.inside(StepId.parse(around) if around else None)))
        input.headers = {**input.headers, UNSEEN: called}
        clock, local = self._watch.clock, input.local_retry_threshold or LEFT_TO_THE_SERVER
        input.local_retry_threshold = timedelta(seconds=clock.wait(_seconds(local)))  # the same waits stay the worker's
        input.retry_policy = _scaled(input.retry_policy or RetryPolicy(), clock)
        return super().start_local_activity(input)

    def _shorten(self, input: StartActivityInput | StartLocalActivityInput) -> dict[str, float]:  # noqa: A002
        """Scale the timeouts of an activity. Returns what was configured."""
        known = {field: value for field in TIMEOUTS if (value := getattr(input, field, None)) is not None}
        configured = {field: _seconds(value) for field, value in known.items()}
        for field, seconds in configured.items():
            limit = in_order(Limit(seconds, self._watch.clock.timeout(input.activity, seconds)))
            setattr(input, field, timedelta(seconds=limit.effective))
        return configured

    def _answered(self, key: str, handle: workflow.ActivityHandle[Any]) -> None:
        if not handle.cancelled() and handle.exception() is None:
            self._watch.hook.answered(key, handle.result())

    async def start_child_workflow(self, input: StartChildWorkflowInput) -> workflow.ChildWorkflowHandle[Any, Any]:  # noqa: A002
        info, children = workflow.info(), self._watch.children
        for field in ("execution_timeout", "run_timeout"):
            if (configured := getattr(input, field)) is not None:
                setattr(input, field, self._watch.whole(configured))
        if input.task_queue in (None, info.task_queue):
            children.demand(input.workflow)
            if input.retry_policy is not None:
                input.retry_policy = _scaled(input.retry_policy, self._watch.clock)
            input.task_timeout = input.task_timeout or children.task
            input.id = children.id(info.task_queue, input.id)
            header = _header(self._asked_for(input.workflow), self._watch.hook.current(), {})
            input.headers = {**input.headers, HEADER: header}
        return await super().start_child_workflow(input)

    async def signal_external_workflow(self, input: SignalExternalWorkflowInput) -> None:  # noqa: A002
        input.workflow_id = self._watch.children.known(input.workflow_id)
        await super().signal_external_workflow(input)

    def _asked_for(self, name: str) -> str:
        """The key of the next unit of this name."""
        self._asked[name] += 1
        key = self._key(name, self._asked[name])
        self._watch.hook.called(key, name)
        return key

    def _key(self, name: str, number: int) -> str:
        return f"{self._unit}.{name}#{number}" if self._unit else f"{name}#{number}"

    def goes_on(self, before: Mapping[str, Any]) -> None:
        """Go on counting where the workflow that continued as this one has stopped: a run has each unit once."""
        self._asked.update(before["asked"])
        for name, count in before["asked"].items():
            for number in range(1, count + 1):
                self._watch.hook.called(self._key(name, number), name)
        self._watch.hook.continues(before["begun"])

    def continue_as_new(self, input: ContinueAsNewInput) -> NoReturn:  # noqa: A002
        before = {"asked": self._asked, "begun": self._watch.hook.begun()}
        input.headers = {**input.headers, BEFORE: _json(before)}
        if self._told is not None:
            input.headers = {**input.headers, HEADER: self._told}
        if input.run_timeout is not None:
            input.run_timeout = self._watch.whole(input.run_timeout)
        super().continue_as_new(input)


def _saying(error: ApplicationError, delay: timedelta) -> ApplicationError:
    """The same error with another word for how long to wait."""
    return ApplicationError(
        error.message,
        *error.details,
        type=error.type,
        non_retryable=error.non_retryable,
        next_retry_delay=delay,
        category=error.category,
    )


def _tries(info: activity.Info) -> int | None:
    """How many attempts an activity declares, over all workers: any number by default. Older SDKs do not tell."""
    policy: RetryPolicy | None = getattr(info, "retry_policy", None)
    return None if policy is None else policy.maximum_attempts


def _scaled(policy: RetryPolicy, clock: Clock) -> RetryPolicy:
    """The same policy with shorter intervals. Temporal's own default for the longest is a hundred times the first."""
    longest = policy.maximum_interval
    return replace(
        policy,
        initial_interval=timedelta(seconds=clock.wait(_seconds(policy.initial_interval))),
        maximum_interval=None if longest is None else timedelta(seconds=clock.wait(_seconds(longest))),
    )


def _as_taken(configured: Mapping[str, float]) -> dict[str, float]:
    """Timeouts as the server takes them: none is longer than that of the whole, or a heartbeat's than an attempt's."""
    whole = configured.get("schedule_to_close_timeout") or math.inf
    attempt = configured.get("start_to_close_timeout") or math.inf
    longest = {"heartbeat_timeout": min(whole, attempt)}
    return {name: min(seconds, longest.get(name, whole)) for name, seconds in configured.items()}


def _header(key: str, inside: str | None, configured: Mapping[str, float]) -> Payload:
    around = [(limit.configured, limit.effective) for limit in limits()]
    return _json({"unit": key, "inside": inside, "configured": configured, "around": around})


def _json(value: Any) -> Payload:
    return Payload(metadata={"encoding": b"json/plain"}, data=json.dumps(value).encode())


def _seconds(value: timedelta) -> float:
    return value.total_seconds()
