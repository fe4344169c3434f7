"""The house keeps its own rules: direction of imports, size of files, quiet imports, and honest maps.

Prose about layers drifts by one import at a time, so each rule here is checked, and a planted offence shows
that the check would notice.
"""

from __future__ import annotations

import ast
import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HOUSE = ROOT / "harness"
FOLDERS = ("harness", "tests", "fixtures", "bench")
LONGEST = 500
DOORS = {"__init__.py", "__main__.py"}
THIRD_PARTY_ENGINES = {"dbos", "prefect", "temporalio"}


# Direction of imports ---------------------------------------------------------------------------------------


def lint_imports(project: Path) -> subprocess.CompletedProcess[str]:
    """Hold the `harness` package in `project` to the contracts in its pyproject.toml."""
    command = "from importlinter.cli import lint_imports_command as run; run(['--no-cache'])"
    return subprocess.run(
        [sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, '.'); {command}"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )


def test_imports_run_downwards_only():
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


OFFENCES = {
    "a value imports upwards": ("steps.py", "import harness.faults", "Rooms import"),
    "a check imports an engine": ("checks/resume.py", "import harness.engines.base", "Rooms import"),
    "a room that nobody placed": ("attic.py", "", "harness.attic"),
    "an adapter imports another": ("engines/none.py", "import harness.engines.journal", "Adapters"),
    "an engine imports a check": ("engines/none.py", "import harness.checks.resume", "Engines and processes"),
    "the runner renders": ("runner.py", "import harness.report.json", "Running is not"),
    "dbos outside its adapter": ("runner.py", "import dbos", "DBOS is named"),
    "prefect in another adapter": ("engines/dbos.py", "import prefect", "Prefect is named"),
    "temporal in a check": ("checks/resume.py", "import temporalio", "Temporal is named"),
    "pytest outside the plugin": ("runner.py", "import pytest", "pytest is named"),
    "hypothesis outside explore": ("runner.py", "import hypothesis", "Hypothesis is named"),
}


@pytest.mark.parametrize(("place", "line", "contract"), OFFENCES.values(), ids=OFFENCES.keys())
def test_an_import_in_the_wrong_direction_is_noticed(tmp_path: Path, place: str, line: str, contract: str):
    rooms = ["faults", "checks/resume", "engines/base", "engines/journal", "report/json"]
    house = build_house(tmp_path, rooms)
    assert lint_imports(tmp_path).returncode == 0
    (house / place).write_text(line)
    result = lint_imports(tmp_path)
    assert result.returncode == 1
    assert any(contract in told for told in result.stdout.splitlines() if "KEPT" not in told), result.stdout


def build_house(project: Path, rooms: Iterable[str]) -> Path:
    """A package of empty modules under our own contracts."""
    shutil.copy(ROOT / "pyproject.toml", project)
    house = project / "harness"
    for room in ("__init__", "errors", *rooms):
        module = house / f"{room}.py"
        module.parent.mkdir(parents=True, exist_ok=True)
        (module.parent / "__init__.py").touch()
        module.touch()
    return house


# Size of files ----------------------------------------------------------------------------------------------


def test_no_file_is_too_long_to_read_in_one_sitting():
    sources = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in sources}
    assert "tests/test_architecture.py" in lengths
    assert {path: length for path, length in lengths.items() if length > LONGEST} == {}


# Quiet imports ----------------------------------------------------------------------------------------------


def loaded(modules: Iterable[str], among: set[str]) -> set[str]:
    """Which of the top-level packages `among` a fresh interpreter has loaded after importing `modules`."""
    script = "import sys, importlib; [importlib.import_module(m) for m in sys.argv[1:]]; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", script, *modules], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return {name.partition(".")[0] for name in result.stdout.split()} & among


def parents_half() -> list[str]:
    """Every module that must import without any engine: all but the insides of an adapter's folder."""
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in sorted(HOUSE.rglob("*.py"))]
    modules = [name.removesuffix(".__init__") for name in names if not name.endswith("__main__")]
    return [name for name in modules if not re.match(r"harness\.engines\.\w+\.\w+", name)]


def test_a_loaded_package_is_noticed():
    assert loaded(["json.decoder"], {"json", "dbos"}) == {"json"}


@pytest.mark.parametrize("door", ["harness", "harness.cli"])
def test_a_front_door_loads_no_engine(door: str):
    doors = [door] if importlib.util.find_spec(door) else ["harness"]
    assert loaded(doors, THIRD_PARTY_ENGINES) == set()


def test_no_room_loads_an_engine_by_being_imported():
    assert "harness.errors" in parents_half()
    assert loaded(parents_half(), THIRD_PARTY_ENGINES) == set()


# Maps -------------------------------------------------------------------------------------------------------


def rooms_on_the_map(docstring: str) -> set[str]:
    """Names at the start of an indented line: `    runner.py    one scenario, start to report`."""
    return set(re.findall(r"^ +([a-z_]+(?:\.py|/))(?= {2,}|$)", docstring, flags=re.MULTILINE))


def rooms_in_the_house() -> set[str]:
    files = {path.name for path in HOUSE.glob("*.py")}
    return files | {f"{path.parent.name}/" for path in HOUSE.glob("*/__init__.py")}


def test_the_front_doors_map_names_every_room_and_no_other():
    docstring = ast.get_docstring(ast.parse((HOUSE / "__init__.py").read_text()), clean=False) or ""
    assert rooms_on_the_map(docstring) - DOORS == rooms_in_the_house() - DOORS


def incomplete_maps(house: Path) -> dict[str, set[str]]:
    """By room, the files that its map does not name, or that it names and nobody finds. Most rooms need no map."""
    found = {}
    for door in sorted(house.glob("*/**/__init__.py")):
        told = rooms_on_the_map(ast.get_docstring(ast.parse(door.read_text()), clean=False) or "")
        there = {path.name for path in door.parent.glob("*.py")}
        there |= {f"{path.parent.name}/" for path in door.parent.glob("*/__init__.py")}
        found[str(door.parent.relative_to(house))] = (told ^ there) - DOORS if told else set()
    return {room: wrong for room, wrong in found.items() if wrong}


def test_a_rooms_map_names_every_file_in_it_and_no_other():
    assert incomplete_maps(HOUSE) == {}


def test_a_file_that_came_or_went_is_noticed(tmp_path: Path):
    for file in ("plain/__init__.py", "plain/a.py", "mapped/__init__.py", "mapped/a.py", "mapped/inner/__init__.py"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    (tmp_path / "mapped/__init__.py").write_text('"""A room.\n\n    a.py    here\n    b.py    gone\n"""\n')
    assert incomplete_maps(tmp_path) == {"mapped": {"b.py", "inner/"}}


def test_a_map_is_read_as_it_is_written():
    text = "Prose about runner.py.\n\n    runner.py   one scenario\n    checks/     one per file\n"
    assert rooms_on_the_map(text) == {"runner.py", "checks/"}


def missing_places(text: str, folder: Path) -> list[str]:
    """What a Markdown text names and nobody finds: relative links, and `code` under our own folders."""
    links = [folder / target for target in re.findall(r"\]\((?![a-z]+:|#)([^)#\s]+)[^)]*\)", text)]
    ours = "|".join((*FOLDERS, "docs", "scenarios", r"\.ci"))
    named = [ROOT / path for path in re.findall(rf"`((?:{ours})/[\w./-]*)`", text)]
    return [str(path) for path in (*links, *named) if not path.exists()]


@pytest.mark.parametrize(
    "document", [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))], ids=lambda path: path.name
)
def test_a_document_names_places_that_exist(document: Path):
    assert missing_places(document.read_text(), document.parent) == []


def test_the_path_of_one_run_begins_in_each_file_where_it_says():
    text = (ROOT / "docs/development.md").read_text()
    table = re.findall(r"^\| `(harness/[\w/]+\.py)` \| `(\w+)` \|", text, re.MULTILINE)
    nodes = {(file, name): ast.walk(ast.parse((ROOT / file).read_text())) for file, name in table}
    begun = {place for place, found in nodes.items() if any(getattr(node, "name", None) == place[1] for node in found)}
    assert len(table) == 6
    assert set(table) - begun == set()


def test_a_place_that_moved_is_noticed():
    links = "[a](docs/gone.md) [b](README.md#top) [c](https://example.com/x)"
    text = f"{links} `harness/gone.py` `harness/errors.py`"
    assert missing_places(text, ROOT) == [str(ROOT / "docs/gone.md"), str(ROOT / "harness/gone.py")]
