"""What an engine claims and what a tool may do: together they decide how bad a repeat is, and who must act.

What the person declared about a tool decides the severity; what the engine claims decides the owner.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from harness.errors import UsageError
from harness.steps import StepId
from harness.typos import nearest
from harness.verdict import Severity

May = Literal["repeatable", "unsaid", "keyed", "once"]
Recovery = Literal["automatic", "on_restart", "operator", "none"]


def declaration(metadata: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What a tool's own metadata says that it may do: `metadata={'harness': {'may': 'keyed', 'key': 'order_id'}}`.

    A text says it as the command line does, `'keyed:order_id'`. Whether it makes sense is for whoever judges by it.
    """
    said = (metadata or {}).get("harness")
    if said is None or isinstance(said, dict):
        return said
    may, _, key = (part.strip() for part in str(said).partition(":"))
    return {"may": may, "key": key} if key else {"may": may}


class ToolPolicy(BaseModel):
    """What a person says that a tool may do when it runs twice.

    `repeatable`: harmless. `keyed`: harmless while `key` (an argument's name, a path into the arguments such as
    `order.lines.0.id` or `order.lines[0].id`, or `tool_call_id`) is the same. `once`: never twice. `unsaid`: nobody
    has said.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    may: May = "unsaid"
    key: str | None = Field(default=None, description="argument name or dotted path that holds the idempotency key")

    @model_validator(mode="after")
    def _only_keyed_has_a_key(self) -> Self:
        if self.key is not None and self.may != "keyed":
            raise ValueError(f"only 'keyed' takes a key, and this says {self.may!r}")
        return self

    @classmethod
    def parse(cls, text: str) -> ToolPolicy:
        """Read `keyed:order_id`, `repeatable` or `once`."""
        may, colon, key = (part.strip() for part in text.partition(":"))
        if may not in ("repeatable", "keyed", "once", "unsaid"):
            raise UsageError(f"cannot read tool policy {text!r}: say 'repeatable', 'keyed', 'keyed:ARGUMENT' or 'once'")
        if key and may != "keyed":
            raise UsageError(f"cannot read tool policy {text!r}: only 'keyed' takes a key, as in 'keyed:order_id'")
        if colon and not key:
            raise UsageError(f"cannot read tool policy {text!r}: no key is named, as in 'keyed:order_id'")
        return cls.model_validate({"may": may, "key": key or None})

    @classmethod
    def declared(cls, tool: str, said: Any) -> ToolPolicy:
        """The policy that `tool` declares of itself, as `declaration` has read it. `UsageError` if it is none."""
        try:
            return cls.model_validate(said or {})
        except ValueError as error:
            raise UsageError(f"the metadata of `{tool}` is no policy: {said!r}; say {{'may': 'repeatable'}}") from error

    def key_of(self, arguments: Any, call: str | None) -> str | None:
        """The idempotency key of one call, None if the call carries none."""
        if self.key is None:
            return None
        if self.key == "tool_call_id":
            return call
        value = self._stands_at(self.key, arguments)
        return None if value in (None, "", _ABSENT) else str(value)

    def has_its_key(self, arguments: Any) -> bool:
        """Whether the arguments of a call have a place for the key at all, be it empty."""
        return self.key in (None, "tool_call_id") or self._stands_at(self.key or "", arguments) is not _ABSENT

    def without_place(self, tool: str, who: str, places: Iterable[str]) -> str:
        """What is wrong with the key of a tool, of which `who` has an argument like that; `places` are those it has."""
        hint = nearest(self.key or "", [*places, "tool_call_id"])
        return f"{tool!r} is said to be keyed by {self.key!r}, and {who} has such an argument{hint}"

    @staticmethod
    def _stands_at(path: str, arguments: Any) -> Any:
        value = _found(arguments, path)
        return _found(_only_model(arguments), path) if value is _ABSENT else value


def _only_model(arguments: Any) -> Any | None:
    """The fields of a tool's only argument, if it is a model: the model is shown them as the tool's own arguments."""
    only = next(iter(arguments.values())) if isinstance(arguments, dict) and len(arguments) == 1 else None
    return only if isinstance(only, dict) else None


_ABSENT = object()


def parts_of(path: str) -> list[str]:
    """What a path leads through, one by one: `orders[0].id` is `["orders", "0", "id"]`."""
    return re.sub(r"\[(\d+)\]", r".\1", path).split(".")


def _found(arguments: Any, path: str) -> Any:
    """What stands at a path: names of arguments and fields, positions in lists. `_ABSENT` if there is no such place."""
    value = arguments
    for part in parts_of(path):
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return _ABSENT
    return value


_TIMEOUTS = {
    "model": "`model_settings={'timeout': SECONDS}`",
    "tool": "`timeout=SECONDS` of the tool `{name}`, in pydantic-ai",
}
"""How pydantic-ai itself gives a step a timeout."""


@dataclass(frozen=True)
class Contract:
    """What an engine claims.

    `records` are the kinds of step whose results it keeps (`model`, `tool`, `tools`, `event`, `step`, `run`); a tool
    may be recorded even where `tool` is not in it, when the tool itself is one of the engine's units. `in_flight` says
    what becomes of a unit that was running at the crash. `remedy` is what a person does to have a tool recorded,
    `remedy_for_models` to have an agent's model requests recorded; `timeouts` what they write to give a step of some
    kind a timeout, `{name}` standing for its name. `remedy_for_queues` is what they do if nothing takes a unit from its
    queue. `caches`: a result is found by any run that asks for it under the same key, of which a person may say what it
    is made of; elsewhere what a run has recorded is its own. `keyed_by` is what they say that with.
    """

    engine: str
    unit: str
    records: frozenset[str]
    recovery: Recovery
    in_flight: Literal["repeated", "lost"] = "repeated"
    remedy: str = ""
    notes: tuple[str, ...] = field(default_factory=tuple)
    timeouts: Mapping[str, str] = field(default_factory=dict)
    remedy_for_models: str = ""
    remedy_for_queues: str = ""
    caches: bool = False
    keyed_by: str = "cache key"

    def timeout_for(self, step: str) -> str:
        """What to write to give this step a timeout: the engine's own way, or pydantic-ai's where it names none."""
        found = StepId.parse(step)
        ways = {**_TIMEOUTS, **self.timeouts}
        return ways.get(found.kind, "around its body").replace("{name}", found.name or found.kind)

    def claims(self, kind: str) -> bool:
        """Whether the engine promises to keep the results of steps of this kind."""
        return kind in self.records


def severity_of_repeat(policy: ToolPolicy, *, finished: bool, same_key: bool | None) -> Severity | None:
    """How bad it is that a tool's body ran again: the table "a tool may be" of the README. None means fine.

    `finished`: the earlier body had finished before the crash and its result could have been kept; otherwise it was in
    flight. `same_key`: whether both calls carried the same idempotency key (None: at least one carried none).
    """
    match policy.may:
        case "repeatable":
            return None
        case "keyed":
            return None if same_key else Severity.ERROR
        case "once":
            return Severity.ERROR
        case _:
            return Severity.ERROR if finished else Severity.WARNING
