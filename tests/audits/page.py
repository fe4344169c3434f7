"""The generated parts of `docs/retry-audit.md`: the rules, and the table of predictions beside measurements.

Prose between the marks is written by hand and kept; what is between two marks of one name is replaced.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from harness.audits.rules import RULES
from harness.report.audit import amount, measured
from harness.retries.report import AuditReport, Cell
from harness.retries.values import ON_THE_WIRE

PAGE = Path(__file__).parents[2] / "docs" / "retry-audit.md"
HEADS = ("engine", "client", "transport retries", "when", "chain", "predicted", "measured")
BODIES = ("engine", "unit", *HEADS[3:])


def rules() -> str:
    """One section per rule, so that every finding's anchor leads somewhere."""
    return "\n".join(f"### {rule.id}\n\n{rule.means[0].upper()}{rule.means[1:]}. {rule.why}\n" for rule in RULES)


def row(engine: str, agent: str, cell: Cell) -> str:
    """One cell of the table."""
    client, _, retrying = agent.partition("_")
    switched = "on" if retrying else "off"
    columns = (engine, client, switched, cell.failure, cell.chain, amount(cell), measured(cell))
    return f"| {' | '.join(columns)} |"


def rows(report: AuditReport) -> list[str]:
    """The rows of one audit: its model, under every class of failure that a provider can show."""
    agent = report.subject.partition(":")[2]
    (unit,) = [unit for unit in report.units if unit.unit == "model"]
    return [row(report.engine, agent, cell) for cell in unit.cells if cell.failure in ON_THE_WIRE]


def bodies(reports: Iterable[AuditReport]) -> str:
    """The table of what happens in bodies: of tools, of listings, of processes that die in them."""
    found = [(one.engine, unit.unit, cell) for one in reports for unit in one.units for cell in unit.cells]
    told = [
        (engine, unit, cell.failure, cell.chain, amount(cell), measured(cell))
        for engine, unit, cell in found
        if cell.failure not in ON_THE_WIRE and cell.measured is not None
    ]
    return table([f"| {' | '.join(row)} |" for row in told], BODIES)


def table(lines: list[str], heads: tuple[str, ...] = HEADS) -> str:
    """A whole table as Markdown."""
    return "\n".join([f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}", *lines]) + "\n"


def flow(report: AuditReport) -> str:
    """The table of a workflow that asks a provider without any agent."""
    asked = (cell for cell in report.units[0].cells if cell.failure in ON_THE_WIRE)
    told = [(cell.failure, cell.chain, amount(cell), measured(cell)) for cell in asked]
    return table([f"| {' | '.join(row)} |" for row in told], HEADS[3:])


def replaced(page: str, name: str, text: str) -> str:
    """The page, with another text between the marks of this name."""
    pattern = rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)"
    changed, count = re.subn(pattern, lambda found: f"{found[1]}\n{text}\n{found[2]}", page, flags=re.DOTALL)
    assert count == 1, f"{name} is marked {count} times"
    return changed


def written(page: str, name: str = "table") -> list[list[str]]:
    """The rows of a table on the page, cell by cell."""
    inside = page.partition(f"<!-- {name} -->")[2].partition(f"<!-- end of {name} -->")[0]
    lines = [line for line in inside.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
