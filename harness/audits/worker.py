"""The child's half of an audit: it imports the subject, binds it to the engine, and asks every layer.

Nothing here answers in place of a provider: models keep their own code, and the guard keeps them on this machine.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.audits import collect, own
from harness.audits.asking.deps import Given
from harness.audits.asking.huggingface import ask_nothing_else
from harness.audits.asking.sharing import shared
from harness.audits.asking.tools import taken_by
from harness.engines import registry, usable
from harness.engines.base import Case, Engine, Worker
from harness.process import complaint
from harness.retries.live import Live, Unit
from harness.retries.report import UnitAudit
from harness.retries.values import RetryLayer
from harness.subjects import guard
from harness.subjects.certificates import trust_one
from harness.subjects.importing import ImportPath, is_theirs, load_module
from harness.subjects.loading import Subject, load_subject
from harness.subjects.loops import run_once
from harness.subjects.origins import look_in, version


def prepare(argument: dict[str, Any]) -> dict[str, Any]:
    """Make this interpreter ready, and audit the subject.

    Returns `engine` (its name), `refused`, `no_run` (why the engine's adapter cannot run the subject, though its layers
    can be asked), `units`, `taken` (what its tools take), `notes`, `versions`.

    `argument`: subject, deps, engine, options, hosts, folder (for files of this process). Raises `EngineUnavailable`
    for an engine that is not there, before the subject is imported; `UsageError` for a subject or deps that cannot be
    used.
    """
    options = argument.get("options", {})
    engine = _usable(argument["engine"], options)
    guard.protect(allow_hosts=argument["hosts"])
    ask_nothing_else()
    if not argument["hosts"]:
        trust_one(os.environ, Path(argument["folder"]))
    worker: Worker = registry.attribute(engine.worker)()
    getattr(worker, "prepare_to_be_asked", worker.prepare)()
    subject = load_subject(argument["subject"], deps=argument.get("deps"))
    refused = worker.bind(Case(subject, _nothing_runs, options, runs=False))
    return _told(subject, worker, engine.name, argument["subject"], refused.reason if refused is not None else "")


def _usable(name: str, options: dict[str, Any]) -> Engine:
    """An engine that is here and takes these options."""
    engine = registry.load(name)
    usable.demand(engine, options, to_run=False)
    return engine


def tell(argument: dict[str, Any]) -> None:
    """The same in a life of an interpreter that is ready for the proof: what `prepare` returns goes to a file.

    `argument`: subject as above, `engine` (its name), `refused` (its words when it was bound), `answer` (the file; it
    gets the complaint instead if this fails).
    """
    from harness.process import worker as life

    try:
        answer = _told(life.subject(), life.engine(), argument["engine"], argument["subject"], argument["refused"])
    except Exception as error:  # noqa: BLE001  whatever the subject's own objects raise when they are asked
        answer = {"failed": complaint.describe(error)}
    Path(argument["answer"]).write_text(json.dumps(answer), "utf-8")


def _told(subject: Subject, worker: Worker, engine: str, path: str, refused: str) -> dict[str, Any]:
    look_in(modules_of(path))
    notes = list(subject.notes)
    if refused and subject.agent is not None:
        return {"engine": engine, "refused": refused, "no_run": "", "units": [], "notes": notes, "versions": {}}
    units = [unit.model_dump(mode="json") for unit in _units(subject, worker, engine)]
    taken = {} if subject.agent is None else taken_by(subject.agent)
    if subject.agent is not None:
        loaded = [sys.modules[name] for name in modules_of(path) if name in sys.modules]
        notes += shared(subject.agent, loaded)
    told = {"units": units, "taken": taken, "notes": notes, "versions": _versions()}
    return {"engine": engine, "refused": "", "no_run": refused, **told}


def _units(subject: Subject, worker: Worker, engine: str) -> list[UnitAudit]:
    asks = getattr(worker, "retry_layers", None)

    def layers(unit: Unit) -> Sequence[Live]:
        return asks(unit) if asks is not None else (_Silent(engine),)

    if subject.agent is None:
        return list(own.units_of(subject.value, layers))
    deps = Given(subject.agent, lambda: run_once(_made(subject)))
    return list(collect.units_of(subject.agent, layers, deps=deps, wrapper=subject.value))


async def _made(subject: Subject) -> Any:
    return await subject.deps.make()


class _Silent:
    """An engine whose adapter does not say what it does with a failure."""

    def __init__(self, engine: str) -> None:
        reason = f"the adapter of engine {engine!r} does not tell its retries"
        self.layer = RetryLayer(name=engine, kind="unit", unknown=reason)

    def answer(self, error: BaseException) -> Any:
        raise NotImplementedError


def modules_of(path: str) -> list[str]:
    """The subject's module first, then the others of its package that are loaded, then all else of the person's."""
    target = load_module(ImportPath.parse(path)).__name__
    package = target.partition(".")[0]
    own = {name for name, module in dict(sys.modules).items() if is_theirs(getattr(module, "__file__", None) or "<")}
    near = {name for name in dict(sys.modules) if name.startswith(f"{package}.")}
    return list(dict.fromkeys([target, *sorted(near), *sorted(own)]))


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
