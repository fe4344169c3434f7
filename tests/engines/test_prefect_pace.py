"""What becomes of the waits of Prefect's client."""

from __future__ import annotations

import pytest


def test_the_client_asks_again_sooner_and_still_outlasts_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect.client import base

    from harness.engines.prefect import pace

    monkeypatch.setattr(base, "clamped_poisson_interval", lambda average_interval, _factor: average_interval)
    pace.ask_again_sooner()

    assert [base.clamped_poisson_interval(2**attempt, 0.2) for attempt in (1, 2, 3, 4, 5)] == [0.5, 1, 2, 4, 8]
