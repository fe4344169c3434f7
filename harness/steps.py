"""Step ids: the one name that a body call has in every incarnation, engine and report.

A step is numbered in *message order* within one agent run, never in start order or per process, so the same call has
the same id after a restart. Nested and repeated runs are paths: `tool:delegate#1.model#2` is the second model request
of the agent that the first `delegate` call ran. A call re-issued after a retry prompt is `tool:charge#1+1`, and never
shifts later ids.

Ids are compared as text, so names in them are percent-encoded (`tool:docs%2Esearch#1`). People read them, and may type
them, as they are (`tool:docs.search#1`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

from harness.errors import UsageError

NAMED = ("tool", "tools", "wait", "step")
"""Kinds whose segment carries a name: `tool:charge#1`."""
PLAIN = ("model", "event", "sleep", "run")
"""Kinds without one: `model#2`."""
KINDS = NAMED + PLAIN

_TYPED = r"(?! )[^#/@~;*?\[\]\\'\"`$\x00-\x1f\x7f]+(?<! )"
"""A name as a person may type it: without what the grammars of ids and faults, and shells within quotes, use."""
_SEGMENT = re.compile(
    rf"(?P<kind>[a-z]+)(?::(?P<name>{_TYPED}))?(?:#(?P<number>[1-9]\d*))?(?:\+(?P<reissue>[1-9]\d*))?"
)
_QUOTED = re.compile(r"[^A-Za-z0-9_-]")
_ENCODED = re.compile(rf"\b({'|'.join(NAMED)}):([\w-]*%[\w%-]*)")


@dataclass(frozen=True, order=True)
class Segment:
    """One level of a step id: a kind, a name where the kind has one, a number and a re-issue count."""

    kind: str
    name: str | None = None
    number: int = 1
    reissue: int = 0

    def __str__(self) -> str:
        if self.kind == "run" and self.number == 1:
            return "run"
        name = "" if self.name is None else f":{_quoted(self.name)}"
        return f"{self.kind}{name}#{self.number}" + (f"+{self.reissue}" if self.reissue else "")


@dataclass(frozen=True, order=True)
class StepId:
    """A path of segments, from the run outwards in to the body call. Prints and parses back to itself."""

    path: tuple[Segment, ...]

    @classmethod
    def of(cls, kind: str, name: str | None = None, number: int = 1, reissue: int = 0) -> StepId:
        """A step of the outermost agent run."""
        return cls((Segment(kind, name, number, reissue),))

    @classmethod
    def parse(cls, text: str) -> StepId:
        """Read a spelling such as `tool:charge#1`. Raises `UsageError` that says what is wrong with it."""
        return _parsed(text)

    def __str__(self) -> str:
        known = vars(self)  # where it is kept, because each probe asks for it several times
        if "spelling" not in known:
            known["spelling"] = ".".join(map(str, self.path))
        return str(known["spelling"])

    @property
    def kind(self) -> str:
        """What sort of body this is: `model`, `tool`, …"""
        return self.path[-1].kind

    @property
    def name(self) -> str | None:
        """The tool, toolset, stimulus or unit that the step is named after, if its kind has one."""
        return self.path[-1].name

    @property
    def unnumbered(self) -> str:
        """The id without its numbers, also of the run it is a step of: what findings are grouped by (`tool:charge`)."""
        steps = [segment for segment in self.path[:-1] if segment.kind != "run"] + [self.path[-1]]
        return ".".join(re.sub(r"#\d+(\+\d+)?$", "", str(segment)) for segment in steps)

    def inside(self, parent: StepId | None) -> StepId:
        """This step as it is called when the body of `parent` runs it."""
        return self if parent is None else StepId(parent.path + self.path)


def readable(text: str) -> str:
    """A text for people: in the step ids that it mentions, names stand as they are, where they can be typed so."""
    return _ENCODED.sub(_as_typed, text)


def _as_typed(match: re.Match[str]) -> str:
    name = unquote(match[2])
    can_be_typed = re.fullmatch(_TYPED, name) and unquote(name) == name
    return f"{match[1]}:{name}" if can_be_typed else match[0]


@lru_cache(maxsize=4096)
def _quoted(name: str) -> str:
    """Percent-encode what the grammar of ids and faults uses itself (`.`, `#`, `/`, `@`, `~`, `*`, …)."""
    return _QUOTED.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), name)


@lru_cache(maxsize=4096)
def _parsed(text: str) -> StepId:
    return StepId(tuple(_segment(part, text) for part in _parts(text)))


def _parts(text: str) -> list[str]:
    """The levels of an id. A dot in a name is none between levels: a level that has a name ends in its number."""
    parts: list[str] = []
    for part in text.split("."):
        if parts and "#" not in parts[-1] and parts[-1].partition(":")[0] in NAMED:
            parts[-1] += f".{part}"
        else:
            parts.append(part)
    return parts


def _segment(part: str, text: str) -> Segment:
    match = _SEGMENT.fullmatch(part)
    if match is None or match["kind"] not in KINDS:
        raise UsageError(f"cannot read step {text!r}: {part!r} is none of {', '.join(_examples())}{_hint(part)}")
    kind, name, number = match["kind"], match["name"], match["number"]
    if (name is None) != (kind in PLAIN):
        needs = "needs a name, as in 'tool:charge#1'" if name is None else "takes no name"
        raise UsageError(f"cannot read step {text!r}: {kind!r} {needs}")
    if kind == "run" and match["reissue"]:
        raise UsageError(f"cannot read step {text!r}: a run is never issued again, so {part!r} takes no '+'")
    if number is None and kind != "run":
        raise UsageError(f"cannot read step {text!r}: {part!r} needs a number, as in '{part}#1'")
    return Segment(kind, None if name is None else unquote(name), int(number or 1), int(match["reissue"] or 0))


def _hint(part: str) -> str:
    """How to write a name that has characters of the grammar in it."""
    kind, colon, rest = part.partition(":")
    name, number, count = rest.rpartition("#")
    if kind not in NAMED or not colon or not number or not name:
        return ""
    return f"; write such a name as '{kind}:{_quoted(name)}#{count}'"


def _examples() -> list[str]:
    return [f"{kind}:NAME#1" for kind in NAMED] + ["model#1", "event#1", "sleep#1", "run"]
