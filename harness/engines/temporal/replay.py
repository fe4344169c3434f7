"""Replaying histories: would the workflow code, as it is now, take the steps that the history recorded?

A workflow that takes others cannot be recovered, so this is the determinism check, both after a run of ours and for
histories saved in production.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import UsageError


@dataclass(frozen=True)
class Replayed:
    """One history that was replayed. `message` is Temporal's own, empty if the code took the recorded steps."""

    file: str
    workflow: str
    ok: bool
    message: str = ""


def replay_histories(workflow: str, files: Sequence[Path]) -> list[Replayed]:
    """Replay saved histories (Temporal's JSON, from its command line, its web page or a run folder of ours).

    `workflow` is the import path of the workflow class that ran. Imports it, and Temporal, into this process. Raises
    `UsageError` for a file that is no history or is one of another workflow, `SubjectError` for the import path.
    """
    from temporalio.client import WorkflowHistory

    from harness.subjects import guard

    guard.protect()
    kind, name = _workflow_class(workflow)
    read = [(file, *_history(file)) for file in files]
    for file, found, _ in read:
        if found != name:
            raise UsageError(f"{file} is a history of the workflow {found!r}, and {workflow!r} is {name!r}")
    histories = [WorkflowHistory.from_json(f"replay-{number}", text) for number, (_, _, text) in enumerate(read)]
    failures = asyncio.run(_each(kind, histories))
    return [
        Replayed(str(file), found, failure is None, failure or "")
        for (file, found, _), failure in zip(read, failures, strict=True)
    ]


async def _each(kind: type, histories: Sequence[Any]) -> list[str | None]:
    return [await failure_of(kind, history) for history in histories]


async def failure_of(kind: type, history: Any, runner: Any = None) -> str | None:
    """Why `history` cannot be replayed by the workflow class `kind`, None if it can."""
    from pydantic_ai.durable_exec.temporal import PydanticAIPlugin
    from temporalio.worker import Replayer
    from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

    replayer = Replayer(
        workflows=[kind],
        plugins=[PydanticAIPlugin()],
        workflow_runner=runner or SandboxedWorkflowRunner(),
        build_id="harness",
    )
    replayed = await replayer.replay_workflow(history, raise_on_replay_failure=False)
    failure = replayed.replay_failure
    return None if failure is None else str(failure).strip() or type(failure).__name__


def _workflow_class(path: str) -> tuple[type, str]:
    from harness.subjects.importing import ImportPath, attribute, load_module

    where = ImportPath.parse(path)
    module = load_module(where)
    try:
        kind = attribute(module, where.attr)
    except AttributeError:
        raise UsageError(f"{where.target!r} has no {where.attr!r}; name the workflow class that ran") from None
    definition = getattr(kind, "__temporal_workflow_definition", None)
    if not isinstance(kind, type) or definition is None:
        raise UsageError(f"{path!r} is no Temporal workflow class; name a class decorated with `@workflow.defn`")
    return kind, definition.name


def _history(file: Path) -> tuple[str, str]:
    """The name of the workflow that a file is a history of, and the history as JSON."""
    try:
        values = json.loads(file.read_text("utf-8"))
        values = values.get("history", values)
        first = values["events"][0]["workflowExecutionStartedEventAttributes"]
        return first["workflowType"]["name"], json.dumps(values)
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from None
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        raise UsageError(
            f"{file} is no Temporal history in JSON;"
            " save one with `temporal workflow show --workflow-id ID --output json`"
        ) from None
