"""What Temporal does with a failure of a whole workflow: one that somebody starts, and one that another asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pydantic_ai.durable_exec.temporal import PydanticAIPlugin
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError, FailureError

from harness.engines.temporal.policies import absurd, said_of, seconds_of
from harness.engines.temporal.waiting import backoff
from harness.retries.live import Answer, MadeInCall
from harness.retries.values import Origin, RetryLayer
from harness.subjects.origins import at, default_of, explicit


class Bare(ApplicationError):
    """What fails a workflow by a type of its own, as it is in no `ActivityError`: what a local activity raises."""

    def __init__(self, error: BaseException, kind: str, *, non_retryable: bool) -> None:
        super().__init__("", type=kind, non_retryable=non_retryable)
        self._error = error

    def __str__(self) -> str:
        return str(self._error)  # asked for by whoever wants to know: only a run may tell


class Workflow:
    """The workflow around the units. Temporal retries none, and ends none, unless whoever starts it says so.

    That is said in the call, which hardly anybody does; the options stand for it, also where a call is known that says
    it (`started`), unless the workflow `changes` that itself when it goes on as new.
    """

    def __init__(
        self,
        options: dict[str, Any],
        *,
        named: dict[str, str] | None = None,
        changes: bool = False,
        started: MadeInCall | None = None,
    ) -> None:
        self.policy = RetryPolicy(maximum_attempts=options.get("workflow_attempts", 1))
        timeout = options.get("workflow_timeout")
        said = {"workflow_attempts", "workflow_timeout"} & options.keys()
        started = None if "workflow_attempts" in options else started
        where = at(started.file, started.line) if started else explicit() if said else default_of("temporalio")
        self.layer = RetryLayer(
            name="temporal workflow",
            kind="container",
            settings={
                "retry_policy": "none" if self.policy.maximum_attempts == 1 else f"{self.policy.maximum_attempts}"
            }
            | ({"execution_timeout": f"{timeout:g} s"} if timeout else {})
            | (named or {}),
            origin=where,
            all=None if changes else timeout,
            jitter=False,
            unknown=OTHERWISE if changes else _POLICY if started else "",
            notes=() if said or started else (_STARTED,),
        )

    def answer(self, error: BaseException) -> Answer:
        """All attempts of its policy."""
        return _begun_again(self.policy, error)


class ChildWorkflow:
    """A workflow that another one asks for, as the call says; `unknown` is why nobody knows what it says.

    Without a policy it is begun once, unlike an activity.
    """

    def __init__(self, function: Any, called: str, options: dict[str, Any], origin: Origin, unknown: str = "") -> None:
        self.wrapper, self.known_as = function, called
        self.policy: RetryPolicy = options.get("retry_policy") or RetryPolicy(maximum_attempts=1)
        seconds = {name: seconds_of(options.get(name)) for name in ("execution_timeout", "run_timeout")}
        settings = {"retry_policy": "none"}
        if options.get("retry_policy"):
            settings = {"maximum_attempts": str(self.policy.maximum_attempts or "0 (unlimited)")}
        settings |= {name: f"{value:g} s" for name, value in seconds.items() if value}
        unknown = unknown or absurd(self.policy, seconds)
        self.layer = RetryLayer(
            name=f"temporal workflow of {called}",
            kind="container",
            settings=settings | dict(said_of(self.policy, ())),
            origin=origin,
            each=None if unknown else seconds["run_timeout"] or None,
            all=None if unknown else seconds["execution_timeout"] or None,
            jitter=False,
            unknown=unknown,
        )

    def answer(self, error: BaseException) -> Answer:
        """All attempts of its policy. To the workflow that asked for it, it is the child that has failed."""
        answer = _begun_again(self.policy, error)
        return replace(answer, raises=FailureError("its child has failed")) if isinstance(error, Bare) else answer


def _begun_again(policy: RetryPolicy, error: BaseException) -> Answer:
    """All attempts of a workflow's policy: a failed activity never forbids them, whatever it failed with.

    No more does a failed child. The server matches only the outermost failure, which is an activity's or a child's.
    """
    if isinstance(error, Bare) and (error.non_retryable or error.type in (policy.non_retryable_error_types or ())):
        return Answer(raises=error)
    return Answer(policy.maximum_attempts or None, lambda attempt: backoff(policy, attempt), error)


class WorkflowTask:
    """What runs in the workflow itself, in no activity: what it raises fails the workflow's task, not the workflow.

    The server then has the task done again, for ever, until somebody deploys other code. Only Temporal's own failures
    and the types that the worker is told of fail the workflow; those are what pydantic-ai's plugin tells it.
    """

    def __init__(self) -> None:
        told = getattr(PydanticAIPlugin(), "workflow_failure_exception_types", None)
        self._failing = (FailureError, *(told if isinstance(told, Sequence) else ()))
        self.layer = RetryLayer(
            name="temporal workflow task",
            kind="container",
            settings={"workflow_failure_exception_types": ", ".join(one.__name__ for one in self._failing[1:])},
            origin=default_of("pydantic_ai"),
            notes=("types that a worker of yours adds to `workflow_failure_exception_types` are not known here",),
        )

    def answer(self, error: BaseException) -> Answer:
        """Once for what fails the workflow, else without end."""
        if isinstance(error, self._failing):
            return Answer(raises=error)
        return Answer(None, lambda attempt: min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(attempt - 1, 16)), error)


FIRST_PAUSE, LONGEST_PAUSE = 5.0, 600.0
"""Seconds that the server waits before it has a failed task done again, as it is by default."""


OTHERWISE = "`workflow.continue_as_new` says others for what comes after it"
"""Why nobody knows the policy and the timeouts of a workflow that says them itself."""
_POLICY = "it is started with a retry policy there; say which with `--option workflow_attempts=N`"
_STARTED = (
    "the workflow is started here without a retry policy and timeouts, as it is by default; if whoever starts yours"
    " says otherwise, say so with `--option workflow_attempts=N` and `--option workflow_timeout=SECONDS`"
)
