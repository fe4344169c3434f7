"""Whether an engine can be used, asked in one place: a mistake in its options must never pass for a missing engine.

The one is an error wherever it is made; the other is a skip, or a row of a report, where nobody requires the engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.engines.base import Choosy
from harness.errors import EngineUnavailable, UsageError

if TYPE_CHECKING:
    from harness.engines.base import Engine


def mistakes(engine: Engine, options: dict[str, Any]) -> list[str]:
    """What is wrong with the options by themselves; nothing for an engine that does not tell it from its problems."""
    return engine.mistakes(options) if isinstance(engine, Choosy) else []


def refuse_mistakes(engine: Engine, options: dict[str, Any], where: str = "") -> None:
    """Raise `UsageError` with everything that is wrong with the options, whether or not the engine is here."""
    if found := mistakes(engine, options):
        at = f"{where}: " if where else ""
        raise UsageError.listing(f"{at}engine {engine.name!r} cannot take these options", found)


def demand(engine: Engine, options: dict[str, Any], *, to_run: bool = True) -> None:
    """Raise what `refuse_mistakes` raises, and `EngineUnavailable` for an engine that cannot be used here.

    If nothing is `to_run`, its packages are enough, where the adapter tells them apart.
    """
    refuse_mistakes(engine, options)
    ask = engine.problems if to_run else getattr(engine, "packages", engine.problems)
    if problems := ask(options):
        raise EngineUnavailable.listing(f"engine {engine.name!r} cannot be used here", problems)
