"""The crash map of one subject under one engine, kept on disk: which steps it has is known before a test is collected.

Two fault-free runs make it, once for all tests, workers and sessions, until the subject, its script or a version
changes. A lock on a file lets the workers of pytest-xdist wait for the one that makes it, so that all see equal ids.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.checks import Baseline, Difference, compare
from harness.errors import EngineUnavailable, HarnessError, InternalError, SubjectError
from harness.explore import unusable
from harness.explore.plans import Cell, crash_points, replay_line, rows
from harness.faults import NO_FAULT, FaultPlan
from harness.journal import load
from harness.plugin import fingerprint
from harness.runner import Bench
from harness.scenario import Scenario
from harness.subjects import tracebacks
from harness.verdict import Finding, Row, Verdict

JOURNALS = ("first.jsonl", "second.jsonl")


@dataclass(frozen=True)
class CrashMap:
    """What can be crashed, or why nothing can.

    At most one of `unavailable` (the engine is not here), `refused` (it does not take the subject, in its own words)
    and `problem` (the fault-free run is nothing to compare with) is set; then there are no rows.
    """

    engine: str
    rows: tuple[Row, ...] = ()
    notes: tuple[str, ...] = ()
    unavailable: str = ""
    refused: str = ""
    problem: str = ""
    finding: Finding | None = None
    folder: str = ""
    sources: dict[str, str] = field(default_factory=dict)

    @property
    def usable(self) -> bool:
        return not (self.unavailable or self.refused or self.problem)

    @property
    def why_not(self) -> str:
        """Why nothing can be crashed, with the remedy and what was noted about the set-up; empty if something can."""
        if not self.problem:
            return self.unavailable or self.refused
        remedy = [f"do: {self.finding.remedy}"] if self.finding else []
        return "\n".join([self.problem, *remedy, *(f"note: {note}" for note in self.notes)])

    @property
    def points(self) -> tuple[tuple[Cell, FaultPlan], ...]:
        """Every crash that a sweep tries."""
        return tuple(crash_points(self.rows))

    @cached_property
    def baseline(self) -> Baseline:
        """The two fault-free runs, compared again."""
        first, second = (load(Path(self.folder) / name) for name in JOURNALS)
        compared = compare(first, second)
        if isinstance(compared, Difference):  # it was no difference when the map was made
            raise InternalError(f"the kept baselines in {self.folder} differ: {compared.sentence}")
        return compared

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> CrashMap:
        made = tuple(Row(**row) for row in values.pop("rows"))
        finding = values.pop("finding")
        return cls(**values, rows=made, finding=Finding(**finding) if finding else None)


class Maps:
    """The maps of a session, over those that earlier sessions have left in `folder`.

    `run_id` is the same for all workers of one session: what went wrong is told to them, and not to the next session.
    """

    def __init__(self, folder: Path, run_id: str, bench: Callable[[Scenario], Bench]) -> None:
        self._folder, self._run_id, self._bench = folder, run_id, bench
        self._known: dict[str, CrashMap] = {}
        self.fresh: set[str] = set()
        """Maps that the benches of this process have made, which therefore have run without faults already."""

    def of(self, scenario: Scenario) -> CrashMap:
        """The map of a scenario's ground. Raises nothing that is the person's: the map says it."""
        key = fingerprint.key_of(scenario)
        if key not in self._known:
            with _locked(self._folder / f"{key}.lock"):
                self._known[key] = self._kept(key) or self._made(key, scenario)
        return self._known[key]

    def known(self, key: str) -> CrashMap | None:
        """The map of that name, if it has been asked for."""
        return self._known.get(key)

    def _kept(self, key: str) -> CrashMap | None:
        """The map that is on disk, if it can be read and still holds."""
        try:
            values = json.loads((self._folder / f"{key}.json").read_text("utf-8"))
            run_id, found = values.pop("run_id"), CrashMap.from_json(values)
        except (OSError, ValueError, TypeError, KeyError):
            return None  # none yet, or one of another version
        if not found.usable:
            return found if run_id == self._run_id else None
        there = all((Path(found.folder) / name).is_file() for name in JOURNALS)
        return found if there and fingerprint.unchanged(found.sources) else None

    def _made(self, key: str, scenario: Scenario) -> CrashMap:
        made = self._tried(key, scenario)
        file = self._folder / f"{key}.json"
        fresh = file.with_suffix(f".{uuid.uuid4().hex[:8]}")
        fresh.write_text(json.dumps({**asdict(made), "run_id": self._run_id}, default=str), "utf-8")
        fresh.replace(file)
        return made

    def _tried(self, key: str, scenario: Scenario) -> CrashMap:
        try:
            return self._measured(key, scenario, self._bench(scenario))
        except EngineUnavailable as error:
            return CrashMap(scenario.engine, unavailable=str(error))
        except SubjectError as error:
            return CrashMap(scenario.engine, problem="\n\n".join(filter(None, [str(error), error.traceback])))
        except HarnessError as error:
            return CrashMap(scenario.engine, problem=str(error))
        except Exception as error:  # noqa: BLE001  an engine that dies spoils its own tests and no others
            said = f"engine {scenario.engine!r} itself failed: {tracebacks.headline(error)}"
            return CrashMap(scenario.engine, problem=f"{said}\n\n{tracebacks.theirs(error).rstrip()}")

    def _measured(self, key: str, scenario: Scenario, bench: Bench) -> CrashMap:
        """Run twice without a fault, under two hash seeds, and keep both journals."""
        empty = CrashMap(scenario.engine, notes=bench.notes, refused=bench.refused)
        if bench.refused:
            return empty
        folders = [bench.run(NO_FAULT, name="baseline", turn=turn) for turn in (0, 1)]
        first, second = (load(folder / "journal.jsonl") for folder in folders)
        settled = unusable.settle((first, second), scenario, bench.engine.contract())
        if not isinstance(settled, Baseline):
            which, why = settled
            return _unusable(empty, why, scenario, folders[which])
        self.fresh.add(key)
        kept = self._keep(key, folders)
        found = fingerprint.sources(scenario, bench.info.get("sources", ()))
        return replace(empty, rows=rows(settled), folder=str(kept), sources=found)

    def _keep(self, key: str, folders: list[Path]) -> Path:
        """A new folder each time: a session that runs beside this one may still read the old one."""
        before = sorted(self._folder.glob(f"{key}-*"), key=lambda folder: folder.stat().st_mtime)
        for old in before[:-1]:
            shutil.rmtree(old, ignore_errors=True)
        kept = self._folder / f"{key}-{uuid.uuid4().hex[:8]}"
        kept.mkdir(parents=True)
        for name, folder in zip(JOURNALS, folders, strict=True):
            shutil.copy(folder / "journal.jsonl", kept / name)
        return kept


def _unusable(empty: CrashMap, verdict: Verdict, scenario: Scenario, folder: Path) -> CrashMap:
    finding = replace(verdict.findings[0], replay=replay_line(scenario, NO_FAULT, str(folder)))
    return replace(empty, problem=finding.message, finding=finding)


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Hold a lock that the kernel takes back when its holder dies, however it dies."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
