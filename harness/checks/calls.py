"""The agent's own code that ran again outside every step, where nothing records it.

No finding, since most such functions only compute; but a person who sends a mail from one has to know.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from harness.checks.baseline import Baseline
from harness.history import Called, History


def called_again(history: History, baseline: Baseline) -> Iterator[str]:
    """A note for each of the person's functions that was called more often than without faults."""
    usual = Counter((call.name, call.role) for call in baseline.history.of(Called))
    for (name, role), count in Counter((call.name, call.role) for call in history.of(Called)).items():
        if count > usual[name, role]:
            yield f"`{name}` ({role}) is outside every step, so recoveries ran it again: keep effects out of it"
