"""How a subject becomes durable under DBOS: the way its user would do it at import time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from dbos import DBOS
from pydantic_ai.durable_exec.dbos import DBOSAgent, DBOSDurability

from harness.engines.base import Case, Unsupported
from harness.engines.dbos.retries import step_config
from harness.subjects.attach import attach, engine_of
from harness.subjects.owned import refusal

RUN_WORKFLOW = "harness.run"

Run = Callable[[int], Awaitable[Any]]


def bind(case: Case) -> Run | Unsupported:
    """The coroutine function that runs one invocation of the subject as a workflow, or why there is none."""
    subject = case.subject
    if subject.agent is None:
        return _theirs(case)
    if isinstance(subject.value, DBOSAgent):  # a workflow itself; recovery passes it the arguments that DBOS recorded
        return _as_it_is(case)
    engine = engine_of(subject.value)
    if engine == "dbos":
        return _our_workflow(case, subject.value)
    if engine is not None:
        return Unsupported(f"the agent {subject.name!r} was built for {engine.title()}; run it under --engine {engine}")
    try:
        return _our_workflow(case, attach(subject.agent, DBOSDurability(), name=subject.name))
    except Exception as error:  # noqa: BLE001  the integration's own refusal, whatever its type
        return Unsupported(str(error))


def _theirs(case: Case) -> Run | Unsupported:
    """A workflow of the person's own is called as it is. A step by itself would be recovered by nobody."""
    value, name = case.subject.value, case.subject.name
    if words := refusal(value, name, "dbos"):
        return Unsupported(words)
    if step_config(value) is not None:
        return Unsupported(f"{name!r} is a DBOS step, which is recovered with its workflow only; name that workflow")
    return _as_it_is(case)


def _as_it_is(case: Case) -> Run:
    async def run(invocation: int) -> Any:
        return await case.invoke(case.subject.value, invocation)

    return run


def _our_workflow(case: Case, agent: Any) -> Run:
    """The workflow that a person would write around `agent.run`.

    The option `max_recovery_attempts` is what they would give it; DBOS's own number if it is not said.
    """
    said = {name: case.options[name] for name in ("max_recovery_attempts",) if name in case.options}

    @DBOS.workflow(name=RUN_WORKFLOW, **said)
    async def run(invocation: int) -> Any:
        return await case.invoke(agent, invocation)

    return run
