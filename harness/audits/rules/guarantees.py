"""What a retry means for what was done already: effects, kept results, recoveries, settings that nobody reads."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from harness.audits.rules.base import Found, Rule, Said, endless, layer, named, trying
from harness.retries.report import AuditReport, UnitAudit
from harness.retries.values import Failure, RetryLayer
from harness.verdict import Severity

ENGINES = ("dbos", "prefect", "temporal")
BY_NAME = ("tool_task_config_by_name", "tool_activity_config")
"""Settings of pydantic-ai's wrappers in which tools are named."""
BY_ID = ("toolset_activity_config", "tool_activity_config of")
"""Settings in which toolsets are named, by their ids."""
DEPLOY = 3
"""Restarts of a process that one deploy may take: the old version stops, the new one fails, and is rolled back."""


def _effects(unit: UnitAudit, _report: AuditReport) -> Found:
    cell = unit.cell(Failure.TOOL_EXCEPTION)
    if not unit.tool or cell is None or unit.may in ("keyed", "repeatable"):
        return
    if not (owners := trying(cell)):
        return
    tool = unit.tool
    known = cell.predicted is not None and math.isfinite(cell.predicted)
    often = "without end" if endless(unit, cell) else f"{cell.predicted:g} times" if known else "again"
    what = unit.unit.removeprefix("tool:")
    who = f"{owners[0].layer} runs {what} {often}" if len(owners) == 1 else f"{what} can run {often}: {cell.chain}"
    said = "it is said to run once" if unit.may == "once" else "nobody has said that it may run twice"
    text = f"{who}, and {said}"
    remedy = f"give it an idempotency key and say so (`--tools {tool}=keyed:ARGUMENT`), or do not retry it"
    severity = Severity.ERROR if unit.may == "once" else Severity.WARNING
    yield Said(text, remedy, severity, (cell.failure,), named(unit, owners[0].layer))


def _unread(unit: UnitAudit, report: AuditReport) -> Found:
    takes = report.engine if report.engine in ("prefect", "temporal") else None
    for name in unit.metadata:
        if name in ENGINES and name != takes:
            text = f"the tool configures {name!r} in its metadata, and {report.engine} does not read it"
            remedy = (
                "decorate the tool's function (`@DBOS.step(...)`)" if name == "dbos" else "run it under that engine"
            )
            yield Said(text, remedy, Severity.WARNING, (), layer(unit, "unit"))
    yield from _misnamed(unit, report)


def _misnamed(unit: UnitAudit, report: AuditReport) -> Found:
    """Tools and toolsets that are configured by name. With toolsets of unknown tools, any tool may be there."""
    around = layer(unit, "container")
    if around is None or unit.unit.rpartition(".")[2] != "run":
        return
    for setting, name in _said(around, BY_ID):
        if name not in unit.toolsets:
            text = f"`{setting}` configures {name!r}, and the agent has no toolset of that id"
            known = ", ".join(map(repr, unit.toolsets)) or "none"
            yield Said(text, f"name a toolset that is there ({known}), or take it away", Severity.WARNING, (), around)
    prefix = unit.unit.removesuffix("run")
    names = [one.unit.removeprefix(prefix) for one in report.units]
    if any(name.startswith("tools:") for name in names):
        return
    for setting, tool in _said(around, BY_NAME):
        if f"tool:{tool}" not in names:
            text = f"`{setting}` configures {tool!r}, and the agent has no such tool"
            yield Said(text, "name a tool that is there, or take it away", Severity.WARNING, (), around)


def _said(around: RetryLayer, settings: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The names in some settings, each with the argument in which it was said."""
    for setting in settings:
        for name in filter(None, around.settings.get(setting, "").split(", ")):
            yield setting.partition(" ")[0], name


def _heartbeat(unit: UnitAudit, _report: AuditReport) -> Found:
    for one in unit.layers:
        if "heartbeat_timeout" in one.settings and one.settings.get("heartbeats") == "no":
            text = (
                f"{one.name} must be heard of every {one.settings['heartbeat_timeout']}, and its body never says a word"
            )
            remedy = "take the heartbeat timeout away, or call `activity.heartbeat()` in the body"
            yield Said(text, remedy, Severity.ERROR, (), one)


def _results(unit: UnitAudit, report: AuditReport) -> Found:
    flow = layer(unit, "container")
    if unit.unit != "run" or flow is None or flow.settings.get("retries", "0") == "0":
        return
    tasks = [_outermost(one) for one in report.units if layer(one, "unit")]
    asked = [one for one in report.units if one is not unit]
    yield from _strayed(report.units)
    if asked and not tasks:
        yield from _in_no_task(flow, asked)
        return
    if flow.settings.get("persist_result") == "True":
        yield from _lost(tasks)
        return
    kept = [one.kept for one in tasks]
    if flow.settings.get("persist_result") == "False" and not (kept and all(kept)):
        but = "no results but those of tasks that say so" if any(kept) else "no results"
        text = f"the flow is retried, and keeps {but}: everything {'else ' if any(kept) else ''}that had finished"
        yield Said(f"{text} runs again", "set `persist_result=True` on the flow", Severity.ERROR, (), flow)


def _in_no_task(flow: RetryLayer, asked: Sequence[UnitAudit]) -> Found:
    """What a flow does itself is kept by nothing. If it is one thing only, the flow's retries are that one's."""
    if len(asked) > 1:
        text = "the flow is retried, and what it does is in no task: everything that had finished runs again"
        remedy = "put it into tasks that keep their results, with `persist_result=True` and a cache policy"
        yield Said(text, remedy, Severity.ERROR, (), flow)


def _lost(tasks: Iterable[RetryLayer]) -> Found:
    """Tasks of the person's own that keep nothing in a flow that keeps what its tasks say."""
    for one in {one.called: one for one in tasks if one.loses and one.called}.values():
        text = f"the flow is retried, and its task {one.called} keeps no result: if it had finished, it runs again"
        remedy = f"let {one.called} keep its result, with `persist_result=True` and a cache policy"
        yield Said(text, remedy, Severity.ERROR, (), one)


def _strayed(units: Iterable[UnitAudit]) -> Found:
    """What keeps results and does not find them: each cause once, with every unit that it is a cause for."""
    tasks = [(one.unit, task) for one in units if (task := layer(one, "unit")) is not None and task.strays]
    for cause in dict.fromkeys(task.strays for _unit, task in tasks):
        whose = ", ".join(dict.fromkeys(unit for unit, task in tasks if task.strays == cause))
        text = (
            f"the flow is retried, and what had finished of {whose} may run again: its key is made of {cause}, too,"
            " which JSON cannot say, and of a pickle it is another key in the retry"
        )
        remedy = (
            f"leave in {cause} only what JSON can say, or dataclasses of it: the configuration of all tools together"
            " (`tool_task_config`) is part of no key"
        )
        yield Said(text, remedy, Severity.ERROR, (), [task for _unit, task in tasks if task.strays == cause][-1])


def _outermost(unit: UnitAudit) -> RetryLayer:
    """Of the engine's units inside one another the one around the others: if that is kept, none of them runs again."""
    return next(one for one in reversed(unit.layers) if one.kind == "unit")


def _recoveries(unit: UnitAudit, _report: AuditReport) -> Found:
    one = layer(unit, "recovery")
    limit = one.settings.get("max_recovery_attempts", "") if one else ""
    if unit.unit == "run" and one is not None and limit.isdigit() and int(limit) < DEPLOY:
        text = f"a run is given up after {limit} recoveries, and a single deploy may need {DEPLOY}"
        yield Said(text, f"raise `max_recovery_attempts` to {DEPLOY} or more", Severity.WARNING, (Failure.CRASH,), one)


RULES = (
    Rule(
        "effects-without-key",
        "a tool is retried that may have had its effect already",
        "An exception does not prove that nothing happened: the answer may have been lost after the charge.",
        _effects,
    ),
    Rule(
        "tool-config-ignored",
        "a tool is configured for an engine that does not read it, or by a name that no tool has",
        "Whoever wrote it believes that it works.",
        _unread,
    ),
    Rule(
        "heartbeat-without-beats",
        "a heartbeat timeout on a body that never heartbeats",
        "Every attempt that takes longer is ended and retried, however well it goes.",
        _heartbeat,
    ),
    Rule(
        "flow-retries-without-results",
        "a flow is retried and its results are not kept",
        "A retry of the flow then repeats every model request and every tool, but for tasks that keep their own; of a"
        " flow that keeps results, a task that does not is repeated all the same, and so may one be that has another"
        " key in the retry.",
        _results,
    ),
    Rule(
        "few-recoveries",
        "a workflow is given up after fewer restarts than a deploy takes",
        "Recovery attempts are counted per run, over all deploys that it lives through.",
        _recoveries,
    ),
)
