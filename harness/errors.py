"""Every error the harness raises on purpose, and the exit code each one means.

Few classes, so that a caller can decide what to do from the type alone. The message is written for the person at the
terminal: what is wrong, where, and what to do.
"""

from __future__ import annotations

PASSED = 0
FAILED = 1
USAGE = 2
UNKNOWN = 3
INTERNAL = 4
INTERRUPTED = 130


class HarnessError(Exception):
    """Base of every error raised on purpose. `exit_code` is what the command line exits with."""

    exit_code: int = INTERNAL


class UsageError(HarnessError):
    """The person asked for something that cannot be done; the message says what to change."""

    exit_code = USAGE

    @classmethod
    def listing(cls, heading: str, problems: list[str]) -> UsageError:
        """Report every problem at once, one per line under `heading` (or alone, if there is just one)."""
        if len(problems) == 1:
            return cls(f"{heading}: {problems[0]}")
        return cls("\n".join([f"{heading}:", *(f"  - {problem}" for problem in problems)]))


class EngineUnavailable(UsageError):
    """An engine, its server or its database is not there; the message says how to get it."""


class SubjectError(UsageError):
    """The subject could not be imported, is no agent, or cannot be called.

    `traceback` is the subject's own, if its import raised.
    """

    def __init__(self, message: str, traceback: str | None = None) -> None:
        super().__init__(message)
        self.traceback = traceback


class JournalCorrupt(HarnessError):
    """A journal holds a line that is neither an event nor the torn end of one."""

    exit_code = UNKNOWN


class InternalError(HarnessError):
    """The harness itself is wrong; the message asks for a report."""
