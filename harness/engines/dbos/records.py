"""What DBOS itself says about a run, read from its tables."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from harness.engines.base import RUN

if TYPE_CHECKING:
    from harness.history import EngineRecord

WORKFLOWS = (
    "select workflow_uuid, name, status, recovery_attempts, queue_name from {}workflow_status order by workflow_uuid"
)
STEPS = (
    "select workflow_uuid, function_id, function_name, error is not null, child_workflow_id"
    " from {}operation_outputs order by workflow_uuid, function_id"
)
SAID = {"SUCCESS": "recorded", "ERROR": "error", "ENQUEUED": "queued"}
"""What became of a child workflow, as it is said of a step: to its parent it is one."""

Rows = Callable[[str], list[tuple[Any, ...]]]


def workflow_id(run_id: str, invocation: int) -> str:
    """The id of the workflow that is one invocation of a run."""
    return f"{run_id}-{invocation}"


def of_run(run_id: str, rows: Rows, schema: str) -> Iterator[EngineRecord]:
    """The records of one run: its workflows (`run`, and the id of each child workflow) and their steps.

    A step's key is its workflow's id and its number in that workflow, as it was when its body was entered.
    """
    from harness.history import EngineRecord

    for workflow, name, status, attempts, queue in rows(WORKFLOWS.format(schema)):
        invocation, is_run = _invocation(run_id, workflow)
        detail = {"workflow": workflow, "queue": queue}
        unit, said = (RUN, status) if is_run else (workflow, SAID.get(str(status), str(status)))
        yield EngineRecord(
            unit=unit, name=name, status=said, attempts=attempts, detail=detail, invocation=invocation
        )  # fmt: skip
    for workflow, number, name, failed, child in rows(STEPS.format(schema)):
        yield EngineRecord(
            unit=f"{workflow}:{number}",
            name=name,
            status="error" if failed else "recorded",
            detail={"child": child} if child else {},
            invocation=_invocation(run_id, workflow)[0],
        )


def fingerprint(run_id: str, records: Iterable[EngineRecord]) -> str:
    """A hash of which workflows and steps are recorded and how they ended, without ids and times."""
    said = [
        [record.unit.replace(run_id, ""), record.name, record.status, record.attempts, record.invocation]
        for record in records
    ]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def _invocation(run_id: str, workflow: str) -> tuple[int, bool]:
    """Which invocation a workflow belongs to, and whether it is that invocation's own."""
    number, _, rest = workflow.removeprefix(f"{run_id}-").partition("-")
    return (int(number), not rest) if number.isdigit() and workflow.startswith(run_id) else (1, False)
