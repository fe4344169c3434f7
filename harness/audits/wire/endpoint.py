"""The fake endpoint: what a provider's client meets where its HTTP library would open a connection.

Today's SDKs are built on `httpcore2`, older ones on `httpcore`; respx patches both below every client, transport and
retry of theirs, so a client that was built when the subject was imported meets the endpoint, too. What is on its way to
somebody else goes on to the network, where the guard lets nothing leave this machine.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import importlib.util
import ipaddress
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from contextvars import ContextVar
from types import CodeType, FrameType, ModuleType
from typing import Any
from urllib.parse import urlsplit

from harness.audits.asking.answers import answer
from harness.audits.asking.connects import refusing
from harness.audits.asking.trouble import first
from harness.audits.wire.counted import call_of, named, same
from harness.audits.wire.failures import CUT_OFF, LET_THROUGH, SUCCESS
from harness.audits.wire.senders import sending
from harness.history import HttpRequest, Observation
from harness.retries.values import Failure
from harness.steps import StepId
from harness.subjects import bodies
from harness.subjects.places import unseen_here
from harness.subjects.probes import Probes

PROVIDERS = frozenset(
    {
        "api.anthropic.com",
        "api.cohere.com",
        "api.deepseek.com",
        "api.fireworks.ai",
        "api.groq.com",
        "api.mistral.ai",
        "api.openai.com",
        "api.together.xyz",
        "api.x.ai",
        "generativelanguage.googleapis.com",
        "openrouter.ai",
        "router.huggingface.co",
    }
)
"""Hosts that are a provider's whoever asks: a tool, or a flow that has no agent. Models say their own."""
CALLS = 100
"""Calls of one run that fail after which it is believed that there is no end of them."""
OTHERS = 500
"""Requests of a call that is not measured, and only made on the way to what is."""
TELLING = ("idempotency-key", "x-stainless-retry-count")
"""Headers that tell attempts and repeats apart."""

asking: ContextVar[str | None] = ContextVar("harness_asking", default=None)
"""The address of the provider whose model is asking here; an empty one if the model does not tell it."""


class Endpoint:
    """Fails in one way, whatever it is asked, and writes every request down before it answers.

    The `limit` counts the requests of one call in all lives, but for those of steps called like one of `others`, or to
    others than the `host`, or from others than the `sender`, if there is one. Of those there may be `OTHERS` each, and
    where it is asked `instead`, they find nobody available. It counts `each` different request of a call by itself, if
    that is said. `sent` of each were sent by earlier lives. One more ends the process, as one of more than `CALLS`
    calls does.
    It is asked by whoever asks a provider, or by a model only; or, where code is that it is put `within`, by that,
    whomever it asks. What is asked of providers elsewhere reaches nobody, or is answered well if it `works_beside`.
    """

    def __init__(  # noqa: PLR0913  as many words as a run says
        self,
        failure: str,
        *,
        limit: int,
        sent: Mapping[str, int] | None = None,
        within: Callable[[], bool] | None = None,
        by_models: bool = False,
        others: Collection[str] = (),
        host: str = "",
        sender: str = "",
        works_beside: bool = False,
        instead: bool = False,
        each: bool = False,
    ) -> None:
        self.within, self.by_models = within, by_models
        self.failure = None if failure == SUCCESS else Failure(failure)
        self.limit, self.sent, self.others, self.host = limit, Counter(sent or {}), others, host
        self.sender, self.works_beside, self.instead, self.each = sender, works_beside, instead, each
        self._lock = threading.Lock()

    def handle(self, request: Any, core: ModuleType) -> Any:
        """Answer a synchronous client, in terms of its library's `core`."""
        if not self._is_asked(request):
            return self._beside(request)
        self._take_down(request)
        if self._failing(request) is Failure.READ_TIMEOUT:
            seconds = _patience(request)
            threading.Event().wait() if seconds is None else time.sleep(seconds)
        return self._answered(request, core)

    async def handle_async(self, request: Any, core: ModuleType) -> Any:
        """Answer an asynchronous one."""
        if not self._is_asked(request):
            return self._beside(request)
        self._take_down(request)
        if self._failing(request) is Failure.READ_TIMEOUT:
            seconds = _patience(request)
            await (asyncio.Event().wait() if seconds is None else asyncio.sleep(seconds))
        return self._answered(request, core)

    def refuses(self, request: Any, instance: Any) -> bool:
        """Whether a provider's connections are refused. Then this pool or connection finds nobody, and goes on itself.

        Its own retries are below every request; what is written down is each attempt to connect.
        """
        if self._failing(request) is not Failure.REFUSED or not self._is_asked(request):
            return False

        def refused() -> None:
            if self._is_asked(request):  # it stays like this, and what others ask over it later is not counted
                self._take_down(request)

        instance._network_backend = refusing(instance, refused)  # noqa: SLF001
        return True

    def _beside(self, request: Any) -> Any:
        """Answer what is not to fail, or let it go. Raises respx's word for that."""
        from respx.models import PassThrough

        if self.works_beside and is_providers(request.url.host, request.url.port, asking.get()):
            return _spoken(request, "done")
        if _is_loopback(request.url.host) and self.within is not None and self.within():
            _let_through(f"{request.url.host}:{request.url.port or request.url.scheme}")
        raise PassThrough("not a provider's", request=request, origin=None)  # type: ignore[arg-type]

    def _take_down(self, request: Any) -> None:
        """Write the request down; end the process instead if it is one too many."""
        probes = bodies.active()
        assert probes is not None, "a provider is asked in a life only"
        with self._lock:
            step = _place(probes)
            call, counts = call_of(step), self._is_his(request)
            failure = self._failing(request)
            event = HttpRequest(
                method=request.method,
                host=request.url.host,
                path=request.url.path,
                query=_digest(request.url.query),
                status=_status(failure),
                error=_ERRORS.get(failure) if failure else None,
                headers={name: request.headers[name] for name in TELLING if name in request.headers},
                step=step,
                sender=sending.get(),
            )
            mine = " ".join((call, *same(event))) if self.each else call
            sent = mine if counts else f"{call}, {request.url.host} {sending.get()}"
            self.sent[sent] += 1
            limit = OTHERS if named(call) in self.others or not counts else self.limit
            if self.sent[sent] > limit or len(self.sent) > (OTHERS if self.each else CALLS):
                probes.journal.append(Observation(name=CUT_OFF, value=self.limit), invocation=probes.invocation)
                sys.stdout.flush()
                os._exit(0)
            probes.journal.append(event, invocation=probes.invocation)

    def _is_asked(self, request: Any) -> bool:
        if self.within is None:
            asked = asking.get()
            return (asked is not None or not self.by_models) and is_providers(request.url.host, request.url.port, asked)
        host = request.url.host  # without one nothing is sent: the library itself refuses it
        return bool(host) and self.within() and not _is_loopback(host)

    def _failing(self, request: Any) -> Failure | None:
        """How a request fails, if it does."""
        return Failure.UNAVAILABLE if self.instead and not self._is_his(request) else self.failure

    def _is_his(self, request: Any) -> bool:
        """Whether a request is one of those that are measured, by its host and its client."""
        return self.host in ("", request.url.host) and self.sender in ("", sending.get())

    def _answered(self, request: Any, core: ModuleType) -> Any:
        import httpx

        failure = self._failing(request)
        if failure in (None, Failure.INVALID_OUTPUT):
            return _spoken(request, "" if failure else "done")
        if (error := _ERRORS.get(failure)) is not None:
            raise getattr(core, error)(f"harness: {failure.means}")
        return first(failure).happens(httpx, request)


def _spoken(request: Any, text: str) -> Any:
    import httpx

    headers, content = answer(request, text)
    return httpx.Response(200, headers=headers, content=content, request=request)


def _let_through(server: str) -> None:
    """Write down whom a tool asks on this machine. Elsewhere, an engine may be what asks, which has its server here."""
    probes = bodies.active()
    step = probes.parent() if probes is not None else None
    if probes is not None and step is not None and any(segment.kind == "tool" for segment in step.path):
        probes.journal.append(Observation(name=LET_THROUGH, value=server), invocation=probes.invocation)


def _digest(query: bytes) -> str:
    return hashlib.sha256(query).hexdigest()[:16] if query else ""


def _status(failure: Failure | None) -> int | None:
    return 200 if failure is None else first(failure).status or None


_ERRORS: dict[Failure, str] = {Failure.READ_TIMEOUT: "ReadTimeout", Failure.REFUSED: "ConnectError"}


def is_within(tool: str | None) -> bool:
    """Whether the body of this tool is what runs here, or a run that it began."""
    probes = bodies.active()
    step = probes.parent() if probes is not None else None
    return step is not None and any(segment.name == tool for segment in step.path)


def is_in(step: str) -> bool:
    """Whether what runs here is in a call of this step of the workflow's own, or anywhere if that has no name."""
    return not step or step in _around()


def is_in_model_of(agent: str) -> bool:
    """Whether what runs here is in a unit of an engine that is called after this agent's model, as they all do."""
    return any(f"__{agent}__model" in f"__{name}" for name in _around())


def _place(probes: Probes) -> str | None:
    """The step that runs here, or what would be one if its engine recorded it."""
    return str(unseen_here.get() or "") or probes.place()


def _around() -> list[str]:
    probes = bodies.active()
    place = _place(probes) if probes is not None else None
    return [one.name for one in StepId.parse(place).path if one.name] if place else []


def is_called_by(code: CodeType | None) -> bool:
    """Whether a call of this code leads here, in this thread and this task."""
    frame: FrameType | None = sys._getframe()  # noqa: SLF001  how Python itself tells its callers
    while frame is not None and frame.f_code is not code:
        frame = frame.f_back
    return frame is not None


def is_providers(host: str, port: int | None, asked: str | None) -> bool:
    """Whether a request to this host is a provider's. `asked` is the address of the provider that is being asked.

    A model that runs on this machine is a provider like any other, and everything else on this machine is not. No more
    is what names no host: its client sends it to nobody.
    """
    if not host:
        return False
    if asked:
        theirs = urlsplit(asked)
        if theirs.hostname == host and (port is None or theirs.port in (None, port)):
            return True
    if _is_loopback(host):
        return False
    return asked is not None or host in PROVIDERS


def install(endpoint: Endpoint) -> Callable[[], None]:
    """Put the endpoint below the HTTP libraries that are there, and return what takes it away again."""
    from respx.mocks import HTTPCoreMocker

    names = [name for name in ("httpcore2", "httpcore") if importlib.util.find_spec(name) is not None]
    mockers = [_mocker(HTTPCoreMocker, importlib.import_module(name), endpoint) for name in names]
    for mocker in mockers:
        mocker.start()

    def uninstall() -> None:
        for mocker in mockers:
            mocker.stop(force=True)

    return uninstall


def _mocker(base: Any, core: ModuleType, endpoint: Endpoint) -> Any:
    """The patches that respx makes in one library, asking our endpoint instead of routes."""

    class Mocker(base):  # type: ignore[misc]
        name = f"harness-{core.__name__}-{id(endpoint)}"  # respx takes every name once
        targets = [target.replace("httpcore.", f"{core.__name__}.", 1) for target in base.targets]  # noqa: RUF012

        @classmethod
        def handler(cls, httpx_request: Any) -> Any:
            return endpoint.handle(httpx_request, core)

        @classmethod
        async def async_handler(cls, httpx_request: Any) -> Any:
            return await endpoint.handle_async(httpx_request, core)

        @classmethod
        def _send_sync_request(cls, httpx_request: Any, *, target_spec: Any, instance: Any, **given: Any) -> Any:
            if endpoint.refuses(httpx_request, instance):
                return target_spec(instance, **given)
            return super()._send_sync_request(httpx_request, target_spec=target_spec, instance=instance, **given)

        @classmethod
        async def _send_async_request(cls, httpx_request: Any, *, target_spec: Any, instance: Any, **given: Any) -> Any:
            if endpoint.refuses(httpx_request, instance):
                return await target_spec(instance, **given)
            return await super()._send_async_request(httpx_request, target_spec=target_spec, instance=instance, **given)

        @classmethod
        def from_sync_httpx_response(cls, httpx_response: Any, target: Any, **kwargs: Any) -> Any:
            return core.Response(
                status=httpx_response.status_code,
                headers=httpx_response.headers.raw,
                content=httpx_response.stream,
                extensions=httpx_response.extensions,
            )

    return Mocker


def _patience(request: Any) -> float | None:
    """How long the client waits for an answer, None for ever."""
    timeouts = request.extensions.get("timeout") or {}
    read = timeouts.get("read")
    return None if read is None else float(read)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
