"""A world that takes down where its process connects to."""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Iterator
from typing import Any

from harness import effects


@contextlib.contextmanager
def watched() -> Iterator[None]:
    sys.addaudithook(_connects)
    yield


def _connects(event: str, args: tuple[Any, ...]) -> None:
    if event == "socket.connect" and args[0].family in (socket.AF_INET, socket.AF_INET6):
        effects.effect("connect", host=args[1][0])
