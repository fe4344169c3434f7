"""A crash map is made once, and again when what it was made from has changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness.plugin import fingerprint
from harness.plugin.maps import Maps
from harness.runner import Bench, open_bench
from harness.scenario import Scenario

ONE, TWO = "- call: look\n- done\n", "- call: look\n- call: look\n- done\n"
AGENT = """
from pydantic_ai import Agent

agent = Agent("openai:gpt-5")


@agent.tool_plain
def look() -> str:
    return "seen"
"""


class Sessions:
    """Sessions of pytest that follow each other in one folder. A bench is opened for each script that they have."""

    def __init__(self, folder: Path, script: Path, closing: ExitStack) -> None:
        self.folder, self.script, self.closing = folder, script, closing
        self.scenario = Scenario.make(subject="looking:agent", script=str(script))
        self.benches: dict[str, Bench] = {}

    def next(self) -> tuple[int, int]:
        """How many tool calls a new session knows, and how many maps it made to know them."""
        fingerprint._versions.cache_clear()
        maps = Maps(self.folder / "maps", "run", self._bench)
        found = maps.of(self.scenario)
        assert not found.problem
        return sum(row.step.startswith("tool:") for row in found.rows), len(maps.fresh)

    def _bench(self, scenario: Scenario) -> Bench:
        said = self.script.read_text()
        if said not in self.benches:
            folder = self.folder / f"runs-{len(self.benches)}"
            self.benches[said] = self.closing.enter_context(open_bench(scenario, folder))
        return self.benches[said]


@pytest.fixture
def sessions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sessions]:
    (tmp_path / "looking.py").write_text(AGENT)
    (tmp_path / "talk.yaml").write_text(ONE)
    (tmp_path / "bank-packages" / "bank-1.0.dist-info").mkdir(parents=True)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path / "bank-packages"))
    with ExitStack() as closing:
        yield Sessions(tmp_path, tmp_path / "talk.yaml", closing)
    fingerprint._versions.cache_clear()


def test_a_map_is_made_again_for_a_changed_script_or_version_and_not_otherwise(sessions: Sessions) -> None:
    first, unchanged = sessions.next(), sessions.next()
    sessions.script.write_text(TWO)
    longer, still_longer = sessions.next(), sessions.next()
    bank = sessions.folder / "bank-packages" / "bank-1.0.dist-info"
    bank.rename(bank.with_name("bank-1.1.dist-info"))
    newer, as_new = sessions.next(), sessions.next()

    assert (first, unchanged) == ((1, 1), (1, 0))
    assert (longer, still_longer) == ((2, 1), (2, 0))
    assert (newer, as_new) == ((2, 1), (2, 0))


def test_a_map_is_that_of_the_module_which_the_name_means_now(
    sessions: Sessions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = fingerprint.key_of(sessions.scenario)

    monkeypatch.syspath_prepend(str(tmp_path / "another"))

    assert fingerprint.key_of(sessions.scenario) != before
