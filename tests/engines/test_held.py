"""Names of other people's insides: found where they are, missed where they are not, and listed wherever we use them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness.engines.held import gone

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "engines.md").read_text("utf-8")
LIBRARIES = "dbos|prefect|temporalio|pydantic_ai"

THERE = {
    "a module": "email.message",
    "a function of a module that is not imported": "colorsys.rgb_to_hsv",
    "a class": "fractions.Fraction",
    "a method": "fractions.Fraction._add",
    "what only instances have": "threading.Thread._target",
    "what only instances of a base have": "threading.Timer._target",
}
GONE = {
    "a package": "nobody_made_this.thing",
    "a module": "email.nothing.thing",
    "a function": "colorsys.nothing",
    "a class": "fractions.Nothing._add",
    "an attribute of instances": "threading.Thread._nothing",
    "an attribute of an attribute of instances": "threading.Thread._target.nothing",
    "a part of what is no package": "colorsys.rgb_to_hsv.nothing",
}


@pytest.mark.parametrize("case", THERE)
def test_a_name_that_is_there_is_not_gone(case: str) -> None:
    assert gone([THERE[case]]) is None


@pytest.mark.parametrize("case", GONE)
def test_the_first_name_that_is_not_there_is_told(case: str) -> None:
    assert gone([THERE["a method"], GONE[case], "never.looked.at"]) == GONE[case]


def test_a_module_that_breaks_while_it_is_imported_is_not_said_to_be_gone(tmp_path: Path) -> None:
    (tmp_path / "breaks.py").write_text("import nobody_made_this\n")
    looks = "from harness.engines.held import gone; gone(['breaks.thing'])"
    paths = {"PYTHONPATH": f"{ROOT}:{tmp_path}"}
    ran = subprocess.run([sys.executable, "-c", looks], capture_output=True, check=False, text=True, env=paths)
    assert "No module named 'nobody_made_this'" in ran.stderr


def imported(source: str) -> set[str]:
    """The private modules and names of the engines that a source imports, as dotted names."""
    found = set()
    for module, names in re.findall(
        rf"^\s*from ((?:{LIBRARIES})[\w.]*) import \(?([\w\s,]+?)\)?\s*(?:#.*)?$", source, re.MULTILINE
    ):
        for name in names.split(","):
            place = f"{module}.{name.split(' as ')[0].strip()}"
            if re.search(r"\._[a-z]", place):
                found.add(place)
    return found


def test_a_private_import_is_told_from_a_public_one() -> None:
    source = "from dbos import DBOS\n    from dbos import _core as core\nfrom temporalio._a import b, c  # type: x\n"
    assert imported(source) == {"dbos._core", "temporalio._a.b", "temporalio._a.c"}


FILES = sorted((ROOT / "harness").rglob("*.py"))


def test_every_private_import_of_an_engine_or_of_pydantic_ai_is_listed_in_the_documents() -> None:
    listed = re.findall(r"^- `([\w.]+)`$", DOCUMENT, flags=re.MULTILINE)
    unlisted = {
        f"{file.relative_to(ROOT)}: {place}"
        for file in FILES
        for place in imported(file.read_text("utf-8"))
        if not any(name == place or name.startswith(f"{place}.") for name in listed)
    }
    assert unlisted == set()
