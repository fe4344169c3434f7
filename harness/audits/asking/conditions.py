"""What a retry condition says to far more than the classes of failure, so that nobody calls one pointless that is not.

A condition on the status 529 alone has a point, though no class of failure is a 529. So before it is said that a
condition wants nothing, or everything, it is asked about every status from 400 to 599 and about what else may reach it:
lost connections and plain exceptions of a model, every exception that is loaded of a body, which may raise anything.
One that looks at what was returned is about values: no error says anything of it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain
from typing import Any

from pydantic_ai.exceptions import ModelAPIError

from harness.retries.live import Live, TimedOut, Unit
from harness.retries.values import Decided
from harness.subjects.bare import Unset, bare
from harness.subjects.loops import awaited

CONDITIONS = ("retry", "retry_condition_fn", "should_retry")
"""The settings that are conditions, as their libraries spell them."""
STATUSES = (429, 400, *(status for status in range(401, 600) if status != 429))
"""Every status of an error; those come first that conditions tell apart."""
_TOLD_APART = (400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 529)
"""Those that SDKs have classes of their own for."""
PLAIN: tuple[type[Exception], ...] = (
    RuntimeError,
    ConnectionError,
    ConnectionResetError,
    TimeoutError,
    OSError,
    ValueError,
    KeyError,
    TypeError,
    Exception,
)
"""What anything may raise."""


def decided(answers: Iterable[bool | None]) -> Decided:
    """What a condition decides by its answers, which are asked for until it has said both.

    None is an answer that it fails over: then nobody can tell, and it is taken for one that chooses.
    """
    heard: set[bool] = set()
    for answer in answers:
        if answer is None or (not answer) in heard:
            return "some"
        heard.add(answer)
    return ("all" if True in heard else "none") if heard else ""


def decides(condition: Callable[[Any], Any], retrying: Any) -> Decided:
    """What a condition of tenacity's decides around a body, which may raise anything."""
    if reads_results(condition):
        return "some"
    return decided(_wanted(condition, retrying, error) for error in of_a_body())


def reads_results(condition: Callable[[Any], Any]) -> bool:
    """Whether a condition of tenacity's looks at what was returned."""
    return _of_results(condition)[0]


def wants_results(condition: Callable[[Any], Any]) -> bool:
    """Whether a condition of tenacity's may want another try of what has returned something."""
    return any(_of_results(condition))


def _of_results(condition: Callable[[Any], Any]) -> tuple[bool, bool]:
    """Whether a condition looks at what was returned, and whether it wants another than None."""
    read: list[int] = []
    state, wanted = _state(None), False
    state.set_result(None)
    state.outcome.result = lambda *_args, **_kwargs: read.append(1)
    with suppress(Exception):
        wanted = bool(_called(condition, state))
    return bool(read), wanted


def _wanted(condition: Callable[[Any], Any], retrying: Any, error: BaseException) -> bool | None:
    state = _state(retrying)
    state.set_exception((type(error), error, None))
    try:
        return bool(_called(condition, state))
    except Exception:  # noqa: BLE001  the person's own condition, asked about an error that it may not know
        return None


def stops(policy: Callable[[Any], Any], number: int) -> bool:
    """Whether a policy of tenacity's stops after so many attempts that took no time."""
    state = _state(None)
    state.attempt_number = number
    state.set_exception((ConnectionError, ConnectionError("harness"), None))
    return bool(_called(policy, state))


def _state(retrying: Any) -> Any:
    return sys.modules["tenacity"].RetryCallState(retrying, None, (), {})


def _called(condition: Callable[[Any], Any], state: Any) -> Any:
    return awaited(condition(state))


def deciding(engine: Callable[[Unit], Sequence[Live]]) -> Callable[[Unit], Sequence[Live]]:
    """The engine, with layers that say what their own conditions decide. Each is asked once."""
    known: dict[tuple[Any, ...], tuple[Unit, Decided]] = {}

    def lives(unit: Unit) -> Sequence[Live]:
        found = engine(unit)
        for place, live in enumerate(found):
            if live.layer.unknown or not any(name in live.layer.settings for name in CONDITIONS):
                continue
            key = (unit.kind, unit.name, unit.toolset, id(unit.function), id(unit.owner), place)
            if key not in known:  # with the unit, which keeps what the key names
                known[key] = unit, decided(_answers(live, _met_by(live, unit)))
            live.layer = live.layer.model_copy(update={"decided": known[key][1]})
        return found

    return lives


def _met_by(live: Live, unit: Unit) -> Iterator[BaseException]:
    """What may reach a layer around a unit: what is raised inside, and the engine's own error at its deadline."""
    if live.layer.each:
        yield TimedOut("harness")
    yield from of_a_model() if unit.kind == "model" else of_a_body()


def _answers(live: Live, errors: Iterable[BaseException]) -> Iterator[bool | None]:
    """Whether a layer tries again, error by error. Its caller sees another one if it has tried as often as it may."""
    for error in errors:
        if _speaks(error):
            answer = live.answer(error)
            yield None if answer.unknown or answer.chooses else answer.attempts != 1 or answer.raises is not error


def _speaks(error: BaseException) -> bool:
    """Whether an error that nobody has made properly has a text, which engines record."""
    with suppress(Exception):
        return bool(str(error))
    return False


def of_a_model() -> Iterator[BaseException]:
    """What a model raises: pydantic-ai's own errors in place of the SDK's, of every category, and what it lets pass."""
    kinds: Iterator[type[Exception]] = chain((ModelAPIError,), _below(ModelAPIError))
    for kind in kinds:
        if not kind.__name__.startswith("_"):  # what categories have in common: nobody raises that
            yield from _made(kind)
    yield from (kind("harness") for kind in PLAIN)


def of_a_body() -> Iterator[BaseException]:
    """What a function raises: anything that is loaded, and what carries a status with every one."""
    yield from (kind("harness") for kind in PLAIN)
    for kind in _below(Exception):
        yield from _made(kind)


def _below(root: type[Exception]) -> Iterator[type[Exception]]:
    """Every exception below this one that there is in this process, but for warnings."""
    waiting, seen = [root], {root, Warning}
    while waiting:
        below = [kind for kind in type.__subclasses__(waiting.pop(0)) if kind not in seen and Unset not in kind.__mro__]
        seen.update(below)
        waiting += below
        yield from below


def _made(kind: type[Any]) -> Iterator[BaseException]:
    """Errors of a type; those of HTTP libraries, of pydantic-ai and of SDKs of the common template carry a status.

    None of a type whose constructor wants what nobody here knows.
    """
    names = [base.__name__ for base in kind.__mro__]
    make = next((make for name, make in _CARRYING.items() if name in names), None)
    with suppress(Exception):
        if make is not None:
            yield from (make(kind, status) for status in (STATUSES if kind.__name__ in _CARRYING else _TOLD_APART))
        elif issubclass(kind, ModelAPIError):
            yield _of_no_answer(kind)
        else:
            yield bare(kind, "harness")


def _of_no_answer(kind: type[Any]) -> BaseException:
    """A model's error without a status: it is made of a message, or of the seconds after which nobody waited."""
    try:
        made: BaseException = kind("harness", "harness")
    except ValueError:
        made = kind("harness", 1.0)
    return made


def _answered(status: int) -> dict[str, Any]:
    http: Any = next(sys.modules[name] for name in ("httpx2", "httpx") if name in sys.modules)
    request = http.Request("POST", "https://harness.invalid/")
    return {"response": http.Response(status, request=request)}


_CARRYING: dict[str, Callable[[type[Any], int], BaseException]] = {
    "ModelHTTPError": lambda kind, status: kind(status, "harness"),
    "HTTPStatusError": lambda kind, status: kind("harness", request=None, **_answered(status)),
    "APIStatusError": lambda kind, status: kind("harness", body=None, **_answered(status)),
}
"""How an error is made that carries a status, by the name of its class or of one of its bases."""
