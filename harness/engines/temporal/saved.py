"""Histories that somebody saved, from production or from a run of ours, and the code that has to replay them.

The files come from `temporal workflow show --output json`, from the web page's download, from the SDK, or from a run
folder; they differ in small things only.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowHistory

from harness.engines.base import Case, Unsupported
from harness.engines.temporal import binding, own_workflow, seams
from harness.engines.temporal.replay import failure_of
from harness.errors import UsageError
from harness.subjects import guard, models
from harness.subjects.importing import ImportPath, load_module
from harness.subjects.loading import load_subject

SLOWEST = 60.0
"""Seconds that workflow code may take between two steps here, where no server waits for it."""
HOW_TO_SAVE = "save one with `temporal workflow show --workflow-id ID --output json`"


@dataclass(frozen=True)
class Replayed:
    """One file. `ok` says whether the code took the recorded steps, None for a file that could not be replayed at all.

    `message` is Temporal's own for a failure, and the reason for a file that could not be replayed.
    """

    file: str
    workflow: str = ""
    ok: bool | None = None
    message: str = ""


@dataclass(frozen=True)
class Saved:
    """What a file holds."""

    workflow: str
    history: WorkflowHistory


@dataclass(frozen=True)
class Code:
    """The workflow classes that a subject stands for, by the names that histories give them."""

    path: str
    kinds: dict[str, type]
    ours: type | None = None
    """Our workflow class around the subject's agent: it knows its agent from the binding, and so does its sandbox."""

    @classmethod
    def of(cls, path: str) -> Code:
        """A workflow class stands for itself, a module for all of its own.

        An agent stands for the workflow that the harness puts around it, and for those of its module: in production
        they are what ran it. Raises `UsageError` or `SubjectError` for a path that stands for none.
        """
        where = ImportPath.parse(path)
        held = _named(kind for kind in vars(load_module(where)).values() if own_workflow.is_workflow(kind))
        if held and not where.attr:
            return cls(path, held)
        subject = load_subject(path)
        if own_workflow.is_workflow(subject.value):
            return cls(path, _named([subject.value]))
        bound = binding.bind(Case(subject, _never, {}))
        if isinstance(bound, Unsupported):
            raise UsageError(f"{path!r} cannot be replayed under Temporal: {bound.reason}")
        return cls(path, {**held, **_named([bound.kind])}, bound.kind)

    def kind(self, workflow: str) -> type | None:
        """The class of a workflow, None if there is none. A class that is registered as dynamic is everybody's."""
        return self.kinds.get(workflow) or self.kinds.get("")

    async def failure_of(self, kind: type, history: WorkflowHistory) -> str | None:
        """Why a history cannot be replayed, None if it can."""
        return await failure_of([kind], history, binding.runner() if kind is self.ours else None)

    def lacks(self, workflow: str) -> str:
        """What to say of a history of another workflow."""
        known = ", ".join(map(repr, sorted(filter(None, self.kinds))))
        return f"is a history of the workflow {workflow!r}, and {self.path!r} has {known}; name the class that ran"


def _named(kinds: Iterable[type]) -> dict[str, type]:
    """Workflow classes by name; the empty one is that of a class that takes every name."""
    return {seams.name_of(kind) or "": kind for kind in kinds}


def answer(argument: dict[str, Any]) -> dict[str, Any]:
    """Replay `files` against `subject` in this process, which is new and imports both. What is said of each is `said`.

    Raises `UsageError` or `SubjectError` for a subject that cannot be replayed.
    """
    guard.protect()
    models.install(_silent)  # an agent may name a provider whose SDK is not here
    seams.check()
    seams.allow_slow_code(SLOWEST)
    return {"said": [asdict(one) for one in replay(argument["subject"], list(map(Path, argument["files"])))]}


def replay(subject: str, files: Sequence[Path]) -> list[Replayed]:
    """Replay each file by the code of `subject`, one after the other. Imports the subject into this process."""
    code = Code.of(subject)

    async def each() -> list[Replayed]:
        return [await _replayed(code, file) for file in files]

    return asyncio.run(each())


async def _replayed(code: Code, file: Path) -> Replayed:
    saved = read(file)
    if isinstance(saved, str):
        return Replayed(str(file), message=saved)
    kind = code.kind(saved.workflow)
    if kind is None:
        return Replayed(str(file), saved.workflow, message=f"{file} {code.lacks(saved.workflow)}")
    failure = await code.failure_of(kind, saved.history)
    return Replayed(str(file), saved.workflow, failure is None, failure or "")


def read(file: Path) -> Saved | str:
    """The history in a file, or one sentence that says why there is none."""
    try:
        values = json.loads(file.read_text("utf-8-sig"))  # what some shells write begins with a mark
    except OSError as error:
        return f"cannot read {file}: {error.strerror}"
    except ValueError as error:  # no JSON, or no UTF-8
        return f"{file} is no Temporal history in JSON ({error}); {HOW_TO_SAVE}"
    values = values.get("history", values) if isinstance(values, dict) else {"events": values}
    try:
        history = WorkflowHistory.from_json(file.stem, values)
        first = history.events[0]
    except Exception as error:  # noqa: BLE001  what is found in a file may break the SDK's reader in any way
        return f"{file} is no Temporal history that the SDK can read ({_first_line(error)}); {HOW_TO_SAVE}"
    if not first.HasField("workflow_execution_started_event_attributes"):
        return f"{file} does not begin with the start of a workflow, so a part of the history is missing; {HOW_TO_SAVE}"
    return Saved(first.workflow_execution_started_event_attributes.workflow_type.name, history)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"[:200]


async def _silent(*_: Any) -> Any:
    raise AssertionError("no model is asked when histories are replayed")


async def _never(_agent: Any, _invocation: int) -> Any:
    raise AssertionError("nothing is run when histories are replayed")
