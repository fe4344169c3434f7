"""What calls say to whom they ask: `client.responses.create(…, timeout=5)`, `agent.run(…, model_settings=…)`.

A call may change what its client was told, and no object knows it before. What it spells out, or names, is known; what
only a run knows, or what calls do not all say alike, is unknown, and never what the client says itself.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

from pydantic_ai.agent import AbstractAgent
from pydantic_ai.models import Model

from harness.audits.asking.google import is_google
from harness.audits.asking.sdks import Untold, read_timeout
from harness.audits.naming import words_of
from harness.audits.reach import COPIES, Reached
from harness.audits.sources import last_name, tree_of
from harness.audits.spelled import Spelled, is_mapping

TIMEOUT, RETRIES, SETTINGS = "timeout", "max_retries", "model_settings"
HARMLESS = frozenset({"default_headers", "set_default_headers", "default_query", "set_default_query", "api_key"})
"""Options of a copy of a client that change nothing of how it tries."""
SILENT = ("NotGiven", "Omit", "UseClientDefault")
"""Classes of values that say nothing: it is the client's own then. `None` says that there is no end."""
PASSING = ("partial", "to_thread", "submit")
"""Functions that call what they are given with what else they are given."""


@dataclass(frozen=True)
class Told:
    """What calls tell a client in place of its own settings; `hidden` is why nothing of the client counts."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    hidden: str = ""


def told_to(one: Reached) -> Told:
    """What all calls that lead to it on its way tell whom code reaches."""
    codes = [_Code(function, one) for function in one.users]
    if is_google(one.value) and any("http_options" in words_of(function.__code__) for function in one.users):
        return Told(hidden=f"a call of `{one.name}` says `http_options` of its own, which only a run shows")
    try:
        return Told(_alike([said for code in codes for said in code.said()]))
    except _Hidden:
        return Told(hidden=f"`{one.name}` is copied with other options in the call, where nobody can see them before")


def settings_of(agent: Any) -> dict[str, Any]:
    """What an agent tells its model; of a function that makes its settings in a run, what that spells out."""
    own = getattr(agent, SETTINGS, None)
    return _computed(own) if callable(own) else dict(own or {})


class _Hidden(Exception):
    """A client is copied in a way that only a run shows."""


class _Code:
    """The code of one function, read for what it says to whom it asks."""

    def __init__(self, function: FunctionType, one: Reached) -> None:
        self.function, self.one = function, one
        self.tree = tree_of(function.__code__)
        self.spelled = Spelled(function, self.tree or ast.Module([], []))
        self.is_made = inspect.isclass(one.value) or inspect.isfunction(one.value)
        self.option = SETTINGS if isinstance(one.value, AbstractAgent | Model) else TIMEOUT

    def said(self) -> Iterator[dict[str, Any]]:
        """What each request says; or each making of a client of which no request is seen. Raises `_Hidden`."""
        if self.tree is None:
            yield from self._sourceless()
            return
        every = [node for node in ast.walk(self.tree) if isinstance(node, ast.Call)]
        for *before, last in self._requests(every):
            copied = [said for call in before for said in self._given(call, is_copy=not self.is_made)]
            yield _read([*copied, *self._given(last)])
        for call in filter(self._is_handed, every):
            if last_name(call.func) in PASSING:
                yield _read(self._given(call))
            else:
                does = f"what `{ast.unparse(call.func)}` does with the {self.option} that it is given"
                yield _untold(f"only a run knows {does}", self.option)

    def _sourceless(self) -> Iterator[dict[str, Any]]:
        if self.one.is_changed:
            raise _Hidden
        if self.option in words_of(self.function.__code__):
            reason = f"a call of `{self.one.name}` may say another {self.option}, and its source is not here"
            yield _untold(reason, self.option)

    def _requests(self, every: Sequence[ast.Call]) -> list[list[ast.Call]]:
        """The calls that ask, each after those that make whom it asks. `_Hidden` for copies that go elsewhere."""
        requests, made = [[call] for call in every if self._is_given(call)], list[list[ast.Call]]()
        for call in every:
            if (asked := self._asked(call)) is not None:
                before, path = asked
                if self._makes(before, path):
                    made.append([*before, call])
                elif self._takes(path, call):
                    requests.append([*before, call])
        used = {id(call) for request in requests for call in request}
        left = [calls for calls in made if id(calls[-1]) not in used]
        if left and not self.is_made:
            raise _Hidden
        return [*requests, *left]

    def _asked(self, call: ast.Call) -> tuple[list[ast.Call], list[str]] | None:
        """The calls that make what is asked here of what was reached, and what is taken from that.

        None if something else is called: another object's method, or an answer's.
        """
        root, steps = _chain(call, self.spelled)
        if (rest := self._rest(root, steps)) is None:
            return None
        before: list[ast.Call] = []
        path: list[str] = []
        for step in rest[:-1]:
            if isinstance(step, ast.Attribute):
                path.append(step.attr)
            elif isinstance(step, ast.Call):
                if not self._makes(before, path):
                    return None
                before.append(step)
                path = []
        return before, path

    def _rest(self, root: ast.expr, steps: Sequence[ast.expr]) -> Sequence[ast.expr] | None:
        """The steps that are taken from what was reached; None if they begin with something else, as far as is known.

        What only a run knows is told by its name, or by what is taken from it.
        """
        names = set(self.one.name.split("."))
        holder, name = self._value(root), getattr(root, "id", "")
        if holder is self.one.value or (holder is _UNKNOWN and name in names):
            return steps
        is_known = holder is not _UNKNOWN
        for place, step in enumerate(steps, 1):
            holder = self._value(step) if holder is not _UNKNOWN else _UNKNOWN
            if isinstance(step, ast.Call) and holder is not self.one.value:
                break
            inside = isinstance(step, ast.Subscript) and name in names
            name = getattr(step, "attr", "")
            is_named = inside or (name in names and not (self.is_made and last_name(root) not in sys.modules))
            if holder is self.one.value or (holder is _UNKNOWN and is_named):
                return steps[place:]
        first = getattr(steps[0], "attr", None) if steps else None
        borrowed = first is not None and inspect.getattr_static(self.one.value, first, None) is not None
        return steps if borrowed and not is_known else None

    def _value(self, said: ast.expr) -> Any:
        try:
            return self.spelled.value(said)
        except ValueError:
            return _UNKNOWN

    def _makes(self, before: Sequence[ast.Call], path: Sequence[str]) -> bool:
        """Whether a call of this makes what is asked later: of a class, or a copy of a client."""
        if self.is_made:
            return not (before or path)
        return self.option == TIMEOUT and len(path) == 1 and path[0] in COPIES

    def _takes(self, path: Sequence[str], call: ast.Call) -> bool:
        """Whether a call is one that may be told something."""
        if any(said.arg == self.option for said in call.keywords):
            return True
        value = self.one.value
        with suppress(Exception):  # whatever a library's properties raise
            for name in path:
                value = getattr(value, name)
            return self.option in inspect.signature(value).parameters
        return False

    def _is_given(self, call: ast.Call) -> bool:
        """Whether a call of pydantic-ai's is given the model that it asks: `model_request(model, …)`."""
        if not isinstance(self.one.value, Model):
            return False
        theirs = str(getattr(self._value(call.func), "__module__", "")).startswith("pydantic_ai.")
        return theirs and any(self._value(one) is self.one.value for one in _given(call))

    def _is_handed(self, call: ast.Call) -> bool:
        """Whether a call is given a method, and what may be for that: `partial(client.responses.create, timeout=5)`."""
        if self.option not in [said.arg for said in call.keywords]:
            return False
        ways = [self._asked(ast.Call(one, [], [])) for one in call.args if isinstance(one, ast.Attribute)]
        return any(way is not None and not self._makes(*way) and self._takes(way[1], call) for way in ways)

    def _given(self, call: ast.Call, *, is_copy: bool = False) -> list[tuple[str, Any]]:
        """What one call says. Raises `_Hidden` for a copy that is made in a way that only a run shows."""
        if self.option == SETTINGS:
            said = next((one.value for one in call.keywords if one.arg == SETTINGS), None)
            if said is None and any(one.arg is None for one in call.keywords):
                return [*_untold(f"`{ast.unparse(call.func)}` may be told it in what the call unpacks").items()]
            return [] if said is None else [*_settings(said, self.spelled).items()]
        pairs = [(one.arg, one.value) for one in call.keywords]
        if not is_copy:
            return [*_pairs(pairs, self.spelled, TIMEOUT)]
        found = [*_pairs(pairs, self.spelled, TIMEOUT, RETRIES)]
        others = {name for name, _value in pairs} - {TIMEOUT, RETRIES, *HARMLESS}
        if others or any(isinstance(value, Untold) for name, value in found if name == RETRIES):
            raise _Hidden
        return found


_UNKNOWN = object()
"""Stands for what only a run knows."""


def _chain(said: ast.expr, spelled: Spelled) -> tuple[ast.expr, list[ast.expr]]:
    """What an expression begins with, and each step from there, through names that are given one meaning only."""
    steps: list[ast.expr] = []
    seen = set[str]()
    while True:
        match said:
            case ast.Attribute(value=inner) | ast.Subscript(value=inner) | ast.Call(func=inner):
                steps.append(said)
            case ast.Await(value=inner):
                pass
            case ast.Name(id=name) if name in spelled.local and name not in seen:
                seen.add(name)
                inner = spelled.local[name]
            case _:
                return said, steps[::-1]
        said = inner


def _given(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(said.value for said in call.keywords)]


def _settings(said: ast.expr, spelled: Spelled) -> dict[str, Any]:
    """What the settings of a model say that an expression makes."""
    if (pairs := _spelled_out(said, spelled)) is not None:
        return _read(_pairs(pairs, spelled, TIMEOUT, RETRIES))
    with suppress(ValueError):
        value = spelled.value(said)
        if isinstance(value, Mapping) or value is None:
            return _read([(name, one) for name, one in (value or {}).items() if name in (TIMEOUT, RETRIES)])
        if callable(value):
            return _computed(value)
    return _untold(f"only a run knows what the settings `{ast.unparse(said)}` say")


def _spelled_out(said: ast.expr, spelled: Spelled) -> list[tuple[str | None, ast.expr]] | None:
    """The names and values of a mapping that an expression spells out; None if it is no such expression."""
    if isinstance(said, ast.Dict):
        keys = [getattr(key, "value", None) for key in said.keys]
        known = all(key is None or isinstance(key, ast.Constant) for key in said.keys)
        return [*zip(keys, said.values, strict=True)] if known else None
    if isinstance(said, ast.Call) and not said.args:
        with suppress(ValueError):
            if is_mapping(spelled.value(said.func)):
                return [(one.arg, one.value) for one in said.keywords]
    return None


def _pairs(pairs: Iterable[tuple[str | None, ast.expr]], spelled: Spelled, *names: str) -> Iterator[tuple[str, Any]]:
    """What these pairs say of these names; what has no name is unpacked among them."""
    for name, said in pairs:
        try:
            if name is None:
                yield from ((one, value) for one, value in dict(spelled.value(said)).items() if one in names)
            elif name in names:
                yield name, spelled.value(said)
        except (TypeError, ValueError):
            named = names if name is None else (name,)
            yield from (
                (one, Untold(f"only a run knows the `{one}` that a call says: `{ast.unparse(said)}`")) for one in named
            )


def _read(said: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """What is said, with timeouts as numbers. The last of each name counts."""
    found: dict[str, Any] = {}
    for name, value in said:
        if type(value).__name__ in SILENT:
            continue
        found[name] = value if name != TIMEOUT or isinstance(value, Untold) else _timed(value)
    return found


def _timed(value: Any) -> Any:
    if isinstance(getattr(value, "read", value), int | float | None):
        return read_timeout(value)
    return Untold(f"nobody here can read the timeout {value!r} that a call says")


def _computed(function: Callable[..., Any]) -> dict[str, Any]:
    """What a function says that makes the settings of a model in each run."""
    made, spelled = _returned(function)
    if not made or spelled is None:
        return _untold("the settings of its model are made by a function, in each run")
    return _alike([_settings(one, spelled) for one in made])


def _returned(function: Callable[..., Any]) -> tuple[list[ast.expr], Spelled | None]:
    """What a function returns; nothing where its source is not here, or may be that of several."""
    if not isinstance(function, FunctionType) or (tree := tree_of(function.__code__)) is None:
        return [], None
    lambdas = [node for node in ast.walk(tree) if isinstance(node, ast.Lambda)]
    returned = [node.value for node in ast.walk(tree) if isinstance(node, ast.Return) and node.value]
    if function.__name__ == "<lambda>":
        returned = [node.body for node in lambdas] if len(lambdas) == 1 else []
    return returned, Spelled(function, tree)


def _alike(said: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What all of these say; what not all say alike, only a run knows."""
    names = dict.fromkeys(name for one in said for name in one)
    return {name: _same(name, [one.get(name, _UNKNOWN) for one in said]) for name in names}


def _same(name: str, values: Sequence[Any]) -> Any:
    if untold := [value for value in values if isinstance(value, Untold)]:
        return untold[0]
    return (
        values[0] if all(value == values[0] for value in values) else Untold(f"not every call says the same `{name}`")
    )


def _untold(reason: str, option: str = SETTINGS) -> dict[str, Any]:
    """What calls say of which only a run knows what it is: a timeout, or settings, which may be about retries, too."""
    return dict.fromkeys((TIMEOUT, RETRIES) if option == SETTINGS else (TIMEOUT,), Untold(reason))
