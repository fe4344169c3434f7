"""Reports made by hand, as sweeps would have made them: what renderers are tested on."""

from __future__ import annotations

from harness.faults import WINDOWS
from harness.verdict import EngineSweep, Finding, Owner, Row, RunReport, Severity, Status, SweepReport, Verdict

SUBJECT = "shop.payments:agent"
STEPS = ("model#1", "tool:find_order#1", "model#2", "tool:charge#1", "model#3", "run")


def a_finding(step: str | None = "tool:charge#1", *, rule: str = "finished-ran-again", **values: object) -> Finding:
    told: dict[str, object] = {
        "check": "effects",
        "severity": Severity.ERROR,
        "owner": Owner.CONFIGURATION,
        "message": "`charge` ran twice: it had finished in life 1, the process died at model#3/before, and its body was"
        " entered again in life 2",
        "remedy": "decorate `charge` with `@DBOS.step()` so that its result is recorded",
        "replay": f"harness run {SUBJECT} --engine dbos --fault crash@model#3/before",
    }
    return Finding(rule=rule, step=step, **(told | values))  # type: ignore[arg-type]


def a_warning(**values: object) -> Finding:
    told: dict[str, object] = {
        "severity": Severity.WARNING,
        "owner": Owner.TOOL,
        "message": "`charge` ran twice: it was in flight in life 1, the process died at tool:charge#1/between, and its"
        " body was entered again in life 2",
        "remedy": "give `charge` an idempotency key and say so (`--tools charge=keyed:ARGUMENT`)",
        "replay": f"harness run {SUBJECT} --engine dbos --fault crash@tool:charge#1/between",
    }
    return a_finding(rule="in-flight-ran-again", **(told | values))


def a_run(
    plan: str = "crash@model#1/before",
    *findings: Finding,
    engine: str = "dbos",
    unknown: str = "",
    cell: tuple[str, str] | None = None,
    **values: object,
) -> RunReport:
    """A run with these findings of the check of effects, or one that could not be judged."""
    verdict = Verdict.unknown("faults fired", unknown) if unknown else Verdict("faults fired", Status.PASSED)
    verdicts = (Verdict("completion", Status.PASSED), Verdict.of("effects", findings), verdict)
    told: dict[str, object] = {"crashes": 1} | values
    return RunReport(engine, SUBJECT, plan, verdicts, 2, ".harness/1", cell=cell, **told)  # type: ignore[arg-type]


def a_sweep(
    engine: str = "dbos",
    *,
    found: dict[tuple[str, str], Finding] | None = None,
    unknown: dict[tuple[str, str], str] | None = None,
    unrecorded: tuple[str, ...] = (),
    steps: tuple[str, ...] = STEPS,
    **values: object,
) -> EngineSweep:
    """A whole sweep, clean but for what is `found` in some cells."""
    rows = tuple(Row(step, step not in unrecorded, {"order_id": "7"} if "tool" in step else None) for step in steps)
    cells = [(row.step, window) for row in rows for window in WINDOWS if row.recorded or window != "after"]
    runs = tuple(_cell_run(engine, cell, (found or {}).get(cell), (unknown or {}).get(cell, "")) for cell in cells)
    told: dict[str, object] = {"rows": rows, "runs": runs, "possible": len(runs)}
    return EngineSweep(engine, "step", **(told | values))  # type: ignore[arg-type]


def _cell_run(engine: str, cell: tuple[str, str], finding: Finding | None, unknown: str) -> RunReport:
    plan = f"crash@{cell[0]}/{cell[1]}"
    return a_run(plan, *([finding] if finding else []), engine=engine, cell=cell, unknown=unknown)


TWICE = {
    ("tool:charge#1", "between"): a_warning(),
    **{cell: a_finding() for cell in [("model#3", "before"), ("model#3", "between"), ("model#3", "after")]},
    **{("run", window): a_finding() for window in ("before", "between")},
}
PLAIN_TOOLS = ("tool:find_order#1", "tool:charge#1")


def a_bad_report() -> SweepReport:
    """Under DBOS the plain tool `charge` runs twice after it had finished, and may when it was in flight."""
    return SweepReport(SUBJECT, (a_sweep(found=TWICE, unrecorded=PLAIN_TOOLS),), 3.14159)


def a_good_report() -> SweepReport:
    return SweepReport(SUBJECT, (a_sweep(),), 2.0)


def a_parity_report() -> SweepReport:
    """Three engines that differ, one that refuses the subject and one that is not installed."""
    return SweepReport(
        SUBJECT,
        (
            a_sweep("dbos", found=TWICE, unrecorded=PLAIN_TOOLS),
            a_sweep("journal"),
            a_sweep("prefect", unknown={("model#1", "after"): "the fault never fired"}),
            EngineSweep("other", "unit", refused="OtherEngine takes no agents without a name"),
            EngineSweep(
                "temporal",
                "activity",
                unavailable="temporalio is not installed: pip install 'durable-harness[temporal]'",
            ),
        ),
        41.0,
    )
