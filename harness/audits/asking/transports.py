"""HTTP transports: pydantic-ai's tenacity transports, others that wrap one, and the library's own at the bottom.

A transport that wraps another is asked by the same code that runs in production: a copy of it, with the trouble in
place of what it wraps. One that wraps nothing that we can find cannot be asked, and says so.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import cycle, islice
from types import ModuleType
from typing import Any

from harness.audits.asking.alike import apart
from harness.audits.asking.clock import same_chance, without_waiting, worst_of
from harness.audits.asking.conditions import PLAIN, STATUSES, decided, reads_results, stops
from harness.audits.asking.connects import refused_twin
from harness.audits.asking.forgetting import forgetting
from harness.audits.asking.jitter import jittered
from harness.audits.asking.remembering import REMEMBERS, remembers, twin_of
from harness.audits.asking.trouble import FURTHEST, MOST, Enough, Trouble, first, library_of, most, stub
from harness.audits.asking.watching import Watch, is_absurd
from harness.retries.arithmetic import LONGEST
from harness.retries.live import Answer
from harness.retries.values import Decided, Failure, RetryLayer
from harness.subjects.importing import is_own_class
from harness.subjects.loops import run_once
from harness.subjects.origins import default_of, explicit

NO_LIMIT = 1e9
"""Above this, a number of tenacity's says that there is no limit."""


@dataclass(frozen=True)
class Asked:
    """How one layer took a trouble: how often it sent, what it slept between, and what its caller gets.

    `short` says that it is the worst where chance makes its waits short: then it tries most often. What it slept is the
    worst of the other kind.
    """

    sends: int
    slept: tuple[float, ...]
    trouble: Trouble
    endless: bool = False
    unknown: str = ""
    short: bool = False

    @property
    def answer(self) -> Answer:
        """The same in the words of all layers."""
        waits = (*self.slept, 0.0)
        return Answer(
            attempts=None if self.endless else self.sends,
            wait=lambda attempt: waits[min(attempt, len(waits)) - 1],
            raises=self.trouble.error,
            unknown=self.unknown,
        )

    def carried_on(self, tries: int, once: int) -> Asked:
        """The same for more tries, each of which sends `once`: it goes on as it did at last."""
        slept = (*self.slept, *islice(cycle(self.slept[-once:]), LONGEST))
        return replace(self, sends=tries * once, slept=slept)


class TransportLayer:
    """One transport, with the settings that can be read from it."""

    def __init__(self, transport: Any, http: ModuleType) -> None:
        self.transport, self.http = transport, http
        self._is_spent = False
        inner = _inner(transport, http)
        self.inner = inner[0] if len(inner) == 1 else None
        self.layer = _layer(transport, http, inner)
        if isinstance(getattr(transport, "config", None), dict) and self.inner and not self.layer.unknown:
            self.layer = self.layer.model_copy(update={"decided": _decides(self), "heeds": _heeds(self)})

    def ask(self, trouble: Trouble) -> Asked:
        """What it does with a trouble, and what its caller gets then."""
        if self.layer.unknown:
            return Asked(1, (), trouble, unknown=self.layer.unknown)
        if self.inner is None:
            return _connecting(self.transport, self.http, trouble)
        with forgetting(self.transport) as forget:
            asked = _rehearsed(self, trouble)
            if asked.unknown:
                return asked
            if not asked.sends or self._is_spent or _remembers(self, trouble, asked.sends):
                forget()
                # What is kept where nobody can make it forget, no other failure finds as it was.
                self._is_spent = self._is_spent or _rehearsed(self, trouble).sends != asked.sends
                return replace(asked, unknown=REMEMBERS)
        return asked


def layers_of(client: Any, url: Any) -> list[TransportLayer]:
    """The transports that a client uses for a URL, the innermost first."""
    http = library_of(client)
    if http is None:
        return []
    transport = client._transport_for_url(http.URL(str(url)))  # noqa: SLF001  mounts and proxies decide
    found = []
    while transport is not None:
        found.append(TransportLayer(transport, http))
        name = found[-1].inner
        transport = getattr(transport, name) if name else None
    return apart(found[::-1])


def _inner(transport: Any, http: ModuleType) -> list[str]:
    """The attributes in which a transport keeps those that it wraps."""
    kinds = (http.BaseTransport, http.AsyncBaseTransport)
    return [name for name, value in getattr(transport, "__dict__", {}).items() if isinstance(value, kinds)]


def _layer(transport: Any, http: ModuleType, inner: list[str]) -> RetryLayer:
    kind = type(transport).__name__
    if len(inner) > 1:
        reason = f"it asks over several transports ({', '.join(inner)}), and over which only a run shows"
        return RetryLayer(name=kind, kind="transport", origin=explicit(f"{kind}()"), unknown=reason)
    if inner:
        config = getattr(transport, "config", None)
        known = config if isinstance(config, dict) else None
        return RetryLayer(
            name="tenacity transport" if kind.endswith("TenacityTransport") else kind,
            kind="transport",
            settings={} if known is None else config_of(known),
            origin=explicit(f"{kind}()"),
            all=timed(known.get("stop")) if known else None,
            interrupts=False,
            jitter=None if known is None else jittered(known.get("wait")),
            unknown=absurd_policy(known or {}),
        )
    is_its = type(transport) in (http.HTTPTransport, http.AsyncHTTPTransport)  # one that extends it may do anything
    if is_its and (retries := connect_retries(transport)) is not None:
        settings = {"retries": str(retries)}
        origin = default_of(transport) if retries == 0 else explicit(retries=retries)
        note = f"up to {retries} more connections are tried when one is refused, and each is counted as a request"
        name = f"{_package(transport)} transport"
        return RetryLayer(name=name, kind="transport", settings=settings, origin=origin, notes=(note,) * bool(retries))
    reason = f"the transport {type(transport).__qualname__} shows nothing of what it does with an error"
    return RetryLayer(name=kind, kind="transport", unknown=reason)


def config_of(config: dict[str, Any]) -> dict[str, str]:
    """Tenacity's settings, as far as they decide about retries, spelled for a person."""
    return {name: spelled(config[name]) for name in ("stop", "wait", "retry") if name in config} or {"stop": "never"}


def absurd_policy(config: dict[str, Any]) -> str:
    """Why tenacity's settings cannot be meant, empty if they can."""
    wrong = (name for name in ("stop", "wait") if any(map(is_absurd, numbers_of(config.get(name)))))
    return next((f"{name}={spelled(config[name])} makes no sense" for name in wrong), "")


def timed(stop: Any) -> float | None:
    """The seconds after which a tenacity policy stops whatever the number of attempts, None if none does."""
    if not type(stop).__module__.startswith("tenacity."):
        return None
    parts = [timed(one) for one in getattr(stop, "stops", ()) if not hasattr(one, "max_attempt_number")]
    known = [seconds for seconds in parts if seconds is not None]
    if type(stop).__name__ == "stop_all":  # a number is reached at some time, so the clock is what it waits for
        return max(known) if known and len(known) == len(parts) else None
    return min(known, default=getattr(stop, "max_delay", None))


def numbers_of(policy: Any) -> Iterator[Any]:
    """Tenacity's own numbers in a policy and in those that it is made of, but for a step, which may go down."""
    if isinstance(policy, tuple | list):
        yield from (number for one in policy for number in numbers_of(one))
    elif type(policy).__module__.startswith("tenacity."):
        yield from (one for name, value in vars(policy).items() if name != "increment" for one in numbers_of(value))
    else:
        yield policy


def far(stop: Any) -> int | None:
    """The number of attempts that ends a tenacity policy, of those that are too high to be tried; None if none does.

    Where a clock may end it before, nobody knows how often it tries.
    """
    if timed(stop) is not None:
        return None
    numbers = (int(one) for one in numbers_of(stop) if isinstance(one, int | float) and FURTHEST < one < NO_LIMIT)
    return next((one for one in sorted(numbers) if _stops(stop, one) and not _stops(stop, one - 1)), None)


def _stops(stop: Any, number: int) -> bool:
    """What a policy says after so many attempts that took no time. One of the person's own may fail at that."""
    with suppress(Exception):
        return stops(stop, number)
    return False


def once_more(state: Any) -> bool:
    """A policy that stops after the second attempt: what its caller sees is the same after each number."""
    return bool(state.attempt_number > 1)


def spelled(policy: Any) -> str:
    """A tenacity policy: its class, its own numbers, and the policies that it is made of."""
    if not hasattr(policy, "__dict__") or (isinstance(policy, Callable) and hasattr(policy, "__name__")):  # type: ignore[arg-type]
        return getattr(policy, "__qualname__", repr(policy)).partition(".<locals>")[0]
    kind = type(policy).__name__.lstrip("_")
    told = [part for value in vars(policy).values() for part in _parts(value)]
    return f"{kind}({', '.join(told)})" if told else kind


def _parts(value: Any) -> Iterator[str]:
    if isinstance(value, tuple | list):
        yield from (part for one in value for part in _parts(one))
    elif isinstance(value, int | float):
        yield from [f"{value:g}"] if value < NO_LIMIT else []
    elif type(value).__module__.startswith("tenacity."):
        yield spelled(value)


def _package(value: Any) -> str:
    return type(value).__module__.partition(".")[0]


def connect_retries(transport: Any) -> int | None:
    """How often the library's own transport connects again, if it tells."""
    retries = getattr(getattr(transport, "_pool", None), "_retries", 0)
    return retries if isinstance(retries, int) and retries >= 0 else None


def _connecting(transport: Any, http: ModuleType, trouble: Trouble) -> Asked:
    """The library's own transport retries one thing, connecting, and raises its own error when it gives up."""
    if trouble.failure is not Failure.REFUSED or not connect_retries(transport):
        return Asked(1, (), trouble)
    tried: list[int] = []

    def refused() -> None:
        tried.append(1)
        if len(tried) > MOST:
            raise Enough

    twin = refused_twin(transport, refused)
    with without_waiting() as slept:
        try:
            _sent(twin, http.Request("POST", "http://harness.invalid/", content=b"{}"))
        except Enough:
            return Asked(MOST, tuple(slept[:MOST]), trouble, endless=True)
        except Exception as error:  # noqa: BLE001  whatever its caller would see
            return Asked(len(tried), _padded(slept, len(tried) - 1), Trouble(trouble.failure, error=error))
    return Asked(len(tried), (), trouble, unknown="it took a refused connection for an answer")


def _padded(slept: list[float], waits: int) -> tuple[float, ...]:
    """The waits between attempts, with those of no time at all, which nobody sleeps: they come first."""
    return (*(0.0 for _ in range(waits - len(slept))), *slept)


def _rehearsed(layer: TransportLayer, trouble: Trouble) -> Asked:
    return worst_of(
        lambda: _tried(layer, trouble),
        lambda asked: math.inf if asked.endless else asked.sends,
        lambda hasty, patient: replace(hasty, slept=patient.slept, short=True),
    )


def _tried(layer: TransportLayer, trouble: Trouble) -> Asked:
    watch = Watch()
    asked = _run(layer, trouble, watch)
    if asked.endless and (number := far(_config(layer).get("stop"))) is not None:
        last = _run(_with(layer, stop=once_more), trouble, watch)
        takes = number * trouble.takes + sum(asked.slept) + (number - len(asked.slept)) * sum(asked.slept[-1:])
        ended = replace(last.trouble, takes=takes)
        asked = replace(asked.carried_on(number, 1), trouble=ended, endless=False)
    return replace(asked, trouble=trouble, unknown=f"its retry policy {watch.reason}") if watch.reason else asked


def _remembers(layer: TransportLayer, trouble: Trouble, sends: int) -> bool:
    """Whether a transport of the person's own, which has sent so often, does something else after other troubles."""
    if not is_own_class(type(layer.transport)):
        return False
    assert layer.inner is not None
    twin = twin_of(layer.transport, layer.inner)

    def met() -> tuple[int, int, type[BaseException | None]]:
        asked = _run(layer, trouble, Watch(), twin)
        return asked.sends, asked.trouble.status, type(asked.trouble.error)

    first = met()
    return first[0] < MOST and (remembers(first, first[0], met) or _rehearsed(layer, trouble).sends != sends)


def _run(layer: TransportLayer, trouble: Trouble, watch: Watch, twin: Any = None) -> Asked:
    """Ask a copy of a transport: a fresh one, unless it is said which."""
    assert layer.inner is not None
    twin = twin or twin_of(layer.transport, layer.inner)
    below = stub(layer.http, trouble)
    setattr(twin, layer.inner, below)
    if isinstance(getattr(twin, "config", None), dict):
        below.most = most(*numbers_of(twin.config.get("stop")))
        twin.config = {**twin.config, **watch.over(twin.config)}
    request = layer.http.Request("POST", "https://harness.invalid/", content=b"{}")
    with without_waiting() as slept:
        try:
            response = _sent(twin, request)
        except Enough:
            return Asked(below.sends - 1, tuple(slept[:MOST]), trouble, endless=True, unknown=slept.ended)
        except Exception as error:  # noqa: BLE001  whatever its caller would see
            seen = Trouble(trouble.failure, error=error, takes=_spent(below, slept))
            return Asked(below.sends, tuple(slept), seen, unknown=slept.ended)
    left = Trouble(
        trouble.failure,
        status=response.status_code,
        headers=dict(response.headers),
        takes=_spent(below, slept),
        closed=response.is_closed and not response.is_stream_consumed,
    )
    return Asked(below.sends, tuple(slept), left, unknown=slept.ended)


def _spent(below: Any, slept: list[float]) -> float:
    """How long it all took, for a layer around it that stops by the clock."""
    return float(below.sends * below.takes + sum(slept))


def _decides(layer: TransportLayer) -> Decided:
    """What the condition of a tenacity transport decides: of any bad status, of errors of the library and of others."""
    condition = layer.transport.config.get("retry")
    if not callable(condition):
        return ""
    if reads_results(condition):
        return "some"
    asking = _twice(layer, retry=condition, wait=lambda _state: 0)
    return decided(_wanted(asking, trouble) for trouble in _troubles(layer.http))


def _heeds(layer: TransportLayer) -> bool:
    """Whether a tenacity transport waits as long as `Retry-After` says: another number makes another wait.

    Chance makes none: it is the same for both.
    """
    asking = _twice(layer, **{name: layer.transport.config.get(name) for name in ("retry", "wait")})
    troubles = (replace(first(Failure.RATE_LIMITED_AFTER), headers={"retry-after": said}) for said in ("2", "3"))
    waits = []
    for trouble in troubles:
        with same_chance():
            waits.append(_tried(asking, trouble).slept)
    return waits[0] != waits[1]


def _twice(layer: TransportLayer, **policies: Any) -> TransportLayer:
    """The same transport with these policies alone, which tries twice at most and tells nobody."""
    known = {name: policy for name, policy in policies.items() if callable(policy)}
    twin = _with(layer)
    twin.transport.config = {**known, "stop": once_more, "reraise": True}
    return twin


def _with(layer: TransportLayer, **policies: Any) -> TransportLayer:
    """The same transport with these policies in place of its own."""
    twin = copy.copy(layer)
    twin.transport = copy.copy(layer.transport)
    twin.transport.config = {**_config(layer), **policies}
    return twin


def _config(layer: TransportLayer) -> dict[str, Any]:
    """The policies of a tenacity transport; none of any other."""
    config = getattr(layer.transport, "config", None)
    return config if isinstance(config, dict) else {}


def _wanted(layer: TransportLayer, trouble: Trouble) -> bool | None:
    watch = Watch()
    asked = _run(layer, trouble, watch)
    return None if watch.reason else asked.sends > 1


def _troubles(http: ModuleType) -> Iterator[Trouble]:
    yield from (Trouble(Failure.SERVER_ERROR, status=status) for status in STATUSES)
    kinds = [kind for kind in vars(http).values() if isinstance(kind, type) and issubclass(kind, http.RequestError)]
    yield from (Trouble(Failure.REFUSED, error=kind("harness")) for kind in (*kinds, *PLAIN))


def _sent(transport: Any, request: Any) -> Any:
    if hasattr(transport, "handle_async_request"):
        return run_once(transport.handle_async_request(request))
    return transport.handle_request(request)
