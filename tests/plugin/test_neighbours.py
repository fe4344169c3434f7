"""Beside the plugins that most suites have: pytest-randomly and pytest-xdist at once, pytest-asyncio, anyio.

Each is really loaded here, although our own session keeps two of them out; what is shown would be worth little if a
plugin had done nothing, so tests also ask for a sign of it.
"""

from __future__ import annotations

import re

import pytest

from tests.plugin.conftest import Make, Ran

RANDOMLY = ("-p", "randomly")
SWEPT = """
    import pytest

    @pytest.mark.durable("shop:agent", engine="journal", tools={"charge": "keyed:order_id"})
    def test_payments(durable):
        durable.report.effects("charge").once()

    @pytest.mark.durable("shop:agent", engine="journal", faults=["crash@model#1/after", "lost@model#1"])
    def test_chosen():
        pass
"""
ASKS = """
    import asyncio
    import pytest
    from pydantic_ai import Agent

    @pytest.fixture
    def anyio_backend():
        return "asyncio"

    MARK
    async def test_runs(durable):
        await asyncio.sleep(0)
        durable.run("crash@model#1/after", subject="shop:agent").assert_passed()
        await asyncio.sleep(0)

    MARK
    @pytest.mark.durable("shop:agent", faults=["crash@model#1/after"])
    async def test_sweeps(durable, request):
        await asyncio.sleep(0)
        assert durable.report.replayed("model#1")
        assert durable.report is durable.report

    MARK
    @pytest.mark.durable("shop:agent", engine="none", faults="crash@model#2/before", tools={"charge": "once"})
    async def test_fails_before_its_body():
        raise SystemExit("the body of a test whose run has failed")

    MARK
    async def test_asks_a_scripted_model(scripted_model):
        done = await Agent(name="clerk").run("pay", model=scripted_model(["thanks"]))
        assert done.output == "thanks"
"""
LOOPS = {
    "pytest-asyncio, strict": ("@pytest.mark.asyncio", ("-p", "asyncio", "--asyncio-mode=strict")),
    "pytest-asyncio, one loop for all": ("@pytest.mark.asyncio(loop_scope='module')", ("-p", "asyncio")),
    "pytest-asyncio, auto": ("", ("-p", "asyncio", "--asyncio-mode=auto")),
    "anyio": ("@pytest.mark.anyio", ()),
}


def ids(ran: Ran) -> list[str]:
    return re.findall(r"(?<=::)test_\w+\[.+\]", ran.out)


def test_an_order_by_chance_on_two_workers_runs_each_crash_point_once(project: Make) -> None:
    made = project({"test_shop.py": SWEPT})
    plain = ids(made.pytest("--collect-only", "-q"))

    ran = made.pytest("-n2", "-v", "--cache-clear", *RANDOMLY, "--randomly-seed=7", "-k", "model")

    assert "Using --randomly-seed=7" in ran.out
    ended = re.findall(r"%\] (?:PASSED|FAILED) test_shop.py::(\S+)", ran.out)
    assert sorted(ended) == sorted(each for each in plain if "model" in each), ran.out
    assert ran.count("passed") == 7
    assert ran.count("failed") == 1  # the answer that is lost


def test_an_order_by_chance_changes_no_id(project: Make) -> None:
    made = project({"test_shop.py": SWEPT})
    first, second = (ids(made.pytest("--collect-only", "-q", *RANDOMLY, f"--randomly-seed={seed}")) for seed in (1, 2))

    assert len(first) == 14
    assert first != second
    assert sorted(first) == sorted(second) == sorted(ids(made.pytest("--collect-only", "-q")))


@pytest.fixture(scope="module", params=LOOPS)
def asked(project: Make, request: pytest.FixtureRequest) -> Ran:
    mark, arguments = LOOPS[request.param]
    return project({"test_asks.py": ASKS.replace("MARK", mark)}).pytest("-v", *arguments)


def test_tests_that_are_coroutines_can_ask_and_be_swept(asked: Ran) -> None:
    assert asked.count("passed") == 3, asked.out
    assert asked.count("failed") == 1, asked.out
    assert "the body of a test" not in asked.out
    assert "never awaited" not in asked.out
