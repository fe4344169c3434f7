"""The first command that a person tries with every engine at once: a published agent, unchanged."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Shell

ROULETTE = "pydantic_ai_examples.roulette_wheel:roulette_agent"
EVERY = ["journal", "dbos", "temporal", "prefect"]


@pytest.mark.slow
@pytest.mark.engine(name="dbos")
@pytest.mark.engine(name="temporal")
@pytest.mark.engine(name="prefect")
def test_all_engines_are_compared_on_an_agent_that_is_published(shell: Shell, tmp_path: Path):
    """Under DBOS a plain tool is not recorded: that one engine fails, and where they differ is said, is the point."""
    deps = ("--deps", '{"winning_number": 18}')

    ran = shell("sweep", ROULETTE, *deps, "--engine", "all", "--out", str(tmp_path))

    said = ran.out.splitlines()
    assert ran.code == 1
    assert "PARITY" in said[0]
    assert ["step", "crash", *EVERY] in [line.split() for line in said]
    assert ["between", "ok", "TWICE", "ok", "ok", "<-", "differ"] in [line.split() for line in said]
    assert "The engines differ in 6 of 12 cells:" in said
    assert "  tool:roulette_wheel#1/after: ok under journal, temporal and prefect; TWICE under dbos" in said
    assert "Traceback" not in ran.out + ran.err
