"""Where a conversation stands, read from the messages alone.

A scripted model must give the same answer to the same question in every incarnation, so it cannot count its calls: a
closure that counts would answer the wrong turn after a crash. Instead every response carries its *stamp* (turn and
re-issue) in its response id and in each tool-call id, and the next turn is the newest visible stamp plus one. Either
carrier alone is enough, because agents trim, summarise and rewrite their history.

Three habits of pydantic-ai (2.59, `messages.py` and `_agent_graph.py`) shape this file:

- it stamps `run_id` on every message of a run, also on a response that was replayed without one, but merging two
  adjacent requests drops it;
- it removes tool results whose call was trimmed away, and closes calls that were never answered with results of its own
  making;
- a retry prompt for text, or for a response that a hook refused, names no tool.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    RetryPromptPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)

from harness.steps import StepId

_STAMP = r"(?:(?P<run>run\d+|at[0-9a-f]{8})-)?turn(?P<turn>[1-9]\d*)(?:r(?P<reissue>[1-9]\d*))?"
_RESPONSE = re.compile(_STAMP)
_CALL = re.compile(_STAMP + r"-(?P<name>(?:[A-Za-z0-9_]|--|-u[0-9a-f]+-)+)-(?P<number>[1-9]\d*)")
_ESCAPED = re.compile(r"--|-u([0-9a-f]+)-")


@dataclass(frozen=True, order=True)
class Stamp:
    """Which answer of a conversation a response is: its turn, and how often that turn was re-issued before.

    `run` tells the runs apart whose messages one history holds: empty for the first, `run2`, … for later ones, or a
    digest of the scope that the caller gave.
    """

    turn: int
    reissue: int = 0
    run: str = field(default="", compare=False)

    def __str__(self) -> str:
        return (f"{self.run}-" if self.run else "") + f"turn{self.turn}" + (f"r{self.reissue}" if self.reissue else "")

    @property
    def step(self) -> str:
        """The model step id: `model#2`, or `model#2+1` when it answers a retry prompt."""
        return f"model#{self.turn}" + _plus(self.reissue)


@dataclass(frozen=True)
class CallStamp:
    """A tool call: the stamp of its response, the tool, and the call's own number in message order."""

    stamp: Stamp
    tool: str
    number: int

    @property
    def id(self) -> str:
        """The tool-call id: letters, digits, `_` and `-` only, unique in a run, the same in every incarnation."""
        return f"{self.stamp}-{_escaped(self.tool)}-{self.number}"

    @property
    def step_id(self) -> StepId:
        """The tool step: `tool:charge#1`, or `tool:charge#1+1` when it is a re-issue."""
        return StepId.of("tool", self.tool, self.number, self.stamp.reissue)

    @property
    def step(self) -> str:
        """The same, spelled."""
        return str(self.step_id)


@dataclass(frozen=True)
class Position:
    """Where a request stands: the stamp that its answer will carry, and what it rejects.

    `rejected` are the calls that a retry prompt sends back; empty together with a re-issue means that the whole answer
    was sent back. `called` are the calls of this run that are still visible, `complete` says that none was trimmed.
    """

    stamp: Stamp
    rejected: tuple[CallStamp, ...] = ()
    called: tuple[CallStamp, ...] = ()
    complete: bool = True


@lru_cache(maxsize=4096)  # every request of a run reads the ids of all calls before it
def read_call(tool_call_id: str) -> CallStamp | None:
    """Read the stamp in a tool-call id, or None if a scripted model did not make that id."""
    match = _CALL.fullmatch(tool_call_id)
    return CallStamp(_stamp(match), _unescaped(match["name"]), int(match["number"])) if match else None


def step_of_call(tool_call_id: str) -> str | None:
    """The step id of a tool call from its id alone (`tool:charge#1`), or None if no scripted model made the id."""
    call = read_call(tool_call_id)
    return call.step if call else None


@dataclass(frozen=True)
class AgentRun:
    """The agent run that is asking, as far as the caller knows it.

    `step` is the agent's own count of its requests: the turn, where no stamp of this run is visible. `id` is the run's
    id, which the messages usually tell. `scope` names the run among all runs that share a store, and is the same in
    every incarnation: tool-call ids of two scopes never collide, so a tool that uses them as idempotency keys sees
    different keys in different runs. `agent` is a name for error messages.
    """

    step: int | None = None
    id: str | None = None
    scope: str = ""
    agent: str = ""


def position(messages: Sequence[ModelMessage], run: AgentRun | None = None) -> Position:
    """Where the conversation stands that these messages ask to go on."""
    return _Reading(messages, run or AgentRun()).position()


def step_of(messages: Sequence[ModelMessage], run: AgentRun | None = None) -> str:
    """The id of the model step that these messages ask for, before it is answered: `model#3`, `model#3+1`."""
    return position(messages, run).stamp.step


@dataclass(frozen=True)
class _Seen:
    """A stamp and the place at which it is visible. `call` is missing for the id of a response."""

    index: int
    stamp: Stamp
    call: CallStamp | None


class _Reading:
    """One look at a message list, to find out which stamps belong to the run that is asking."""

    def __init__(self, messages: Sequence[ModelMessage], run: AgentRun) -> None:
        self.messages = messages
        self.run_step = run.step
        self.scope = f"at{hashlib.sha256(run.scope.encode()).hexdigest()[:8]}" if run.scope else ""
        last = messages[-1] if messages else None
        self.last = last if isinstance(last, ModelRequest) else ModelRequest(parts=[])
        self.seen = list(_visible(messages))
        self.runs = self._runs(run.id)

    def position(self) -> Position:
        own = self._own()
        newest = own[-1].stamp if own else None
        if newest is None:
            return self._unstamped()
        run = self.scope or newest.run
        retries = [part for part in self.last.parts if isinstance(part, RetryPromptPart)]
        rejected = [call for part in retries if (call := read_call(part.tool_call_id))]
        rejected = [call for call in rejected if call.stamp == newest]
        nameless = [part for part in retries if part.tool_name is None]
        called = tuple(dict.fromkeys(seen.call for seen in own if seen.call))
        complete = {seen.stamp.turn for seen in own} >= set(range(1, newest.turn + 1))
        if rejected or (nameless and self._refuses(newest)):
            stamp = Stamp(newest.turn, newest.reissue + 1, run)
        else:
            # A hook refused an answer that never reached the history: the same turn again, once per prompt.
            stamp = Stamp(newest.turn + 1, len(nameless), run)
        return Position(stamp, tuple(rejected) if not nameless else (), called, complete)

    def _runs(self, run_id: str | None) -> set[str]:
        """The ids of the run that is asking: what the caller says, what the request says, what it goes on from."""
        known = {known for known in (run_id, self.last.run_id) if known}
        if not known and self.run_step != 1 and not self._is_prompt_only():
            known = {message.run_id for message in self.messages[-2:-1] if message.run_id}
        return known

    def _is_prompt_only(self) -> bool:
        answers = [part for part in self.last.parts if isinstance(part, ToolReturnPart | RetryPromptPart)]
        return all(_synthesized(part) for part in answers)

    def _own(self) -> list[_Seen]:
        """The visible stamps of this run, oldest first; those of earlier runs in the same history do not count."""
        start = next((i for i, message in enumerate(self.messages) if message.run_id in self.runs), None)
        own = [seen for seen in self.seen if start is not None and seen.index >= start]
        return own or self._continued() or self._anonymous()

    def _continued(self) -> list[_Seen]:
        """Stamps of another run that this one goes on from: results of deferred tools, or a resumed history.

        A new prompt starts the script afresh; without one the run goes on where the history stopped.
        """
        answers = [seen for seen in self.seen if seen.index == len(self.messages) - 1]
        prompted = any(isinstance(part, UserPromptPart) for part in self.last.parts)
        if not answers or (self.run_step == 1 and prompted):
            return []
        run = answers[-1].stamp.run
        return [seen for seen in self.seen if seen.stamp.run == run]

    def _anonymous(self) -> list[_Seen]:
        """Stamps in messages that name no run, where nothing names one, or where a retry prompt answers them."""
        if self.run_step == 1:
            return []
        retried = any(isinstance(part, RetryPromptPart) for part in self.last.parts)
        if not retried and (self.runs or self.run_step is not None):
            return []
        anonymous = [seen for seen in self.seen if self.messages[seen.index].run_id is None]
        return [seen for seen in anonymous if not self.scope or seen.stamp.run == self.scope]

    def _refuses(self, newest: Stamp) -> bool:
        """Whether a retry prompt without a tool answers the newest visible response (and not one that was dropped)."""
        return any(seen.stamp == newest and seen.index == len(self.messages) - 2 for seen in self.seen) and not any(
            seen.index == len(self.messages) - 1 for seen in self.seen
        )

    def _unstamped(self) -> Position:
        """No stamp of this run is visible: it has just begun, or the agent trims everything away."""
        retries = sum(isinstance(part, RetryPromptPart) for part in self.last.parts)
        first = self.run_step is None or self.run_step == 1
        foreign = [int(seen.stamp.run.removeprefix("run") or 1) for seen in self.seen if seen.stamp.run[:2] != "at"]
        run = self.scope or (f"run{max(foreign) + 1}" if foreign else "")
        if retries:
            asked = max(1, (self.run_step or retries + 1) - retries)
            return Position(Stamp(asked, retries, run), complete=asked == 1)
        return Position(Stamp(self.run_step or 1, 0, run), complete=first)


def _visible(messages: Sequence[ModelMessage]) -> Iterator[_Seen]:
    """Every stamp in these messages, in message order."""
    for index, message in enumerate(messages):
        if isinstance(message, ModelResponse) and (match := _RESPONSE.fullmatch(message.provider_response_id or "")):
            yield _Seen(index, _stamp(match), None)
        for part in message.parts:
            if isinstance(part, ToolCallPart | ToolReturnPart | RetryPromptPart) and not _synthesized(part):
                call = read_call(part.tool_call_id)
                if call:
                    yield _Seen(index, call.stamp, call)


def _synthesized(part: ToolCallPart | ToolReturnPart | RetryPromptPart) -> bool:
    """Whether pydantic-ai made this result itself, to close a call that nobody answered."""
    return isinstance(part, ToolReturnPart) and part.outcome == "interrupted"


def _stamp(match: re.Match[str]) -> Stamp:
    return Stamp(int(match["turn"]), int(match["reissue"] or 0), match["run"] or "")


def _plus(reissue: int) -> str:
    return f"+{reissue}" if reissue else ""


def _escaped(name: str) -> str:
    """Spell a tool name in letters, digits, `_` and `-`, so that it can be read back: `-` is the escape character."""
    return "".join(
        "--" if c == "-" else c if c == "_" or (c.isascii() and c.isalnum()) else f"-u{ord(c):x}-" for c in name
    )


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)) if match[1] else "-", text)
