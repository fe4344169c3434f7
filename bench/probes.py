"""What probes cost a fault-free run: the reference engine with the harness's probes, and without them.

Prints the median seconds of one run, `probed` or `bare`. `loop` is the agent alone: no engine, no probes.
"""

from __future__ import annotations

import asyncio
import gc
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pydantic_ai.messages import ModelResponse

os.environ.setdefault("OPENAI_API_KEY", "dummy")

from fixtures.agents.bench import agent
from harness.engines.base import Unwatched
from harness.engines.journal.worker import JournalDurability, Ledger, current, hooks
from harness.faults import FaultPlan
from harness.journal import Journal
from harness.steps import StepId
from harness.subjects import bodies, models
from harness.subjects.answers import answer
from harness.subjects.attach import attach
from harness.subjects.probes import Body, Probes
from harness.subjects.strikes import Strikes

RUNS = 60
HOW = sys.argv[1]


probes: Probes | None = None


async def respond(model: Any, messages: Any, settings: Any, params: Any) -> ModelResponse:
    given = answer(None, messages, params, model_name=model.model_name)

    async def run() -> ModelResponse:
        return given.response

    return await probes.body(Body(StepId.parse(given.step)), run) if probes else await run()


async def main() -> None:
    global probes
    folder = Path(tempfile.mkdtemp())
    models.install(respond)
    hooks[:] = [Unwatched()]
    if HOW == "probed":
        bodies.install()
        journal = Journal(folder / "journal.jsonl", incarnation=1)
        probes = Probes(journal, Strikes(journal, FaultPlan(), 1))
        bodies.activate(probes, lambda _function: False)
        hooks[:] = [probes]
    subject = agent if HOW == "loop" else attach(agent, JournalDurability(), name="bench")
    gc.collect()
    gc.freeze()  # as a zygote does: no life lasts until a full collection
    times = []
    for number in range(RUNS):
        if probes:
            probes.begin(1)  # each run is the first of its life
        if HOW != "loop":
            current.set(Ledger(folder / f"{number}.jsonl", 1))
        started = time.perf_counter()
        await subject.run("Please begin.")
        times.append(time.perf_counter() - started)
    print(statistics.median(times[5:]))


asyncio.run(main())
