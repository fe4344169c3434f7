"""Google's SDK: of another make, with a policy of `tenacity` around each request, and none unless it is asked for.

Its own loop is asked, as of the others: the HTTP client below it is replaced, and nothing else.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from pydantic_ai.models import DEFAULT_HTTP_TIMEOUT, get_user_agent

from harness.audits.asking.clock import Chance, share
from harness.audits.asking.sdks import Sdk, in_seconds, read_timeout, sending_to
from harness.audits.asking.transports import TransportLayer, layers_of
from harness.audits.asking.trouble import Trouble, library_of, stub
from harness.audits.asking.watching import absurd
from harness.retries.values import RetryLayer
from harness.subjects.origins import default_of, explicit

PACKAGE = "google.genai"
NAME = "google-genai"


def is_google(client: Any) -> bool:
    """Whether this is a client of Google's that can be asked."""
    return type(client).__module__.startswith(f"{PACKAGE}.") and library_of(_http(client)) is not None


class Google(Sdk):
    """One client of `google.genai`."""

    number = "attempts"

    def __init__(self, client: Any) -> None:
        self.client, self.package = client, NAME
        self.api: Any = client._api_client  # noqa: SLF001  there is no other way in
        self.http = library_of(_http(client))
        self.layer = self._told()
        base: str = self.api._http_options.base_url  # noqa: SLF001
        self.transports: list[TransportLayer] = [] if self.layer.unknown else layers_of(_http(client), base)

    @contextmanager
    def meeting(self, trouble: Trouble, *, retries: int | None = None) -> Iterator[Any]:
        """Let every request of the client meet the trouble; yields the transport that counts them."""
        assert self.http is not None
        counter, tenacity = stub(self.http, trouble), sys.modules["tenacity"]
        given: dict[str, Any] = {}
        if retries is not None:
            tries = tenacity.stop_after_attempt(retries + 1)
            given = {
                name: getattr(self.api, name).copy(stop=tries, reraise=True) for name in ("_async_retry", "_retry")
            }
        with ExitStack() as stack:
            for http in (self.api._async_httpx_client, self.api._httpx_client):  # noqa: SLF001
                stack.enter_context(sending_to(counter, http))
            for name, value in given.items():
                stack.enter_context(patch.object(self.api, name, value))
            chance = Chance(share())  # one of the ends of what a wait with jitter may come to is what counts
            stack.enter_context(patch.object(sys.modules["tenacity.wait"].random, "uniform", chance.uniform))
            yield counter

    @property
    def wire(self) -> Any:
        """The HTTP client below, which models ask."""
        return _http(self.client)

    @property
    def retries(self) -> int:
        """How often its policy tries again."""
        return int(self.api._async_retry.stop.max_attempt_number) - 1  # noqa: SLF001

    def post(self) -> None:
        """Send one request, as the person's own code does with such a client."""
        self.client.models.generate_content(model="harness", contents="harness")

    def _told(self) -> RetryLayer:
        if self.api._use_aiohttp():  # noqa: SLF001
            reason = "it asks through aiohttp, into which the audit does not look; give it an `httpx_async_client`"
            return RetryLayer(name=NAME, kind="sdk", unknown=reason)
        options = self.api._http_options  # noqa: SLF001
        attempts = getattr(self.api._async_retry.stop, "max_attempt_number", None)  # noqa: SLF001
        if not isinstance(attempts, int) or attempts < 1:
            return RetryLayer(name=NAME, kind="sdk", unknown=f"attempts={attempts!r} makes no sense")
        if reason := absurd({**dict(options.retry_options or ()), "timeout": options.timeout}):
            return RetryLayer(name=NAME, kind="sdk", unknown=reason)
        each = options.timeout / 1000 if options.timeout else None  # to the SDK none is zero, and zero is none
        values = {"attempts": attempts, "timeout": options.timeout}
        settings = {"attempts": str(attempts), "timeout": in_seconds(each)}
        usual = dict(self._defaults(options))
        said = {name: value for name, value in values.items() if name not in usual}
        policy = ("retry_options",) if options.retry_options is not None else ()
        origin = explicit(*policy, **said) if policy or said else default_of(NAME)
        return RetryLayer(name=NAME, kind="sdk", settings=settings, usual=usual, origin=origin, each=each, jitter=True)

    def _defaults(self, options: Any) -> Iterator[tuple[str, str]]:
        """The settings that nobody said, and the library by which they are so.

        Pydantic-ai's provider says the timeout of the HTTP client, which it makes itself unless it is given one.
        """
        if options.retry_options is None or options.retry_options.attempts is None:
            yield "attempts", default_of(NAME).library
        http = _http(self.client)
        if not options.timeout:
            yield "timeout", default_of(NAME).library
        elif http.headers.get("User-Agent") == get_user_agent() and options.timeout / 1000 in _pydantic_ais():
            yield "timeout", default_of("pydantic_ai").library


def _pydantic_ais() -> set[float | None]:
    """The timeouts of the HTTP clients that pydantic-ai makes for this SDK, and for any."""
    maker = getattr(sys.modules.get("pydantic_ai.providers.google"), "_create_google_httpx2_client", None)
    return {DEFAULT_HTTP_TIMEOUT, *([read_timeout(maker().timeout)] if maker else [])}


def _http(client: Any) -> Any:
    return getattr(getattr(client, "_api_client", None), "_async_httpx_client", None)
