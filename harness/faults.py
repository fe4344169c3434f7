"""What will go wrong, as a value with a one-line spelling.

`[times*]action[(argument)]@step[/window][~life]`, for example `crash@tool:charge#1/between`. The same line is
the command-line argument, the pytest id, the journal entry and the Hypothesis example, so a printed fault always
replays exactly. There is no probability in the grammar: chance belongs to whoever generates plans (the lesson of
fail-rs, whose `p%` cannot be replayed). Plans join faults with `;`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Literal, NoReturn, get_args

from harness.errors import UsageError
from harness.steps import StepId, readable
from harness.typos import alike

Window = Literal["before", "between", "after"]
WINDOWS: tuple[Window, ...] = get_args(Window)


@dataclass(frozen=True)
class Action:
    """One verb of the grammar: where it may strike, and whether it takes an argument."""

    name: str
    windows: tuple[Window, ...]
    argument: Literal["none", "optional", "required"]
    means: str

    @property
    def default(self) -> Window:
        return self.windows[0]


ACTIONS: dict[str, Action] = {
    action.name: action
    for action in (
        Action(
            "crash",
            WINDOWS,
            "optional",
            "the operating system kills the process (SIGKILL); `crash(server)` the engine's server",
        ),
        Action(
            "error", ("before",), "optional", "the body raises instead of running: `error(503)`, `error(TimeoutError)`"
        ),
        Action("delay", ("before",), "required", "the body starts late: `delay(2s)`"),
        Action("slow", ("between",), "required", "the body has done its work and returns late: `slow(2s)`"),
        Action("hang", ("before", "between"), "none", "the body never returns"),
        Action("lost", ("between",), "none", "the body has done its work, the caller sees ConnectionError"),
        Action(
            "duplicate", ("before", "between"), "none", "a second process takes the run while the first still lives"
        ),
    )
}
LATE = ("hang", "slow", "delay")
"""Actions that hold a body up: a timeout may have to act on them."""
SHAPE = "expected [times*]action[(argument)]@step[/window][~life], for example 'crash@tool:charge#1/between'"


@dataclass(frozen=True)
class Fault:
    """One thing going wrong at one step.

    `step` is a step id or a glob over step ids. `times` counts over attempts and incarnations, read from the journal.
    `incarnation` is the first life of the process in which the fault is armed (1 is the first life).
    """

    action: str
    step: str
    window: Window
    argument: str | None = None
    times: int = 1
    incarnation: int = 1

    def __str__(self) -> str:
        times = f"{self.times}*" if self.times != 1 else ""
        argument = f"({self.argument})" if self.argument is not None else ""
        # A crash always says its window: the three of them tell three different stories.
        window = f"/{self.window}" if self.action == "crash" or self.window != ACTIONS[self.action].default else ""
        incarnation = f"~{self.incarnation}" if self.incarnation != 1 else ""
        return f"{times}{self.action}{argument}@{self.step}{window}{incarnation}"

    @property
    def is_glob(self) -> bool:
        """Whether `step` still has to be expanded against a baseline."""
        return any(character in self.step for character in "*?[")

    @property
    def seconds(self) -> float:
        """The argument of `delay` and `slow` in seconds."""
        return _duration(self.argument or "")

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Read one spelling. Raises `UsageError` with the column and the nearest valid word."""
        return _parsed(text)


@dataclass(frozen=True)
class FaultPlan:
    """The faults of one run, in the order in which they were given. An empty plan is a fault-free run.

    The same fault given twice is one fault; `2*` makes it happen twice.
    """

    faults: tuple[Fault, ...] = ()

    @classmethod
    def parse(cls, text: str | Iterable[str]) -> FaultPlan:
        """Read faults joined by `;`, or several such texts. Empty parts are refused, an empty text is no fault."""
        texts = [text] if isinstance(text, str) else list(text)
        # A ';' inside parentheses belongs to a message: `error(ValueError: no; really)`.
        parts = [part.strip() for line in texts if line.strip() for part in re.split(r";(?![^()]*\))", line)]
        return cls(tuple(dict.fromkeys(map(Fault.parse, parts))))

    def __str__(self) -> str:
        return "; ".join(map(str, self.faults)) or "no fault"

    def __len__(self) -> int:
        return len(self.faults)

    def expand(self, steps: Sequence[str]) -> FaultPlan:
        """Replace every glob by one fault per step that it matches; refuse a step that the baseline has not.

        `steps` are the ids of the baseline, in its order. Raises `UsageError` with the nearest of them.
        """
        return FaultPlan(tuple(dict.fromkeys(fault for given in self.faults for fault in _expanded(given, steps))))


def can_strike(action: str, step: str) -> bool:
    """Whether an action makes sense at a step: the run as a whole has no body of its own that could be held up."""
    return action not in LATE or StepId.parse(step).path[-1].kind != "run"


def _expanded(fault: Fault, steps: Sequence[str]) -> list[Fault]:
    if named := [fault.step] if fault.step in steps else _matching(fault, steps):
        if not (struck := [step for step in named if can_strike(fault.action, step)]):
            raise UsageError(
                f"fault {str(fault)!r} cannot hold up {named[0]!r}, which is the run as a whole and has no body of its"
                " own; name a step in it"
            )
        return [replace(fault, step=step) for step in struck]
    shown = list(map(readable, steps))
    near = alike(readable(fault.step), shown, at_most=3)
    hint = f" Did you mean {_listed(near)}?" if near else ""
    raise UsageError(
        f"fault {readable(str(fault))!r} names {readable(fault.step)!r}, which the fault-free run does not have.{hint}"
        f" It has {_listed(shown)}."
    )


def _matching(fault: Fault, steps: Sequence[str]) -> list[str]:
    """The steps that a glob means, as they are spelled or as they are shown."""
    spelled = [step for step in steps if any(fnmatchcase(name, fault.step) for name in (step, readable(step)))]
    return spelled if fault.is_glob else []


def _listed(words: list[str]) -> str:
    return ", ".join(map(repr, words))


@lru_cache(1024)
def _parsed(text: str) -> Fault:
    """A spelling's fault. Checks read the same few spellings for every body of a run."""
    return _Reader(text).fault()


class _Reader:
    """Reads one fault from left to right and knows the column at which it stopped understanding."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def fault(self) -> Fault:
        times = int(self._take(r"(\d+)\*") or 1)
        if times < 1:
            self._fail("a fault must happen at least once", 0)
        action = self._action()
        argument = self._argument(action)
        self._expect("@", "the step comes after '@'")
        step = self._step()
        window = self._window(action)
        incarnation = self._incarnation()
        if self.at != len(self.text):
            self._fail(f"{self.text[self.at :]!r} is left over")
        return Fault(action.name, step, window, argument, times, incarnation)

    def _action(self) -> Action:
        start = self.at
        word = self._take(r"([A-Za-z_]+)")
        if word is None:
            self._fail(f"the action is missing, known are {', '.join(ACTIONS)}", start)
        if word not in ACTIONS:
            self._fail(f"unknown action {word!r}" + _nearest(word, ACTIONS), start)
        return ACTIONS[word]

    def _argument(self, action: Action) -> str | None:
        start = self.at
        argument = self._take(r"\(([^()]*)\)")
        if argument is None and self.text[self.at : self.at + 1] == "(":
            self._fail("the '(' is never closed")
        if argument is None and action.argument == "required":
            self._fail(f"{action.name!r} needs an argument, as in '{action.name}(2s)'")
        if argument is not None and action.argument == "none":
            self._fail(f"{action.name!r} takes no argument", start)
        if argument is not None:
            self._check_argument(action, argument, start + 1)
        return argument

    def _check_argument(self, action: Action, argument: str, column: int) -> None:
        if action.name == "crash" and argument != "server":
            self._fail(f"unknown argument {argument!r}, did you mean 'server'", column)
        if action.name in ("delay", "slow"):
            try:
                _duration(argument)
            except ValueError:
                self._fail(f"{argument!r} is no duration such as '2s', '200ms' or '1.5s'", column)
        if action.name == "error" and not re.fullmatch(r"[1-5]\d\d|[A-Za-z_][\w.]*(: ?.*)?", argument):
            self._fail(f"{argument!r} is neither an HTTP status such as 503 nor the name of an exception", column)

    def _step(self) -> str:
        start = self.at
        step = self._take(r"([^@/~;\s]+(?: +[^@/~;\s]+)*)")
        if step is None:
            self._fail("the step is missing")
        if not any(character in step for character in "*?["):
            try:
                return str(StepId.parse(step))
            except UsageError as error:
                self._fail(str(error), start)
        return step

    def _window(self, action: Action) -> Window:
        start = self.at
        word = self._take(r"/([^~;]*)")
        if word is None:
            return action.default
        if word not in WINDOWS:
            self._fail(f"unknown window {word!r}" + _nearest(word, WINDOWS), start + 1)
        if word not in action.windows:
            self._fail(f"{action.name!r} can only strike {' or '.join(action.windows)!s}", start + 1)
        return word

    def _incarnation(self) -> int:
        start = self.at
        number = self._take(r"~(\d*)")
        if number is None:
            return 1
        if not number or int(number) < 1:
            self._fail("a life is a number from 1, as in '~2'", start + 1)
        return int(number)

    def _expect(self, character: str, why: str) -> None:
        if not self.text.startswith(character, self.at):
            self._fail(why)
        self.at += len(character)

    def _take(self, pattern: str) -> str | None:
        match = re.compile(pattern).match(self.text, self.at)
        if match is None:
            return None
        self.at = match.end()
        return match[1]

    def _fail(self, why: str, column: int | None = None) -> NoReturn:
        at = (self.at if column is None else column) + 1
        raise UsageError(f"cannot read fault {self.text!r}: column {at}: {why}; {SHAPE}")


def _nearest(word: str, words: Iterable[str]) -> str:
    known = list(words)
    near = alike(word.lower(), known)
    return f", did you mean {near[0]!r}" if near else f", known are {', '.join(known)}"


_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0}


def _duration(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m)", text)
    if match is None:
        raise ValueError(text)
    return float(match[1]) * _UNITS[match[2]]


NO_FAULT = FaultPlan()
"""The plan of a run in which nothing goes wrong."""
