"""A policy for a tool that is never called protects nothing: pytest warns of it, once for each sweep."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import Make, Ran

TESTS = """
    from harness.pytest_plugin import durable_sweep

    WRONG = {"subject": "shop:agent", "tools": {"chrage": "once"}}
    FAULTS = ["crash@model#1/before", "crash@model#2/before"]

    test_swept = durable_sweep(**WRONG, engines=["journal", "none"], faults=FAULTS, expected={"none:*#2/*": "failed"})
    test_right = durable_sweep("shop:agent", tools={"charge": "repeatable"}, faults=FAULTS)


    def test_runs(durable):
        for fault in FAULTS:
            durable.run(fault, **WRONG)
"""
TOLD = "durable: what may happen to 'chrage' was said, but the fault-free run never calls it, did you mean 'charge'?"


@pytest.fixture(scope="module")
def ran(project: Make) -> Ran:
    return project({"test_shop.py": TESTS}).pytest()


def test_a_policy_for_a_tool_that_is_never_called_is_one_warning_for_each_function(ran: Ran) -> None:
    told = ran.out.partition("= warnings summary =")[2]

    assert TOLD in told
    assert ran.count("warning") == 2, ran.out
    assert told.count("test_swept[") == told.count("test_runs\n") == 1
    assert "test_right" not in told
    assert "harness/" not in told


def test_it_changes_no_verdict(ran: Ran) -> None:
    assert (ran.count("passed"), ran.count("failed"), ran.count("error")) == (7, 0, 0), ran.out
