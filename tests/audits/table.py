"""Measures the whole table of `docs/retry-audit.md` again and rewrites the page: `python -m tests.audits.table`.

Every engine, both SDKs, with and without retries of the transport, under every class of failure: minutes, so no test
does it. `--rules` rewrites the rules only; `--table`, `--flow` and `--bodies` one table each.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product

from harness import audit
from harness.retries.report import AuditReport
from tests.audits import page

ENGINES = ("none", "dbos", "prefect", "temporal")
AGENTS = ("openai", "openai_retrying", "anthropic", "anthropic_retrying")
CELLS = tuple(product(ENGINES, AGENTS))


OPTIONS = {"dbos": {"max_recovery_attempts": 2}}
"""Deaths are counted to their end where they are few; DBOS begins again a hundred times if nobody says otherwise."""


def audits() -> Iterator[AuditReport]:
    """Every audit of the table of requests, with its proof."""
    yield from _at_once([(f"fixtures.audit.documented_{engine}:{agent}", engine) for engine, agent in CELLS])


def served() -> Iterator[AuditReport]:
    """Every audit of the table of bodies."""
    yield from _at_once([(f"fixtures.audit.served:{engine}", engine) for engine in ENGINES[1:]])


def _at_once(asked: list[tuple[str, str]]) -> Iterator[AuditReport]:
    """Two at a time, so that one imports while the other waits."""
    with ThreadPoolExecutor(2) as pool:
        yield from pool.map(proven, *zip(*asked, strict=True))


def proven(subject: str, engine: str) -> AuditReport:
    """One audit; a line on stderr says how it went."""
    report = audit(subject, engine, options=OPTIONS.get(engine) if "served" in subject else None)
    cells = [cell for unit in report.units for cell in unit.cells if cell.measured is not None]
    differ = sum(cell.agrees is False for cell in cells)
    sys.stderr.write(f"{subject}: {len(cells)} cells, {differ} not as predicted, {report.seconds:.1f} s\n")
    return report


def main() -> None:
    """Rewrite the page."""
    parts = {
        "flow": lambda: page.flow(audit("fixtures.audit.plain_flow:summarize", "prefect")),
        "table": lambda: page.table([row for report in audits() for row in page.rows(report)]),
        "bodies": lambda: page.bodies(served()),
    }
    asked = [name for name in parts if f"--{name}" in sys.argv]
    text = page.replaced(page.PAGE.read_text(), "rules", page.rules())
    for name in asked or ([] if "--rules" in sys.argv else parts):
        text = page.replaced(text, name, parts[name]())
    page.PAGE.write_text(text)


if __name__ == "__main__":
    main()
