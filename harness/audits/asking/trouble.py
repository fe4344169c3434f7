"""What a failure looks like to an HTTP client, and a transport that knows nothing else.

Clients may be built on `httpx2`, as today's provider SDKs are, or on `httpx`; `Trouble` is spelled in the one that the
client at hand uses.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from itertools import pairwise
from types import ModuleType
from typing import Any

from harness.audits.asking.answers import answer
from harness.audits.asking.clock import takes
from harness.retries.values import RETRY_AFTER, STATUSES, Failure

MOST = 1000
"""Sends after which a layer is believed never to stop."""
FURTHEST = 5000
"""The highest number of tries that is tried to its end if a layer's settings say it: each takes a millisecond."""


def most(*said: Any) -> int:
    """Sends after which a layer is believed never to stop, if these numbers are in its settings."""
    return MOST + max((int(one) for one in said if isinstance(one, int | float) and 0 < one <= FURTHEST), default=0)


class Enough(BaseException):
    """Ends an endless retry. No layer catches it, because none is meant to."""


@dataclass(frozen=True)
class Trouble:
    """What comes up from below, after `takes` seconds: an exception, or a response that nobody can use.

    `closed` is a response that somebody has closed below before it was read: whoever reads it now fails.
    """

    failure: Failure
    error: BaseException | None = None
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    takes: float = 0.0
    closed: bool = False

    def happens(self, http: ModuleType, request: Any) -> Any:
        """Raise the exception or return the response, in terms of `http`."""
        if self.error is not None:
            if isinstance(self.error, http.RequestError):
                self.error.request = request
            raise self.error
        if self.status == 0:
            raise _broken(self.failure, http, request)
        headers, content = self._says(request)
        unread = http.ByteStream(content)
        response = http.Response(self.status, headers={**headers, **self.headers}, stream=unread, request=request)
        response.is_closed = self.closed
        return response

    def _says(self, request: Any) -> tuple[dict[str, str], bytes]:
        if self.failure is Failure.INVALID_OUTPUT:
            return answer(request, "")
        return {"content-type": "application/json"}, json.dumps(body(self.failure)).encode()


def first(failure: Failure) -> Trouble:
    """The failure as the wire shows it."""
    headers = {"retry-after": str(RETRY_AFTER)} if failure is Failure.RATE_LIMITED_AFTER else {}
    return Trouble(failure, status=STATUSES.get(failure, 0), headers=headers)


def body(failure: Failure) -> dict[str, Any]:
    """What the endpoint says: an error that names no reason that an SDK would know, or an answer without a meaning."""
    if failure is Failure.INVALID_RESPONSE:
        return {"unexpected": True}
    return {"type": "error", "error": {"type": "harness_error", "message": f"harness: {failure.means}"}}


def _broken(failure: Failure, http: ModuleType, request: Any) -> BaseException:
    kind = http.ReadTimeout if failure is Failure.READ_TIMEOUT else http.ConnectError
    error: BaseException = kind(f"harness: {failure.means}", request=request)
    return error


def library_of(client: Any) -> ModuleType | None:
    """The HTTP library that a client or transport is of, by its bases."""
    names = {base.__module__.partition(".")[0] for base in type(client).__mro__}
    return next((sys.modules[name] for name in ("httpx2", "httpx") if name in names and name in sys.modules), None)


def stub(http: ModuleType, trouble: Trouble) -> Any:
    """A transport of this library, sync and async at once, that meets the trouble whenever it sends. It counts.

    `waits` are what was slept between each two sends; `slept` is where others write down what they sleep; `patience` is
    how long each request would have waited for its answer.
    """

    class Stub(http.BaseTransport, http.AsyncBaseTransport):  # type: ignore[misc, name-defined]
        sends = 0
        most = MOST
        takes = trouble.takes

        def __init__(self) -> None:
            self.slept: list[float] = []
            self.patience: list[float | None] = []
            self._before: list[int] = []

        @property
        def waits(self) -> tuple[float, ...]:
            return tuple(sum(self.slept[one:then]) for one, then in pairwise(self._before))

        def handle_request(self, request: Any) -> Any:
            self.sends += 1
            self._before.append(len(self.slept))
            if self.sends > self.most:
                raise Enough
            self.patience.append((request.extensions.get("timeout") or {}).get("read"))
            takes(trouble.takes)
            return trouble.happens(http, request)

        async def handle_async_request(self, request: Any) -> Any:
            return self.handle_request(request)

    return Stub()
