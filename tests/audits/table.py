"""Measures the whole table of `docs/retry-audit.md` again and rewrites the page: `python -m tests.audits.table`.

Every engine, both SDKs, with and without retries of the transport, under every class of failure: minutes, so no test
does it. `--rules` rewrites the rules only, `--flow` the rules and the table of the plain flow.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

from harness import audit
from harness.retries.report import AuditReport
from tests.audits import page

ENGINES = ("none", "dbos", "prefect", "temporal")
AGENTS = ("openai", "openai_retrying", "anthropic", "anthropic_retrying")


def audits() -> Iterator[AuditReport]:
    """Every audit of the table, with its proof."""
    for engine in ENGINES:
        for agent in AGENTS:
            begun = time.monotonic()
            report = audit(f"fixtures.audit.documented_{engine}:{agent}", engine)
            cells = [cell for unit in report.units if unit.unit == "model" for cell in unit.cells]
            equal = sum(cell.agrees is True for cell in cells)
            sys.stderr.write(f"{engine} {agent}: {equal} of {len(cells)}, {time.monotonic() - begun:.1f} s\n")
            yield report


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
