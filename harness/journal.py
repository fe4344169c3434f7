"""Append-only record of one run, one JSON object per line.

Lives on disk rather than in memory because the process that writes it is expected to die mid-sentence. Every line is
one `write` to a descriptor opened for appending, so lines of several processes and threads never mix, and what was
written survives a SIGKILL of the writer. A line that a death has torn is therefore normal, at the end or with the
next line right behind it; a bad line of any other kind is not.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, ParamSpec

from harness.errors import JournalCorrupt, UsageError
from harness.history import Event, History, unsaid

P = ParamSpec("P")


class Journal:
    """Appends events. `worker`, `incarnation` and `invocation` are stamped on each; pid and time are the writer's."""

    def __init__(self, path: Path, *, worker: int = 0, incarnation: int = 0) -> None:
        from pydantic_core import to_json  # here, because `harness --help` has no need of it

        self._to_json = to_json
        self.path = path
        self.worker = worker
        self.incarnation = incarnation
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        except OSError as error:
            raise UsageError(
                f"cannot write the journal {path}: {error.strerror}; choose another folder with `--out`"
            ) from error

    def append(self, event: Event, *, invocation: int | None = None) -> None:
        """Write one event. Raises `UsageError` when the disk is full: nothing after it could be trusted."""
        facts = event.to_json()
        if invocation is not None:
            facts["invocation"] = invocation
        self._write(facts)

    def tell(self, kind: Callable[P, Event], *_none: P.args, **facts: P.kwargs) -> None:
        """Write the event `kind(**facts)` without making it: a probe is in the way of what it watches."""
        self._write({**unsaid(kind), **facts})

    def _write(self, facts: dict[str, Any]) -> None:
        """Stamp one event, and write its line."""
        facts["time"] = time.time_ns() // 1000 / 1e6  # `round` takes as long as the writing
        facts["pid"] = os.getpid()
        facts["worker"] = self.worker
        facts["incarnation"] = facts["incarnation"] or self.incarnation
        data = _line(facts, self._to_json)
        try:
            written = os.write(self._file, data)
        except OSError as error:
            raise UsageError(
                f"cannot write the journal {self.path}: {error.strerror}; free some space or use `--out`"
            ) from error
        if written != len(data):
            raise UsageError(f"cannot write the journal {self.path}: the disk is full; free some space or use `--out`")

    def close(self) -> None:
        os.close(self._file)


def _line(facts: dict[str, Any], to_json: Callable[..., bytes]) -> bytes:
    """One event as a line of JSON. What the quick way refuses (cycles, half characters) takes the slow one."""
    kind = facts.pop("kind")
    try:
        rest = to_json(facts, fallback=_named, inf_nan_mode="constants")
    except (ValueError, TypeError, RecursionError):
        return (_slowly({"kind": kind, **facts}) + "\n").encode("utf-8", "backslashreplace")
    # With the blanks by which a line behind a torn one is found.
    return b'{"kind": "%b", %b\n' % (kind.encode(), rest[1:])


def _slowly(values: dict[str, Any]) -> str:
    """What JSON refuses even so (keys that are no strings, cycles) becomes plain field by field."""
    try:
        return _ENCODER.encode(values)
    except (TypeError, ValueError, RecursionError):
        return _ENCODER.encode({name: plain(value) for name, value in values.items()})


def plain(value: Any) -> Any:
    """What JSON cannot say: pydantic's own JSON form where there is one, else the type's name without its address."""
    from pydantic_core import PydanticSerializationError, to_jsonable_python

    try:
        return to_jsonable_python(value, fallback=_named)
    except (PydanticSerializationError, ValueError, RecursionError):
        return _named(value)


def _named(value: Any) -> str:
    return f"<{type(value).__module__}.{type(value).__qualname__}>"


_ENCODER = json.JSONEncoder(default=plain, ensure_ascii=False)


class Reader:
    """Reads a journal while it grows: a line that was whole once is not read again. Safe in one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._events: list[Event] = []
        self._seen = 0  # bytes, up to the end of the last whole line

    def read(self) -> History:
        """What the journal says now. Raises `UsageError` if there is none, `JournalCorrupt` for a bad line in it."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._seen)
                new = file.read()
        except OSError as error:
            raise UsageError(
                f"cannot read the journal {self._path}: {error.strerror}; is this a run folder?"
            ) from error
        *lines, rest = new.split(b"\n")
        self._events += [_event(self._path, number, line) for number, line in enumerate(lines, len(self._events) + 1)]
        self._seen += len(new) - len(rest)
        return History(tuple(self._events), torn=bool(rest))


def load(path: Path) -> History:
    """Read a journal back. Raises `UsageError` if there is none and `JournalCorrupt` for a bad line in the middle."""
    return Reader(path).read()


def _event(path: Path, number: int, line: bytes) -> Event:
    """The event of a line; behind what a death has torn off, the next writer's event."""
    try:
        return _read(number, line)
    except (ValueError, TypeError, AttributeError) as error:
        start = line.find(_START, 1)
        while start > 0:
            with suppress(ValueError, TypeError, AttributeError):
                return _read(number, line[start:])
            start = line.find(_START, start + 1)
        raise JournalCorrupt(
            f"the journal {path} is damaged: line {number} is no event ({error}); restore it, or run the plan again"
        ) from error


_START = b'{"kind": '


def _read(number: int, line: bytes) -> Event:
    from pydantic_core import from_json

    try:
        values = from_json(line)
    except ValueError:  # half characters, which Python's own reader takes
        values = json.loads(line)
    return Event.from_json(number, values)
