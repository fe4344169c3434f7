"""What the suite is made of, and what it comes to: requirements, how each was met, and all of them together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
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


class Answer(StrEnum):
    """What is said of one requirement. One that does not apply is not met either: nothing was tried."""

    MET = "met"
    NOT_MET = "not met"
    NOT_APPLICABLE = "n/a"
    NOT_KNOWN = "not known"


_JUDGED = {Answer.MET: Status.PASSED, Answer.NOT_MET: Status.FAILED, Answer.NOT_KNOWN: Status.UNKNOWN}


@dataclass(frozen=True)
class Result:
    """How an engine met one requirement. `sentence` says what is wrong, what holds, or why nothing was tried."""

    requirement: str
    answer: Answer
    sentence: str

    def to_json(self) -> dict[str, Any]:
        return {"requirement": self.requirement, "answer": str(self.answer), "sentence": self.sentence}


@dataclass(frozen=True)
class Conformance:
    """One engine under the whole suite. `exempt` says why nothing was tried, and nothing tried is unknown."""

    engine: str
    results: tuple[Result, ...] = ()
    exempt: str = ""
    folder: str = ""

    @property
    def status(self) -> Status:
        """Passed if all that apply are met. Where none applies nothing is known: an engine is not good for refusing."""
        return worst(_JUDGED[result.answer] for result in self.results if result.answer in _JUDGED)

    @property
    def failed(self) -> tuple[str, ...]:
        """The names of the requirements that were not met."""
        return self.named(Answer.NOT_MET)

    def named(self, answer: Answer) -> tuple[str, ...]:
        """The names of the requirements of which this is said."""
        return tuple(result.requirement for result in self.results if result.answer is answer)

    def to_json(self) -> dict[str, Any]:
        """One document, as the command line prints it with `--format json`."""
        return {
            "engine": self.engine,
            "status": str(self.status),
            "exempt": self.exempt,
            "counts": {str(answer): len(self.named(answer)) for answer in Answer},
            "requirements": [result.to_json() for result in self.results],
            "folder": self.folder,
        }
