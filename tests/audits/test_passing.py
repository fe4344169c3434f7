"""Code of a person's own around a call: what may make it again is unknown, and what surely makes it once is nothing."""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from functools import update_wrapper, wraps
from typing import Any

import pytest
from pydantic_ai import Agent, ModelRetry
from pydantic_ai.models.test import TestModel

from harness.audits import collect
from harness.audits.asking.tools import decorators
from harness.engines.prefect import retries as prefect
from harness.retries.values import Failure

F = Failure
log = logging.getLogger(__name__)


async def look(city: str) -> str:
    """Look."""
    return city


def plain(city: str) -> str:
    """Look."""
    return city


async def until(function: Any, times: int, *given: Any) -> Any:
    """Call a function in a loop."""
    for _ in range(times):
        with suppress(Exception):
            return await function(*given)
    return None


def by_helper(function: Any) -> Any:
    @wraps(function)
    async def inner(*given: Any) -> Any:
        return await until(function, 3, *given)

    return inner


def by_helper_beside(function: Any) -> Any:
    async def once(*given: Any) -> Any:
        for _ in range(3):
            with suppress(Exception):
                return await function(*given)
        return None

    @wraps(function)
    async def inner(*given: Any) -> Any:
        return await once(*given)

    return inner


def by_recursion(function: Any) -> Any:
    @wraps(function)
    async def inner(*given: Any, left: int = 2) -> Any:
        try:
            return await function(*given)
        except ConnectionError:
            if not left:
                raise
            return await inner(*given, left=left - 1)

    return inner


def by_recursion_inside(function: Any) -> Any:
    @wraps(function)
    async def inner(*given: Any) -> Any:
        async def attempt(left: int) -> Any:
            try:
                return await function(*given)
            except ConnectionError:
                return await attempt(left - 1)

        return await attempt(3)

    return inner


class Trying:
    """A decorator that is a class."""

    def __init__(self, function: Any) -> None:
        update_wrapper(self, function)
        self.function = function

    def __call__(self, *given: Any) -> Any:
        """Call it, and once more."""
        try:
            return self.function(*given)
        except ConnectionError:
            return self._again(*given)

    def _again(self, *given: Any) -> Any:
        return self.function(*given)


def unsaid(function: Any) -> Any:
    async def inner(city: str) -> Any:
        for _ in range(3):
            with suppress(ConnectionError):
                return await function(city)
        return None

    inner.__name__, inner.__doc__ = function.__name__, function.__doc__
    return inner


def by_list(function: Any) -> Any:
    @wraps(function)
    async def inner(*given: Any) -> Any:
        return await asyncio.gather(*[function(*given) for _ in range(3)], return_exceptions=True)

    return inner


def by_lambda(function: Any) -> Any:
    @wraps(function)
    def inner(*given: Any) -> Any:
        return _insist(lambda: function(*given))

    return inner


def _insist(call: Callable[[], Any]) -> Any:
    while True:
        with suppress(Exception):
            return call()


def by_a_library(function: Any) -> Any:
    @wraps(function)
    def inner(*given: Any) -> Any:
        return functools.reduce(function, given)

    return inner


def by_the_model(function: Any) -> Any:
    @wraps(function)
    async def inner(*given: Any) -> Any:
        try:
            return await function(*given)
        except ConnectionError as error:
            raise ModelRetry("once more") from error

    return inner


def by_turns(function: Any) -> Any:
    @wraps(function)
    async def inner(*given: Any) -> Any:
        for call in (function, function):
            with suppress(ConnectionError):
                return await call(*given)
        return await function(*given)

    return inner


AGAIN = {
    "a list of calls": (by_turns(look), "keeps what it is around"),
    "a loop in a helper": (by_helper(look), "in a loop"),
    "a loop in a function beside it": (by_helper_beside(look), "in a loop"),
    "recursion": (by_recursion(look), "calls itself again"),
    "recursion inside": (by_recursion_inside(look), "calls itself again"),
    "a class, after an error": (Trying(plain), "more than once"),
    "one that does not say what it wraps": (unsaid(look), "in a loop"),
    "a list": (by_list(look), "in a loop"),
    "a lambda that is handed on": (by_lambda(plain), "in a loop"),
    "somebody else's function": (by_a_library(plain), "hands what it is around on to `reduce`"),
    "an error that is for the model": (by_the_model(look), "makes a `ModelRetry` of an error"),
    "a partial": (functools.partial(until, look, 3), "in a loop"),
}


@pytest.mark.parametrize(("function", "reason"), AGAIN.values(), ids=AGAIN.keys())
def test_a_decorator_that_may_call_again_is_unknown_with_its_place(function, reason):
    (live,) = decorators(function)
    assert reason in live.layer.unknown
    assert live.layer.kind == "tool"
    assert live.layer.origin.file
    assert live.layer.origin.line


def logged(function: Any) -> Any:
    @wraps(function)
    async def inner(*given: Any, **named: Any) -> Any:
        for value in given:
            log.info("%s of %s", value, function)
        said = f"calling {function} {function.__name__}"
        log.info("%s", said)
        try:
            return await function(*given, **named)
        except Exception:
            log.exception("%s failed", function.__name__)
            raise

    return inner


def timed(function: Any) -> Any:
    def note(began: float) -> None:
        log.info("%s", time.monotonic() - began)

    @wraps(function)
    async def inner(*given: Any) -> Any:
        began = time.monotonic()
        try:
            return await asyncio.wait_for(function(*given), 30)
        finally:
            note(began)

    return inner


def allowed(function: Any) -> Any:
    @wraps(function)
    async def inner(city: str) -> Any:
        if city == "Atlantis":
            raise PermissionError(city)
        if inspect.iscoroutinefunction(function):
            return await function(city)
        return await asyncio.to_thread(function, city)

    return inner


class Counting:
    """A decorator that is a class, and counts."""

    def __init__(self, function: Any) -> None:
        update_wrapper(self, function)
        self.function, self.seen = function, {"calls": 0}

    def __call__(self, *given: Any) -> Any:
        """Call it."""
        self._count(self.seen)
        return self.function(*given)

    def _count(self, what: Any) -> None:
        for value in what.values():
            if isinstance(value, dict):
                self._count(value)


def in_a_helper(function: Any) -> Any:
    @wraps(function)
    async def inner(*given: Any) -> Any:
        return await traced(function, *given)

    return inner


async def traced(function: Any, *given: Any) -> Any:
    """Call a function once."""
    log.info("calling")
    return await function(*given)


def paging(fetch: Any) -> Any:
    """A tool with a function that is given to it: what it calls is inside it, and it is around nothing."""

    async def pages(city: str, most: int) -> list[Any]:
        return [await fetch(f"{city}?page={number}") for number in range(most)]

    return pages


ONCE = {
    "one that logs": logged(look),
    "one that takes the time": timed(look),
    "one that checks": allowed(look),
    "a class": Counting(plain),
    "a helper": in_a_helper(look),
    "several": logged(timed(allowed(look))),
    "none, but a tool that calls": paging(look),
    "a partial": functools.partial(traced, look),
}


@pytest.mark.parametrize("function", ONCE.values(), ids=ONCE.keys())
def test_a_decorator_that_calls_once_is_nothing(function):
    assert not list(decorators(function))


def test_nobody_puts_a_fault_around_a_loop_that_is_not_in_the_decorator_itself():
    agent = Agent(TestModel(), name="looking", tools=[by_helper(look)])
    units = collect.units_of(agent, lambda unit: prefect.layers(agent, unit, {}))
    (tool,) = [unit for unit in units if unit.unit == "tool:look"]
    assert {cell.predicted for cell in tool.cells if cell.failure is not F.CRASH} == {None}
