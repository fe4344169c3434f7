"""What dies with a process and no engine keeps: deps, module variables, caches that earlier tools have filled.

A tool that is replayed does not fill them again. Whoever reads them in the next life finds nothing, answers otherwise
or fails, and neither the engine nor the agent has done anything wrong.
"""

from __future__ import annotations

from harness.checks.base import Case, place
from harness.checks.words import life, titled_body
from harness.history import Execution
from harness.steps import StepId

VARIES = "take what varies (time, chance, the order of a set) out of the answer"


def forgotten(case: Case, run: Execution) -> tuple[str, str] | None:
    """What a body may have missed, as the end of a sentence, and the remedy; None if no earlier tool was replayed."""
    earlier = _lived_through(case, run)
    if not earlier:
        return None
    names = ", ".join(dict.fromkeys(titled_body(tool) for tool in earlier))
    why = f": it ran in {life(run)}, without what {names} had left in memory in {life(earlier[-1])}"
    found = f"let {titled_body(run)} find what it needs in the arguments or a store"
    lost = "not in deps or variables that die with the process"
    return why, f"{found}, {lost}; or, if the answer varies anyway, {VARIES}"


def otherwise(case: Case, run: Execution) -> tuple[str, str]:
    """What the crash has to do with what a body that ran once answers or does, and the remedy.

    What is only otherwise behind a crash does not vary by itself: then two runs without faults would differ in it. In
    the first life nothing has died yet, so there it does.
    """
    name = titled_body(run)
    if run.incarnation < 2:
        return "", f"{VARIES} of {name}"
    why = f": it ran in {life(run)}, and runs without faults do not differ in it"
    left = f"find out what earlier lives left to {name} (what died with the process, what was done twice)"
    return forgotten(case, run) or (why, f"{left}; or, if the answer varies anyway, {VARIES}")


def _lived_through(case: Case, run: Execution) -> list[Execution]:
    """The tools that had run in earlier lives, and were replayed, not run, in this one."""
    tools = [other for other in case.history.executions if StepId.parse(other.step).kind == "tool" and other.finished]
    here = {place(other) for other in tools if other.incarnation == run.incarnation}
    return [tool for tool in tools if tool.incarnation < run.incarnation and place(tool) not in here]
