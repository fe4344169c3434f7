"""How a subject becomes durable under Prefect: the way its user would do it at import time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from prefect import flow
from pydantic_ai.durable_exec.prefect import PrefectDurability

from harness.engines.base import Case, Unsupported
from harness.subjects.attach import attach, engine_of
from harness.subjects.owned import refusal

Run = Callable[[int], Awaitable[Any]]
Replaying = Callable[[], AbstractContextManager[None]]

NAMES = {"dbos": "DBOS", "temporal": "Temporal"}


def bind(case: Case, replaying: Replaying) -> Run | Unsupported:
    """What runs one invocation of the subject by calling one flow, or why there is nothing.

    A bare agent gets `PrefectDurability`, one that carries it is taken as it is; both are called in a flow of ours. A
    `PrefectAgent` calls a flow by itself.
    """
    value = case.subject.value
    if case.subject.agent is None:
        return _theirs(case)
    made_for = engine_of(value)
    if made_for not in (None, "prefect"):
        name = NAMES.get(made_for, made_for)
        return Unsupported(f"the agent {case.subject.name!r} was built for {name}; run it under --engine {made_for}")
    if _is_wrapper(value):
        return lambda invocation: case.invoke(value, invocation)
    if made_for is not None:
        return our_flow(case, value, replaying)
    try:
        agent = attach(case.subject.agent, PrefectDurability(), name=case.subject.name)
    except Exception as error:  # noqa: BLE001  the integration's own refusal, whatever its type
        return Unsupported(str(error))
    return our_flow(case, agent, replaying)


def _theirs(case: Case) -> Run | Unsupported:
    """A flow of the person's own is called as it is."""
    value = case.subject.value
    if words := refusal(value, case.subject.name, "prefect"):
        return Unsupported(words)
    return lambda invocation: case.invoke(value, invocation)


def our_flow(case: Case, agent: Any, replaying: Replaying) -> Run:
    """The flow that a careful person would write around `agent.run`: it keeps its result, and those of its tasks.

    The option `flow_retries` is how often Prefect itself tries a failed run again, in the same process. Its second try
    replays what the first one recorded. `flow_timeout` is when it ends a run that takes too long, in seconds.
    """
    tried: set[int] = set()

    async def run(invocation: int) -> Any:
        again = replaying() if invocation in tried else nullcontext()
        tried.add(invocation)
        with again:
            return await case.invoke(agent, invocation)

    decorated: Any = flow(
        name=case.subject.name,
        retries=case.options.get("flow_retries", 0),
        retry_delay_seconds=0,
        timeout_seconds=case.options.get("flow_timeout"),
        persist_result=case.options.get("persist_results", True),
        validate_parameters=False,
    )(run if case.runs else _asked)
    called: Run = decorated
    return called


async def _asked() -> None:
    """Stands for a run that is only asked about: to describe a parameter, Prefect imports `pydantic.v1`."""


def _is_wrapper(value: Any) -> bool:
    from pydantic_ai.durable_exec.prefect import PrefectAgent

    return isinstance(value, PrefectAgent)
