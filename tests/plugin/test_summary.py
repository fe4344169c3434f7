"""The lines at the end of a session: what was tried of what there is, and every kind of finding once."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import Make, Ran

CONVERSATIONS = """
    from harness.pytest_plugin import durable_sweep

    TWO = [{"call": "charge", "args": {"order_id": "a"}}, {"call": "charge", "args": {"order_id": "b"}}, "done"]

    test_one_of_many = durable_sweep("shop:agent", script=TWO, faults="crash@model#1/before")
    test_every_one = durable_sweep("shop:agent", script=["done"])
    test_one_of_them_again = durable_sweep("shop:agent", script=["done"], faults="crash@run/before", checks=["effects"])
"""


@pytest.fixture(scope="module")
def conversations(project: Make) -> Ran:
    """Two conversations with one agent, of which one has many more crash points than the other, and than were tried."""
    return project({"test_shop.py": CONVERSATIONS}).pytest("--durable-report", "told", "--durable-min-coverage", "50")


def test_each_conversation_has_its_own_crash_points(conversations: Ran) -> None:
    assert "crash points: 7 of 24 tried (29 %)" in conversations.out
    assert "| `shop:agent` | journal | 7 of 24 | 8 | 0 | 0 |" in (conversations.folder / "told/summary.md").read_text()


def test_what_was_tried_of_one_conversation_does_not_make_up_for_another(conversations: Ran) -> None:
    assert conversations.count("passed") == 8
    assert conversations.code == pytest.ExitCode.TESTS_FAILED
    assert "crash-point coverage 29 % is less than --durable-min-coverage 50 %" in conversations.out
