"""Provider SDKs: the clients of OpenAI, Anthropic, Groq and all others that are generated from the same template.

Such a client has `max_retries`, a `timeout`, an HTTP client in `_client`, and a loop of its own around it. Nothing here
repeats that loop: the client itself is asked, over a transport that meets the trouble.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import ModuleType
from typing import Any
from unittest.mock import patch

from pydantic_ai.models import DEFAULT_HTTP_TIMEOUT, get_user_agent

from harness.audits.asking.clock import share
from harness.audits.asking.transports import TransportLayer, layers_of
from harness.audits.asking.trouble import Trouble, library_of, stub
from harness.retries.values import RetryLayer
from harness.subjects.loops import awaited
from harness.subjects.origins import default_of, explicit, version

SENDER = "_harness_sender"
"""The attribute of an HTTP client that holds its number, where a proof gives it one."""


class Untold(str):
    """Stands for a setting that only a run knows, and says why."""

    __slots__ = ()


class Sdk:
    """One provider client. `number` is the setting in whose place the model's `max_retries` counts."""

    number = "max_retries"

    def __init__(self, client: Any) -> None:
        self.client = client
        self.package: str = _package(client)
        self.http: ModuleType | None = library_of(getattr(client, "_client", None))
        self.layer = _layer(client, self.package)
        self.transports: list[TransportLayer] = (
            [] if self.layer.unknown else layers_of(client._client, client.base_url)  # noqa: SLF001
        )

    @property
    def wire(self) -> Any:
        """The HTTP client below."""
        return self.client._client  # noqa: SLF001

    @property
    def host(self) -> str:
        """The host that it asks; empty if only a request tells."""
        return str(getattr(getattr(self.client, "base_url", None), "host", ""))

    @property
    def sender(self) -> str:
        """The number of the HTTP client below, in a proof; empty if it has none."""
        return str(getattr(getattr(self, "wire", None), SENDER, ""))

    @property
    def retries(self) -> int:
        """How often the client tries again by its own settings."""
        return int(self.client.max_retries)

    def hide(self, reason: str) -> None:
        """Say why nothing of this client counts."""
        self.layer, self.transports = self.layer.model_copy(update={"unknown": reason}), []

    @contextmanager
    def meeting(self, trouble: Trouble, *, retries: int | None = None) -> Iterator[Any]:
        """Let every request of the client meet the trouble; yields the transport that counts them.

        Its HTTP client stays, with what that does by itself (hooks, `auth`, a method of a subclass), and only sends
        elsewhere. `retries` replaces the SDK's own number, for asking what is around it.
        """
        assert self.http is not None
        counter, given = stub(self.http, trouble), self.client._client  # noqa: SLF001
        tries = self.client.max_retries if retries is None else retries
        with (
            sending_to(counter, given),
            patch.object(self.client, "max_retries", tries),
            jitter_of(self.package, share()),
        ):
            yield counter

    def post(self) -> None:
        """Send one request, as the person's own code does with such a client."""
        awaited(self.client.post("/harness", cast_to=object, body={}))

    def read(self, _trouble: Trouble) -> BaseException:
        """What becomes, at worst, of an answer that the client took: whoever reads it fails over it."""
        return TypeError("harness: whoever reads this answer fails over it, at worst")


def sending_to(transport: Any, http: Any) -> AbstractContextManager[Any]:
    """Let an HTTP client send over `transport` meanwhile, wherever it would, and be as it was afterwards."""
    return patch.multiple(http, _transport=transport, _mounts={}, _state=http._state)  # noqa: SLF001


def is_sdk(client: Any) -> bool:
    """Whether this is a client that can be asked."""
    return (
        isinstance(getattr(client, "max_retries", None), int)
        and library_of(getattr(client, "_client", None)) is not None
    )


def _layer(client: Any, package: str) -> RetryLayer:
    retries = getattr(client, "max_retries", None)
    if not is_sdk(client):
        return RetryLayer(name="client" if client is None else package, kind="sdk", unknown=_unaskable(client, package))
    if not isinstance(retries, int) or isinstance(retries, bool) or retries < 0:
        return RetryLayer(name=package, kind="sdk", unknown=f"max_retries={retries!r} makes no sense")
    if absurd := absurd_timeout(client.timeout):
        return RetryLayer(name=package, kind="sdk", unknown=absurd)
    each = read_timeout(client.timeout)
    values = {"max_retries": retries, "timeout": each}
    settings = {"max_retries": str(retries), "timeout": in_seconds(each)}
    usual = dict(_defaults(client, package))
    said = {name: value for name, value in values.items() if name not in usual}
    origin = explicit(**said) if said else default_of(package)
    return RetryLayer(name=package, kind="sdk", settings=settings, usual=usual, origin=origin, each=each, jitter=True)


def _defaults(client: Any, package: str) -> Iterator[tuple[str, str]]:
    """The settings that nobody said, and the library by which they are so.

    An SDK takes the timeout of an HTTP client that it is given, and pydantic-ai's providers give one of their making.
    """
    constants, each = sys.modules.get(f"{package}._constants"), read_timeout(client.timeout)
    if client.max_retries == getattr(constants, "DEFAULT_MAX_RETRIES", None):
        yield "max_retries", default_of(package).library
    if each == read_timeout(getattr(constants, "DEFAULT_TIMEOUT", None)):
        yield "timeout", default_of(package).library
    elif each == DEFAULT_HTTP_TIMEOUT and client._client.headers.get("User-Agent") == get_user_agent():  # noqa: SLF001
        yield "timeout", default_of("pydantic_ai").library


def _unaskable(client: Any, package: str) -> str:
    if client is None:
        return "it has no client that the audit can ask; one that is built in the call is not there before"
    if f"{package}._base_client" in sys.modules and hasattr(client, "max_retries"):
        return f"max_retries={client.max_retries!r} makes no sense"
    return f"{type(client).__qualname__} of {package} {version(package)} is no client that the audit can ask"


def read_timeout(timeout: Any) -> float | None:
    """The seconds that a client waits for an answer. None: for ever."""
    read = getattr(timeout, "read", timeout)
    return float(read) if isinstance(read, int | float) else None


def in_seconds(seconds: float | None) -> str:
    """What a client waits for, for a person."""
    return "none" if seconds is None else f"{seconds:g} s"


def absurd_timeout(timeout: Any) -> str:
    """Why a timeout cannot be meant: no request is answered in no time."""
    seconds = read_timeout(timeout)
    return f"timeout={seconds:g} makes no sense" if seconds is not None and not seconds > 0 else ""


def jitter_of(package: str, share: float) -> AbstractContextManager[Any]:
    """Such an SDK shortens its waits by chance: let it wait as long as it may (1), or as short (0)."""
    module = sys.modules.get(f"{package}._base_client")
    return patch.object(module, "random", lambda: 1.0 - share) if hasattr(module, "random") else nullcontext()


def _package(client: Any) -> str:
    """The SDK's package, also for a client class of the person's own that extends the SDK's."""
    for kind in type(client).__mro__:
        package = kind.__module__.partition(".")[0]
        if f"{package}._base_client" in sys.modules:
            return package
    return type(client).__module__.partition(".")[0]
