"""Lives of DBOS runs, each a fork of this process: the adapter and the probes, without zygote and runner.

Reads one JSON object per line (`folder`, `incarnation`, `subject`, `plan`, `scale`) and answers each with the status
that the life ended with, as `os.wait` gives it. The folder keeps the store and the journal.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import traceback
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from harness.engines.base import Case, NotStarted, Store
from harness.engines.dbos.worker import DbosWorker
from harness.faults import FaultPlan
from harness.history import Note, Outcome
from harness.journal import Journal, load
from harness.steps import StepId
from harness.subjects import bodies
from harness.subjects.clock import Clock
from harness.subjects.commits import all_left
from harness.subjects.probes import Body, Probes
from harness.subjects.strikes import Strikes

WORKER = DbosWorker()


async def invoke(agent: Any, invocation: int) -> Any:
    return await agent.run(f"prompt {invocation}")


def live(agents: Any, job: dict[str, Any]) -> None:
    """One life: start the run or recover it, and write down how it ended."""
    folder, incarnation = Path(job["folder"]), job["incarnation"]
    path = folder / "journal.jsonl"
    history = load(path) if path.exists() else None
    journal = Journal(path, worker=1, incarnation=incarnation)
    fired = Counter(event.fault for event in history.fired) if history else {}
    strikes = Strikes(journal, FaultPlan.parse(job["plan"]), incarnation, fired)
    probes = Probes(journal, strikes, Clock(job["scale"], asked=True), records_run=True)

    async def answered(step: str, answer: Any) -> Any:
        async def run() -> Any:
            return answer

        return await probes.body(Body(StepId.parse(step)), run)

    agents.answered = answered
    value = getattr(agents, job["subject"])
    agent = getattr(value, "wrapped", value)
    subject = SimpleNamespace(value=value, agent=agent, name=agent.name)
    # Bound in the life itself, which no other life is forked from: a rehearsal would be for nobody.
    refused = WORKER.bind(Case(subject, invoke, {}, job["scale"], runs=False))
    if refused is not None:
        journal.append(Note(text=refused.reason))
        return
    WORKER.seams(probes)
    bodies.activate(probes, WORKER.opens_unit)
    store = Store(**json.loads((folder / "store.json").read_text()))
    journal.append(asyncio.run(settled(store, incarnation, probes)))


async def settled(store: Store, incarnation: int, probes: Probes) -> Outcome:
    """How the run ended, when every writer is back: before that, what is to happen after a commit has not happened."""
    ended = await outcome(store, incarnation)
    await all_left(probes.committing)
    return ended


async def outcome(store: Store, incarnation: int) -> Outcome:
    try:
        try:
            result = await (WORKER.recover if incarnation > 1 else WORKER.start)(store, 1)
        except NotStarted:
            result = await WORKER.start(store, 1)
    except Exception as error:  # noqa: BLE001  what the caller sees is what is written down
        return Outcome(status="error", error=str(error), error_type=type(error).__name__)
    return Outcome(status="ok", output=result.output, messages=len(result.all_messages()))


def main() -> None:
    WORKER.prepare()
    bodies.install()
    sys.path.insert(0, str(Path(__file__).parent))
    import dbos_agents  # after the worker is prepared, as in a zygote

    for line in sys.stdin:
        if not (child := os.fork()):
            try:
                live(dbos_agents, json.loads(line))
            except BaseException:  # noqa: BLE001  the last frame of the process
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        sys.stdout.write(f"{status}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
