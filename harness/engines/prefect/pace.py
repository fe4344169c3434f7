"""The times of tasks and flows, divided where they are used, whoever configured them, however."""

from __future__ import annotations

import copy
from functools import wraps
from typing import Any

from prefect import Flow, Task, flow_engine, task_engine
from prefect.client import base

from harness.engines.clock import Clock
from harness.subjects.clock import Limit, in_order

SOONER = 4
"""What the waits of Prefect's own client are divided by: it asks a server that is busy or gone again after 2, 4, 8, …
seconds, which to a person who waits for a run looks like a run that is stuck. A server's crash is still outlasted.
"""


def ask_again_sooner() -> None:
    """Shorten the waits between the requests of Prefect's client, unless the server says how long to wait."""
    requests: Any = base
    usual = requests.clamped_poisson_interval

    @wraps(usual)
    def sooner(average_interval: float, *args: Any, **kwargs: Any) -> float:
        wait: float = usual(average_interval / SOONER, *args, **kwargs)
        return wait

    requests.clamped_poisson_interval = sooner


def scale_times(clock: Clock) -> None:
    """Divide the timeouts and retry delays of every task and flow that is run from now on."""
    for kind, name in ((task_engine.BaseTaskRunEngine, "task"), (flow_engine.BaseFlowRunEngine, "flow")):
        _scale_where_used(kind, name, clock)


def _scale_where_used(kind: Any, name: str, clock: Clock) -> None:
    initialise = kind.__post_init__

    @wraps(initialise)
    def scaled_first(self: Any) -> None:
        setattr(self, name, scaled(getattr(self, name), clock))
        initialise(self)

    kind.__post_init__ = scaled_first


def scaled(unit: Task[Any, Any] | Flow[Any, Any], clock: Clock) -> Any:
    """A copy of a task or flow whose times are divided. What they were and what they are is in its `harness_times`,
    its retry delay as it was in `harness_delay`.
    """
    changed: Any = copy.copy(unit)
    if unit.timeout_seconds:
        changed.timeout_seconds = _timeout(unit, unit.timeout_seconds, clock)
    delay = unit.retry_delay_seconds
    if isinstance(delay, list):
        changed.retry_delay_seconds = [clock.wait(one) for one in delay]
    elif delay:
        changed.retry_delay_seconds = clock.wait(delay)
    changed.harness_delay = delay
    changed.harness_times = {"configured": times(unit), "effective": times(changed)}
    return changed


def _timeout(unit: Task[Any, Any] | Flow[Any, Any], configured: float, clock: Clock) -> float:
    return in_order(Limit(configured, clock.timeout(usual_name(unit), configured))).effective


def usual_name(unit: Task[Any, Any] | Flow[Any, Any]) -> str:
    """What a task or a flow is called where it is said how long it takes: a flow may be named as a task is."""
    return unit.name if isinstance(unit, Task) else f"flow {unit.name}"


def times(unit: Task[Any, Any] | Flow[Any, Any]) -> dict[str, float]:
    """The times that a task or flow has now: its timeout, and the delay before its first retry if it has any."""
    delay = unit.retry_delay_seconds
    first: Any = delay[0] if isinstance(delay, list) and delay else delay
    found = {"timeout": unit.timeout_seconds, "retry_delay": first if unit.retries else None}
    return {name: float(seconds) for name, seconds in found.items() if seconds}
