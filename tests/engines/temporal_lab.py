"""Zygotes that have Temporal and the fixture agents imported, and may prepare another subject in each fork.

Entry points for `Zygote`, and `Lab`, which looks like a zygote of one subject.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.process import worker
from harness.process.incarnation import Incarnation
from harness.process.newborn import resolve
from harness.process.zygote import Zygote
from harness.subjects import events, guard

AGENTS = "fixtures.agents.temporal_tools"


def preload(argument: dict[str, Any]) -> dict[str, Any]:
    guard.protect()
    events.install()  # an agent takes its handler along when it is built
    for name in ("temporalio.worker", "harness.engines.temporal.binding", AGENTS):
        importlib.import_module(name)
    worker.prepare(argument)
    return argument


def live(argument: dict[str, Any]) -> None:
    """Most tests are about the subject that was prepared before the fork; any other is prepared in it."""
    if argument["prepare"] != argument["prepared"]:
        worker.prepare(argument["prepare"])
    resolve(argument["entry"])(argument["argument"])


def refusal(argument: dict[str, Any]) -> None:
    """Write down what `prepare` says, for a subject that may be refused."""
    said = worker.prepare(argument["prepare"])
    Path(argument["answer"]).write_text(said["refused"])


@dataclass
class Lab:
    """A zygote of one subject, as the runner sees it."""

    zygote: Zygote
    prepare: dict[str, Any]
    prepared: dict[str, Any]

    def spawn(self, entry: str, argument: dict[str, Any], *, output: Path) -> Incarnation:
        order = {"prepare": self.prepare, "prepared": self.prepared, "entry": entry, "argument": argument}
        return self.zygote.spawn("tests.engines.temporal_lab:live", order, output=output)

    def cold_twin(self) -> Lab:
        return replace(self, zygote=self.zygote.cold_twin())
