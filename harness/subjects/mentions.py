"""Model strings that a subject's source mentions, so that their clients can be built before they are needed.

A run may name its model (`agent.run(model="anthropic:…")`), and the first to do so imports that provider's package.
That can take seconds: long enough for an engine to think that the run hangs, and to act on a hang that nobody planned.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic_ai.models import known_model_names

from harness.subjects.naming import agents_in, unwrapped

_QUOTED = re.compile(r"""["']((?:gateway/)?([a-z][a-z0-9-]*):[\w./@:-]+)["']""")


def models_mentioned_with(agent: Any) -> list[str]:
    """The model strings in the source of every module that holds `agent` in a variable. Only known providers count."""
    providers = {name.removeprefix("gateway/").partition(":")[0] for name in known_model_names()}
    found = {match for module in _holding(agent) for match in _QUOTED.findall(_source(module))}
    return sorted(text for text, provider in found if provider in providers)


def _holding(agent: Any) -> list[ModuleType]:
    loaded: list[Any] = list(sys.modules.values())
    modules = [module for module in loaded if isinstance(module, ModuleType)]
    return [module for module in modules if any(unwrapped(held) is agent for held in agents_in(module).values())]


def _source(module: ModuleType) -> str:
    try:
        return Path(module.__file__ or "").read_text(encoding="utf-8")
    except (OSError, ValueError, AttributeError):  # none, compiled, or gone since
        return ""
