"""The ways in which an endpoint fails, by name, and how both halves speak of a run that was ended."""

from __future__ import annotations

from harness.retries.values import ON_THE_WIRE

SUCCESS = "success"
"""Not a failure: the endpoint answers as a provider does."""
FAILURES: tuple[str, ...] = (*ON_THE_WIRE, SUCCESS)
"""What an endpoint can do, each by its name."""
CUT_OFF = "requests cut off"
"""The observation that a life was ended because one request more than the limit was on its way."""
