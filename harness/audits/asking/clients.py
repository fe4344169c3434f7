"""Clients of the person's own code: which objects ask somebody, and who can be asked what they do.

An HTTP client that no SDK is around retries nothing itself but what its transports do; it is asked like the others,
because hooks and authentication of the person's own are inside it. Other libraries' clients are known by name only.
"""

from __future__ import annotations

import dis
import inspect
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from types import CodeType, ModuleType
from typing import Any

from pydantic_ai.agent import AbstractAgent
from pydantic_ai.models import Model

from harness.audits.asking.google import is_google
from harness.audits.asking.sdks import Sdk, absurd_timeout, in_seconds, is_sdk, read_timeout, sending_to
from harness.audits.asking.transports import layers_of
from harness.audits.asking.trouble import Trouble, library_of, stub
from harness.audits.holding import inside_of
from harness.retries.values import RetryLayer
from harness.subjects.importing import is_own_class
from harness.subjects.loops import awaited
from harness.subjects.origins import default_of, explicit

SDKS = ("openai", "anthropic", "groq", "mistralai", "cohere", "google.genai", "huggingface_hub", "boto3", "botocore")
"""Packages whose classes make clients of providers."""
RETRYING = ("urllib3", "requests", "aiohttp_retry", "httpx_retries", "aiobotocore")
"""Packages whose clients retry in ways of their own, which nobody here can ask."""
ALONE = ("mcp.client", "http.client", "urllib.request")
"""Modules whose clients, or functions, ask over connections that nobody here can ask."""
MAKERS = (*SDKS, *RETRYING, *ALONE, "httpx", "httpx2")
"""Packages whose clients a function may make."""
CHANGING = frozenset({"transport", "mounts", "auth", "event_hooks"})
"""Arguments of an HTTP client that may make one request several."""
CALLS = frozenset({"request", "get", "options", "head", "post", "put", "patch", "delete", "stream"})
"""Functions of an HTTP library that send one request."""
OPENS = frozenset({"urlopen", "urlretrieve"})
"""Functions of `urllib.request` that send one request."""
SOMEWHERE = "https://harness.invalid/"


class Http(Sdk):
    """One `httpx` or `httpx2` client, asked as it is: its transports are replaced, and nothing else."""

    def __init__(self, client: Any, *, made: bool = False) -> None:
        self.client, self.http = client, library_of(client)
        assert self.http is not None
        self.package = f"{self.http.__name__} client"
        each = read_timeout(client.timeout)
        absurd = absurd_timeout(client.timeout)
        settings = {"timeout": in_seconds(each)}
        origin = default_of(self.http.__name__) if made else explicit("AsyncClient()", "Client()")
        self.layer = RetryLayer(
            name=self.package, kind="sdk", settings=settings, origin=origin, each=each, unknown=absurd
        )
        self.transports = layers_of(client, _somewhere(client))

    @property
    def wire(self) -> Any:
        """The client itself."""
        return self.client

    @property
    def retries(self) -> int:
        """None of its own: what tries again is below it, or is the person's."""
        return 0

    @contextmanager
    def meeting(self, trouble: Trouble, *, retries: int | None = None) -> Iterator[Any]:
        """Let every request of the client meet the trouble; yields the transport that counts them."""
        assert self.http is not None
        counter = stub(self.http, trouble)
        with sending_to(counter, self.client):
            yield counter

    def post(self) -> None:
        """Send one request, as the person's own code does with such a client."""
        awaited(self.client.post(_somewhere(self.client), json={}))

    def read(self, trouble: Trouble) -> BaseException:
        """An answer with a bad status is one for `raise_for_status`."""
        assert self.http is not None
        request = self.http.Request("POST", SOMEWHERE)
        try:
            trouble.happens(self.http, request).raise_for_status()
        except self.http.HTTPError as error:
            bad: BaseException = error
            return bad
        return super().read(trouble)


def _somewhere(client: Any) -> str:
    return str(client.base_url) or SOMEWHERE


def is_http(client: Any) -> bool:
    """Whether this is a client of an HTTP library that can be asked."""
    return library_of(client) is not None and hasattr(client, "_transport_for_url") and hasattr(client, "base_url")


def asks(value: Any, by: CodeType | None = None) -> bool:
    """Whether this asks somebody else: a client, an agent, a model, or what makes one in the call that `by` makes."""
    if inspect.isclass(value):
        mounted = by is None or "mount" in by.co_names  # a session of `requests` retries where an adapter does
        return _makes(value) and (mounted or not value.__module__.startswith("requests"))
    if inspect.isfunction(value):
        return _is_http_call(value) or _is_opening(value)
    return _asks_itself(value) or _is_around(value, by)


def _asks_itself(value: Any) -> bool:
    return (
        isinstance(value, AbstractAgent | Model)
        or is_sdk(value)
        or is_google(value)
        or is_http(value)
        or _is_known(value)
    )


def taken_out(value: Any, names: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """The clients that code takes by these names out of an object of a library: `provider.client`.

    A property runs for that, of an object that really holds a client, and of nobody's own.
    """
    if not _is_foreign(value) or not any(_is_client(one) for one in inside_of(value)):
        return
    for name in names:
        found = None
        with suppress(Exception):  # whatever a property raises
            found = getattr(value, name, None)
        if found is not None and _is_client(found):
            yield name, found


def _is_around(value: Any, by: CodeType | None) -> bool:
    """Whether an object of a library has a client inside that it asks with, and not only for whoever takes it out."""
    if not _is_foreign(value) or any(taken_out(value, by.co_names if by else ())):
        return False
    return any(_is_client(one) for one in inside_of(value))


def _is_foreign(value: Any) -> bool:
    """Whether this is an object of a library, neither Python's own nor the person's, and no client itself."""
    kind = type(value)
    return (
        not _is_client(value)
        and kind.__module__.partition(".")[0] not in sys.stdlib_module_names
        and not is_own_class(kind)
    )


def _is_client(value: Any) -> bool:
    return _is_object(value) and _asks_itself(value)


def _is_object(value: Any) -> bool:
    return not (inspect.isclass(value) or inspect.isroutine(value) or inspect.ismodule(value))


def hidden_in(value: Any, by: CodeType) -> str:
    """Why what is made in a call cannot be seen before, empty if nothing can be hidden there."""
    if value.__module__.startswith(ALONE):
        return f"{value.__module__}.{value.__qualname__} {_ALONE}"
    if inspect.isfunction(value) or (value.__module__.startswith(("httpx", "httpx2")) and not _is_changed(by)):
        return ""
    return f"{value.__module__}.{value.__qualname__} is made in the call, where nobody can see its settings before"


def unaskable(value: Any) -> str:
    """Why a client cannot be asked that is only known by the name of its library, or by what it holds."""
    kind = type(value)
    if not _is_known(value):
        return f"{kind.__module__}.{kind.__qualname__} is around a client, and what it does with a failure is its own"
    if kind.__module__.startswith(ALONE):
        return f"{kind.__module__}.{kind.__qualname__} {_ALONE}"
    return (
        f"{kind.__module__.partition('.')[0]} retries by itself, and its {kind.__qualname__} cannot be asked how often"
    )


_ALONE = "asks over connections of its own, and nobody here can ask it what it does with a failure"


def _retries_nothing(value: Any) -> bool:
    """Whether this is a session of `requests` with the adapters that it has by default."""
    adapters = getattr(value, "adapters", {}) if type(value).__module__.startswith("requests") else None
    if adapters is None:
        return False
    retries = [getattr(one, "max_retries", None) for one in adapters.values()]
    return all(not (getattr(one, "total", one) or 0) for one in retries)


def plain_client(value: Any) -> Any:
    """A client such as the library makes where nobody says anything: for its class, or for `httpx.get` and the like."""
    library: ModuleType = sys.modules[value.__module__.partition(".")[0]]
    return value() if inspect.isclass(value) else library.Client()


def _makes(kind: type[Any]) -> bool:
    if issubclass(kind, AbstractAgent):
        return True
    modules = tuple(base.__module__ for base in kind.__mro__)
    sdk = any(module.startswith(SDKS) for module in modules) and callable(getattr(kind, "post", None))
    http = any(module.partition(".")[0] in ("httpx", "httpx2") for module in modules) and hasattr(kind, "base_url")
    return sdk or http or (_named_client(kind) and kind.__module__.startswith((*SDKS, *RETRYING, *ALONE)))


def _named_client(kind: type[Any]) -> bool:
    return kind.__name__.endswith(_CLIENTS)


_CLIENTS = (
    "Client",
    "Session",
    "SessionGroup",
    "PoolManager",
    "Mistral",
    "HTTPConnection",
    "HTTPSConnection",
    "OpenerDirector",
)
"""What the names of classes of clients end with, in all these packages."""


def _is_http_call(value: Any) -> bool:
    """Whether this is `httpx.get` or the like: each makes a client of its own for one request."""
    library = value.__module__.partition(".")[0]
    return library in ("httpx", "httpx2") and value.__name__ in CALLS


def _is_opening(value: Any) -> bool:
    return value.__module__ == "urllib.request" and value.__name__ in OPENS


def _is_known(value: Any) -> bool:
    """Whether this is a client of a library that retries in its own way, but for those that certainly do not."""
    kind = type(value)
    retries = any(base.__module__.startswith((*SDKS, *RETRYING, *ALONE)) for base in kind.__mro__)
    known = retries and (_named_client(kind) or kind.__module__.startswith("botocore.client"))
    return known and not _retries_nothing(value)


def _is_changed(code: CodeType) -> bool:
    """Whether a call somewhere in this code may give a client what makes several requests of one."""
    for constant in code.co_consts:
        if isinstance(constant, tuple) and CHANGING & {one for one in constant if isinstance(one, str)}:
            return True
        if isinstance(constant, CodeType) and _is_changed(constant):
            return True
    return any(step.opname == "CALL_FUNCTION_EX" for step in dis.get_instructions(code))
