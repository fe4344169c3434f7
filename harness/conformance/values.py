"""What the suite is made of, and what it comes to: requirements, how each was met, and all of them together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.verdict import Status, worst

if TYPE_CHECKING:
    from harness.conformance.lab import Lab

Try = Callable[["Lab"], Iterator[str]]
"""Tries an engine out, and yields a sentence for everything that is wrong."""


class CannotTell(Exception):
    """Raised where a requirement cannot be tried on this engine; the message says why."""


class DoesNotApply(CannotTell):
    """Raised where the engine does not offer what a requirement is about, which is its right."""


@dataclass(frozen=True)
class Requirement:
    """One thing that every engine must do. `says` is the sentence that is true of an engine that does."""

    name: str
    says: str
    tried: Try


@dataclass(frozen=True)
class Result:
    """How an engine met one requirement. `sentence` says what is wrong, or what holds."""

    requirement: str
    status: Status
    sentence: str
    applies: bool = True

    def to_json(self) -> dict[str, Any]:
        return {
            "requirement": self.requirement,
            "status": str(self.status),
            "sentence": self.sentence,
            "applies": self.applies,
        }


@dataclass(frozen=True)
class Conformance:
    """One engine under the whole suite. `exempt` says why nothing was tried, and nothing tried is unknown."""

    engine: str
    results: tuple[Result, ...] = ()
    exempt: str = ""
    folder: str = ""

    @property
    def status(self) -> Status:
        return worst(result.status for result in self.results)

    @property
    def failed(self) -> tuple[str, ...]:
        """The names of the requirements that were not met."""
        return tuple(result.requirement for result in self.results if result.status is Status.FAILED)

    def to_json(self) -> dict[str, Any]:
        """One document, as the command line prints it with `--format json`."""
        return {
            "engine": self.engine,
            "status": str(self.status),
            "exempt": self.exempt,
            "requirements": [result.to_json() for result in self.results],
            "folder": self.folder,
        }
