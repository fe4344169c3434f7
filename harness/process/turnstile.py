"""A thing that many use at a time, or one alone: what a run does to a server, the runs beside it would suffer, too."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Turnstile:
    """Lets in any number who share, or one who is alone. Whoever wants to be alone goes before those who come later."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._sharing = self._wanting = 0
        self._is_taken = False

    @contextmanager
    def passed(self, *, alone: bool) -> Iterator[None]:
        """Be inside, `alone` or beside others. Waits for it."""
        self._enter(alone=alone)
        try:
            yield
        finally:
            with self._changed:
                self._is_taken = self._is_taken and not alone
                self._sharing -= not alone
                self._changed.notify_all()

    def _enter(self, *, alone: bool) -> None:
        with self._changed:
            self._wanting += alone
            if alone:
                self._changed.wait_for(lambda: not self._is_taken and not self._sharing)
            else:
                self._changed.wait_for(lambda: not self._is_taken and not self._wanting)
            self._wanting -= alone
            self._is_taken = alone
            self._sharing += not alone
