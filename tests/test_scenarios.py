"""The catalogue in `scenarios/`: each file says why it matters, and comes to what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.explore.sweep import run
from harness.scenario import Scenario

CATALOGUE = sorted((Path(__file__).parent.parent / "scenarios").glob("*.yaml"))


def test_the_catalogue_is_not_empty() -> None:
    assert CATALOGUE


@pytest.mark.parametrize("file", CATALOGUE, ids=lambda file: file.stem)
def test_a_scenario_comes_to_what_it_says(file: Path, tmp_path: Path) -> None:
    scenario = Scenario.from_yaml(file)

    report = run(scenario, out=tmp_path)

    assert len(scenario.why) > 40, "a scenario says why a person should care"
    assert report.status is scenario.expected, [finding.message for finding in report.findings]
