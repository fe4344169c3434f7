"""Measures the whole table of `docs/retry-audit.md` again and rewrites the page: `python -m tests.audits.table`.

Every engine, both SDKs, with and without retries of the transport, under every class of failure: minutes, so no test
does it. `--rules` rewrites the rules only, `--flow` the rules and the table of the plain flow.
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


def audits() -> Iterator[AuditReport]:
    """Every audit of the table, with its proof: two at a time, so that one imports while the other waits."""
    with ThreadPoolExecutor(2) as pool:
        yield from pool.map(proven, *zip(*product(ENGINES, AGENTS), strict=True))


def proven(engine: str, agent: str) -> AuditReport:
    """One audit of the table; a line on stderr says how it went."""
    report = audit(f"fixtures.audit.documented_{engine}:{agent}", engine)
    cells = [cell for unit in report.units for cell in unit.cells if cell.measured is not None]
    differ = sum(cell.agrees is False for cell in cells)
    sys.stderr.write(f"{engine} {agent}: {len(cells)} cells, {differ} not as predicted, {report.seconds:.1f} s\n")
    return report


def main() -> None:
    """Rewrite the page."""
    text = page.replaced(page.PAGE.read_text(), "rules", page.rules())
    if "--rules" not in sys.argv:
        text = page.replaced(text, "flow", page.flow(audit("fixtures.audit.plain_flow:summarize", "prefect")))
    if not {"--rules", "--flow"} & set(sys.argv):
        text = page.replaced(text, "table", page.table([row for report in audits() for row in page.rows(report)]))
    page.PAGE.write_text(text)


if __name__ == "__main__":
    main()
