"""The scripted conversation of an agent, as values.

A test of durability needs a model that says the same in every life of the process; a script is what it says. It reads
like the conversation itself: a list of turns, each a text, some tool calls, or the output.

    Script.of([Turn(calls=[Call("charge", {"amount": 5})]), "Charged 5 euros."])

A script says nothing about what the agent does: whether tools succeed, ask for a retry or are stopped half-way is found
out by running it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Annotated, Any, Final, Literal, cast

from pydantic import AfterValidator, BeforeValidator, ConfigDict
from pydantic.dataclasses import dataclass, rebuild_dataclass

from harness.errors import UNKNOWN, HarnessError, UsageError
from harness.typos import nearest

_VALUE = ConfigDict(extra="forbid", arbitrary_types_allowed=True)


class Nothing(Enum):
    """What a turn without output has there, because `None` is an output that agents really give."""

    NOTHING = "nothing"

    def __repr__(self) -> str:
        return "NOTHING"


NOTHING: Final = Nothing.NOTHING

FinishReason = Literal["stop", "length", "content_filter", "tool_call", "error"]


USAGE_FIELDS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "input_audio_tokens",
    "output_audio_tokens",
    "cache_audio_read_tokens",
    "output_reasoning_tokens",
)
"""The token figures of pydantic-ai's `RequestUsage` (which is not imported: reading a script needs no agent)."""


class ScriptError(HarnessError):
    """The agent and its script do not fit together, so the run says nothing about the agent."""

    exit_code = UNKNOWN


def _retry(value: Any) -> Any:
    """Accept one turn for a list of one, and a call for a turn that holds it."""
    several = isinstance(value, Sequence) and not isinstance(value, str)
    return tuple(_retry_turn(item) for item in (value if several else (value,)))


def _figures(usage: dict[str, int] | None) -> dict[str, int] | None:
    for name in usage or ():
        if name not in USAGE_FIELDS:
            raise ValueError(f"unknown usage figure {name!r}{nearest(name, USAGE_FIELDS)}")
    return usage


def _flat(turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
    if any(turn.on_retry or any(call.on_retry for call in turn.calls) for turn in turns):
        raise ValueError("an on_retry has none of its own; give a list, one answer per retry")
    return turns


def _retry_turn(value: Any) -> Any:
    return Turn(calls=(value,)) if isinstance(value, Call) else _turn(value)


def _turn(value: Any) -> Any:
    """Accept a bare text for the turn that says it, and a call for the turn that makes it."""
    if isinstance(value, Call):
        return Turn(calls=(value,))
    return Turn(text=value) if isinstance(value, str) else value


_OnRetry = Annotated["tuple[Turn, ...]", BeforeValidator(_retry), AfterValidator(_flat)]


@dataclass(frozen=True, config=_VALUE)
class Call:
    """One tool call. Without `args` they are made from the tool's JSON schema; a string is sent as it stands.

    `on_retry` says what to answer when the agent rejects this call with a retry prompt: one turn per re-issue, of which
    the last one repeats. Without it the same call is made again. `made_up` calls a tool that the agent need not have,
    to see how it takes that.
    """

    tool: str
    args: dict[str, Any] | str | None = None
    on_retry: _OnRetry = ()
    made_up: bool = False


@dataclass(frozen=True, config=_VALUE)
class Turn:
    """One response of the model: text, thinking, calls and output in any mixture.

    `output` is given the way the agent wants it: through the output tool whose schema it fits (or `output_tool`), as
    JSON text, or as text. `usage` overrides the token figures that the scripted model makes up. `on_retry` answers
    retry prompts to this turn, one turn per re-issue, of which the last one repeats.
    """

    text: str | None = None
    calls: tuple[Call, ...] = ()
    output: Any = NOTHING
    thinking: str | None = None
    output_tool: str | None = None
    usage: Annotated[dict[str, int] | None, AfterValidator(_figures)] = None
    finish_reason: FinishReason | None = None
    on_retry: _OnRetry = ()

    @property
    def has_output(self) -> bool:
        """Whether this turn ends the conversation with an output (which may be `None`)."""
        return self.output is not NOTHING


@dataclass(frozen=True, config=_VALUE)
class Conversation:
    """What the model says in one run of one agent, turn by turn."""

    turns: Annotated[tuple[Annotated[Turn, BeforeValidator(_turn)], ...], BeforeValidator(tuple)]


def _runs(value: Any) -> Any:
    """Accept a conversation, its turns, or a list of either for successive runs."""
    if isinstance(value, Conversation):
        return (value,)
    if value == () or isinstance(value, str):
        return value  # nothing scripted; or a mistake that the validation of the field explains
    items = list(value)
    if items and all(isinstance(item, Conversation | list | tuple) for item in items):
        return tuple(item if isinstance(item, Conversation) else Conversation(tuple(item)) for item in items)
    return (Conversation(tuple(items)),)


def _agents(value: Mapping[str, Any]) -> Any:
    return {name: _runs(runs) for name, runs in value.items()}


@dataclass(frozen=True, config=_VALUE)
class Script:
    """The conversations of all agents that a scenario runs.

    `agents` holds those that are scripted by name, `others` serves every agent without one of its own. One conversation
    serves every run of its agent; several serve successive runs. `notes` says what a loaded history held that a script
    cannot say.
    """

    agents: Annotated[dict[str, tuple[Conversation, ...]], BeforeValidator(_agents)]
    others: Annotated[tuple[Conversation, ...], BeforeValidator(_runs)] = ()
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, turns: Any) -> Script:
        """One conversation for every agent: turns, texts and calls in a list (or a list of such lists, per run)."""
        return cls(agents={}, others=turns)

    def conversation(self, agent: str, run: int = 1) -> Conversation | None:
        """The conversation of the `run`-th run of `agent`, or None if it is to be made up from the agent's tools.

        Raises `ScriptError` if the script lists the runs of that agent and this one is past the end.
        """
        runs = self.agents.get(agent, self.others)
        if len(runs) <= 1:
            return runs[0] if runs else None
        if run > len(runs):
            raise ScriptError(f"the script has {len(runs)} runs of agent {agent!r}, and run {run} began; add its turns")
        return runs[run - 1]

    def check_agents(self, known: Iterable[str]) -> None:
        """Refuse conversations of agents that do not exist. Raises `UsageError` with the nearest names."""
        names = sorted(known)
        unknown = [name for name in self.agents if name not in names]
        if unknown:
            raise UsageError.listing(
                "the script names agents that the subject does not have",
                [f"{name!r}{nearest(name, names)}" for name in unknown],
            )


for _value in (Call, Turn, Conversation, Script):  # each names one that is defined after it
    rebuild_dataclass(cast(Any, _value), force=True)
