"""What the adapter holds on to in DBOS, and what it says when that has moved or is not there."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest

from harness.engines.dbos import versions
from harness.engines.dbos.engine import DbosEngine
from harness.errors import EngineUnavailable

ROOT = Path(__file__).parents[2]


def test_the_installed_version_is_one_that_is_known_to_work_and_nothing_of_it_has_moved() -> None:
    from harness.engines.dbos import seams

    seams.check()
    assert versions.installed() in versions.KNOWN


def test_a_name_that_has_moved_is_said_with_the_versions_that_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.engines.dbos import seams

    for owner, name, parameters in seams.HELD:
        with monkeypatch.context() as moved:
            moved.setattr(owner, name, lambda: None)
            if parameters:
                with pytest.raises(EngineUnavailable, match=f"{name} has no parameter '{parameters[0]}'"):
                    seams.check()
            moved.setattr(owner, name, None)
            with pytest.raises(EngineUnavailable, match=rf"{name} is gone; versions known to work: .*3\.4\.0"):
                seams.check()


def _absent(name: str) -> str:
    raise PackageNotFoundError(name)


@pytest.mark.parametrize(
    ("version", "says"),
    [
        (_absent, "engine 'dbos' is not installed: run `pip install \"durable-harness[dbos]\"`"),
        (lambda _name: "2.30.0", "engine 'dbos' 2.30.0 is too old, the oldest that works is 2.31: run"),
        (lambda _name: "1.0", "engine 'dbos' 1.0 is too old"),
    ],
    ids=["absent", "2.30.0", "1.0"],
)
def test_what_keeps_dbos_from_running_is_told_with_the_command_that_mends_it(
    monkeypatch: pytest.MonkeyPatch, version: Any, says: str
) -> None:
    monkeypatch.setattr(versions, "version", version)
    [problem] = DbosEngine().problems({})
    assert problem.startswith(says)
    assert "pip install" in problem


def test_the_parents_half_never_imports_dbos(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from harness.engines.dbos.engine import DbosEngine\n"
        "engine, folder = DbosEngine(), Path(sys.argv[1])\n"
        "assert engine.problems({}) == [] and engine.contract().engine == 'dbos'\n"
        "with engine.session({}, folder) as session:\n"
        "    store = session.store('r1', folder)\n"
        "    assert list(session.observe(store)) == [] and session.fingerprint(store)\n"
        "print(sorted({'dbos', 'sqlalchemy', 'psycopg', 'pydantic_ai'} & set(sys.modules)))\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == "[]"


@pytest.mark.parametrize("kind", ["step", "workflow", "decorated", "method", "partial"])
def test_a_function_that_dbos_wraps_is_told_from_one_that_only_calls_it(kind: str) -> None:
    import functools

    from dbos import DBOS

    from harness.engines.dbos import seams

    def plain() -> str:
        return "plain"

    step = DBOS.step(name=f"seam-{kind}")(plain)

    @functools.wraps(step)
    def decorated() -> str:
        return step()

    class Shop:
        @DBOS.step(name=f"seam-{kind}-method")
        def charge(self) -> str:
            return "charged"

    wrapped: dict[str, Any] = {
        "step": step,
        "workflow": DBOS.workflow(name=f"seam-{kind}")(plain),
        "decorated": decorated,
        "method": Shop().charge,
        "partial": functools.partial(step),
    }

    def calls_it() -> str:
        return step()

    assert seams.made_by_dbos(wrapped[kind])
    assert not seams.made_by_dbos(plain)
    assert not seams.made_by_dbos(calls_it)
