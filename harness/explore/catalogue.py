"""Scenario files: found, read, checked without running anything, and described for editors by a JSON schema."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from harness.checks.registry import known as known_check
from harness.documents import Loader
from harness.engines.registry import load as load_engine
from harness.engines.usable import mistakes
from harness.errors import UsageError
from harness.scenario import Expected, Scenario, place
from harness.subjects.importing import ImportPath
from harness.subjects.script_reader import mistakes as script_mistakes
from harness.subjects.script_sources import load_script
from harness.typos import alike

Field = tuple[str | int, ...]
"""The way to a value, from the root of a file."""
SUFFIXES = (".yaml", ".yml")
OURS = {"why", "faults", "expected"}
"""Fields that, two of them together, only a scenario has."""
MISSPELT = 0.8
"""How much a key is like `subject` if that was meant: not `object`, and not the `objective` of a stranger's file."""
SCHEMA = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True)
class Entry:
    """One scenario file that is right, as far as reading can tell."""

    path: Path
    scenario: Scenario
    lines: dict[str, int]
    """The line at which each field begins; fields that are not in the file have none."""

    @property
    def expectations(self) -> dict[str, Expected]:
        return self.scenario.expectations

    def under(self, engine: str) -> Scenario:
        """The scenario for one of its engines, with what it must come to there."""
        return self.scenario.model_copy(update={"engine": engine, "expected": self.expectations.get(engine)})

    def replay(self, engine: str) -> str:
        """The shell line that does it outside of any test."""
        path = self.path
        if path.is_relative_to(Path.cwd()):
            path = path.relative_to(Path.cwd())
        return f"harness run {path} --engine {engine}"


def is_file(text: str) -> bool:
    """Whether a subject is the name of a scenario file."""
    return text.endswith(SUFFIXES)


def files(places: Iterable[Path]) -> Iterator[Path]:
    """The scenarios in these folders, and every file that is named. Raises `UsageError` for a place without any."""
    for found in places:
        within = (path for path in found.rglob("*") if path.suffix in SUFFIXES and is_scenario(path))
        inside = sorted(within) if found.is_dir() else [found]
        if not inside or not found.exists():
            raise UsageError(f"there is no scenario at {found}; name a YAML file, or a folder that holds some")
        yield from inside


def is_scenario(path: Path) -> bool:
    """Whether a YAML file is meant for a scenario, a right one or not: other tools keep files in such folders, too.

    It is if it has a `subject`, or what is misspelt for one beside another field, or two fields that only we have.
    """
    try:
        keys = _keys(path.read_text("utf-8-sig", "replace"))
    except OSError:
        return False
    fields = keys & Scenario.model_fields.keys()
    misspelt = any(alike(key.lower(), ["subject"], least=MISSPELT) for key in keys)
    return "subject" in keys or (bool(fields) and misspelt) or len(fields & OURS) > 1


def _keys(text: str) -> set[str]:
    """The keys of a YAML mapping. Where the text is torn, the words that stand where a key would."""
    try:
        root = yaml.compose(text, Loader=Loader)
    except yaml.YAMLError:
        start = r"[{,]\s*" if text.lstrip().startswith("{") else "^"
        return set(re.findall(rf"{start}[\"']?(\w+)[\"']?\s*:", text, re.MULTILINE))
    return {str(key.value) for key, _value in root.value} if isinstance(root, yaml.MappingNode) else set()


def read(path: Path) -> Entry:
    """Read one file. Raises `UsageError` with everything that can be known to be wrong before anything runs."""
    scenario = Scenario.from_yaml(path)
    root = yaml.compose(path.read_text("utf-8"), Loader=Loader)
    if wrong := [_at(root, field) + said for field, said in _wrong(scenario, path)]:
        raise UsageError.listing(f"{path} is not valid", wrong)
    lines = {key.value: key.start_mark.line + 1 for key, _value in getattr(root, "value", [])}
    return Entry(path, scenario, lines)


def _wrong(scenario: Scenario, path: Path) -> Iterator[tuple[Field, str]]:
    """Fields and what is wrong with them, where each by itself is well formed."""
    looks: list[tuple[Field, Callable[[], object]]] = [
        (("subject",), lambda: ImportPath.parse(scenario.subject)),
        *((("checks", index), partial(known_check, name)) for index, name in enumerate(scenario.checks)),
        *((("expected", engine), partial(load_engine, engine)) for engine in scenario.expectations),
    ]
    for field, look in looks:
        try:
            look()
        except UsageError as error:
            yield field, str(error)
    yield from _script(scenario.script, path)
    for engine in scenario.expectations:
        yield from _options(scenario, engine)
    if not scenario.why.strip():
        yield ("why",), "'why' is missing: say in a sentence or two why a person should care"
    if not scenario.expectations:
        yield ("expected",), "'expected' is missing: say passed or failed, or a verdict for each engine"


def _options(scenario: Scenario, name: str) -> Iterator[tuple[Field, str]]:
    """What is wrong with the options of an engine, if it can be loaded: that it cannot is said where it is named."""
    try:
        engine = load_engine(name)
    except UsageError:
        return
    alone: dict[str, list[str]] = {}
    for option, value in scenario.options.items():
        single = scenario.model_copy(update={"options": {option: value}})
        alone[option] = mistakes(engine, single.under(name).options)
    for said in mistakes(engine, scenario.under(name).options):
        own = [option for option, found in alone.items() if said in found]
        yield ("options", *own[:1]), f"engine {name!r} cannot take these options: {said}"


def _script(script: Any, path: Path) -> Iterator[tuple[Field, str]]:
    """What is wrong with a script, unless it is Python's, which only a run imports."""
    if isinstance(script, list | dict):
        for within, said in script_mistakes(script):
            yield ("script", *within), f"cannot read the script: {said}"
    elif script is not None and not (isinstance(script, str) and ":" in script and "\n" not in script):
        try:
            load_script(beside(script, path))
        except UsageError as error:
            yield ("script",), str(error)


def beside(script: Any, path: Path) -> Any:
    """A script's file as it is if it is there, else beside the scenario."""
    if isinstance(script, str) and "\n" not in script and not Path(script).is_file():
        near = path.parent / script
        return str(near) if near.is_file() else script
    return script


def _at(root: Any, field: Field) -> str:
    """Of what has a name in a field, such as an engine or an option, the place is that of the name."""
    mark = place(root, field, key=len(field) > 1)
    return f"line {mark.line + 1}, column {mark.column + 1}: "


def schema() -> dict[str, Any]:
    """The JSON schema of a scenario file, for editors and other tools."""
    made = Scenario.model_json_schema()
    fields = made["properties"]
    policy = {"type": "string", "pattern": r"^(repeatable|once|unsaid|keyed(:.+)?)$"}
    fields["tools"]["additionalProperties"] = {"anyOf": [policy, fields["tools"]["additionalProperties"]]}
    faults = {name: value for name, value in fields["faults"].items() if name not in ("default", "title")}
    fields["faults"] = {
        "title": "Faults",
        "description": "[times*]action[(argument)]@step[/window][~life], several joined by ';'",
        "default": [],
        "anyOf": [{"type": "string"}, faults],
    }
    made["required"] = ["subject", "why", "expected"]
    return {"$schema": SCHEMA, **made, "title": "A scenario of durable-harness"}
