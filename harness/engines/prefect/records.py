"""What Prefect says about a run: its result files first, then what its server has heard of the task runs.

A task run is `Completed` before its result is written, and the server hears of it later still, so the file is the
testimony that counts. Files are named by the unit's key and nothing else; which task a key belongs to is taken down by
the process that opens the unit.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.engines.base import RUN, Store
from harness.engines.prefect.api import Api

if TYPE_CHECKING:
    from harness.history import EngineRecord

Times = dict[str, dict[str, float]]
"""Seconds by their name: `configured` by the subject, and `effective` here."""
FINAL = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
PATIENCE = (0.02, 0.04, 0.08, 0.16, 0.0)
AT_ONCE = 8
"""How many invocations a server is asked for at once: few runs have more."""


def run_name(store: Store, invocation: int) -> str:
    """The name of the flow run that is one invocation of a run: how it is found again, on a server with many."""
    return f"{store.values['name']}-{invocation}"


class Ledger:
    """Which units were opened, one line each, written before their body runs; and how long finished bodies took.

    Flows are no units, but they have times and take long, too. Besides, the places at which units were asked for.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def opened(self, key: str, name: str, task_run: str, times: Times, invocation: int) -> None:
        """A unit's body begins. The server hears of it too late to be asked for its invocation."""
        line = {"key": key, "name": name, "task_run": task_run, "times": times, "invocation": invocation}
        self._append({**line, "pid": os.getpid()})

    def asked(self, place: str, name: str, step: str | None, invocation: int) -> None:
        """A flow or task asks for a unit at a place, inside `step`."""
        self._append({"place": place, "name": name, "step": step, "invocation": invocation})

    def places(self, invocation: int) -> list[tuple[str, str, str | None]]:
        """The places at which an invocation has asked for units, each with the unit's name and `step`, in order."""
        lines = [line for line in self._lines("place") if line["invocation"] == invocation]
        return [(line["place"], line["name"], line["step"]) for line in lines]

    def began(self, times: Times) -> None:
        """A flow begins, with these times."""
        self._append({"times": times})

    def finished(self, name: str, seconds: float) -> None:
        self._append({"name": name, "seconds": seconds})

    def units(self) -> list[OpenedUnit]:
        """The units in the order in which they were first opened."""
        units: dict[str, OpenedUnit] = {}
        for line in self._lines("key"):
            opened = OpenedUnit(line["key"], line["name"], line["times"], line["invocation"])
            unit = units.setdefault(line["key"], opened)
            unit.invocation = line["invocation"]
            unit.task_runs.append(line["task_run"])
        return list(units.values())

    def latest(self) -> set[str]:
        """The task runs of the last process: if it was not killed, the server will hear how each of them ended."""
        lines = self._lines("key")
        return {line["task_run"] for line in lines if line["pid"] == lines[-1]["pid"]}

    def timeouts(self) -> list[float]:
        """The timeouts that tasks and flows were configured with."""
        configured = [line["times"].get("configured", {}) for line in self._lines("times")]
        return [times["timeout"] for times in configured if "timeout" in times]

    def usual(self) -> dict[str, float]:
        """How long the body of each unit took at most, by name."""
        longest: dict[str, float] = {}
        for line in self._lines("seconds"):
            longest[line["name"]] = max(longest.get(line["name"], 0.0), line["seconds"])
        return longest

    def _append(self, line: dict[str, Any]) -> None:
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(file, json.dumps(line).encode() + b"\n")
        finally:
            os.close(file)

    def _lines(self, field: str) -> list[dict[str, Any]]:
        """The lines that have a field. A torn last line was never acted on."""
        lines = self._path.read_bytes().split(b"\n")[:-1] if self._path.exists() else []
        return [line for line in map(json.loads, lines) if field in line]


@dataclass
class OpenedUnit:
    """A unit, the invocation that opened it last, and the task run of each time that its body ran."""

    key: str
    name: str
    times: Times
    invocation: int
    task_runs: list[str] = field(default_factory=list)


def of_run(store: Store, api: Api) -> Iterator[EngineRecord]:
    """The records of one run: its flow runs (`run`, one for each invocation) and the tasks whose bodies ran."""
    from harness.history import EngineRecord

    ledger = Ledger(Path(store.values["ledger"]))
    runs = list(flow_runs(store, api))
    for invocation, flow_run in runs:
        yield _of_flow_run(invocation, flow_run)
    heard = _heard(runs, api, ledger.latest())
    for unit in ledger.units():
        known = [heard[run] for run in unit.task_runs if run in heard]
        said = _status(known[-1]) if known else "unknown"
        yield EngineRecord(
            unit=unit.key,
            name=unit.name,
            status="recorded" if has_result(store, unit.key) else said,
            attempts=len(unit.task_runs),
            detail={
                **unit.times,
                "task runs": [{"state": run["state_name"], "run count": run["run_count"]} for run in known],
            },
            invocation=unit.invocation,
        )


def _of_flow_run(invocation: int, flow_run: dict[str, Any]) -> EngineRecord:
    from harness.history import EngineRecord

    return EngineRecord(
        unit=RUN,
        name=flow_run["name"],
        status=_status(flow_run),
        attempts=flow_run["run_count"],
        detail={"flow run": flow_run["id"], "state": flow_run["state_name"]},
        invocation=invocation,
    )


def _heard(runs: list[tuple[int, dict[str, Any]]], api: Api, awaited: set[str]) -> dict[str, dict[str, Any]]:
    """The task runs that the server knows, by id, after it has had a moment to hear how the `awaited` ones ended."""
    heard: dict[str, dict[str, Any]] = {}
    for patience in PATIENCE:
        heard = {task_run["id"]: task_run for _, flow_run in runs for task_run in api.task_runs(flow_run["id"])}
        if all(heard.get(run, {}).get("state_type") in FINAL for run in awaited):
            break
        time.sleep(patience)
    return heard


def flow_runs(store: Store, api: Api) -> Iterator[tuple[int, dict[str, Any]]]:
    """The flow run of each invocation that the server has, with the invocation's number."""
    for first in itertools.count(1, AT_ONCE):
        numbers = {run_name(store, invocation): invocation for invocation in range(first, first + AT_ONCE)}
        oldest: dict[str, dict[str, Any]] = {}
        for flow_run in api.flow_runs(list(numbers)):
            oldest.setdefault(flow_run["name"], flow_run)
        for name, invocation in numbers.items():
            if name not in oldest:
                return
            yield invocation, oldest[name]


def fingerprint(store: Store, api: Api) -> str:
    """A hash of what a recovery would find: results, units in flight and flow runs, without ids and times.

    What the server has heard of task runs is left out: it hears late, and no recovery looks at it.
    """
    numbers: Counter[str] = Counter()
    said: list[Any] = [[flow_run["state_name"], flow_run["run_count"]] for _, flow_run in flow_runs(store, api)]
    for unit in Ledger(Path(store.values["ledger"])).units():
        numbers[unit.name] += 1
        said.append([unit.name, numbers[unit.name], has_result(store, unit.key), len(unit.task_runs)])
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def has_result(store: Store, key: str) -> bool:
    """Whether the result of a unit is in the run's own storage."""
    return (Path(store.values["results"]) / key).is_file()


def _status(row: dict[str, Any]) -> str:
    return str(row["state_type"] or "unknown").lower()
