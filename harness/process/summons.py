"""Summons: faults that a child asks its parent to do, because a process cannot kill a server or be two of itself.

The child has written `FaultFired` and stands still; the parent sees it in the journal, acts, and writes that it has
acted; the child reads that and goes on. Standing still is part of the fault: it is what a long pause looks like.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Final, Literal

from harness.faults import Fault, FaultPlan

KILL: Final[Literal["kill"]] = "kill"
START: Final[Literal["start"]] = "start"
LOOK = 0.01  # seconds between two looks at the journal


def is_summons(fault: str) -> bool:
    """Whether a fault is the parent's to do."""
    known = Fault.parse(fault)
    return known.action == "duplicate" or _kills_server(known)


def kills_server(plan: FaultPlan) -> bool:
    """Whether a fault of a plan ends the engine's server."""
    return any(map(_kills_server, plan.faults))


def _kills_server(fault: Fault) -> bool:
    return fault.action == "crash" and fault.argument == "server"


def await_answer(journal: Path, fault: Fault) -> None:
    """Stand still until the parent has done `fault`: the server is dead, or the second owner has come to its end.

    A parent that does not answer ends this process by its watchdog.
    """
    with journal.open("rb") as file:
        file.seek(0, 2)
        pending = b""
        while True:
            pending += file.readline()
            if not pending.endswith(b"\n"):
                time.sleep(LOOK)
                continue
            if _answers(json.loads(pending), fault):
                return
            pending = b""


def _answers(event: dict[str, object], fault: Fault) -> bool:
    if fault.action == "duplicate":
        return event["kind"] == "ProcessEnded" and event["worker"] == 2
    return event["kind"] == "ServerChanged" and event["act"] == KILL
