"""Which checks there are, and running them so that none can take the others down."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable
from dataclasses import replace

from harness.checks.attempts import attempts
from harness.checks.base import Case, Check
from harness.checks.baseline import Baseline
from harness.checks.cache import cache
from harness.checks.completion import completion
from harness.checks.conversation import conversation
from harness.checks.determinism import determinism
from harness.checks.effects import effects
from harness.checks.faults_fired import faults_fired
from harness.checks.idempotency_keys import KEY_CHANGED, idempotency_keys
from harness.checks.liveness import liveness
from harness.checks.own_code import blamed_on_own_code
from harness.checks.own_workflow import blamed_on_own_workflow
from harness.checks.owners import held_against
from harness.checks.resume import resume
from harness.checks.stories import KEY_DIFFERS
from harness.checks.usage import usage
from harness.contract import Contract
from harness.errors import HarnessError, UsageError
from harness.history import History
from harness.scenario import Scenario
from harness.typos import nearest
from harness.verdict import Severity, Status, Verdict

CHECKS: dict[str, Check] = {
    "completion": completion,
    "resume": resume,
    "effects": effects,
    "idempotency_keys": idempotency_keys,
    "cache": cache,
    "attempts": attempts,
    "conversation": conversation,
    "usage": usage,
    "determinism": determinism,
    "liveness": liveness,
    "faults_fired": faults_fired,
}
"""Every check by name, in the order in which reports show them."""
WITNESSES = ("resume", "determinism")
"""Those that say whether the engine or the code was wrong, and are heard even where they are not asked for."""


def judge(
    history: History,
    baseline: Baseline,
    scenario: Scenario,
    contract: Contract,
    *,
    names: Iterable[str] | None = None,
    strict: bool = False,
) -> tuple[Verdict, ...]:
    """Judge one run by the checks in `names`, else by those of the scenario, else by all.

    `strict` makes warnings fail. Raises `UsageError` for a check that does not exist; a check that raises is unknown.
    """
    case = Case(history, baseline, scenario, contract)
    chosen = list(names) if names is not None else list(scenario.checks)
    checks = {name: CHECKS[name] for name in map(known, chosen)} if chosen else CHECKS
    verdicts = told_once([safely(name, check, case) for name, check in checks.items()])
    verdicts = blamed_on_own_code(case, verdicts)
    beside = (safely(name, CHECKS[name], case) for name in WITNESSES if name not in checks)
    verdicts = blamed_on_own_workflow(case, verdicts, beside)
    verdicts = held_against(scenario.owners, verdicts) if scenario.owners else verdicts
    return tuple(stricter(verdict) if strict else verdict for verdict in verdicts)


def told_once(verdicts: list[Verdict]) -> list[Verdict]:
    """One finding for one cause: a changed key is left out where a repeat that it made harmful is reported.

    Both checks stay failed.
    """
    repeated = {finding.step for verdict in verdicts for finding in verdict.findings if finding.rule == KEY_DIFFERS}
    return [_without(verdict, repeated) for verdict in verdicts]


def _without(verdict: Verdict, repeated: set[str | None]) -> Verdict:
    left = tuple(found for found in verdict.findings if found.rule != KEY_CHANGED or found.step not in repeated)
    told = "a key changed, which `effects` tells" if len(left) < len(verdict.findings) else verdict.reason
    return replace(verdict, findings=left, reason=told)


def known(name: str) -> str:
    """The name of a check as the table has it (`faults fired` and `faults-fired` are `faults_fired`)."""
    spelled = name.strip().lower().replace(" ", "_").replace("-", "_")
    if spelled in CHECKS:
        return spelled
    raise UsageError(f"there is no check {name!r}{nearest(spelled, CHECKS)}")


def safely(name: str, check: Callable[[Case], Verdict], case: Case) -> Verdict:
    """Run one check; what it raises is the reason of an unknown, never a pass."""
    try:
        return check(case)
    except HarnessError as error:
        return Verdict.unknown(name, str(error))
    except Exception:  # noqa: BLE001  a broken check must not hide what the others found
        return Verdict.unknown(name, f"the check itself failed, please report it:\n{traceback.format_exc()}")


def stricter(verdict: Verdict) -> Verdict:
    """The verdict when warnings count: only a pass can become worse."""
    warned = any(finding.severity is Severity.WARNING for finding in verdict.findings)
    return replace(verdict, status=Status.FAILED) if warned else verdict
