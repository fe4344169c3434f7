"""What every test may count on: the project's own markers, and pytest's tool for testing plugins.

Nothing here changes how a test runs; rooms that need builders or servers keep them in their own folder's
conftest.
"""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

MARKERS = (
    "slow: takes seconds rather than milliseconds; `-m 'not slow'` leaves it out while you work",
    "engine(name=...): needs this engine's packages and, where it has one, its server",
)


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers, so that a misspelt one is an error and not a test that silently runs."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
