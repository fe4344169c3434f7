"""A workflow of the person's own as the cause: its code stands between what the engine kept and what became of the run.

Engines give such code what its steps returned, and nothing else. Where it also reads what is outside of them (module
variables, files, time, chance), or goes on without a step that has no attempts left, it ends otherwise after a crash,
or does less, and no engine can help it. That is told once, against the workflow, unless the engine is seen to be wrong.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from harness.checks.account import steps_of_units
from harness.checks.base import Case, is_own_workflow
from harness.checks.own_code import follows, retold
from harness.checks.words import titled
from harness.history import EngineRecord, Execution, UnitAnswered, UnitLeft, UnitTried, located, spelled
from harness.verdict import Finding, Owner, Severity, Verdict

DIFFERS = "own-workflow-differs"
GIVEN_UP = "attempts-used-up"
_TOLD = ("cannot-replay", "key-reassigned")
"""What says already that the code took another way."""
_CONSEQUENCES = frozenset({"effect-missing", "lost", "output-differs"})


def blamed_on_own_workflow(case: Case, verdicts: Iterable[Verdict], beside: Iterable[Verdict]) -> list[Verdict]:
    """The verdicts with what the workflow itself did told once and against it; all have failed all the same.

    `beside` are those that bear witness and were not asked for.
    """
    verdicts = list(verdicts)
    if not is_own_workflow(case.history):
        return verdicts
    found = [each for one in (*verdicts, *beside) for each in one.findings if each.severity is Severity.ERROR]
    told = next((each.rule for each in found if each.rule in _TOLD), None)
    step, tries = given_up(case) or ("", 0)
    rules = _CONSEQUENCES | ({"nothing-runs"} if told else {"failed"} if step else frozenset())
    if _invented(case) or _mistaken(case) or any(each.rule not in rules and each.blames_others for each in found):
        return verdicts
    mine = [each for one in verdicts for each in one.findings if follows(each, rules) and (told or _may_be(case, each))]
    if not mine:
        return verdicts
    if told:
        return [retold(verdict, mine, told) for verdict in verdicts]
    first = min(mine, key=lambda finding: finding.check != "completion")
    new = _given_up(first, step, tries) if step else _took_another_way(case, first)
    return [retold(verdict, mine, new.rule, (first, new)) for verdict in verdicts]


def given_up(case: Case) -> tuple[str, int] | None:
    """The first step that failed here by the engine's own records, for all of its attempts had been made; how many."""
    steps, failed = steps_of_units(case.history), case.history.of(EngineRecord)
    ended = {(one.invocation, one.unit) for one in failed if one.detail.get("failure")}
    for tried in case.history.of(UnitTried):
        key = tried.invocation, tried.unit
        if key in ended and 0 < tried.tries <= tried.attempt:
            return steps.get(key, spelled(tried.step, tried.invocation)), tried.tries
    return None


def _runs(case: Case) -> list[Execution]:
    return [run for run in case.history.executions if run.step == "run"]


def _invented(case: Case) -> bool:
    """Whether the engine has a result for a unit that was tried here, and whose body never returned."""
    tried = {(event.invocation, event.unit) for event in case.history.of(UnitTried)}
    returned = {(run.entered.invocation, run.entered.unit) for run in case.history.executions if run.finished}
    kept = {(each.invocation, each.unit) for each in case.history.of(EngineRecord) if each.status == "recorded"}
    return bool(kept & (tried - returned))


def _mistaken(case: Case) -> bool:
    """Whether the engine has answered for a unit with what no body of it returned, as far as that can be compared."""
    return any(known and not known & {said, None} for said, known in _answers(case))


def _answers(case: Case) -> list[tuple[str | None, set[str | None]]]:
    """What the engine has answered for each unit, and all that bodies of that unit returned."""
    returned: dict[tuple[int, str], set[str | None]] = defaultdict(set)
    for left in case.history.of(UnitLeft):
        if left.outcome == "ok":
            returned[left.invocation, left.unit].add(left.said)
    return [(event.said, returned[event.invocation, event.unit]) for event in case.history.of(UnitAnswered)]


def _may_be(case: Case, finding: Finding) -> bool:
    """Whether the code ran again in a later life, with no outcome recorded, and its agents said what they always say.

    Else the engine has only to hand out what it has, or a conversation is what went another way. So it is where the
    code ran once, to the end, and was answered with nothing but what bodies returned.
    """
    number = located(finding.step or "run")[0]
    runs = [run for run in _runs(case) if run.entered.invocation == number]
    again = len({run.incarnation for run in runs}) > 1 and not any(run.recorded for run in runs[:-1])
    outcome = case.history.outcomes.get(number)
    once = len(runs) == 1 and outcome is not None and outcome.incarnation == runs[0].incarnation
    alone = once and all(known for _said, known in _answers(case))
    same = finding.rule == "failed" or next(iter(case.differences(f"outcome#{number}.messages")), None) is None
    return (again or alone) and same


def _took_another_way(case: Case, finding: Finding) -> Finding:
    lives = sorted({run.incarnation for run in _runs(case)})
    when = f"taken up again in life {lives[-1]}, " if len(lives) > 1 else ""
    return replace(
        finding,
        rule=DIFFERS,
        owner=Owner.CONFIGURATION,
        message=f"{finding.message}: {when}the code of the workflow itself took another way",
        remedy="let the code of the workflow depend on its arguments and on what its steps return, and on nothing else:"
        " no module variables, files, time or chance outside a step",
    )


def _given_up(finding: Finding, step: str, tries: int) -> Finding:
    allowed = "the one attempt" if tries == 1 else f"the {tries} attempts"
    return replace(
        finding,
        rule=GIVEN_UP,
        owner=Owner.CONFIGURATION,
        message=f"{finding.message}: {titled(step)} was given up after {allowed} that the workflow allows it",
        remedy=f"allow {titled(step)} more attempts than {tries}, if a crash in it is to be survived, or see that the"
        " workflow is meant to end like this",
    )
