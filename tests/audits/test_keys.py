"""A key that was said of a tool, and that nothing which the tool takes has a place for, is refused as in a run."""

from __future__ import annotations

import pytest
from pydantic import BaseModel
from pydantic_ai import Agent

from harness import UsageError, audit
from harness.audits.asking.tools import taken_by
from harness.audits.keys import refuse_lost_keys
from harness.contract import ToolPolicy


class Line(BaseModel):
    sku: str


class Order(BaseModel):
    id: str
    lines: list[Line] = []
    parent: Order | None = None
    more: dict[str, str] = {}


def charge(order: Order, note: str = "") -> str:
    """Charge an order."""
    return order.id + note


def ship(order: Order) -> str:
    """Ship an order."""
    return order.id


def say(**words: str) -> str:
    """Say anything."""
    return str(words)


TAKEN = taken_by(Agent(tools=[charge, ship, say]))
PLACES = [
    ("charge", "order.id"),
    ("charge", "note"),
    ("charge", "order.lines[0].sku"),
    ("charge", "order.parent.lines.2.sku"),
    ("charge", "order.more.anything"),
    ("charge", "tool_call_id"),
    ("ship", "id"),
    ("ship", "order.id"),
    ("say", "anything"),
    ("an MCP server's", "anything"),
]
LOST = [
    ("charge", "nope"),
    ("charge", "order.idd"),
    ("charge", "order.lines.sku"),
    ("charge", "order.lines[0].id"),
    ("charge", "note.id"),
    ("ship", "nope"),
]


@pytest.mark.parametrize(("tool", "key"), PLACES)
def test_a_key_that_has_a_place_is_taken(tool, key):
    refuse_lost_keys({tool: ToolPolicy.parse(f"keyed:{key}")}, TAKEN)


@pytest.mark.parametrize(("tool", "key"), LOST)
def test_a_key_that_has_none_is_refused(tool, key):
    with pytest.raises(UsageError, match=rf"^'{tool}' is said to be keyed by '.*', and no call of it has such an arg"):
        refuse_lost_keys({tool: ToolPolicy.parse(f"keyed:{key}")}, TAKEN)


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ("keyed:nope", "and no call of it has such an argument; known are 'city', 'tool_call_id'"),
        ("keyed:", "cannot read tool policy 'keyed:': no key is named, as in 'keyed:order_id'"),
    ],
)
def test_an_audit_refuses_it(policy, words):
    with pytest.raises(UsageError, match=words):
        audit("fixtures.audit.small:agent", "none", static=True, tools={"look": policy})
