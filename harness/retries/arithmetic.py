"""What nested retries come to: not always a product. Fallbacks add, deadlines cut off, and some never end.

Two views of one cell. An `Expression` is for a person: `3 (openai) × 4 (prefect task) = 12`. A `Course` is when each
request is made if everything fails at once, in configured seconds: only with it can a deadline be applied rightly.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

from pydantic import Field

from harness.retries.values import MEASURED_TO, Value

LONGEST = 5000
"""Requests of a course that are written down one by one; a deadline cuts within the first of them, or not at all."""


REMEMBERED = MEASURED_TO
"""Waits of a layer that its factor keeps: enough to see whether they grow in the end."""


class Times(Value):
    """One layer's factor. None is unknown; `endless` is a layer that never stops by itself.

    `waits` are the first few waits between its attempts, in configured seconds.
    """

    kind: Literal["times"] = "times"
    times: int | None
    layer: str
    endless: bool = False
    waits: tuple[float, ...] = ()

    @property
    def total(self) -> float | None:
        return math.inf if self.endless else self.times

    def __str__(self) -> str:
        return f"{_count(self.total)} ({self.layer})"


class Product(Value):
    """Nested layers, the innermost first."""

    kind: Literal["product"] = "product"
    parts: tuple[Expression, ...]

    @property
    def total(self) -> float | None:
        totals = [part.total for part in self.parts]
        known = [total for total in totals if total is not None]
        return None if len(known) < len(totals) else math.prod(known)

    def __str__(self) -> str:
        return " × ".join(f"({part})" if isinstance(part, Sum) else str(part) for part in self.parts)


class Sum(Value):
    """One after the other: fallback models."""

    kind: Literal["sum"] = "sum"
    parts: tuple[Expression, ...]

    @property
    def total(self) -> float | None:
        totals = [part.total for part in self.parts]
        known = [total for total in totals if total is not None]
        return None if len(known) < len(totals) else sum(known)

    def __str__(self) -> str:
        return " + ".join(str(part) for part in self.parts)


class AtMost(Value):
    """What a deadline or a limit leaves of it: `most` are begun before `layer` ends it.

    A deadline ends it after `seconds`; a limit, which has none, when so many are begun.
    """

    kind: Literal["at-most"] = "at-most"
    most: int
    seconds: float | None = None
    layer: str
    part: Expression

    @property
    def total(self) -> float | None:
        inner = self.part.total
        return None if inner is None else min(self.most, inner)

    def __str__(self) -> str:
        if self.seconds is None:
            return f"{self.most} ({self.layer} stop {self.part})"
        return f"{self.most} ({self.layer} ends {self.part} after {self.seconds:g} s)"


Expression = Annotated[Times | Product | Sum | AtMost, Field(discriminator="kind")]
for _model in (Product, Sum, AtMost):
    _model.model_rebuild()


def spelled(expression: Expression) -> str:
    """The expression with what it comes to: `3 (openai) × 4 (prefect task) = 12`."""
    return f"{expression} = {_count(expression.total)}"


def times(
    number: int | None, layer: str, *, endless: bool = False, wait: Callable[[int], float] | None = None
) -> Times:
    """A factor: how often one layer tries, and how long it waits between."""
    some = MEASURED_TO if endless else number or 1
    waits = tuple(wait(attempt) for attempt in range(1, min(some, REMEMBERED + 1))) if wait else ()
    return Times(times=number, layer=layer, endless=endless, waits=waits)


def factors(expression: Expression) -> Iterator[Times]:
    """Every layer's factor in an expression, the innermost first."""
    if isinstance(expression, Times):
        yield expression
    elif isinstance(expression, AtMost):
        yield from factors(expression.part)
    else:
        for part in expression.parts:
            yield from factors(part)


def product(*parts: Expression) -> Expression:
    """Nested layers. Layers that try once are left out, unless nothing else is there."""
    flat = [inner for part in parts for inner in (part.parts if isinstance(part, Product) else (part,))]
    telling = [part for part in flat if not (isinstance(part, Times) and part.times == 1 and not part.endless)]
    kept = telling or flat[:1]
    return kept[0] if len(kept) == 1 else Product(parts=tuple(kept))


def added(*parts: Expression) -> Expression:
    """Fallbacks, in the order in which they are asked."""
    return parts[0] if len(parts) == 1 else Sum(parts=tuple(parts))


def limited(part: Expression, most: int | None, layer: str) -> Expression:
    """What a limit leaves: the part itself where it stays below, or nobody knows what it comes to."""
    total = part.total
    if most is None or total is None or total <= most:
        return part
    return AtMost(most=most, layer=layer, part=part)


def adds(expression: Expression) -> bool:
    """Whether anything in it is a sum, as the models of a fallback are."""
    parts = (expression.part,) if isinstance(expression, AtMost) else getattr(expression, "parts", ())
    return isinstance(expression, Sum) or any(map(adds, parts))


def changed(expression: Expression, layer: str, attempts: int) -> Expression:
    """The expression with another number for one layer. A deadline only stays if it still cuts anything."""
    if isinstance(expression, Times):
        fewer = expression.layer == layer and (expression.endless or (expression.times or 0) > attempts)
        return Times(times=attempts, layer=layer, waits=expression.waits[: attempts - 1]) if fewer else expression
    if isinstance(expression, AtMost):
        inner = changed(expression.part, layer, attempts)
        return inner if (inner.total or 0) <= expression.most else expression.model_copy(update={"part": inner})
    parts = tuple(changed(part, layer, attempts) for part in expression.parts)
    return expression.model_copy(update={"parts": parts})


def _count(total: float | None) -> str:
    return "?" if total is None else "unlimited" if math.isinf(total) else str(int(total))


@dataclass(frozen=True)
class Course:
    """What happens when everything fails: when each request begins, and when the last layer gives up.

    `seconds` is None where some wait is not known, `endless` says that it goes on so. `begun` holds the first `LONGEST`
    beginnings, each at the moment from which on no deadline can prevent it; `requests` counts them all.
    """

    begun: tuple[float, ...] = (0.0,)
    seconds: float = 0.0
    endless: bool = False
    requests: float = field(default=-1)

    def __post_init__(self) -> None:
        if self.requests < 0:
            object.__setattr__(self, "requests", math.inf if self.endless else len(self.begun))

    @property
    def hangs(self) -> bool:
        """Whether it never ends because its last request is never answered."""
        return self.endless and math.isfinite(self.requests)

    def then(self, other: Course) -> Course:
        """The other one after this one."""
        if self.endless:
            return self
        later = tuple(self.seconds + moment for moment in other.begun)
        begun = (self.begun + later)[:LONGEST]
        return Course(begun, self.seconds + other.seconds, other.endless, self.requests + other.requests)

    def repeated(self, attempts: int | None, wait: Callable[[int], float]) -> Course:
        """This one `attempts` times (None: without end), with `wait(n)` seconds after the n-th."""
        if self.endless:
            return self
        done, moment = self, self.seconds
        begun = list(self.begun)
        counted = min(attempts or LONGEST, LONGEST)
        for attempt in range(1, counted):
            moment += wait(attempt)
            begun += [moment + each for each in self.begun] if len(begun) < LONGEST else ()
            moment += self.seconds
        if attempts is not None and attempts > counted:  # those that nobody counts wait as long as the last one
            moment += (attempts - counted) * (wait(counted - 1) + self.seconds)
        endless = attempts is None
        requests = math.inf if attempts is None else done.requests * attempts
        seconds = math.inf if endless else moment
        return Course(tuple(begun[:LONGEST]), seconds, endless, requests)

    def surely(self, sure: Callable[[float], float]) -> Course:
        """The same where a request that begins at `moment` cannot be prevented any more from `sure(moment)` on."""
        return replace(self, begun=tuple(sure(moment) for moment in self.begun))

    def lasting(self, longer: float) -> Course:
        """The same where it takes `longer` seconds more until somebody notices its end."""
        return replace(self, seconds=self.seconds + longer)

    def ended(self, deadline: float | None) -> Course:
        """What a deadline leaves of it: what has begun by then. Nothing is begun in the moment of the deadline.

        Where nobody knows how long it takes, or how much has begun by then, it is left as it is.
        """
        if deadline is None or self.seconds <= deadline or math.isnan(self.seconds):
            return self
        begun = tuple(moment for moment in self.begun if moment < deadline)
        if len(begun) == LONGEST:
            return self
        return Course(begun, deadline, False, len(begun))


FOR_EVER = Course(seconds=math.inf, endless=True, requests=1)
"""One request whose answer is waited for without end: no try comes after it, unless a deadline further out ends it."""
