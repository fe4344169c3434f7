"""Scripts as YAML: read with the line and column of every mistake, written so that a person likes to edit it.

YAML 1.1 reads `no` as false, `12:30` as 750 and `2024-01-01` as a date. Arguments of tools are JSON, so only what JSON
knows is recognised here (null, true, false, numbers); everything else is a text. Written scripts quote whatever either
reading would take for something else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import yaml

from harness.documents import Loader
from harness.errors import UsageError
from harness.subjects.script import Call, Conversation, Script, Turn
from harness.subjects.script_reader import Path, read_script

_SCALARS = (
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", "-+0123456789"),
    ("float", r"[-+]?(?:0|[1-9][0-9]*)?(?:\.[0-9]+|(?<=[0-9])\.)(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("float", r"[-+]?(?:0|[1-9][0-9]*)[eE][-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", "-+."),
    ("merge", r"<<", "<"),
)


_COLLECTIONS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")


class _Loader(Loader):
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 (as PyYAML has it)


class _Dumper(yaml.SafeDumper):
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: FBT001, FBT002
        """Indent the items of a list under their key."""
        super().increase_indent(flow, False)


class _Inline(dict[str, Any]):
    """A mapping that is written on one line: `{amount: 5}`."""


for _tag, _pattern, _first in _SCALARS:
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(
            f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), [c if c != "\0" else "" for c in _first]
        )
_Dumper.add_representer(
    _Inline, lambda dumper, data: dumper.represent_mapping("tag:yaml.org,2002:map", data, flow_style=True)
)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """Lines are written as lines; PyYAML's plainer styles lose the line breaks that only Unicode knows."""
    style = "|" if "\n" in text else None
    if re.search(r"[\x85\u2028\u2029]", text):
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _text)


def from_yaml(text: str, source: str = "script") -> Script:
    """The script that a YAML text says; `source` is what messages call it. Raises `UsageError` with every problem."""
    document = _Document(source)
    try:
        data = document.read(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = f"{source}:{mark.line + 1}:{mark.column + 1}" if mark else source
        raise UsageError(f"cannot read the script: {at}: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise UsageError(f"cannot read the script: {source}: {error}") from None
    if data is None and not document.problems:
        raise UsageError(f"cannot read the script: {source}: it is empty; give a list of turns")
    return read_script(data, document.where, document.problems)


def to_yaml(script: Script) -> str:
    """A script as YAML that loads equal to it (its `notes` become comments)."""
    return "".join(f"# {note}\n" for note in script.notes) + dump(to_data(script))


def to_data(script: Script) -> Any:
    """A script as the lists and mappings that YAML says, for a scenario's `script` field."""
    others = _runs(script.others)
    if not script.agents and script.others:
        return others
    agents = {"agents": {name: _runs(runs) for name, runs in script.agents.items()}}
    return agents | ({"turns": others} if script.others else {})


def dump(data: Any) -> str:
    """YAML of plain data that both readings of it (YAML 1.1 and ours) load equal to it."""
    text: str = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return text


class _Document:
    """One YAML document: its data, and the place of each value in the text."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.marks: dict[Path, yaml.Mark] = {}
        self.problems: list[str] = []
        self._open: list[yaml.Node] = []

    def read(self, text: str) -> Any:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            return None if node is None else self._data(loader, node, ())
        finally:
            loader.dispose()

    def where(self, path: Path) -> str:
        """The line and column of a value, or of the nearest one around it."""
        while path and path not in self.marks:
            path = path[:-1]
        mark = self.marks.get(path)
        return f"{self.source}:{mark.line + 1}:{mark.column + 1}" if mark else self.source

    def _data(self, loader: _Loader, node: yaml.Node, path: Path) -> Any:
        self.marks.setdefault(path, node.start_mark)
        if node in self._open:
            raise yaml.MarkedYAMLError(problem="an alias contains itself", problem_mark=node.start_mark)
        if isinstance(node, yaml.CollectionNode) and node.tag not in _COLLECTIONS:
            raise yaml.MarkedYAMLError(problem=f"the tag {node.tag!r} is not JSON", problem_mark=node.start_mark)
        self._open.append(node)
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self._data(loader, item, (*path, i)) for i, item in enumerate(node.value)]
            if isinstance(node, yaml.MappingNode):
                return self._mapping(loader, node, path)
            return loader.construct_object(node)
        finally:
            self._open.pop()

    def _mapping(self, loader: _Loader, node: yaml.MappingNode, path: Path) -> dict[Any, Any]:
        written = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        loader.flatten_mapping(node)  # `<<: *base`
        data: dict[Any, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem="a key must be a text", problem_mark=key.start_mark)
            name = loader.construct_object(key)
            if name in data and written.count(key.value) > 1:
                at = key.start_mark
                self.problems.append(f"{self.source}:{at.line + 1}:{at.column + 1}: {name!r} is given twice")
            self.marks[*path, name] = key.start_mark
            data[name] = self._data(loader, value, (*path, name))
        return data


def _runs(runs: tuple[Conversation, ...]) -> list[Any]:
    turns = [[_turn(turn) for turn in run.turns] for run in runs]
    return turns[0] if len(turns) == 1 else turns


def _turn(turn: Turn, retried: str | None = None) -> Any:
    """A turn in its shortest spelling; `retried` is the tool whose call it answers for."""
    said: dict[str, Any] = {"thinking": turn.thinking, "text": turn.text}
    said = {name: value for name, value in said.items() if value is not None}
    if len(turn.calls) == 1 and not turn.calls[0].on_retry:
        said |= _call(turn.calls[0], retried)
    elif turn.calls:
        said["calls"] = [_listed_call(call) for call in turn.calls]
    said |= {"output": _plain(turn.output)} if turn.has_output else {}
    more = {"output_tool": turn.output_tool, "usage": turn.usage, "finish_reason": turn.finish_reason}
    said |= {name: _plain(value) for name, value in more.items() if value is not None}
    said |= _on_retry(turn.on_retry, turn.calls)
    return turn.text if said.keys() == {"text"} else said


def _call(call: Call, retried: str | None = None) -> dict[str, Any]:
    said: dict[str, Any] = {} if call.tool == retried and call.args is not None else {"call": call.tool}
    said |= {} if call.args is None else {"args": _plain(call.args)}
    return said | ({"made_up": True} if call.made_up else {})


def _listed_call(call: Call) -> Any:
    said = _call(call) | _on_retry(call.on_retry, (call,))
    return call.tool if said.keys() == {"call"} else said


def _on_retry(on_retry: tuple[Turn, ...], calls: tuple[Call, ...]) -> dict[str, Any]:
    tool = calls[0].tool if len({call.tool for call in calls}) == 1 else None
    turns = [_turn(turn, tool) for turn in on_retry]
    return {"on_retry": turns[0] if len(turns) == 1 else turns} if turns else {}


def _plain(value: Any) -> Any:
    """JSON values, with short mappings on one line."""
    if not isinstance(value, Mapping):
        return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
    plain = {key: _plain(item) for key, item in value.items()}
    return _Inline(plain) if len(json.dumps(plain, default=str)) <= 80 else plain
