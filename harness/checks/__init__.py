"""Checks: pure functions over a finished history. No engine, no clock, no files.

To add one: write a file with a function `(Case) -> Verdict` that returns `Verdict.of(NAME, findings)`, or
`Verdict.unknown` where it cannot tell; name it in `registry.py`; give every rule a test in which it fails and one that
looks alike and must not. `faults_fired.py` is the smallest. A check may raise: `judge` makes that an unknown.
"""

from harness.checks.base import Case, Check
from harness.checks.baseline import Baseline, Difference, compare
from harness.checks.registry import CHECKS, judge

__all__ = ["CHECKS", "Baseline", "Case", "Check", "Difference", "compare", "judge"]
