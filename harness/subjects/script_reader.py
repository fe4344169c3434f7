"""From plain data (lists, mappings, texts) to a script, with every mistake found in one go.

The same reader serves YAML files, YAML text and the script inside a scenario; it only knows that each value has a path,
and asks somebody else where in which file that is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, get_args

from harness.errors import UsageError
from harness.subjects.script import NOTHING, USAGE_FIELDS, Call, Conversation, FinishReason, Script, Turn
from harness.typos import nearest

Path = tuple[str | int, ...]
Where = Callable[[Path], str]
"""Says where a value is: `pay.yaml:3:5` for a file, or nothing."""

SCRIPT_FIELDS = ("agents", "turns")
CALL_FIELDS = ("call", "args", "on_retry", "made_up")
TURN_FIELDS = ("text", *CALL_FIELDS, "calls", "output", "output_tool", "thinking", "usage", "finish_reason")


def read_script(data: Any, where: Where = lambda _: "", problems: Iterable[str] = ()) -> Script:
    """The script that plain data describes. `problems` are those found before.

    A list of turns is the conversation of every agent; a list of such lists is one per run; a mapping has `agents`
    (name to turns) and `turns` (everybody else). Raises `UsageError` with every problem.
    """
    reader = _Reader()
    script = reader.script(data)
    told = [*problems, *(": ".join(filter(None, (where(path), said))) for path, said in reader.problems)]
    if told:
        raise UsageError.listing("cannot read the script", told)
    return script


def mistakes(data: Any) -> list[tuple[Path, str]]:
    """Everything that is wrong with plain data as a script, each with the path of the value."""
    reader = _Reader()
    reader.script(data)
    return reader.problems


class _Reader:
    """Reads on after a mistake, with something harmless in its place."""

    def __init__(self) -> None:
        self.problems: list[tuple[Path, str]] = []

    def script(self, data: Any) -> Script:
        if isinstance(data, list):
            return Script(agents={}, others=self._runs(data, ()))
        if not isinstance(data, Mapping):
            self._wrong((), f"a script is a list of turns or a mapping of {_listed(SCRIPT_FIELDS)}", data)
            return Script(agents={})
        fields = self._fields(data, (), SCRIPT_FIELDS)
        agents = fields.get("agents", {})
        if not isinstance(agents, Mapping):
            self._wrong(("agents",), "expected agents' names with their turns", agents)
            agents = {}
        named = {str(name): self._runs(turns, ("agents", name)) for name, turns in agents.items()}
        others = self._runs(fields["turns"], ("turns",)) if "turns" in fields else ()
        return Script(agents=named, others=others)

    def _runs(self, data: Any, path: Path) -> tuple[Conversation, ...]:
        if not isinstance(data, list):
            self._wrong(path, "expected a list of turns", data)
            return ()
        several = [isinstance(item, list) for item in data]
        if any(several) and not all(several):
            self._problem(path, "expected turns, or one list of turns per run, but found both")
            return ()
        if data and all(several):
            return tuple(self._conversation(run, (*path, i)) for i, run in enumerate(data))
        return (self._conversation(data, path),)

    def _conversation(self, turns: Sequence[Any], path: Path) -> Conversation:
        return Conversation(tuple(self._turn(turn, (*path, i)) for i, turn in enumerate(turns)))

    def _turn(self, data: Any, path: Path, retried: tuple[str, ...] | None = None) -> Turn:
        """One turn. `retried` are the tools of the calls for which an `on_retry` says it, None elsewhere."""
        if isinstance(data, str):
            return Turn(text=data)
        if not isinstance(data, Mapping):
            self._wrong(path, "a turn is a text or a mapping", data)
            return Turn()
        fields = self._fields(data, path, TURN_FIELDS)
        calls = self._calls(fields, path, retried)
        if retried is not None and "on_retry" in fields:
            self._problem((*path, "on_retry"), "an on_retry has none of its own; give a list, one answer per retry")
            del fields["on_retry"]
        return Turn(
            text=self._text(fields, path, "text"),
            calls=calls,
            output=self._json(fields["output"], (*path, "output")) if "output" in fields else NOTHING,
            thinking=self._text(fields, path, "thinking"),
            output_tool=self._text(fields, path, "output_tool"),
            usage=self._usage(fields, path),
            finish_reason=self._finish_reason(fields, path),
            on_retry=self._on_retry(fields, path, calls),
        )

    def _calls(self, fields: dict[str, Any], path: Path, retried: tuple[str, ...] | None) -> tuple[Call, ...]:
        if "calls" in fields:
            for name in ("call", "args", "made_up"):
                if name in fields:
                    self._problem((*path, name), f"{name!r} and 'calls' do not go together")
            return self._several(fields["calls"], (*path, "calls"), retried)
        if "call" not in fields and "args" not in fields:
            return ()
        return (self._call({**fields, "on_retry": ()}, path, retried),)

    def _several(self, data: Any, path: Path, retried: tuple[str, ...] | None) -> tuple[Call, ...]:
        if not isinstance(data, list):
            self._wrong(path, "expected a list of calls", data)
            return ()
        return tuple(self._listed_call(call, (*path, i), retried) for i, call in enumerate(data))

    def _listed_call(self, data: Any, path: Path, retried: tuple[str, ...] | None) -> Call:
        if isinstance(data, str):
            return Call(data)
        if not isinstance(data, Mapping):
            self._wrong(path, "a call is a tool's name or a mapping", data)
            return Call("")
        fields = self._fields(data, path, CALL_FIELDS)
        if retried is not None and fields.pop("on_retry", ()):
            self._problem((*path, "on_retry"), "an on_retry has none of its own; give a list, one answer per retry")
        return self._call(fields, path, retried)

    def _call(self, fields: Mapping[str, Any], path: Path, retried: tuple[str, ...] | None) -> Call:
        tool = self._tool(fields, path, retried)
        made_up = fields.get("made_up", False)
        if not isinstance(made_up, bool):
            self._wrong((*path, "made_up"), "expected true or false", made_up)
        call = Call(tool, self._args(fields, path), made_up=made_up is True)
        on_retry = self._on_retry(fields, path, (call,))
        return Call(call.tool, call.args, on_retry, call.made_up)

    def _tool(self, fields: Mapping[str, Any], path: Path, retried: tuple[str, ...] | None) -> str:
        if "call" in fields:
            return self._text(fields, path, "call") or ""
        if retried is not None and len(set(retried)) == 1:
            return retried[0]
        why = "'call' is missing: which tool gets these arguments?"
        self._problem((*path, "args"), why if "args" in fields else "'call' is missing: the name of the tool")
        return ""

    def _args(self, fields: Mapping[str, Any], path: Path) -> dict[str, Any] | str | None:
        args = fields.get("args")
        if args is None or isinstance(args, str):
            return args
        if not isinstance(args, Mapping):
            self._wrong((*path, "args"), "expected a mapping, or a text that is sent as it stands", args)
            return None
        return {str(name): value for name, value in self._json(args, (*path, "args")).items()}

    def _on_retry(self, fields: Mapping[str, Any], path: Path, calls: Sequence[Call]) -> tuple[Turn, ...]:
        data = fields.get("on_retry", ())
        tools = tuple(call.tool for call in calls)
        if isinstance(data, list | tuple):
            return tuple(self._turn(turn, (*path, "on_retry", i), tools) for i, turn in enumerate(data))
        return (self._turn(data, (*path, "on_retry"), tools),)

    def _usage(self, fields: Mapping[str, Any], path: Path) -> dict[str, int] | None:
        usage = fields.get("usage")
        if usage is None:
            return None
        if not isinstance(usage, Mapping):
            self._wrong((*path, "usage"), "expected figures such as input_tokens", usage)
            return None
        figures = self._fields(usage, (*path, "usage"), USAGE_FIELDS)
        for name in [name for name, figure in figures.items() if type(figure) is not int or figure < 0]:
            self._wrong((*path, "usage", name), "expected a number of tokens", figures.pop(name))
        return figures

    def _finish_reason(self, fields: Mapping[str, Any], path: Path) -> FinishReason | None:
        reason, known = fields.get("finish_reason"), get_args(FinishReason)
        if reason is not None and reason not in known:
            self._problem((*path, "finish_reason"), f"unknown reason {reason!r}{nearest(str(reason), known)}")
            return None
        return reason

    def _text(self, fields: Mapping[str, Any], path: Path, name: str) -> str | None:
        text = fields.get(name)
        if text is not None and not isinstance(text, str):
            self._wrong((*path, name), "expected a text (in quotes, if it looks like something else)", text)
            return None
        return text

    def _json(self, value: Any, path: Path) -> Any:
        """Anything that JSON can say; the keys of a mapping are texts there."""
        if isinstance(value, Mapping):
            for key in [key for key in value if not isinstance(key, str)]:
                self._problem((*path, key), f"the key {key!r} must be a text; put it in quotes")
            return {key: self._json(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._json(item, (*path, i)) for i, item in enumerate(value)]
        if not isinstance(value, str | int | float | None):
            self._wrong(path, "expected what JSON can say", value)
        return value

    def _fields(self, data: Mapping[Any, Any], path: Path, known: Sequence[str]) -> dict[str, Any]:
        for name in [name for name in data if name not in known]:
            self._problem((*path, name), f"unknown field {name!r}{nearest(str(name), known)}")
        return {name: value for name, value in data.items() if name in known}

    def _wrong(self, path: Path, expected: str, found: Any) -> None:
        shown = repr(found)
        self._problem(path, f"{expected}, found {shown if len(shown) <= 60 else shown[:57] + '...'}")

    def _problem(self, path: Path, what: str) -> None:
        self.problems.append((path, ": ".join(filter(None, (_dotted(path), what)))))


def _dotted(path: Path) -> str:
    """A path for people: `agents.payments[2].on_retry`, counted from 1 as turns are."""
    return "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def _listed(words: Sequence[str]) -> str:
    return " and ".join(map(repr, words))
