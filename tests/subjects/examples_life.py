"""One process that loads every published example, runs its agents, attaches an engine, and prints what happened."""

from __future__ import annotations

import asyncio
import json
import pkgutil
import sys
from pathlib import Path
from typing import Any

from harness.errors import SubjectError
from harness.subjects import guard, models
from harness.subjects.answers import AgentRun, answer

guard.protect()


async def reply(model: Any, messages: Any, _settings: Any, params: Any) -> Any:
    by = models.asking()
    run = AgentRun(by.run_step, by.run_id or "", agent=by.agent_name or "")
    return answer(None, messages, params, model_name=model.model_name, run=run).response


models.install(reply)

import pydantic_ai_examples  # noqa: E402
from pydantic_ai.durable_exec.dbos import DBOSDurability  # noqa: E402

from harness.subjects.attach import attach  # noqa: E402
from harness.subjects.importing import ImportPath, load_module  # noqa: E402
from harness.subjects.loading import load_subject  # noqa: E402
from harness.subjects.naming import agents_in  # noqa: E402

deps, not_run = json.loads(sys.argv[1])


def modules() -> list[str]:
    """Every module of the package, also those in folders that are no packages."""
    found = set()
    for root in map(Path, pydantic_ai_examples.__path__):
        found |= {".".join(file.relative_to(root).with_suffix("").parts) for file in root.rglob("*.py")}
    names = {name.removesuffix(".__init__") for name in found if not name.endswith("__main__")}
    assert {module.name for module in pkgutil.iter_modules(pydantic_ai_examples.__path__)} - {"__main__"} <= names
    return sorted(names - {"__init__"})


async def run(subject: Any) -> str:
    result = await subject.value.run("hello", deps=await subject.deps.make())
    return f"ok: {type(result.output).__name__}"


def life(path: str, name: str) -> dict[str, Any]:
    subject = load_subject(path, deps=deps.get(name))
    told: dict[str, Any] = {"name": subject.name, "named by us": subject.named_by_us}
    try:
        told["ran"] = "not run" if name in not_run else asyncio.run(run(subject))
    except Exception as error:  # noqa: BLE001
        told["ran"] = f"{type(error).__name__}: {error}"
    attach(subject.agent, DBOSDurability(), name=subject.name)
    return told


told: dict[str, Any] = {}
for module in modules():
    path = ImportPath(f"pydantic_ai_examples.{module}")
    try:
        for variable in agents_in(load_module(path)):
            name = f"{module}:{variable}"
            told[name] = life(f"pydantic_ai_examples.{name}", name)
    except SubjectError as error:
        told[module] = {"not loaded": str(error)}
sys.stdout.write("\n" + json.dumps(told))
