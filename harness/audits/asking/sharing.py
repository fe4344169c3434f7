"""A client that several agents share: it is asked for each of them, and what is changed for one is changed for all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any

from pydantic_ai.models.fallback import FallbackModel

from harness.audits.asking.wrapped import client_of, unwrapped
from harness.subjects.naming import agents_in
from harness.subjects.naming import unwrapped as bare


def shared(agent: Any, modules: Iterable[ModuleType]) -> list[str]:
    """A note for every other agent of these modules that asks through a client of this one."""
    mine = {id(client): client for client in _clients(agent)}
    others = {id(bare(one)): (name, bare(one)) for module in modules for name, one in agents_in(module).items()}
    others.pop(id(bare(agent)), None)
    sharing = [name for name, other in others.values() if any(id(client) in mine for client in _clients(other))]
    if not sharing:
        return []
    return [f"its client is shared with {', '.join(sorted(sharing))}: what is changed for one is changed for all"]


def _clients(agent: Any) -> Iterator[Any]:
    """The provider clients of an agent's models, as far as they are there before a run."""
    waiting = [getattr(agent, "model", None)]
    while waiting:
        model = unwrapped(waiting.pop())
        if isinstance(model, FallbackModel):
            waiting += model.models
        elif (client := client_of(model)) is not None:
            yield client
