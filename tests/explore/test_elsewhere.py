"""What only this process finds by name is told by its file, or by where a shell's Python has to look for it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.explore.elsewhere import by_file, variables
from harness.scenario import Scenario


@pytest.fixture(autouse=True)
def usual_layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project whose tests lie in a folder that pytest has put in front."""
    files = (
        "shop.py",
        "tests/test_pump.py",
        "tests/sub/__init__.py",
        "tests/sub/test_deep.py",
        "tests/loose/test_a.py",
    )
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path / "tests"), str(tmp_path), f"{sys.prefix}/lib"])
    monkeypatch.delenv("PYTHONPATH", raising=False)


@pytest.mark.parametrize(
    ("subject", "kept"),
    [
        ("shop:agent", "shop:agent"),
        ("test_pump:agent", "tests/test_pump.py:agent"),
        ("sub.test_deep:agent", "tests/sub/test_deep.py:agent"),
        ("sub:agent", "tests/sub/__init__.py:agent"),
        ("loose.test_a:agent", "loose.test_a:agent"),  # by its file it would be another module
        ("{here}/tests/test_pump.py:agent", "tests/test_pump.py:agent"),
        ("nowhere:agent", "nowhere:agent"),
    ],
)
def test_a_module_that_only_we_find_is_told_by_its_file(subject: str, kept: str, tmp_path: Path) -> None:
    given = Scenario(subject=subject.replace("{here}", str(tmp_path)))

    assert by_file(given).subject == kept


def test_so_are_deps_and_the_world_and_values_stay_what_they_are() -> None:
    runs = [{"deps": "test_pump:deps"}, {"deps": {"a": "test_pump:deps"}}]
    given = Scenario(subject="shop:agent", deps="test_pump:deps", world="test_pump:bank", invocations=runs)

    kept = by_file(given)

    assert (kept.deps, kept.world) == ("tests/test_pump.py:deps", "tests/test_pump.py:bank")
    assert [run.deps for run in kept.invocations] == ["tests/test_pump.py:deps", {"a": "test_pump:deps"}]


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ({"engine": "test_pump:Engine"}, "PYTHONPATH=tests "),
        ({"script": "test_pump:SCRIPT"}, "PYTHONPATH=tests "),
        ({"engine": "journal"}, ""),
    ],
)
def test_where_an_engine_is_that_has_only_a_name_a_shell_is_told(
    named: dict[str, str], told: str, tmp_path: Path
) -> None:
    (tmp_path / "tests/sub/__init__.py").unlink()  # then there is nothing but tests

    assert variables(by_file(Scenario(subject="test_pump:agent", **named))) == told
