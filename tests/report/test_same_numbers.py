"""A retry audit in its four formats: each tells the same numbers, findings and verdict."""

from __future__ import annotations

import json
import re
from collections import Counter

import pytest

from harness import audit as audited
from harness.audits.rules import RULES
from harness.audits.run import judged
from harness.report import audit, markdown, sarif
from harness.report.audit import lasting
from harness.report.paper import Paper
from harness.retries.arithmetic import times
from harness.retries.findings import Accepted
from harness.retries.report import AuditReport
from harness.retries.values import Failure
from tests.audits.reports import SDK, STEP, cell, growing, layer, measured, model, report, tool

WIDE = Paper(width=1000)
RECOVERY = layer("dbos recovery", "recovery", settings={"max_recovery_attempts": "100"})
DIES = cell(Failure.CRASH, times(101, "dbos recovery"), counts="executions", stops="dbos recovery")
RUN = model(DIES, layers=(RECOVERY,)).model_copy(update={"unit": "run"})
EMPTY = tool(layers=())
DARK = layer("Mine", "transport", unknown="it shows | nothing")
FAILS = cell(Failure.UNAVAILABLE, growing(3, "openai"), growing(3, "dbos step"), seconds=3600.0, stops="openai")
RATED = cell(Failure.RATE_LIMITED, growing(3, "openai"), seconds=0.5)
RAISES = cell(Failure.TOOL_EXCEPTION, growing(3, "dbos step"), counts="executions", seconds=0.0)
ENDLESS = cell(Failure.BAD_REQUEST, times(None, "dbos step", endless=True))
HIDDEN = cell(Failure.REFUSED, times(None, "Mine"))
PROVEN = (
    model(
        FAILS.model_copy(update={"measured": measured(8)}),
        RATED.model_copy(update={"measured": measured(2), "bound": True}),
        ENDLESS.model_copy(update={"measured": measured(25, capped=True)}),
    ),
    tool(RAISES.model_copy(update={"measured": measured(3)})),
    RUN,
)
BY_HAND = {
    "a run that only dies": judged(report(RUN)),
    "nothing to retry": judged(report(EMPTY)),
    "several": judged(report(model(FAILS, RATED), tool(RAISES), RUN)),
    "unknown": judged(report(model(HIDDEN, DIES, layers=(DARK,)), RUN)),
    "unknown in part": judged(report(model(HIDDEN, RATED, layers=(DARK, SDK, STEP)))),
    "without end": judged(report(model(ENDLESS))),
    "accepted": judged(report(model(FAILS)), [Accepted(rule="stacked-retries", reason="known")]),
    "proven": judged(report(*PROVEN, proven=True)),
}
SUBJECTS = {
    "none": "fixtures.audit.google:usual",
    "dbos": "fixtures.audit.tools_dbos:agent",
    "prefect": "fixtures.audit.plain_flow:summarize",
}
Row = tuple[str, str, str, str, str]


def in_json(told: AuditReport) -> list[Row]:
    """Unit, failure, predicted, measured and time of each cell."""
    return [
        (unit["unit"], one["failure"], _amount(one["predicted"]), _counted(one), lasting(one["seconds"]))
        for unit in json.loads(json.dumps(told.to_json()))["units"]
        for one in unit["cells"]
    ]


def _amount(predicted: object) -> str:
    return "?" if predicted is None else f"{predicted:g}" if isinstance(predicted, int | float) else str(predicted)


def _counted(one: dict) -> str:
    return "" if one["measured"] is None else f"{one['counted']}{'+' if one['measured']['capped'] else ''}"


def in_text(told: AuditReport) -> list[Row]:
    lines, names, rows = audit.render(told, WIDE).splitlines(), [unit.unit for unit in told.units], []
    unit, starts = "", {}
    for line in lines:
        if line in names:
            unit, starts = line, {}
        elif line.startswith("  when "):
            starts = {found[0]: found.start() for found in re.finditer(r"\S+( \S+)*", line)}
        elif starts and line.strip().split(" ")[0] in set(Failure):
            places = [*starts.values(), len(line)]
            found = {
                head: line[start:end].strip() for head, start, end in zip(starts, places, places[1:], strict=False)
            }
            wanted = ("when", "predicted", "measured", "takes")
            rows.append((unit, *(found.get(head, "") for head in wanted)))
    return rows


def in_markdown(told: AuditReport) -> tuple[dict[str, list[str]], list[Row]]:
    """What is told of each unit at first, and its cells."""
    first, _details, cells = markdown.render(told).partition("<details>")
    rows = [_split(line) for line in cells.splitlines() if line.startswith("| `")]
    worst = {row[0].strip("`"): row[1:] for row in map(_split, first.splitlines()) if row[0].startswith("`")}
    return worst, [(row[0].strip("`"), row[1], *row[3:]) for row in rows]


def _split(line: str) -> list[str]:
    return [one.strip() for one in re.split(r"(?<!\\)\|", line)[1:-1]] or [""]


def says_the_same(told: AuditReport) -> None:
    rows = in_json(told)
    worst, details = in_markdown(told)
    assert in_text(told) == rows == details
    assert list(worst) == [unit.unit for unit in told.units]
    for unit, (failure, chain, *_rest) in worst.items():
        amounts = {row[1]: row[2] for row in rows if row[0] == unit}
        known = {name: amount for name, amount in amounts.items() if amount != "?"}
        if failure in ("unknown", "nothing"):
            assert not {name for name in known if name != Failure.CRASH}
            assert (failure == "nothing") is (not amounts)
        else:
            budgeted = {name: _number(amount) for name, amount in known.items() if name != Failure.CRASH}
            assert _number(amounts[failure]) == max(budgeted.values(), default=_number(amounts[failure]))
            assert chain.removesuffix(" (of what is known)").endswith(f"= {amounts[failure]}")
            assert ("(of what is known)" in chain) is ("?" in amounts.values())
    _findings_are_the_same(told)


def _number(amount: str) -> float:
    return float("inf") if amount == "unlimited" else float(amount)


def _findings_are_the_same(told: AuditReport) -> None:
    (run,) = sarif.document(told, RULES)["runs"]
    text, page, values = audit.render(told, WIDE), markdown.render(told), told.to_json()
    expected = [(one["rule"], one["severity"], one["accepted"] is not None) for one in values["findings"]]
    levels = [(one["ruleId"], one["level"], "suppressions" in one) for one in run["results"]]
    assert levels == expected
    assert [rule for rule, _severity, _accepted in expected] == re.findall(
        r"^- \S+ \*\*([a-z-]+)\*\*", page, re.MULTILINE
    )
    open_ones = Counter(severity for _rule, severity, accepted in expected if not accepted)
    totals = next(line for line in text.splitlines() if "; budget " in line)
    assert dict(_severities(totals)) == open_ones
    assert all(one["message"] in text and one["message"] in page.replace("\\|", "|") for one in values["findings"])
    assert all(
        one.message in result["message"]["text"] for one, result in zip(told.findings, run["results"], strict=True)
    )
    assert run["properties"]["status"] == values["status"] == page.splitlines()[0].rpartition(" ")[2]
    assert text.splitlines()[0].endswith(values["status"].upper())


def _severities(totals: str) -> list[tuple[str, int]]:
    return [(name, int(number)) for number, name in re.findall(r"(\d+) (error|warning|note)s?\b", totals)]


@pytest.mark.parametrize("told", BY_HAND.values(), ids=BY_HAND.keys())
def test_every_format_tells_the_same(told):
    says_the_same(told)


@pytest.mark.parametrize(("engine", "subject"), SUBJECTS.items(), ids=SUBJECTS.keys())
def test_every_format_tells_the_same_of_a_subject(engine, subject):
    says_the_same(audited(subject, engine, static=True))
