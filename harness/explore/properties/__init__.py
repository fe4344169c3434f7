"""Property-based failure scenarios: Hypothesis makes up conversations and faults, real processes die of them.

A property is one decorator and one line: `@given(scenarios("shop.agents:payments", ["dbos"]))` over a test that calls
`survives(scenario)`. Hypothesis is imported in this package and nowhere else.
"""

from __future__ import annotations

from harness.explore.properties.benches import close_benches
from harness.explore.properties.composing import scenarios
from harness.explore.properties.conversations import scripts
from harness.explore.properties.machine import DurableMachine
from harness.explore.properties.plans import fault_plans
from harness.explore.properties.profile import durable
from harness.explore.properties.reproduction import DoesNotSurvive
from harness.explore.properties.surviving import survives

__all__ = [
    "DoesNotSurvive",
    "DurableMachine",
    "close_benches",
    "durable",
    "fault_plans",
    "scenarios",
    "scripts",
    "survives",
]
