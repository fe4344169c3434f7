"""What `@pytest.mark.durable(...)` says: checked as a whole, so that a misspelt keyword never passes for a default."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from harness.errors import UsageError
from harness.faults import FaultPlan
from harness.scenario import Scenario
from harness.steps import readable
from harness.subjects.variables import path_held
from harness.typos import nearest
from harness.verdict import Status

MARKER = "durable"
ALL = "all"
"""Every engine there is."""
OURS = ("engine", "engines", "faults", "expected")
"""Keywords that say how tests are made; the others are fields of a scenario."""
RIVALS = {"engine": "engines", "engines": "engine"}
"""Two ways of saying one thing."""
PLAIN = (int, float, bytes, list, tuple, dict, set, frozenset)
"""What is no subject, though some module that is imported may well hold an equal one."""
THEIRS = tuple(name for name in Scenario.model_fields if name not in ("engine", "faults", "expected", "why"))


@dataclass(frozen=True)
class Wanted:
    """What one test function asks for. Without `faults` it is swept: a test for each crash point."""

    where: str
    scenario: Scenario
    engines: tuple[str, ...]
    faults: tuple[FaultPlan, ...] | None = None
    expected: Mapping[str, Status] = field(default_factory=dict)

    def expectation(self, engine: str, plan: FaultPlan) -> Status:
        """What the run must come to: passed, unless an entry of `expected` says otherwise.

        An entry is a fault, a glob over faults, or either with `ENGINE:` before it; the first that fits counts.
        """
        return next((status for entry, status in self.expected.items() if _fits(entry, engine, plan)), Status.PASSED)

    def unmet(self, runs: Sequence[tuple[str, FaultPlan]]) -> list[str]:
        """The entries of `expected` that are about none of these engines and plans."""
        return [entry for entry in self.expected if not any(_fits(entry, engine, plan) for engine, plan in runs)]

    def is_ours(self, entry: str) -> bool:
        """Whether an entry of `expected` is for every engine, or for one of these."""
        fault, _, _step = entry.partition("@")
        engine = re.match(r"(.*)[:-]", fault)
        return engine is None or any(fnmatchcase(name, engine[1]) for name in self.engines)


def wanted(
    node: pytest.Item | Any, marks: Sequence[tuple[Any, pytest.Mark]], *, default: Sequence[str], call: str = ""
) -> Wanted:
    """Read the markers of a test, nearest first; the nearest may be what a `call` in the test was given.

    Raises `UsageError` that names the test.
    """
    where = f"{call or f'@pytest.mark.{MARKER}'} {'in' if call else 'on'} {node.nodeid}"
    said = merged(where, marks)
    if "subject" not in said:
        raise UsageError(f"{where} names no subject: say what to crash, as in subject='shop.agents:payments'")
    said["subject"] = subject_path(said["subject"], node, where)
    said["script"] = script_value(said.get("script"), node)
    engines = _engines(where, said) or tuple(default)
    faults = _faults(where, said.pop("faults", None))
    expected = _expected(where, said.pop("expected", {}))
    values = {name: value for name, value in said.items() if name not in OURS and value is not None}
    scenario = Scenario.make(where, **values)
    _known_checks(where, scenario)
    return Wanted(where, scenario, engines, faults, expected)


def merged(
    where: str,
    marks: Iterable[tuple[Any, pytest.Mark]],
    read: Callable[[str, pytest.Mark], dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """The keywords of all markers: those of a function complete and override those of its class and module.

    `read` is how one marker is read: as one of ours that make a test durable, if nothing is said.
    Raises `UsageError` for two markers of one node that disagree: nobody could say which was meant.
    """
    said: dict[str, Any] = {}
    origin: dict[str, Any] = {}
    for node, mark in marks:
        for name, value in (read or _keywords)(where, mark).items():
            rival = RIVALS.get(name)
            if rival in said and origin[rival] is not node:
                continue  # a nearer marker has said it the other way
            if name not in said:
                said[name], origin[name] = value, node
            elif origin[name] is node and said[name] is not value and said[name] != value:
                raise UsageError(
                    f"{where}: two markers contradict each other, one says {name}={said[name]!r} and the other"
                    f" {name}={value!r}; remove one of them"
                )
    return said


def _keywords(where: str, mark: pytest.Mark) -> dict[str, Any]:
    if len(mark.args) > 1:
        raise UsageError(f"{where} takes one value without a name, the subject, and got {len(mark.args)}")
    said = {**dict(zip(("subject",), mark.args, strict=False)), **mark.kwargs}
    if mark.args and "subject" in mark.kwargs:
        raise UsageError(f"{where} names its subject twice, {mark.args[0]!r} and {mark.kwargs['subject']!r}")
    known = (*OURS, *THEIRS)
    for name in mark.kwargs:
        if name not in known:
            raise UsageError(f"{where} does not know {name!r}{nearest(name, sorted(known))}")
    return said


def _engines(where: str, said: Mapping[str, Any]) -> tuple[str, ...]:
    one, several = said.get("engine"), said.get("engines")
    if one is not None and several is not None:
        raise UsageError(f"{where} says engine={one!r} and engines={several!r}; say one of the two")
    names = several if several is not None else one
    if names is None:
        return ()
    listed = [name.strip() for name in names.split(",")] if isinstance(names, str) else names
    if not isinstance(listed, Iterable) or not all(isinstance(name, str) and name for name in listed):
        raise UsageError(f"{where}: an engine is a name such as 'dbos', and this is {names!r}")
    found = tuple(dict.fromkeys(listed))
    if not found:
        raise UsageError(f"{where} says engines={names!r}, so it would test nothing; name at least one")
    for name in found:
        _known_engine(where, name)
    return found


def _known_engine(where: str, name: str) -> None:
    """Raise `UsageError` for an engine that is none: of one that the settings name, no test is told."""
    from harness.engines import registry  # here, for the reason that `_known_checks` has

    try:
        if name != ALL:
            registry.load(name)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None


def _faults(where: str, given: Any) -> tuple[FaultPlan, ...] | None:
    if given is None:
        return None
    if not isinstance(given, str | FaultPlan | list | tuple):
        raise UsageError(f"{where}: faults is a line such as 'crash@model#1/after' or a list of them, not {given!r}")
    texts = given if isinstance(given, list | tuple) else [given]
    if not texts:
        raise UsageError(f"{where} says faults={given!r}, so it would test nothing; leave it out to try every crash")
    try:
        return tuple(dict.fromkeys(FaultPlan.parse(str(text)) for text in texts))
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None


def _expected(where: str, given: Any) -> dict[str, Status]:
    entries = {"*": given} if isinstance(given, str) else given
    if not isinstance(entries, Mapping):
        raise UsageError(f"{where}: expected is a verdict or a mapping from faults to verdicts, not {given!r}")
    try:
        return {str(pattern): Status(status) for pattern, status in entries.items()}
    except ValueError as error:
        raise UsageError(f"{where}: {error}; a verdict is {', '.join(Status)}") from None


def _known_checks(where: str, scenario: Scenario) -> None:
    """Raise `UsageError` for a check that does not exist: after a run it would be an error of each crash point."""
    from harness.checks.registry import known  # here, because a retry budget reads its marker with this module, too

    for name in scenario.checks:
        try:
            known(name)
        except UsageError as error:
            raise UsageError(f"{where}: {error}") from None


def _fits(entry: str, engine: str, plan: FaultPlan) -> bool:
    """Whether an entry of `expected` is the plan, in whatever spelling, or a glob over it as it is spelled or shown."""
    with suppress(UsageError):  # a glob need not be a fault
        if FaultPlan.parse(entry.removeprefix(f"{engine}:")) == plan:
            return True
    spelled = (str(plan), readable(str(plan)))
    named = [f"{engine}{mark}{text}" for text in spelled for mark in ":-"]  # as it is said, and as pytest's ids have it
    return any(fnmatchcase(text, entry) for text in (*spelled, *named))


def subject_path(subject: Any, node: Any, where: str) -> str:
    """The import path of a subject; a path to a file is looked for beside the test, too.

    A subject may be given as the object itself if a module that is imported holds it. Raises `UsageError` if none does.
    """
    if isinstance(subject, str):
        return _found_file(subject, node)
    if isinstance(subject, PLAIN):
        raise UsageError(f"{where}: a subject is a text such as 'shop.agents:payments', or an agent, not {subject!r}")
    if path := path_held(subject, getattr(node, "module", None)):
        return path
    raise UsageError(
        f"{where}: the subject {_described(subject)} is no module's own variable, so a new process cannot import it;"
        " name it as 'package.module:variable'"
    )


def _described(subject: Any) -> str:
    return f"{type(subject).__name__} {getattr(subject, 'name', None) or ''}".strip()


def script_value(script: Any, node: Any) -> Any:
    """A script as a scenario keeps it: files are looked for beside the test, script objects become YAML."""
    if script is None or isinstance(script, dict):
        return script
    if isinstance(script, str):
        is_file = "\n" not in script and script.endswith((".yaml", ".yml", ".json"))
        return _found_file(script, node) if is_file else script
    if isinstance(script, Path):
        return str(script)
    from harness.subjects.script_sources import load_script
    from harness.subjects.script_yaml import to_yaml

    plain = isinstance(script, list | tuple) and all(isinstance(turn, str | dict) for turn in script)
    return list(script) if plain else to_yaml(load_script(script))


def _found_file(text: str, node: Any) -> str:
    """A relative path as it is if it is there; else beside the test, or below the root of the tests."""
    target, colon, attr = text.rpartition(":") if not text.endswith((".yaml", ".yml", ".json")) else (text, "", "")
    target, attr = (target, attr) if colon else (text, "")
    if not target.endswith((".py", ".yaml", ".yml", ".json")) or Path(target).is_absolute() or Path(target).is_file():
        return text
    for folder in (Path(node.path).parent, node.config.rootpath):
        if (folder / target).is_file():
            return f"{folder / target}{colon}{attr}"
    return text
