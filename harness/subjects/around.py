"""Watches the functions of a person that run around an agent's steps, where no engine records them.

Instructions, output validators, history processors and handlers of the event stream are no steps: nothing can be
struck there, and every recovery runs them again. That matters to whoever put an effect into one, so each call is
written down. A call from inside a body or a unit is left out: it runs again when that does, and not otherwise.

Some of what is held here is private; where it has moved, these functions stay unseen.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import Any

from harness.history import Called
from harness.subjects import bodies

HELD = (
    ("pydantic_ai._system_prompt", "SystemPromptRunner", "run", "function", "instructions"),
    ("pydantic_ai._output", "OutputValidator", "validate", "function", "an output validator"),
    ("pydantic_ai.capabilities", "ProcessHistory", "before_model_request", "processor", "a history processor"),
    ("pydantic_ai.capabilities", "ProcessEventStream", "wrap_run_event_stream", "handler", "an event handler"),
)
"""Module, class and method that call a person's function; the attribute that holds it; and what it is."""


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
        if probes is not None and function is not None and probes.is_around:
            name = getattr(function, "__qualname__", type(function).__qualname__)
            probes.journal.append(Called(name=name.rpartition("<locals>.")[2], role=role), invocation=probes.invocation)
        return original(self, *args, **kwargs)

    return called
