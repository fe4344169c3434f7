"""A workflow or flow of the person's own: the units that it calls, and the clients and agents that those use.

Which they are is told by the names that a function really refers to, in its module and its closure; functions in
between are followed. What a function makes while it runs cannot be seen before, and is reported as unknown.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import replace
from types import CodeType, FunctionType
from typing import Any

from pydantic_ai.agent import AbstractAgent
from pydantic_ai.usage import UsageLimits

from harness.audits import collect
from harness.audits.asking.google import is_google
from harness.audits.asking.limits import Usage
from harness.audits.asking.modeling import Asker
from harness.audits.asking.sdks import is_sdk
from harness.retries.live import Live, Unit
from harness.retries.report import UnitAudit
from harness.retries.values import RetryLayer
from harness.subjects.attach import engine_of
from harness.subjects.naming import unwrapped

CLIENTS = ("openai", "anthropic", "groq", "mistralai", "cohere", "google.genai", "huggingface_hub", "boto3")
"""Packages whose classes make clients."""


def units_of(workflow: Any, engine: collect.Engine) -> Iterator[UnitAudit]:
    """Every unit that a workflow calls, as far as its code names them, and the run itself."""
    run = engine(Unit("run"))
    own = {name: (value, lives) for name, value in referred(workflow) if (lives := engine(Unit("own", name, value)))}
    around = [live for live in run if live.layer.kind == "container"]
    found = [unit for name, (function, lives) in own.items() for unit in _used(name, function, lives)]
    asked = list(_used("", workflow, around, leaving=own))
    found += [unit for one in _agents(workflow, engine, leaving=own) for unit in one] + asked
    yield from found or [_hidden(run)]
    yield collect.recovered_unit(run)


def _agents(workflow: Any, engine: collect.Engine, leaving: Any) -> Iterator[Iterator[UnitAudit]]:
    """The units of every durable agent that the workflow itself runs: its configuration says what they are."""
    named = list(referred(workflow, leaving))
    usage = Usage(next((value for _, value in named if isinstance(value, UsageLimits) or value is UsageLimits), None))
    for key, agent in named:
        if durable(agent):
            yield _units_of_agent(key, agent, engine, usage)


def durable(value: Any) -> bool:
    """Whether this is an agent whose requests are units of an engine, in a workflow of the person's own."""
    return isinstance(value, AbstractAgent) and engine_of(value) is not None


def _units_of_agent(key: str, agent: Any, engine: collect.Engine, usage: Usage) -> Iterator[UnitAudit]:
    def lives(unit: Unit) -> Sequence[Live]:
        return engine(unit if unit.kind == "run" else replace(unit, owner=agent))

    for unit in collect.units_of(unwrapped(agent), lives, usage):
        yield unit.model_copy(update={"unit": f"{key}.{unit.unit}"})


def _hidden(run: Sequence[Live]) -> UnitAudit:
    """A workflow that names nothing that can be asked: how its units are retried is said in the call."""
    reason = "which units it calls, and how they are retried, is said in the calls themselves, when it runs"
    layers = (RetryLayer(name="workflow", kind="unit", unknown=reason), *(live.layer for live in run))
    return UnitAudit(unit="workflow", layers=layers)


def _used(name: str, function: Any, lives: Sequence[Live], leaving: Any = ()) -> Iterator[UnitAudit]:
    """What one unit asks: provider clients and agents. One that asks nobody fails by itself."""
    own = bool(name)  # inside a unit of the person's own, an agent's requests are no units of their own
    asked = [(key, value) for key, value in referred(function, leaving) if _asks(value) and (own or not durable(value))]
    prefix = f"step:{name}." if name else ""
    for key, value in asked:
        yield _asking(f"{prefix}{key}", value, lives)
    if name and not asked:
        yield collect.body_unit(f"step:{name}", lives)


def _asking(name: str, value: Any, lives: Sequence[Live]) -> UnitAudit:
    if isinstance(value, AbstractAgent):
        (unit,) = collect.model_units(unwrapped(value), lambda _unit: lives)
        return unit.model_copy(update={"unit": f"{name}.model"})
    if is_sdk(value) or is_google(value):
        return collect.model_unit(name, Asker(None, client=value), lives)
    reason = f"{value.__module__}.{value.__qualname__} is made in the call, where nobody can see its settings before"
    layers = (RetryLayer(name=value.__qualname__, kind="sdk", unknown=reason), *(live.layer for live in lives))
    return UnitAudit(unit=name, layers=layers)


def _asks(value: Any) -> bool:
    """Whether this asks a provider: a client, an agent, or a class that makes a client."""
    makes = inspect.isclass(value) and value.__module__.startswith(CLIENTS) and callable(getattr(value, "post", None))
    return makes or is_sdk(value) or is_google(value) or isinstance(value, AbstractAgent)


def referred(value: Any, leaving: Any = ()) -> Iterator[tuple[str, Any]]:
    """Every object that a function's code names, through functions of its own module, each once.

    `leaving` are names that are not followed: units of their own.
    """
    seen: set[int] = set()
    waiting = list(_functions(value))
    while waiting:
        function = waiting.pop(0)
        for name, found in _named(function):
            if id(found) in seen or name in leaving:
                continue
            seen.add(id(found))
            yield name, found
            if isinstance(found, FunctionType) and found.__module__ == function.__module__:
                waiting.append(found)


def _functions(value: Any) -> Iterator[FunctionType]:
    """The person's own functions in a flow, a task, a step or a workflow class."""
    members = vars(value).values() if inspect.isclass(value) else (getattr(value, "fn", value),)
    for member in members:
        function = inspect.unwrap(member) if callable(member) else member
        if isinstance(function, FunctionType):
            yield function


def _named(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """What a function names: globals, what it closes over, and attributes of modules that it names."""
    known: dict[str, Any] = {**function.__globals__, **inspect.getclosurevars(function).nonlocals}
    names = list(_names(function.__code__))
    for name in dict.fromkeys(names):
        if name in known:
            found = known[name]
            yield name, found
            if inspect.ismodule(found):
                yield from ((one, vars(found)[one]) for one in names if one in vars(found))


def _names(code: CodeType) -> Iterator[str]:
    """The names in a function's code and in the functions inside it."""
    yield from (*code.co_names, *code.co_freevars)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
