"""The pytest plugin's rooms, one idea each; `harness.pytest_plugin` is the door that pytest knocks at.

Nothing here is imported before a durable test is collected, so that a suite without one pays for a few hooks only.
"""

from __future__ import annotations

from typing import Any

PROPERTIES = "harness.explore.properties"
"""The room that whoever writes a property imports. Without one nobody may pay for importing it."""
MARKERS = {"durable", "retry_budget"}
FIXTURES = {"durable", "durable_engine", "retry_audit"}


def is_ours(item: Any) -> bool:
    """Whether a test has one of our markers or asks for one of our fixtures."""
    return _has(item, MARKERS, FIXTURES)


def may_crash(item: Any) -> bool:
    """Whether a test runs something under a fault: a retry audit never does."""
    return _has(item, {"durable"}, {"durable"})


def _has(item: Any, markers: set[str], fixtures: set[str]) -> bool:
    asked = fixtures.intersection(getattr(item, "fixturenames", ()))
    return bool(asked) or any(item.get_closest_marker(name) is not None for name in markers)
