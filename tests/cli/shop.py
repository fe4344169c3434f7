"""A shop with one plain tool: the smallest agent that can charge twice."""

from __future__ import annotations

from pydantic_ai import Agent

agent = Agent("test", name="shop")


@agent.tool_plain
async def charge(order_id: str) -> str:
    return f"charged {order_id}"
