"""What the retry audits of a session came to: facts that travel, lines for the end, Markdown for CI.

Apart from `auditing`, because the process that tells them need not be the one that audits: see pytest-xdist.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

from harness.report.words import clean, counted
from harness.retries.report import AuditReport, UnitAudit

ASKED = "only asked for"
"""The status of an audit that a test asked for to judge it by itself."""
SAME = ("subject", "engine", "budget", "proven", "status", "findings")
"""What makes two audits one line of the summary: each test of a sweep has its own."""
SHOWN = 10
"""Findings in the terminal's summary; the files have all of them."""


def fact(report: AuditReport, status: str, test: str) -> dict[str, Any]:
    """An audit as plain values, which pytest can send to another process: the worst of each unit, and what is open."""
    kept = ("rule", "severity", "unit", "message", "remedy")
    return {
        "test": test,
        "subject": report.subject,
        "engine": report.engine,
        "budget": report.budget,
        "proven": report.proven,
        "status": status,
        "units": [_worst(unit) for unit in report.units if unit.worst],
        "findings": [{name: str(getattr(finding, name)) for name in kept} for finding in report.open],
        "unknown": list(report.unknown),
    }


def _worst(unit: UnitAudit) -> dict[str, Any]:
    cell = unit.worst
    assert cell is not None, unit
    predicted = "unlimited" if math.isinf(cell.predicted or 0) else cell.predicted
    return {"unit": unit.unit, "chain": str(cell.expression), "predicted": predicted, "measured": cell.counted}


def distinct(audits: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each audit once, where it was first used."""
    known: dict[str, dict[str, Any]] = {}
    for audit in audits:
        known.setdefault(repr([audit[name] for name in SAME]), audit)
    return list(known.values())


def findings(audits: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """What failed or warned in an audit that judged a test: errors first, each with whose it is."""
    order = ["error", "warning"]
    told = {
        repr([audit["subject"], audit["engine"], finding]): {**finding, "of": f"{audit['subject']} ({audit['engine']})"}
        for audit in audits
        if audit["status"] != ASKED
        for finding in audit["findings"]
        if finding["severity"] in order
    }
    return sorted(told.values(), key=lambda finding: order.index(finding["severity"]))


def lines(audits: list[dict[str, Any]]) -> Iterator[str]:
    """The audits in the terminal's summary: how many, and what is to be done."""
    if not audits:
        return
    statuses = [audit["status"] for audit in audits]
    said = [f"{statuses.count(each)} {each}" for each in ("passed", "failed", "unknown", ASKED) if each in statuses]
    yield f"{counted(len(audits), 'retry audit')}: {', '.join(said)}"
    found = findings(audits)
    for finding in found[:SHOWN]:
        yield f"{finding['severity']}: {finding['unit']} of {finding['of']}: {_line(finding['message'])}"
        yield f"  do: {_line(finding['remedy'])}"
    if len(found) > SHOWN:
        yield f"and {len(found) - SHOWN} more findings of audits"


def markdown(audits: list[dict[str, Any]]) -> Iterator[str]:
    """The same for the summary of a CI job: a row for each unit, then the findings."""
    if not audits:
        return
    yield ""
    yield "### Retry audits"
    yield ""
    yield "| subject | engine | unit | at worst | predicted | measured | budget | verdict |"
    yield "| -- | -- | -- | -- | -- | -- | -- | -- |"
    for audit in audits:
        for unit in audit["units"]:
            known = [unit["predicted"], "" if unit["measured"] is None else unit["measured"], audit["budget"]]
            told = [f"`{audit['subject']}`", audit["engine"], unit["unit"], unit["chain"], *known, audit["status"]]
            yield "| " + " | ".join(_line(str(each)).replace("|", "\\|") for each in told) + " |"
    for finding in findings(audits):
        yield ""
        yield f"- **{finding['severity']}** `{finding['unit']}` of {finding['of']}: {_line(finding['message'])}"
        yield f"  - to do: {_line(finding['remedy'])}"


def _line(text: str) -> str:
    return " ".join(clean(text).split())
