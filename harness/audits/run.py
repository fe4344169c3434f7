"""From a subject to a report: `audit`, the way in for Python, for the command line and for pytest.

The subject is imported in a process of its own, never in the caller's; what it says comes back as values. A static
audit takes as long as that process: it is started before anything else is imported here, and asks the engine itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from harness.audits.given import LISTED, check, listed
from harness.audits.scratch import scratch
from harness.engines import registry, usable
from harness.errors import UsageError
from harness.process import stems

if TYPE_CHECKING:
    from harness.contract import ToolPolicy
    from harness.retries.findings import Accepted
    from harness.retries.report import AuditReport, UnitAudit
    from harness.scenario import Scenario

BUDGET = 6
"""Requests that one model call, or executions that one tool call, may come to at worst, if nobody says otherwise."""
READY_SECONDS = 120.0


def audit(
    subject: str,
    engine: str = "none",
    *,
    budget: int = BUDGET,
    static: bool = False,
    options: dict[str, Any] | None = None,
    deps: Any = None,
    tools: Mapping[str, str] | None = None,
    accepted: Sequence[Accepted] = (),
    meanwhile: Callable[[], object] = lambda: None,
) -> AuditReport:
    """Audit the retries of a subject under an engine.

    `static` leaves out the proof on the wire. `tools` says what a tool may do when it runs twice (`charge: keyed:id`).
    `accepted` are findings that somebody has accepted. `meanwhile` is called while the process of a static audit
    imports the subject, for whoever will show the report and needs imports for that. Raises `UsageError` for everything
    that cannot be used: a subject, an engine that is not there, an engine that refuses the subject.
    """
    begun = time.monotonic()
    check(subject=subject, engine=engine, budget=budget, static=static, options=options, tools=tools)
    accepted = listed(accepted, LISTED)
    options = options or {}
    if engine not in registry.BUILT_IN:  # to look through what is installed takes a while, and the child does, too
        registry.path_of(engine)
    said = _policies(tools or {})
    with scratch() as folder:
        if static:
            info = _asked(subject, engine, options, deps, folder, meanwhile)
            units = _permitted(info, said)
        else:
            from harness.scenario import Scenario

            _must_run(engine, options)
            scenario = Scenario.make("the audit", subject=subject, engine=engine, options=options, deps=deps)
            info, units = _proven(scenario, said, folder)
    from harness.retries.report import AuditReport

    report = AuditReport(
        subject=subject,
        engine=engine,
        budget=budget,
        units=units,
        notes=tuple(info["notes"]),
        versions=info["versions"],
        proven=not static,
        seconds=time.monotonic() - begun,
    )
    return judged(report, accepted)


def _policies(tools: Mapping[str, str]) -> dict[str, ToolPolicy]:
    """What was said about tools. Raises `UsageError` for what cannot be read."""
    if not tools:
        return {}
    from harness.contract import ToolPolicy

    return {name: ToolPolicy.parse(text) for name, text in tools.items()}


def _must_run(engine: str, options: dict[str, Any]) -> None:
    """Raises `UsageError` unless the engine can run here with these options. Of a static audit its child asks less."""
    usable.demand(registry.load(engine), options)


def _asked(
    subject: str, engine: str, options: dict[str, Any], deps: Any, folder: Path, meanwhile: Callable[[], object]
) -> dict[str, Any]:
    """What the child says: it imports the subject and asks every layer."""
    argument = {"subject": subject, "deps": deps, "engine": engine, "options": options}
    argument |= {"hosts": _hosts(options), "folder": str(folder)}
    log = folder / "zygote.log"
    with stems.zygote("harness.audits.alone:prepare", argument, seed=1, log=log) as zygote:
        _get_ready_to_judge()
        meanwhile()
        return _taken(zygote.ready(READY_SECONDS).info, subject)


def _get_ready_to_judge() -> None:
    """Import what the child's answer is judged with while the child works, which takes longer."""
    from harness.audits import accepted, advice, rules  # noqa: F401


def _proven(
    scenario: Scenario, said: Mapping[str, ToolPolicy], folder: Path
) -> tuple[dict[str, Any], tuple[UnitAudit, ...]]:
    """The same, and what was measured: in the interpreter that the proof needs, so that all is imported once."""
    from harness.audits.proof import proven
    from harness.audits.wire import measuring

    with measuring.open_wire(scenario, folder) as bench:
        info = _taken(measuring.ask(bench), scenario.subject)
        return info, proven(_permitted(info, said), bench, info["no_run"])


def _taken(info: dict[str, Any], subject: str) -> dict[str, Any]:
    """What the child said. Raises `UsageError` if the engine refuses the subject."""
    if info["refused"]:
        raise UsageError(f"engine {info['engine']!r} does not take {subject!r}: {info['refused']}")
    return info


def judged(report: AuditReport, accepted: Sequence[Accepted] = ()) -> AuditReport:
    """The report with findings and advice: pure, so a report can be judged again."""
    from harness.audits.accepted import accepting, idle, lapsed
    from harness.audits.advice import advised
    from harness.audits.rules import found

    findings = accepting(found(report), accepted)
    unused = idle(findings, accepted, [unit.unit for unit in report.units])
    told = {"findings": findings, "lapsed": lapsed(findings, accepted), "idle": unused, "advice": advised(report)}
    return report.model_copy(update=told)


def _permitted(info: dict[str, Any], said: Mapping[str, ToolPolicy]) -> tuple[UnitAudit, ...]:
    """The units, with what was said about tools. Raises `UsageError` for a tool or a key that is not there."""
    from harness.retries.report import UnitAudit

    units = [UnitAudit.model_validate(unit) for unit in info["units"]]
    known = list(dict.fromkeys(unit.tool for unit in units if unit.tool))
    if unknown := sorted(said.keys() - set(known)):
        raise UsageError(f"the subject has no tool {unknown[0]}; its tools are {', '.join(known) or 'none'}")
    if said:
        from harness.audits.keys import refuse_lost_keys

        refuse_lost_keys(said, info["taken"])
    may = {tool: policy.may for tool, policy in said.items()}
    return tuple(unit.model_copy(update={"may": may.get(unit.tool, unit.may)}) for unit in units)


def _hosts(options: dict[str, Any]) -> list[str]:
    """The hosts of the person's own servers, which the subject's process may reach."""
    texts = [value for value in options.values() if isinstance(value, str) and ":" in value]
    found = [urlsplit(text if "://" in text else f"//{text}").hostname for text in texts]
    return [host for host in found if host]
