"""The child's half of an audit: it imports the subject, binds it to the engine, and asks every layer.

Nothing here answers in place of a provider: models keep their own code, and the guard keeps them on this machine.
"""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.audits import collect, own
from harness.audits.asking.sharing import shared
from harness.engines.base import Case, Worker
from harness.engines.registry import attribute
from harness.process import complaint
from harness.process import worker as life
from harness.retries.live import Live, Unit
from harness.retries.report import UnitAudit
from harness.retries.values import RetryLayer
from harness.subjects import guard
from harness.subjects.loading import Subject, load_subject
from harness.subjects.origins import look_in, version


def prepare(argument: dict[str, Any]) -> dict[str, Any]:
    """Make this interpreter ready, and audit the subject. Returns `refused`, `no_run`, `units`, `notes`, `versions`.

    `no_run` is why the engine's adapter cannot run the subject, though its layers can be asked.

    `argument`: subject, deps, engine, worker (import path of the engine's child half), options, hosts. Raises
    `UsageError` for a subject or deps that cannot be used.
    """
    gc.disable()  # it imports, answers once and ends: what an import makes stays, and nothing else is made
    guard.protect(allow_hosts=argument.get("hosts", ()))
    worker: Worker = attribute(argument["worker"])()
    worker.prepare()
    subject = load_subject(argument["subject"], deps=argument.get("deps"))
    refused = worker.bind(Case(subject, _nothing_runs, argument.get("options", {}), own=True))
    return _told(subject, worker, argument, refused.reason if refused is not None else "")


def tell(argument: dict[str, Any]) -> None:
    """The same in a life of an interpreter that is ready for the proof: what `prepare` returns goes to a file.

    `argument`: subject and engine as above, `refused` (the engine's words when it was bound), `answer` (the file, which
    gets the complaint instead if this fails).
    """
    try:
        answer = _told(life.subject(), life.engine(), argument, argument["refused"])
    except Exception as error:  # noqa: BLE001  whatever the subject's own objects raise when they are asked
        answer = {"failed": complaint.describe(error)}
    Path(argument["answer"]).write_text(json.dumps(answer), "utf-8")


def _told(subject: Subject, worker: Worker, argument: dict[str, Any], refused: str) -> dict[str, Any]:
    look_in(_modules(argument["subject"]))
    notes = list(subject.notes)
    if refused and subject.agent is not None:
        return {"refused": refused, "no_run": "", "units": [], "notes": notes, "versions": {}}
    units = [unit.model_dump(mode="json") for unit in _units(subject, worker, argument["engine"])]
    if subject.agent is not None:
        loaded = [sys.modules[name] for name in _modules(argument["subject"]) if name in sys.modules]
        notes += shared(subject.agent, loaded)
    return {"refused": "", "no_run": refused, "units": units, "notes": notes, "versions": _versions()}


def _units(subject: Subject, worker: Worker, engine: str) -> list[UnitAudit]:
    asks = getattr(worker, "retry_layers", None)

    def layers(unit: Unit) -> Sequence[Live]:
        return asks(unit) if asks is not None else (_Silent(engine),)

    if subject.agent is None:
        return list(own.units_of(subject.value, layers))
    return list(collect.units_of(subject.agent, layers))


class _Silent:
    """An engine whose adapter does not say what it does with a failure."""

    def __init__(self, engine: str) -> None:
        reason = f"the adapter of engine {engine!r} does not tell its retries"
        self.layer = RetryLayer(name=engine, kind="unit", unknown=reason)

    def answer(self, error: BaseException) -> Any:
        raise NotImplementedError


def _modules(path: str) -> list[str]:
    """The subject's module first, then the others of its package that are loaded."""
    target = path.partition(":")[0]
    package = target.partition(".")[0]
    return [target, *sorted(name for name in dict(sys.modules) if name.startswith(f"{package}.") and name != target)]


async def _nothing_runs(agent: Any, number: int) -> Any:
    raise NotImplementedError("nothing runs while layers are asked")


def _versions() -> dict[str, str]:
    """The versions of the libraries that own a layer, as far as they are loaded."""
    names = (
        "pydantic_ai",
        "openai",
        "anthropic",
        "groq",
        "google.genai",
        "httpx2",
        "httpx",
        "tenacity",
        "dbos",
        "prefect",
        "temporalio",
    )
    return {name: version(name) for name in names if name in sys.modules and version(name)}
