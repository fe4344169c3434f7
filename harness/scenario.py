"""What is to be tried, as values only: subject, script, world, engine, faults, invocations, checks.

Loads from YAML and from Python. Everything that is wrong with a scenario is reported at once, by field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from harness.contract import ToolPolicy
from harness.documents import Loader
from harness.errors import UsageError
from harness.faults import FaultPlan
from harness.typos import nearest
from harness.verdict import Owner, Status

DEFAULT_PROMPT = "Please begin."
REFUSED: Literal["refused"] = "refused"
"""What a scenario expects of an engine that does not take its subject."""
Expected = Status | Literal["refused"]
MASK = "***"
"""What stands for a password wherever a scenario is written down."""


def _wrong(said: str, *within: str | int) -> PydanticCustomError:
    """What is wrong somewhere within a value that is looked at as a whole."""
    return PydanticCustomError("value_error", "{said}", {"said": said, "within": within})


def _policy(value: Any) -> Any:
    try:
        return ToolPolicy.parse(value) if isinstance(value, str) else value
    except UsageError as error:
        raise ValueError(str(error)) from None


def _fault(line: str) -> str:
    """Refuse a fault that does not parse here, beside whatever else is wrong, and not after the baseline."""
    try:
        FaultPlan.parse(line)
    except UsageError as error:
        raise ValueError(str(error)) from None
    return line


class Invocation(BaseModel):
    """One run of the subject. Several of them share a store, in order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: str = DEFAULT_PROMPT
    deps: Any = None
    continues: bool | int = Field(
        default=False,
        description="pass the message history of the invocation before, or of the one with this number (a fork)",
    )


class Scenario(BaseModel):
    """One thing to try.

    `script` is a path to a YAML file or a saved message history, a `module:attr`, or the conversation itself; None
    makes one up from the agent's own tools. `deps` is a `module:attr`, or a value checked against `deps_type`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    subject: str
    engine: str = "journal"
    script: Any = None
    prompt: str = DEFAULT_PROMPT
    deps: Any = None
    world: str | None = Field(default=None, description="context manager entered in every incarnation, by import path")
    tools: dict[str, Annotated[ToolPolicy, BeforeValidator(_policy)]] = Field(default_factory=dict)
    faults: tuple[Annotated[str, AfterValidator(_fault)], ...] = ()
    invocations: tuple[Invocation, ...] = ()
    lives: tuple[tuple[int, ...], ...] = Field(
        default=(),
        description="the invocations that each life takes up, by number; a life beyond the list takes up all others",
    )
    checks: tuple[str, ...] = ()
    owners: tuple[Owner, ...] = Field(default=(), description="whose errors fail a run; if none is named, everybody's")
    options: dict[str, Any] = Field(default_factory=dict, description="what only one engine understands")
    time_scale: float | None = Field(default=None, gt=0)
    why: str = Field(default="", description="why a person should care")
    expected: Expected | dict[str, Expected] | None = Field(
        default=None, description="what a run of this scenario must come to, or a verdict for each engine"
    )
    incarnations: int | None = Field(default=None, ge=1, description="how many lives the run may have")
    stall: float = Field(default=10.0, gt=0, description="seconds without progress after which a run counts as stuck")

    @field_validator("expected", mode="before")
    @classmethod
    def _verdicts(cls, value: Any) -> Any:
        """One sentence for a verdict that is none, instead of one for each type that it might have been."""
        known = (*map(str, Status), REFUSED)
        entries = value.items() if isinstance(value, dict) else [("", value)]
        for engine, verdict in entries:
            if verdict not in known and value is not None:
                under = f" under {engine}" if engine else ""
                raise _wrong(f"{verdict!r}{under} is no verdict{nearest(str(verdict), known)}", *filter(None, [engine]))
        return value

    @field_validator("faults", mode="before")
    @classmethod
    def _faults(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _known_invocations(self) -> Self:
        """Refuse numbers of invocations that are not there, or not there yet."""
        for index, life in enumerate(self.lives):
            if wrong := [number for number in life if not 1 <= number <= len(self.runs)]:
                said = f"lives: there is no invocation {wrong[0]}, there are {len(self.runs)}"
                raise _wrong(said, "lives", index, life.index(wrong[0]))
        for number in range(1, len(self.runs) + 1):
            origin = self.origin(number)
            if origin is not None and not 1 <= origin < number:
                said = f"invocations.{number}.continues: invocation {origin} does not come before it"
                raise _wrong(said, "invocations", number - 1, "continues")
        return self

    def origin(self, number: int) -> int | None:
        """The invocation whose message history this one goes on from."""
        continues = self.runs[number - 1].continues
        return (number - 1 if continues is True else continues) or None

    @property
    def plan(self) -> FaultPlan:
        """The faults, parsed. Raises `UsageError` for one that does not parse."""
        return FaultPlan.parse(self.faults)

    @property
    def runs(self) -> tuple[Invocation, ...]:
        """The invocations; a scenario that lists none has one."""
        return self.invocations or (Invocation(prompt=self.prompt, deps=self.deps),)

    @property
    def expectations(self) -> dict[str, Expected]:
        """What a run must come to under each engine that the scenario says something about."""
        if isinstance(self.expected, dict):
            return self.expected
        return {} if self.expected is None else {self.engine: self.expected}

    def with_plan(self, plan: FaultPlan) -> Scenario:
        """The same scenario under other faults."""
        return self.model_copy(update={"faults": tuple(map(str, plan.faults))})

    @property
    def peaceful(self) -> Scenario:
        """The same where nothing ever dies: without faults, and all runs one after another in one process.

        That is what every run of the scenario is compared with, also one that has no faults but `lives`.
        """
        return self.model_copy(update={"faults": (), "lives": ()})

    def under(self, engine: str) -> Scenario:
        """The same scenario for one engine, without the options of others (`prefect.api_url` is only Prefect's)."""
        mine: dict[str, Any] = {}
        for name, value in self.options.items():
            owner, dot, rest = name.partition(".")
            if not dot or owner == engine:
                mine[rest if dot else name] = value
        return self.model_copy(update={"engine": engine, "options": mine})

    def without_secrets(self) -> Scenario:
        """The scenario as it may be written down and shown: passwords in the engine's options become `***`."""
        shown = {name: masked(value) for name, value in self.options.items()}
        return self.model_copy(update={"options": shown})

    @property
    def lacks_secrets(self) -> bool:
        """Whether a password was left out when this scenario was written down."""
        return any(isinstance(value, str) and MASK in value for value in self.options.values())

    @classmethod
    def make(cls, where: str = "the scenario", /, **values: Any) -> Scenario:
        """Build and validate. Raises `UsageError` that lists every problem under `where`."""
        return cls._made(where, values, lambda _item: "")

    @classmethod
    def from_yaml(cls, path: Path) -> Scenario:
        """Read a scenario file. Raises `UsageError` with everything that is wrong, each with its line and column."""
        try:
            root = yaml.compose(path.read_text("utf-8"), Loader=Loader)
            values = yaml.SafeLoader("").construct_document(root) if root is not None else None
        except OSError as error:
            raise UsageError(f"cannot read {path}: {error.strerror}") from None
        except UnicodeDecodeError as error:
            raise UsageError(f"cannot read {path}: byte {error.start} is no UTF-8; save it as UTF-8") from None
        except yaml.YAMLError as error:
            raise UsageError(f"{path}{_at(getattr(error, 'problem_mark', None))}: {_yaml_problem(error)}") from None
        if not isinstance(values, dict):
            found = "the file is empty" if values is None else f"this is a {type(values).__name__}"
            raise UsageError(f"{path}: a scenario is a mapping with at least 'subject:', and {found}")
        for key in _said_twice(root):
            raise UsageError(f"{path}{_at(key.start_mark)}: {key.value!r} is said twice; remove one of the two")
        named = {str(key): value for key, value in values.items()}
        return cls._made(str(path), named, lambda item: _at(_place(root, item)).removeprefix(", "))

    @classmethod
    def _made(cls, where: str, values: dict[str, Any], at: Callable[[Any], str]) -> Scenario:
        try:
            return cls(**values)
        except ValidationError as error:
            problems = [(at(item), _problem(item)) for item in error.errors()]
            told = list(dict.fromkeys(": ".join(filter(None, problem)) for problem in problems))
            raise UsageError.listing(f"{where} is not valid", told) from None


def place(root: Any, field: tuple[Any, ...], *, key: bool = False) -> Any:
    """Where a value or its `key` stands in a composed YAML document (pyyaml's mark), as near as the document has it."""
    name, node = root, root
    for part in field:
        if isinstance(node, yaml.MappingNode):
            pairs = [(name, value) for name, value in node.value if name.value == str(part)]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            pairs = [(node.value[part], node.value[part])]
        else:
            pairs = []
        if not pairs:
            break
        name, node = pairs[0]
    return (name if key else node).start_mark


def _place(root: Any, item: Any) -> Any:
    """Where one error of pydantic's is."""
    within = item.get("ctx", {}).get("within", ())
    return place(root, (*item["loc"], *within), key=item["type"] == "extra_forbidden")


def _at(mark: Any) -> str:
    return f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""


def _yaml_problem(error: Any) -> str:
    problem, context = getattr(error, "problem", None), getattr(error, "context", None)
    return f"{context} {problem}" if context and str(problem).startswith("but ") else str(problem or error)


def _said_twice(node: Any) -> Iterator[Any]:
    """Keys that a mapping has twice: YAML would keep the last one, in silence."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if str(key.value) in seen:
                yield key
            seen.add(str(key.value))
            yield from _said_twice(value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _said_twice(item)


def masked(value: Any) -> Any:
    """A value without the password of a URL in it (`scheme://user:password@host`, `?password=`).

    A password may hold whatever a URL should not, `@`, `/` and `?` too, so all up to the last `@` is taken for it:
    rather too little is shown than a part of it.
    """
    if not isinstance(value, str) or "://" not in value:
        return value
    value = re.sub(rf"(?<=://)(?!{_PORT})([^:/@\s]*):\S*@", rf"\1:{MASK}@", value)
    return re.sub(r"(?<=[?&]password=)[^&\s]+", MASK, value)


_PORT = r"[^:/@\s]*:\d+(?:/[^?@\s]*)?(?:\?|$|\s)"
"""A host with its port: an `@` after that is part of a query."""


def _problem(item: Any) -> str:
    where = item["loc"]
    if item["type"] == "value_error" and where and isinstance(where[-1], int):
        where = where[:-1]  # what is said quotes the one of the list
    field = ".".join(map(str, where)) or "scenario"
    message = item["msg"].removeprefix("Value error, ")
    if item["type"] == "extra_forbidden":
        return f"{field!r} is not a field of a scenario{_meant(item['loc'])}"
    if item["type"] == "tuple_type":
        message = "input should be a list"
    return f"{field}: {message[0].lower()}{message[1:]}"


def _meant(where: tuple[Any, ...]) -> str:
    """The field that was probably meant, among those of the same level."""
    models: dict[str, type[BaseModel]] = {"invocations": Invocation, "tools": ToolPolicy}
    model = models.get(str(where[0]), Scenario) if len(where) > 1 else Scenario
    return nearest(str(where[-1]), model.model_fields)
