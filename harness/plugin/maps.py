"""The crash map of one subject under one engine, kept on disk: which steps it has is known before a test is collected.

Two fault-free runs make it, once for all tests, workers and sessions, until the subject, its script or a version
changes. A lock on a file lets the workers of pytest-xdist wait for the one that makes it, so that all see equal ids.
What else the subject reads, a file or a variable, nobody can know beforehand: each process runs once without faults
before it uses a kept map, and a map that does not fit that run is made anew.
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
from harness.history import History
from harness.journal import load
from harness.plugin import fingerprint
from harness.runner import Bench
from harness.scenario import Scenario
from harness.steps import readable
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
    findings: tuple[Finding, ...] = ()
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
        remedy = [f"do: {finding.remedy}" for finding in self.findings[:1]]
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

    def fits(self, history: History) -> bool:
        """Whether a fault-free run is like the two that made the map, as far as those are like each other."""
        try:
            compared = compare(self.baseline.history, history, self.baseline.volatile)
        except OSError:  # other sessions have made it anew so often that these two are gone
            return False
        return isinstance(compared, Baseline) and not compared.volatile

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> CrashMap:
        made = tuple(Row(**row) for row in values.pop("rows"))
        found = tuple(Finding(**finding) for finding in values.pop("findings"))
        return cls(**values, rows=made, findings=found)


class Maps:
    """The maps of a session, over those that earlier sessions have left in `folder`.

    `run_id` is the same for all workers of one session: what went wrong is told to them, and not to the next session.
    """

    def __init__(self, folder: Path, run_id: str, bench: Callable[[Scenario], Bench]) -> None:
        self._folder, self._run_id, self._bench = folder, run_id, bench
        self._known: dict[str, CrashMap] = {}
        self._swept: set[str] = set()
        self.fresh: set[str] = set()
        """Maps that the benches of this process have made, which therefore have run without faults already."""

    def of(self, scenario: Scenario) -> CrashMap:
        """The map of a scenario's ground. Raises nothing that is the person's: the map says it."""
        key = fingerprint.key_of(scenario)
        if key not in self._known:
            with _locked(self._folder / f"{key}.lock"):
                self._known[key] = self._kept(key) or self._made(key, scenario)
        return self._known[key]

    def swept(self, scenario: Scenario) -> CrashMap:
        """The same, for tests that are named by its crash points."""
        self._swept.add(fingerprint.key_of(scenario))
        return self.of(scenario)

    def rehearsed(self, scenario: Scenario, folder: Path) -> None:
        """Let a map that is known be made anew, in silence, if it does not fit a fault-free run of this process.

        `folder` is that of the run, which makes the new map together with another one: an agent that varies by itself
        is told from one that has changed. Where tests are named by crash points that are other ones now, the map of
        this session says so instead, and the next session collects those of the new one.
        """
        key, history = fingerprint.key_of(scenario), load(folder / "journal.jsonl")
        old = self._known[key]
        if old.fits(history):
            return
        with _locked(self._folder / f"{key}.lock"):
            kept = self._kept(key)
            new = kept if kept and (not kept.usable or kept.fits(history)) else self._made(key, scenario, folder)
        if key in self._swept and new.usable and dict(new.points) != dict(old.points):
            new = replace(new, rows=(), problem=_changed(scenario, old, new))
        self._known[key] = new

    def renew(self, scenario: Scenario) -> None:
        """Let a map be made anew that an earlier session has made: what fails in it may have been mended since."""
        key = fingerprint.key_of(scenario)
        with _locked(self._folder / f"{key}.lock"):
            self._known[key] = self._kept(key, own=True) or self._made(key, scenario)

    def known(self, key: str) -> CrashMap | None:
        """The map of that name, if it has been asked for."""
        return self._known.get(key)

    def _kept(self, key: str, *, own: bool = False) -> CrashMap | None:
        """The map that is on disk, if it can be read and still holds; `own`: if this session has made it, too."""
        try:
            values = json.loads((self._folder / f"{key}.json").read_text("utf-8"))
            run_id, found = values.pop("run_id"), CrashMap.from_json(values)
        except (OSError, ValueError, TypeError, KeyError):
            return None  # none yet, or one of another version
        if run_id != self._run_id and (own or not found.usable):
            return None
        if not found.usable:
            return found
        there = all((Path(found.folder) / name).is_file() for name in JOURNALS)
        return found if there and fingerprint.unchanged(found.sources) else None

    def _made(self, key: str, scenario: Scenario, first: Path | None = None) -> CrashMap:
        made = self._tried(key, scenario, first)
        file = self._folder / f"{key}.json"
        fresh = file.with_suffix(f".{uuid.uuid4().hex[:8]}")
        fresh.write_text(json.dumps({**asdict(made), "run_id": self._run_id}, default=str), "utf-8")
        fresh.replace(file)
        return made

    def _tried(self, key: str, scenario: Scenario, first: Path | None) -> CrashMap:
        try:
            return self._measured(key, scenario, self._bench(scenario), first)
        except EngineUnavailable as error:
            return CrashMap(scenario.engine, unavailable=str(error))
        except SubjectError as error:
            return CrashMap(scenario.engine, problem="\n\n".join(filter(None, [str(error), error.traceback])))
        except HarnessError as error:
            return CrashMap(scenario.engine, problem=str(error))
        except Exception as error:  # noqa: BLE001  an engine that dies spoils its own tests and no others
            said = f"engine {scenario.engine!r} itself failed: {tracebacks.headline(error)}"
            return CrashMap(scenario.engine, problem=f"{said}\n\n{tracebacks.theirs(error).rstrip()}")

    def _measured(self, key: str, scenario: Scenario, bench: Bench, first: Path | None) -> CrashMap:
        """Run twice without a fault, under two hash seeds, and keep both journals. `first`: one run that there is."""
        empty = CrashMap(scenario.engine, notes=bench.notes, refused=bench.refused)
        if bench.refused:
            return empty
        folders = [first or bench.run(NO_FAULT, name="baseline"), bench.run(NO_FAULT, name="baseline", turn=1)]
        one, other = (load(folder / "journal.jsonl") for folder in folders)
        settled = unusable.settle((one, other), scenario, bench.engine.contract())
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
    return replace(empty, problem=finding.message, findings=(finding,))


def _changed(scenario: Scenario, old: CrashMap, new: CrashMap) -> str:
    """Why tests that are named by the points of one map cannot be run on another."""
    cells = sorted(dict(old.points).keys() ^ dict(new.points).keys())
    named = ", ".join(dict.fromkeys(readable(step) for step, _window in cells))
    return (
        f"{scenario.subject} has other crash points under {scenario.engine} than when its map was made ({named}), and"
        " no module of it has changed: something else that it reads has, a file or a variable, or it varies by chance;"
        " start pytest again, and what is now there will be swept"
    )


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Hold a lock that the kernel takes back when its holder dies, however it dies."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
