"""The conversation of a marked test: turns in the marker itself, or a file beside the test."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import Make

TESTS = """
    import pytest

    LISTED = [{"call": "charge", "args": {"order_id": "A-1"}}, "said by a list"]

    @pytest.mark.durable("shop:agent", faults="crash@model#2/before", script=LISTED)
    def test_a_list(durable):
        assert durable.report.output == "said by a list"

    @pytest.mark.durable("shop:agent", faults="crash@model#1/after", script="told.yaml")
    def test_a_file(durable):
        assert durable.report.output == "said by a file"
"""


def test_a_script_is_a_list_or_a_file_beside_the_test(project: Make) -> None:
    made = project({"deep/er/test_shop.py": TESTS, "deep/er/told.yaml": "- said by a file\n"})

    ran = made.pytest("-v")

    assert ran.count("passed") == 2, ran.out
    assert ran.code == pytest.ExitCode.OK
