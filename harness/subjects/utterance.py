"""What is said at one place of a scripted conversation, before it is dressed as a response.

The first time it is the turn as written. After a retry prompt it is what was rejected, again, unless the script's
`on_retry` says something else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from pydantic_ai.messages import ModelMessage, RetryPromptPart, TextPart, ToolReturnPart, UserPromptPart

from harness.subjects.numbering import Numbered, Numbering
from harness.subjects.script import NOTHING, Call, Conversation, Turn
from harness.subjects.stamps import Position


@dataclass(frozen=True)
class Utterance:
    """Text and output of `turn`, with `calls` and their numbers in place of the turn's own.

    `output_number` gives the number of the call if the output goes through the output tool named.
    """

    turn: Turn
    calls: tuple[tuple[Call, int], ...]
    output_number: Callable[[str], int] = lambda _: 1


def spoken(turn: Turn, numbering: Numbering, number: int) -> Utterance:
    """A turn as it is said the first time."""
    calls = tuple((found.call, found.number) for found in numbering.of_turn(number))
    return Utterance(turn, calls, lambda tool: numbering.of_output(tool, number))


def reissued(conversation: Conversation, numbering: Numbering, at: Position) -> Utterance:
    """What is said when a retry prompt came back: the rejected calls again (and the output, for which the run waits).

    A call's own `on_retry` comes first, then that of its turn. The output is said again in any case: had the agent
    taken it, it would not ask.
    """
    return _Reissue(conversation.turns[at.stamp.turn - 1], numbering, at).utterance()


class _Reissue:
    def __init__(self, turn: Turn, numbering: Numbering, at: Position) -> None:
        self.turn = turn
        self.numbering = numbering
        self.number = at.stamp.turn
        self.reissue = at.stamp.reissue
        found = [(call, numbering.find(call.tool, call.number)) for call in at.rejected]
        self.rejected = [planned for _, planned in found if planned is not None]
        self.outputs = [call for call, planned in found if planned is None]
        if not at.rejected:
            self.rejected = numbering.of_turn(self.number)

    def utterance(self) -> Utterance:
        own = [planned for planned in self.rejected if self._own(planned)]
        if self.turn.on_retry and (len(own) < len(self.rejected) or not own or self.outputs):
            return self._instead(self.turn.on_retry, None, self.rejected)
        # Text is said again only if all of the turn was sent back.
        whole = not self.outputs and self.rejected == self.numbering.of_turn(self.number)
        said = self._said(self.turn if whole else replace(self.turn, text=None, thinking=None), ())
        for owner in dict.fromkeys(planned.owner for planned in self.rejected):
            said = _joined(said, self._again(owner))
        return said

    def _own(self, planned: Numbered) -> tuple[Turn, ...]:
        return () if planned.owner is None else self.turn.calls[planned.owner].on_retry

    def _again(self, owner: int | None) -> Utterance:
        """The calls that one call of the turn stands for: itself, or what its `on_retry` says."""
        mine = [planned for planned in self.rejected if planned.owner == owner]
        if own := self._own(mine[0]):
            return self._instead(own, owner, mine)
        return self._said(Turn(), tuple((planned.call, planned.number) for planned in mine))

    def _instead(self, on_retry: tuple[Turn, ...], owner: int | None, rejected: Sequence[Numbered]) -> Utterance:
        """An answer of `on_retry`: a call to a rejected tool takes its number, any other has one of its own."""
        retry = min(self.reissue, len(on_retry)) - 1
        waiting = list(rejected)
        calls = []
        for index, call in enumerate(on_retry[retry].calls):
            same = next((planned for planned in waiting if planned.call.tool == call.tool), None)
            if same is not None:
                waiting.remove(same)
            number = same.number if same else self.numbering.of_retry(self.number, owner, retry, index)
            calls.append((call, number))
        return self._said(on_retry[retry], tuple(calls))

    def _said(self, turn: Turn, calls: tuple[tuple[Call, int], ...]) -> Utterance:
        return Utterance(turn, calls, lambda tool: self.numbering.of_output(tool, self.number))


def _joined(left: Utterance, right: Utterance) -> Utterance:
    """Both at once. What the later one says beside its calls wins, and a text of its own stands for an output."""
    said = {
        name: value for name in ("text", "thinking", "usage", "finish_reason") if (value := getattr(right.turn, name))
    }
    if right.turn.output is not NOTHING:
        said |= {"output": right.turn.output, "output_tool": right.turn.output_tool}
    elif right.turn.text is not None:
        said |= {"output": NOTHING, "output_tool": None}
    return replace(left, turn=replace(left.turn, **said), calls=left.calls + right.calls)


def shown(messages: Sequence[ModelMessage]) -> str:
    """The end of a message list in a line, for an error message."""
    parts = [part for message in messages[-2:] for part in message.parts][-4:]
    return "; ".join(filter(None, map(_shown_part, parts))) or "no messages"


def _shown_part(part: object) -> str:
    if isinstance(part, ToolReturnPart):
        return f"tool {part.tool_name!r} returned {_short(part.model_response_str())}"
    if isinstance(part, RetryPromptPart):
        who = f"tool {part.tool_name!r}" if part.tool_name else "the agent"
        return f"{who} asked to try again: {_short(part.content)}"
    if isinstance(part, UserPromptPart):
        return f"the user said {_short(part.content)}"
    return f"the model said {_short(part.content)}" if isinstance(part, TextPart) else ""


def _short(content: object) -> str:
    text = content if isinstance(content, str) else repr(content)
    return repr(text if len(text) <= 80 else text[:77] + "...")
