"""What layers make of a failure, as whoever is around them sees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pydantic_ai.messages import ModelResponse

from harness.retries.arithmetic import Course, Expression, times


@dataclass(frozen=True)
class Outcome:
    """What layers make of a failure: the expression, the course, and the error that whoever is around them sees.

    `stops` is the layer whose deadline ended it, if one did. `assumed` says that nobody raises anything: the error is
    that of whoever reads such an answer; `short` that it is the worst where chance makes waits short. `hasty` tells the
    course with such waits, of what else may be the worst with the longest ones. `answer` is what a model made of what
    came, if it raised nothing; `otherwise` is the error where code around it makes none of its own. `unmeasured` is
    why a run, whose waits are divided, does not show it either.
    """

    expression: Expression
    course: Course
    error: BaseException | None
    stops: str = ""
    assumed: bool = False
    short: bool = False
    hasty: Callable[[], Course] | None = None
    answer: ModelResponse | None = None
    otherwise: BaseException | None = None
    unmeasured: str = ""


def nobody_knows(layer: str, unmeasured: str = "") -> Outcome:
    """The outcome of a request through a layer that cannot be asked."""
    return Outcome(times(None, layer), Course(seconds=float("nan")), None, unmeasured=unmeasured)
