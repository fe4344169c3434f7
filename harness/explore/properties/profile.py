"""The settings under which these properties are used correctly, and why they are not Hypothesis's own."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, Phase, settings

SUPPRESSED = (HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large)


def durable(**changed: Any) -> settings:
    """Settings for tests that draw scenarios: `@durable()`, or `@durable(max_examples=500)`.

    An example starts and kills processes, so it has no deadline (the first also imports the subject, and a busy machine
    decides the rest; a run that hangs is ended by the watchdog, not by a clock), and drawing it may be slow, because a
    fault can only be placed in a conversation that was run. Conversations that an agent rejects and faults that never
    happen are discarded, which may be many. Hypothesis's explanations are left out: they cost runs, and the lines of
    Python that only a failing example runs would be ours. A search ends with the first failure: looking for a second
    costs as much again, and Hypothesis takes two failures of `survives` for one. `changed` are settings of Hypothesis;
    they win. What is not said here, as the number of examples, is the loaded profile's.
    """
    phases = [phase for phase in Phase if phase is not Phase.explain]
    given: dict[str, Any] = {
        "phases": phases,
        "deadline": None,
        "report_multiple_bugs": False,
        "suppress_health_check": SUPPRESSED,
        **changed,
    }
    return settings(**given)
