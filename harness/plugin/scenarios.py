"""Scenario files as tests: one for each engine that a file expects something of."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.plugin.options import SCENARIO_FOLDER, SCENARIOS

if TYPE_CHECKING:
    from harness.explore.catalogue import Entry


def collected(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A collector for a scenario file, None for any other YAML file.

    A file below the usual folder must also look like a scenario, because other tools keep files there, too; one that
    the settings name, or the command line, is always meant.
    """
    if globs := parent.config.getini(SCENARIOS):
        is_meant = any(path.match(glob) for glob in globs)
    else:
        is_meant = _is_in_folder(path, parent.config.rootpath)
        is_meant = is_meant and (parent.session.isinitpath(path) or _looks_like_one(path))
    return ScenarioFile.from_parent(parent, path=path) if is_meant else None


def grouped(items: list[pytest.Item]) -> None:
    """Put scenarios that follow each other in order of their engines, as pytest does with what shares a fixture.

    Most of them are about one agent. File by file each would close the processes and servers that the next one needs.
    """
    for together, run in groupby(enumerate(items[:]), lambda each: isinstance(each[1], ScenarioItem)):
        if together:
            places, found = zip(*run, strict=True)
            engines = list(dict.fromkeys(item.name for item in found))
            items[places[0] : places[-1] + 1] = sorted(found, key=lambda item: engines.index(item.name))


def _is_in_folder(path: Path, root: Path) -> bool:
    """Whether a file is below a folder of the usual name, which may be the root of the tests itself."""
    inside = path.relative_to(root.parent) if path.is_relative_to(root.parent) else path
    return SCENARIO_FOLDER in inside.parts[:-1]


def _looks_like_one(path: Path) -> bool:
    from harness.explore.catalogue import is_scenario

    return is_scenario(path)


class ScenarioFile(pytest.File):
    """One YAML file. What is wrong with it is a collection error with line and column."""

    def collect(self) -> Iterator[pytest.Item]:
        from harness.errors import HarnessError
        from harness.explore.catalogue import read
        from harness.plugin.session import desk_of, uncollected

        try:
            entry = read(self.path)
            engines = desk_of(self.config).engines(tuple(entry.expectations))
        except HarnessError as error:
            raise uncollected(self.session, error) from None
        for engine in engines:
            yield ScenarioItem.from_parent(self, name=engine, entry=entry)


class ScenarioItem(pytest.Item):
    """One scenario under one engine."""

    def __init__(self, *, entry: Entry, **keywords: object) -> None:
        super().__init__(**keywords)  # type: ignore[arg-type]
        from harness.explore.catalogue import beside
        from harness.plugin.cases import Case
        from harness.plugin.marker import subject_path

        scenario = entry.under(self.name)
        given = {"subject": subject_path(scenario.subject, self, str(self.path))}
        given["script"] = beside(scenario.script, self.path)
        self.entry = entry
        scenario = scenario.model_copy(update=given)
        expected = entry.expectations[self.name]
        self.durable_case = Case(scenario, scenario.plan, None, expected, replay=entry.replay(self.name))
        self.add_marker("durable")

    def runtest(self) -> None:
        from harness.plugin.running import judge

        judge(self, before=f"{self.path.name}:{(self.location[1] or 0) + 1} {self.entry.scenario.why.strip()}")

    def reportinfo(self) -> tuple[Path, int, str]:
        lines = self.entry.lines
        line = lines.get("expected", lines.get("faults", 1))
        return self.path, line - 1, f"scenario {self.path.stem}[{self.name}]"
