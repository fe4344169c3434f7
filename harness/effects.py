"""`harness.effect(...)`: for those who want to say in their own code what the outside world saw.

Outside the harness it does nothing and costs one comparison; production code may call it freely.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

sink: Callable[[str, str | None, dict[str, Any]], None] | None = None
"""Where effects go. The worker sets it in the child; everywhere else it stays None."""


def effect(name: str, *, key: str | None = None, **arguments: Any) -> None:
    """Say that the outside world is about to see `name`, under an idempotency key if there is one.

    Call it just before the effect: `harness.effect("charge", key=order_id, amount=5)`. `arguments` are for the report.
    """
    if sink is not None:
        sink(name, key, arguments)
