"""A kept map of an agent that has changed in something that is no module of its own: in a file that it reads, say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.plugin.conftest import Make, Project

AGENT = """
    from pathlib import Path
    from pydantic_ai import Agent

    HERE = Path(__file__).parent
    agent = Agent("test", name="reading")

    @agent.tool_plain
    def price() -> str:
        return (HERE / "price.txt").read_text()

    async def _offered(context, tool):
        turns = HERE / "turns"
        if not turns.exists():
            return tool if (HERE / "paying").exists() else None
        if context.run_step == 1:
            turns.write_text(turns.read_text() + "x")
        return tool if len(turns.read_text()) % 2 else None

    @agent.tool_plain(prepare=_offered)
    def pay() -> str:
        return "paid"
"""
TESTS = """
    from harness.pytest_plugin import durable_sweep

    test_reading = durable_sweep("reading:agent", engine="journal", tools={"price": "repeatable", "pay": "repeatable"})
"""


@pytest.fixture
def reading(project: Make) -> Project:
    """A project whose map is made."""
    made = project({"reading.py": AGENT, "test_reading.py": TESTS, "price.txt": "cheap"})
    ran = made.pytest("-q")
    assert ran.count("passed") == 12, ran.out
    return made


def maps(made: Project) -> list[Path]:
    return sorted((made.folder / ".pytest_cache" / "d" / "durable" / "maps").glob("*.json"))


def test_what_a_tool_answers_now_is_compared_with_what_it_answers_now(reading: Project) -> None:
    before = [file.read_text() for file in maps(reading)]
    reading.write({"price.txt": "dear"})

    ran, again = reading.pytest("-q"), reading.pytest("-q")

    assert ran.count("passed") == again.count("passed") == 12, ran.out
    assert [file.read_text() for file in maps(reading)] != before


def test_a_map_that_fits_is_kept(reading: Project) -> None:
    before = [file.read_text() for file in maps(reading)]

    ran = reading.pytest("-q", "-k", "model")

    assert ran.count("passed") == 6, ran.out
    assert [file.read_text() for file in maps(reading)] == before


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "workers"])
def test_where_its_steps_are_others_every_test_says_so_and_the_next_session_sweeps_them(
    reading: Project, workers: tuple[str, ...]
) -> None:
    reading.write({"paying": ""})

    ran, again = reading.pytest("-q", *workers), reading.pytest("-q", *workers)

    said = "reading:agent has other crash points under journal than when its map was made (model#3, tool:pay#1), and"
    assert (ran.count("error"), ran.count("passed"), ran.count("failed")) == (12, 0, 0), ran.out
    assert ran.out.count(said) >= 12
    assert again.count("passed") == 18, again.out


def test_one_that_has_come_to_vary_by_itself_is_told_as_that(reading: Project) -> None:
    reading.write({"turns": ""})

    ran = reading.pytest("-q")

    assert (ran.count("error"), ran.count("passed")) == (12, 0), ran.out
    assert ran.out.count("two fault-free runs took different steps: `tool:pay#1` ran") >= 12
