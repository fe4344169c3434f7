"""Interpreters that have laid the groundwork, kept while many zygotes are made: each is then a fork of one of them.

Without it every zygote is an interpreter of its own, which is as good and takes two seconds of a processor longer. So
the first one is: whether others will follow is not known before the second.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.process import groundwork, kin
from harness.process.environment import environment
from harness.process.letters import Letter
from harness.process.zygote import Zygote

MOST = 4
"""Stems that are kept at a time: two hash seeds, in two environments."""

Key = tuple[int, frozenset[tuple[str, str]]]
"""A hash seed, and the environment variables: what is imported may have read any of them."""


class Stems:
    """The stems of this process, made when they are asked for again. Safe to use from several threads."""

    def __init__(self) -> None:
        self._stems: dict[Key, Zygote] = {}  # that was used last comes last
        self._asked: set[Key] = set()
        self._lock = threading.Lock()

    def of(self, seed: int) -> Zygote | None:
        """The one for a hash seed and for the environment as it is now; None for who asks first.

        It may be importing still.
        """
        variables = environment(None, hash_seed=seed, executable=sys.executable)
        key = seed, frozenset(item for item in variables.items() if item[0] not in groundwork.PASSING)
        with self._lock:
            if key not in self._asked:
                self._asked.add(key)
                return None
            stem = self._stems.pop(key, None)
            if stem is None or not stem.is_alive:
                stem = Zygote(groundwork.LAY, {}, hash_seed=seed, env=None, log=Path(os.devnull))
            self._stems[key] = stem
            self._close_one()
        return stem

    def _close_one(self) -> None:
        """Let go of the one that was used longest ago, unless something lives on each of them, or soon will."""
        if len(self._stems) > MOST:
            *before, _last = self._stems.items()
            for key in [key for key, stem in before if stem.is_idle][:1]:
                self._stems.pop(key).close()

    def close(self) -> None:
        with self._lock:
            while self._stems:
                self._stems.popitem()[1].close()


_kept: Stems | None = None
_holders = 0
_holding = threading.Lock()


def zygote(preload: str, argument: Letter, *, seed: int, log: Path, cold: bool = False) -> Zygote:
    """A zygote in this process's environment, born of a stem if there is one for it. Raises what `Zygote` raises."""
    born_of = None if cold else stem(seed)
    return Zygote(preload, argument, hash_seed=seed, env=None, cold=cold, log=log, stem=born_of)


def stem(seed: int) -> Zygote | None:
    """What a zygote with this hash seed is to be born of; None for the first, and while nothing is kept."""
    return _kept.of(seed) if _kept is not None and kin.LINUX else None


@contextmanager
def kept() -> Iterator[None]:
    """Keep stems until the last of those who want them leaves this. Zygotes of theirs would end with them."""
    global _kept, _holders
    with _holding:
        _holders += 1
        _kept = _kept or Stems()
    try:
        yield
    finally:
        with _holding:
            _holders -= 1
            last, _kept = (None, _kept) if _holders else (_kept, None)
        if last is not None:
            last.close()
