"""An agent whose tool counts in a variable of the module, which dies with the process."""

from __future__ import annotations

from pydantic_ai import Agent

import harness

PAID: list[str] = []


def pay(order_id: str) -> str:
    PAID.append(order_id)
    harness.effect("pay", order_id=order_id, number=len(PAID))
    return "paid"


till = Agent("openai:gpt-5", name="till", tools=[pay])
