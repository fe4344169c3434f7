"""What only takes away: usage limits of a run, and limits on how many calls run at once.

They retry nothing, so what cannot be known about them leaves a prediction what it is: the worst that can happen.
"""

from __future__ import annotations

from typing import Any

from pydantic_ai.concurrency import AbstractConcurrencyLimiter, ConcurrencyLimiter
from pydantic_ai.usage import UsageLimits

from harness.retries.arithmetic import Expression, limited
from harness.retries.values import RetryLayer
from harness.subjects.origins import default_of, explicit

USAGE = "usage limits"
_PER_RUN = (
    "usage limits are said in each call of `agent.run`, no agent holds them: a call that says none has pydantic-ai's"
    " own, which count the turns of a run and not what SDKs and transports send"
)


class Usage:
    """The usage limits of a run. `given` are those that a workflow names; without any, pydantic-ai has its own."""

    def __init__(self, given: Any = None) -> None:
        self.layer = _usage_layer(given)
        self.requests: int | None = None
        if not self.layer.unknown:
            self.requests = (UsageLimits() if given is None else given).request_limit

    def over(self, expression: Expression) -> Expression:
        """What is left of so many turns of a run."""
        return limited(expression, self.requests, USAGE)


def _usage_layer(given: Any) -> RetryLayer:
    if given is UsageLimits:
        reason = "they are made in the call of `agent.run`, where nobody can see them before"
        return RetryLayer(name=USAGE, kind="limit", unknown=reason)
    limits = UsageLimits() if given is None else given
    if limits.request_limit is not None and limits.request_limit < 0:
        reason = f"request_limit={limits.request_limit} makes no sense"
        return RetryLayer(name=USAGE, kind="limit", unknown=reason)
    settings = {name: str(value) for name, value in vars(limits).items() if value not in (None, False)}
    origin = explicit("usage_limits", request_limit=limits.request_limit) if given else default_of("pydantic_ai")
    notes = (_PER_RUN,) if given is None else ()
    return RetryLayer(
        name=USAGE, kind="limit", settings=settings or {"request_limit": "none"}, origin=origin, notes=notes
    )


def concurrency(limiter: Any, whose: str) -> RetryLayer | None:
    """The layer of a limiter that an agent or a model has, None if it has none.

    A call waits for its slot as long as it takes, and keeps it while what is inside waits and tries again.
    """
    if limiter is None:
        return None
    name = f"concurrency limit of the {whose}"
    if not isinstance(limiter, ConcurrencyLimiter):
        assert isinstance(limiter, AbstractConcurrencyLimiter)
        reason = f"how long {type(limiter).__qualname__} lets a call wait is only known in a run"
        return RetryLayer(name=name, kind="limit", unknown=reason)
    queued = limiter._max_queued  # noqa: SLF001  it is told nowhere else
    settings = {"max_running": str(limiter.max_running), "max_queued": "no limit" if queued is None else str(queued)}
    note = f"{name}: a slot is kept through every retry inside it, and the wait for one is in no time that is told here"
    running = limiter.max_running
    origin = explicit(max_concurrency=running, limiter=running, max_running=running)
    return RetryLayer(name=name, kind="limit", settings=settings, origin=origin, notes=(note,))
