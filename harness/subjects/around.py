"""Watches the functions of a person that run around an agent's steps, where no engine records them.

Instructions, system prompts, functions that choose tools, output validators, history processors and handlers of the
event stream are no steps: nothing can be struck there, and every recovery runs them again. That matters to whoever put
an effect into one, so each call is written down; and with it what it was asked and what it said, because one that reads
what died with a process says something else in the next life, and the engine is not to blame. A call from inside a body
or a unit is left out: it runs again when that does, and not otherwise.

Some of what is held here is private; where it has moved, these functions stay unseen.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Awaitable, Callable, Sequence
from functools import wraps
from importlib import import_module
from typing import Any

from pydantic_ai import RunContext
from pydantic_ai.tools import ToolDefinition

from harness.history import Called
from harness.subjects import bodies
from harness.subjects.probes import Probes

HELD = (
    ("pydantic_ai._system_prompt", "SystemPromptRunner", "run", "function", "instructions"),
    ("pydantic_ai._output", "OutputValidator", "validate", "function", "an output validator"),
    ("pydantic_ai.capabilities", "ProcessHistory", "before_model_request", "processor", "a history processor"),
    ("pydantic_ai.capabilities", "ProcessEventStream", "wrap_run_event_stream", "handler", "an event handler"),
    ("pydantic_ai.tools", "Tool", "prepare_tool_def", "prepare", "a prepare function"),
    ("pydantic_ai.toolsets", "PreparedToolset", "get_tools", "prepare_func", "a prepare function"),
    ("pydantic_ai.toolsets", "FilteredToolset", "get_tools", "filter_func", "a filter of tools"),
)
"""Module, class and method that call a person's function; the attribute that holds it; and what it is."""
PROMPT = "a system prompt"


def install() -> None:
    """Watch the classes that call such functions. Once, in the zygote."""
    for module, kind, method, attribute, role in HELD:
        owner = _class(module, kind)
        original = getattr(owner, method, None)
        if original is not None and not hasattr(original, "__wrapped__"):
            setattr(owner, method, _watched(original, attribute, role))


def _class(module: str, kind: str) -> Any | None:
    try:
        return getattr(import_module(module), kind, None)
    except ImportError:  # an older or a newer pydantic-ai
        return None


def _watched(original: Callable[..., Any], attribute: str, role: str) -> Callable[..., Any]:
    """The method, whether it gives a coroutine or an asynchronous generator."""

    @wraps(original)
    def called(self: Any, *args: Any, **kwargs: Any) -> Any:
        probes, function = bodies.active(), getattr(self, attribute, None)
        if probes is None or not _is_theirs(function) or not probes.is_around:
            return original(self, *args, **kwargs)
        name = getattr(function, "__qualname__", type(function).__qualname__).rpartition("<locals>.")[2]
        context = next((value for value in (*args, *kwargs.values()) if isinstance(value, RunContext)), None)
        call = _Call(probes, name, PROMPT if _is_prompt(self, context) else role, context)
        answer = original(self, *args, **kwargs)
        return call.awaited(answer) if inspect.iscoroutine(answer) else call.left(answer)

    return called


def _is_prompt(runner: Any, context: RunContext[Any] | None) -> bool:
    """Whether it runs a system prompt. Instructions have the same class, and only the agent keeps the two apart."""
    known = getattr(getattr(context, "agent", None), "_system_prompt_functions", ())
    return any(runner is each for each in known)


def _is_theirs(function: Any) -> bool:
    return function is not None and not str(getattr(function, "__module__", "")).startswith("pydantic_ai.")


class _Call:
    """One call of a function, from what it was asked to what it said."""

    def __init__(self, probes: Probes, name: str, role: str, context: RunContext[Any] | None) -> None:
        self._probes, self._name, self._role = probes, name, role
        self._at = context.run_step if context else None
        self._given = _digest(_spoken(context.messages)) if context else None

    async def awaited(self, answer: Awaitable[Any]) -> Any:
        try:
            value = await answer
        except Exception as error:
            self._told(f"{type(error).__name__}: {error}", raised=True)
            raise
        except BaseException:
            self._told(None)
            raise
        return self.left(value)

    def left(self, value: Any) -> Any:
        words = _words(value)
        self._told(None if words is None else _digest(words))
        return value

    def _told(self, said: str | None, *, raised: bool = False) -> None:
        called = Called(name=self._name, role=self._role, at=self._at, given=self._given, said=said, raised=raised)
        self._probes.journal.append(called, invocation=self._probes.invocation)


def _words(value: Any) -> Any:
    """What an answer says, where its kind is known: a text, which tools are offered and as what, which messages."""
    if value is None or isinstance(value, str):
        return repr(value)
    if isinstance(value, ToolDefinition):
        return value.name, value.description, value.parameters_json_schema
    if isinstance(value, dict):
        return sorted(map(str, value))
    messages = getattr(value, "messages", None)
    return _spoken(messages) if isinstance(messages, list) else None


def _spoken(messages: Sequence[Any]) -> list[Any]:
    """What a conversation says, without its ids and times."""
    parts = [part for message in messages for part in getattr(message, "parts", ())]
    return [(part.part_kind, getattr(part, "content", None), getattr(part, "args", None)) for part in parts]


def _digest(value: Any) -> str:
    return hashlib.blake2b(repr(value).encode("utf-8", "replace"), digest_size=6).hexdigest()
