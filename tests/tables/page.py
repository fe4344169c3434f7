"""A generated page of tables, engine beside engine: written from what was measured, and read back to be compared."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
AT_A_GLANCE = "At a glance"

Column = Mapping[tuple[str, str], str]
"""What was measured under one engine: a text by heading and line. The line "" is the word for the whole row."""


@dataclass(frozen=True)
class Section:
    """One row of the table at a glance, and the section about it further down."""

    name: str
    what: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Page:
    """A page without its measurements. `command` is what makes it again."""

    file: str
    title: str
    introduction: str
    engines: tuple[str, ...]
    sections: tuple[Section, ...]

    @property
    def path(self) -> Path:
        return DOCS / self.file

    def written(self, columns: Mapping[str, Column]) -> str:
        """The page as Markdown; `columns` by engine."""
        parts = [f"# {self.title}", self.introduction, f"## {AT_A_GLANCE}", self._glance(columns)]
        for section in self.sections:
            parts += [f"## {_heading(section.name)}", section.what, self._details(section, columns)]
        return "\n\n".join(parts) + "\n"

    def columns(self, text: str) -> dict[str, Column]:
        """What a written page says, by engine. A page that was never written says nothing."""
        found: dict[str, dict[tuple[str, str], str]] = {engine: {} for engine in self.engines}
        names = {_heading(section.name): section.name for section in self.sections}
        heading = ""
        for line in text.splitlines():
            if line.startswith("## "):
                heading = line.removeprefix("## ")
            elif line.startswith("| ") and not line.startswith("| --"):
                first, *cells = (cell.strip() for cell in line.strip().strip("|").split(" | "))
                if tuple(cells) == self.engines:
                    continue
                place = (_unlinked(first), "") if heading == AT_A_GLANCE else (names.get(heading, heading), first)
                for engine, cell in zip(self.engines, cells, strict=True):
                    found[engine][place] = cell
        return {engine: dict(column) for engine, column in found.items()}

    def _glance(self, columns: Mapping[str, Column]) -> str:
        rows = [(f"[{section.name}](#{_anchor(section.name)})", section.name) for section in self.sections]
        return self._table(
            [(link, [columns[engine].get((name, ""), "") for engine in self.engines]) for link, name in rows]
        )

    def _details(self, section: Section, columns: Mapping[str, Column]) -> str:
        return self._table(
            [
                (line, [columns[engine].get((section.name, line), "") for engine in self.engines])
                for line in section.lines
            ]
        )

    def _table(self, rows: Iterable[tuple[str, Sequence[str]]]) -> str:
        lines = [("", self.engines), ("--", ["--"] * len(self.engines)), *rows]
        return "\n".join(f"| {' | '.join([first, *cells])} |" for first, cells in lines)


def _heading(name: str) -> str:
    return name[0].upper() + name[1:]


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def _unlinked(cell: str) -> str:
    return re.sub(r"\[(.*)\]\(.*\)", r"\1", cell)
