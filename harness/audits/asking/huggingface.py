"""Hugging Face's inference client: it retries nothing itself, over an HTTP client that its library's factory makes.

That client is there from the first request on, so the factory is asked for one, as the request would. Of a model that
only the Hub knows, the request asks that first which provider has it; nobody can say here what becomes of that.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from harness.audits.asking.sdks import Sdk, absurd_timeout, in_seconds, read_timeout, sending_to
from harness.audits.asking.transports import layers_of
from harness.audits.asking.trouble import Trouble, library_of, stub
from harness.retries.values import RetryLayer
from harness.subjects.loops import run_once
from harness.subjects.origins import default_of, explicit

NAME = "huggingface_hub"
_MAPPED = (
    "it asks the Hub first, in the call, which provider has the model, and what that comes to cannot be asked here;"
    " give it a `base_url`"
)


def ask_nothing_else() -> None:
    """Before the library is imported: let it not ask the Hub, once a day, which programs there are that may use it.

    That is no request of a model's, and what our endpoint answers would stay in the person's own cache.
    """
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"


def is_huggingface(client: Any) -> bool:
    """Whether this is a client of Hugging Face's that can be asked."""
    kinds = {(kind.__module__.partition(".")[0], kind.__name__) for kind in type(client).__mro__}
    return (NAME, "AsyncInferenceClient") in kinds and hasattr(client, "_async_client")


class HuggingFace(Sdk):
    """One `AsyncInferenceClient`."""

    def __init__(self, client: Any) -> None:
        self.client, self.package = client, NAME
        self.session: Any = client._async_client or sys.modules[NAME].get_async_session()  # noqa: SLF001  where it keeps it
        self.http = library_of(self.session)
        self.layer = self._told()
        self.transports = [] if self.layer.unknown else layers_of(self.session, client.model)

    @property
    def wire(self) -> Any:
        """The HTTP client below."""
        return self.session

    @property
    def retries(self) -> int:
        """None of its own."""
        return 0

    @contextmanager
    def meeting(self, trouble: Trouble, *, retries: int | None = None) -> Iterator[Any]:
        """Let every request of the client meet the trouble; yields the transport that counts them."""
        assert self.http is not None
        counter = stub(self.http, trouble)
        with sending_to(counter, self.session), patch.object(self.client, "_async_client", self.session):
            yield counter

    def post(self) -> None:
        """Send one request, as the person's own code does with such a client."""
        run_once(self.client.chat_completion([{"role": "user", "content": "harness"}]))

    def _told(self) -> RetryLayer:
        if self.http is None or not str(self.client.model).startswith(("http://", "https://")):
            reason = _MAPPED if self.http is not None else "its factory makes no HTTP client that the audit can ask"
            return RetryLayer(name=NAME, kind="sdk", unknown=reason)
        each = read_timeout(self.client.timeout)
        return RetryLayer(
            name=NAME,
            kind="sdk",
            settings={"timeout": in_seconds(each)},
            origin=default_of(NAME) if each is None else explicit(timeout=self.client.timeout),
            each=each,
            unknown=absurd_timeout(self.client.timeout),
        )
