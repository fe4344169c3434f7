"""Known findings that somebody has accepted, each with a reason and perhaps an end.

The file is YAML, so that it can be read in review:

    accepted:
      - rule: sdk-under-engine
        unit: model
        reason: the SDK's two retries are cheap, and we have a rate limit of our own
        expires: 2027-03-01
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from pathlib import Path

import yaml
from pydantic import ValidationError

from harness.documents import Loader
from harness.errors import UsageError
from harness.retries.findings import Accepted, AuditFinding
from harness.typos import nearest


def load_accepted(path: Path) -> tuple[Accepted, ...]:
    """Read a file of accepted findings. Raises `UsageError` that says what is wrong with which entry."""
    try:
        told = yaml.load(path.read_text(encoding="utf-8"), Loader=Loader)  # noqa: S506  it is a safe one
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise UsageError(f"cannot read the accepted findings in {path}: {reason}") from error
    entries = told.get("accepted") if isinstance(told, dict) else None
    if not isinstance(entries, list):
        raise UsageError(f"{path} holds no accepted findings: it is a mapping with one list, called 'accepted'")
    return tuple(read(entry, number, path) for number, entry in enumerate(entries, 1))


def read(entry: object, number: int, path: Path | str) -> Accepted:
    """One entry of a file or a list of accepted findings. Raises `UsageError` that says what is wrong with it."""
    from harness.audits.rules import RULES

    try:
        read = Accepted.model_validate(entry)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'it'}: {one['msg']}" for one in error.errors())
        raise UsageError(f"entry {number} of {path} is no accepted finding: {wrong}") from error
    if not read.reason.strip():
        raise UsageError(f"entry {number} of {path} accepts {read.rule!r} without a reason; say why in 'reason'")
    if read.rule not in {rule.id for rule in RULES}:
        raise UsageError(f"entry {number} of {path} accepts {read.rule!r}, and there is no such rule")
    return read


def accepting(
    findings: Iterable[AuditFinding], accepted: Sequence[Accepted], today: date | None = None
) -> tuple[AuditFinding, ...]:
    """The findings, with those marked that are accepted and whose acceptance has not ended."""
    now = today or datetime.now(UTC).date()
    valid = [one for one in accepted if one.expires is None or now <= one.expires]
    return tuple(_marked(finding, valid) for finding in findings)


def lapsed(
    findings: Iterable[AuditFinding], accepted: Sequence[Accepted], today: date | None = None
) -> tuple[str, ...]:
    """A sentence for each acceptance that has ended, if what it was about was found, and nothing else accepts it."""
    now = today or datetime.now(UTC).date()
    still = [finding for finding in findings if finding.accepted is None]
    ended = ((one, [finding.unit for finding in still if _is_about(one, finding)]) for one in accepted)
    return tuple(
        f"{one.rule} of {', '.join(dict.fromkeys(units))} was accepted until {one.expires}"
        f" ({' '.join(one.reason.split())}), which has passed, so it counts again"
        for one, units in ended
        if units and one.expires is not None and one.expires < now
    )


def idle(findings: Sequence[AuditFinding], accepted: Iterable[Accepted], units: Collection[str]) -> tuple[str, ...]:
    """A sentence for each entry that is about no finding: it is misspelt, of another report, or of no use any more."""
    return tuple(
        f"{one.rule} of {one.unit} is accepted ({' '.join(one.reason.split())}), and {_why_not(one, units)}"
        for one in accepted
        if not any(_is_about(one, finding) for finding in findings)
    )


def _why_not(one: Accepted, units: Collection[str]) -> str:
    if any(fnmatchcase(unit, one.unit) for unit in units):
        return "nothing of it was found here"
    return f"there is no such unit here{nearest(one.unit, units)}"


def _is_about(one: Accepted, finding: AuditFinding) -> bool:
    return one.rule == finding.rule and fnmatchcase(finding.unit, one.unit)


def _marked(finding: AuditFinding, accepted: Sequence[Accepted]) -> AuditFinding:
    for one in accepted:
        if _is_about(one, finding):
            return finding.model_copy(update={"accepted": one})
    return finding
