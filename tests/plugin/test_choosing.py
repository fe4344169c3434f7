"""The ids of crash points are pytest's own: the last failure, one id, or all but one can be asked for."""

from __future__ import annotations

import re

import pytest

from tests.plugin.conftest import Make, Project, Ran

SWEPT = """
    import pytest

    @pytest.mark.durable(
        "shop:agent",
        engine="journal",
        tools={"charge": "once"},
        faults=["crash@model#1/before", "crash@tool:charge#1/between", "crash@model#2/before"],
    )
    def test_payments():
        pass
"""
PASSES, FAILS, ALSO = (
    f"test_shop.py::test_payments[journal-crash@{point}]"
    for point in ("model#1/before", "tool:charge#1/between", "model#2/before")
)


@pytest.fixture(scope="module")
def shop(project: Make) -> Project:
    """A project whose last session had one failure."""
    made = project({"test_shop.py": SWEPT})
    assert outcomes(made.pytest("-v")) == {PASSES: "PASSED", FAILS: "FAILED", ALSO: "PASSED"}
    return made


@pytest.mark.parametrize(
    ("arguments", "left"),
    [(("--lf",), [FAILS]), (("--deselect", FAILS), [PASSES, ALSO]), ((ALSO,), [ALSO])],
    ids=["--lf", "--deselect", "one exact id"],
)
def test_crash_points_are_chosen_as_tests_are(shop: Project, arguments: tuple[str, ...], left: list[str]) -> None:
    listed = shop.pytest("--collect-only", "-q", *arguments).out.splitlines()

    assert [line for line in listed if "::" in line] == left


def outcomes(ran: Ran) -> dict[str, str]:
    return dict(re.findall(r"^(\S+::\S+) (PASSED|FAILED|ERROR)", ran.out, re.MULTILINE))
