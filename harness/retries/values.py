"""One owner of retries, and the ways in which what it guards can fail.

A layer says what is configured and where that was set; what it does with one class of failure is in the expression of
that cell, because a layer may retry one failure and pass on another.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

MEASURED_TO = 25
"""Attempts after which an owner that never stops is believed."""
MOST_MEASURED = 1000
"""The highest prediction that is measured to its end; above it, an owner is believed as if it never stopped."""


class Failure(StrEnum):
    """A way in which everything that a unit tries goes wrong, again and again."""

    RATE_LIMITED_AFTER = "429-retry-after"
    RATE_LIMITED = "429"
    SERVER_ERROR = "500"
    UNAVAILABLE = "503"
    BAD_REQUEST = "400"
    UNAUTHORIZED = "401"
    REFUSED = "refused"
    READ_TIMEOUT = "read-timeout"
    INVALID_RESPONSE = "invalid-response"
    INVALID_OUTPUT = "invalid-output"
    TOOL_EXCEPTION = "tool-exception"
    USER_ERROR = "user-error"
    MODEL_RETRY = "model-retry"
    VALIDATION = "validation-error"
    CRASH = "crash"

    @property
    def means(self) -> str:
        """What happens, in words for a person."""
        return _MEANS[self]


_MEANS = {
    Failure.RATE_LIMITED_AFTER: "the provider answers 429 and says how long to wait",
    Failure.RATE_LIMITED: "the provider answers 429",
    Failure.SERVER_ERROR: "the provider answers 500",
    Failure.UNAVAILABLE: "the provider answers 503",
    Failure.BAD_REQUEST: "the provider answers 400: the request is wrong",
    Failure.UNAUTHORIZED: "the provider answers 401: the key is wrong",
    Failure.REFUSED: "the connection is refused at once",
    Failure.READ_TIMEOUT: "the provider does not answer until the client gives up",
    Failure.INVALID_RESPONSE: "the provider answers 200 with a body that makes no sense",
    Failure.INVALID_OUTPUT: "the model's output fails its validation",
    Failure.TOOL_EXCEPTION: "the tool raises an exception",
    Failure.USER_ERROR: "the tool raises UserError: it is used wrongly",
    Failure.MODEL_RETRY: "the tool raises ModelRetry",
    Failure.VALIDATION: "the tool raises pydantic's ValidationError",
    Failure.CRASH: "the process dies",
}

ON_THE_WIRE = tuple(Failure)[:9]
"""Failures of a request to a provider, which can be counted on the wire."""
STATUSES = {
    Failure.RATE_LIMITED_AFTER: 429,
    Failure.RATE_LIMITED: 429,
    Failure.SERVER_ERROR: 500,
    Failure.UNAVAILABLE: 503,
    Failure.BAD_REQUEST: 400,
    Failure.UNAUTHORIZED: 401,
    Failure.INVALID_RESPONSE: 200,
    Failure.INVALID_OUTPUT: 200,
}
RETRY_AFTER = 2
"""Seconds that a provider asks for which says `Retry-After`."""

Kind = Literal[
    "transport",
    "sdk",
    "model",
    "fallback",
    "unit",
    "container",
    "agent",
    "tool",
    "mcp",
    "recovery",
    "limit",
]
"""What a layer is. A `limit` retries nothing: it only takes away, by number or by the clock."""


Decided = Literal["", "none", "some", "all"]
"""Of all that a retry condition is asked about, what it wants tried again; empty if there is none, or nobody asked."""


class Value(BaseModel):
    """A frozen value that crosses processes as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Origin(Value):
    """Where a setting comes from: `said` explicitly, or the default of a library in its version.

    `file` and `line` are those of the object that carries the setting, where it can be known.
    """

    said: Literal["explicit", "default", "unknown"] = "unknown"
    library: str = ""
    file: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file or ""
        told = f"default of {self.library}" if self.said == "default" else self.said
        return ", ".join(part for part in (told, where) if part)


class RetryLayer(Value):
    """One owner of retries, as it is configured. `unknown` is why it could not be resolved, if it could not.

    `settings` are spelled as its library spells them. Of those in `usual` nobody said anything: they are the default of
    the library that is named there. Timeouts are seconds: `each` for one attempt, `all` for all; one that does not
    interrupt lets a unit that is running come to its end, with all its retries. `called` is what the engine calls a
    unit of the person's own, which a run shows; of one that is `unseen` only what asks somebody in it. `kept` says that
    what it recorded is not done again, whatever the run around it keeps; `loses` that it is done again, even if that
    keeps results; `strays` is what it is given for which what was kept may not be found. `decided` is what its own
    retry condition wants, of far more than the classes of failure; `heeds` that it waits as long as `Retry-After` says,
    `results` that it tries again after what was returned, too. `recalls` says that each of its attempts calls the units
    inside anew, so that a run does not show which of its calls are one that is tried again; `queue` is the queue of a
    worker of the person's own that it is asked for on.
    """

    name: str
    kind: Kind
    settings: dict[str, str] = {}
    usual: dict[str, str] = {}
    origin: Origin = Origin()
    each: float | None = None
    all: float | None = None
    interrupts: bool = True
    jitter: bool | None = None
    unknown: str = ""
    notes: tuple[str, ...] = ()
    called: str = ""
    unseen: bool = False
    kept: bool = False
    loses: bool = False
    strays: str = ""
    recalls: bool = False
    decided: Decided = ""
    heeds: bool = False
    results: bool = False
    queue: str = ""

    @property
    def waits_for_ever(self) -> bool:
        """Whether it is a client that gives up no request, however long nobody answers it."""
        return self.kind in ("sdk", "mcp") and not self.unknown and self.each is None

    @property
    def decides(self) -> bool:
        """Whether the prediction depends on it. An unknown limit leaves it what it is: the worst."""
        return self.kind != "limit"

    def __str__(self) -> str:
        if self.unknown:
            return f"{self.name}: unknown ({self.unknown})"
        return f"{self.name}: {self.told or 'no settings'}"

    @property
    def told(self) -> str:
        """The settings on one line. A default is called one where the layer as a whole is not that library's."""
        whole = self.origin.library
        usual = {name: f" (default of {whose})" for name, whose in self.usual.items() if whose != whole}
        return ", ".join(f"{name}={value}{usual.get(name, '')}" for name, value in self.settings.items())
