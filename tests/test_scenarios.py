"""The catalogue in `scenarios/`: each file says why it matters, and comes to what it says under each of its engines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.explore import catalogue
from harness.plugin.desk import Desk
from harness.plugin.options import Settings

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "scenarios"
ENTRIES = [catalogue.read(path) for path in sorted(FOLDER.glob("*.yaml"))]


def telling(entry: catalogue.Entry) -> list[str]:
    """The engines that are tried here: the reference, and each that differs from it; `pytest scenarios` tries all."""
    expected = entry.expectations
    return [engine for engine in expected if engine == "journal" or expected[engine] != expected.get("journal")]


# Engine by engine, so that the processes and the server of one are kept until its last scenario.
PAIRS = [
    pytest.param(entry, engine, id=f"{entry.path.stem}-{engine}", marks=pytest.mark.engine(name=engine))
    for entry, engine in sorted(
        ((each, engine) for each in ENTRIES for engine in telling(each)), key=lambda pair: pair[1]
    )
]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One desk for all, because most scenarios are about the same agent and so can share its processes."""
    shared = Desk(Settings(), tmp_path_factory.mktemp("catalogue"), "catalogue", "main")
    yield shared
    shared.close()


def test_the_catalogue_opens_with_a_dozen_scenarios() -> None:
    assert len(ENTRIES) >= 12


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.path.stem)
def test_a_scenario_says_why_a_person_should_care(entry: catalogue.Entry) -> None:
    assert len(entry.scenario.why.split()) > 15


@pytest.mark.slow
@pytest.mark.parametrize(("entry", "engine"), PAIRS)
def test_a_scenario_comes_to_what_it_says(entry: catalogue.Entry, engine: str, desk: Desk) -> None:
    report = desk.report(entry.under(engine))

    assert report.status == entry.expectations[engine], report.explained()


def test_the_published_schema_is_that_of_the_model() -> None:
    assert json.loads((FOLDER / "scenario.schema.json").read_text("utf-8")) == catalogue.schema()


def test_every_scenario_of_the_catalogue_fits_the_published_schema() -> None:
    import yaml
    from jsonschema import Draft202012Validator

    validator = Draft202012Validator(catalogue.schema())
    for entry in ENTRIES:
        assert list(validator.iter_errors(yaml.safe_load(entry.path.read_text("utf-8")))) == []
