"""A world in which the first life ends before the engine has heard of the run."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from harness.process.worker import incarnation


@contextmanager
def too_early() -> Iterator[None]:
    """Die, as by a crash, between the request for a run and the engine's acceptance of it. Once."""
    if incarnation() == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    yield
