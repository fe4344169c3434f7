"""A retry audit as SARIF 2.1.0, the format in which code hosts take findings and show them beside the line.

Rules come from the caller, because a report must not know the audit: id, one line, explanation.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from harness.retries.findings import AuditFinding
from harness.retries.report import AuditReport
from harness.verdict import Severity

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}


FINGERPRINT = "harnessAudit/v1"


class Described(Protocol):
    """A rule, as far as SARIF shows it."""

    @property
    def id(self) -> str: ...
    @property
    def means(self) -> str: ...
    @property
    def why(self) -> str: ...


def render(report: AuditReport, rules: Sequence[Described]) -> str:
    """One SARIF document with one run."""
    return json.dumps(document(report, rules), indent=2, ensure_ascii=False)


def document(report: AuditReport, rules: Sequence[Described]) -> dict[str, Any]:
    """The document as JSON values. Every rule is described, whether it found something or not."""
    numbers = {rule.id: number for number, rule in enumerate(rules)}
    driver = {
        "name": "harness audit",
        "rules": [_rule(rule) for rule in rules],
    }
    results = [_result(finding, numbers[finding.rule], report) for finding in report.findings]
    _tell_apart(results)
    run: dict[str, Any] = {"tool": {"driver": driver}, "results": results, "columnKind": "unicodeCodePoints"}
    told = [{"level": "warning", "message": {"text": sentence}} for sentence in report.lapsed]
    told += [{"level": "note", "message": {"text": sentence}} for sentence in report.idle]
    if told:
        run["invocations"] = [{"executionSuccessful": True, "toolConfigurationNotifications": told}]
    told_of = {"subject": report.subject, "engine": report.engine, "budget": report.budget}
    run["properties"] = told_of | {"status": str(report.status)}
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _tell_apart(results: Sequence[dict[str, Any]]) -> None:
    """Number what one rule found more than once in a unit: a code host takes equal fingerprints for one finding."""
    seen: Counter[str] = Counter()
    for prints in (result["partialFingerprints"] for result in results):
        seen[known := prints[FINGERPRINT]] += 1
        if seen[known] > 1:
            prints[FINGERPRINT] = f"{known}/{seen[known]}"


def _rule(rule: Described) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.means},
        "fullDescription": {"text": rule.why},
        "help": {"text": f"{rule.why} See docs/retry-audit.md#{rule.id}."},
    }


def _result(finding: AuditFinding, number: int, report: AuditReport) -> dict[str, Any]:
    text = f"{finding.unit} under {report.engine}: {finding.message}. To do: {finding.remedy}."
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": number,
        "level": _LEVELS[finding.severity],
        "message": {"text": text},
        "locations": [_location(finding, report)],
        "partialFingerprints": {FINGERPRINT: f"{report.subject}/{report.engine}/{finding.rule}/{finding.unit}"},
    }
    if finding.accepted is not None:
        result["suppressions"] = [{"kind": "external", "justification": finding.accepted.reason}]
    return result


def _location(finding: AuditFinding, report: AuditReport) -> dict[str, Any]:
    """The line that set it, where it is known; the subject in any case."""
    names: Iterable[dict[str, str]] = [{"fullyQualifiedName": f"{report.subject}/{finding.unit}", "kind": "member"}]
    location: dict[str, Any] = {"logicalLocations": list(names)}
    if finding.origin.file:
        place: dict[str, Any] = {"artifactLocation": {"uri": _uri(finding.origin.file)}}
        if finding.origin.line:
            place["region"] = {"startLine": finding.origin.line}
        location["physicalLocation"] = place
    return location


def _uri(file: str) -> str:
    """A path as a reference: relative to where the audit ran, or a whole URI for a file that is not below."""
    path = Path(file)
    return path.as_uri() if path.is_absolute() else quote(os.fsencode(path.as_posix()))
