"""What the calls of a workflow of the person's own say of an activity, or of another workflow that it asks for."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.engines.temporal.own_workflow import definition
from harness.retries.live import UNPACKED, MadeInCall
from harness.retries.values import Origin
from harness.subjects.origins import at

STARTING = ("start_workflow", "execute_workflow")
"""What whoever starts a workflow calls: no code of the workflow does."""


@dataclass(frozen=True)
class Said:
    """The options of all calls, and where the first of them is; or why nobody knows them before a run."""

    options: dict[str, Any]
    origin: Origin
    unknown: str = ""


def about(calls: Sequence[MadeInCall], kinds: Mapping[str, type]) -> Said:
    """What these calls say, each in the same words. `kinds` are the options that count, and what Temporal takes."""
    every = [{name: value for name, value in (one.options or {}).items() if name in kinds} for one in calls]
    for one, options in zip(calls, every, strict=True):
        where = at(one.file, one.line)
        if hidden := sorted(one.hidden & {*kinds, UNPACKED}):
            return Said({}, where, f"{in_call(one.by)}: only a run knows its `{hidden[0]}`")
        if options != every[0] or is_local(one) != is_local(calls[0]):
            return Said({}, where, f"{in_call(one.by)}, and not every call of it says the same")
    origin = at(calls[0].file, calls[0].line)
    for option, value in every[0].items():
        if not isinstance(value, kinds[option] | None):
            reason = f"its call says `{option}={value!r}`, and Temporal takes a `{kinds[option].__name__}`"
            return Said({}, origin, reason)
    return Said(every[0], origin)


def of_activity(calls: Sequence[MadeInCall], name: str, function: Any) -> list[MadeInCall]:
    """The calls that ask for an activity: by its name, by its function, or without telling whom they ask for."""
    asking = (one for one in calls if "activity" in one.by)
    return [one for one in asking if one.runs in (None, name) or definition(one.runs) is definition(function)]


def of_workflow(calls: Sequence[MadeInCall], name: str, function: Any) -> list[MadeInCall]:
    """The same for a workflow, and its own function."""
    asking = (one for one in calls if one.by.endswith("child_workflow"))
    return [one for one in asking if one.runs in (None, function) or one.runs == name != ""]


def saying_a_policy(calls: Sequence[MadeInCall], name: str, function: Any) -> MadeInCall | None:
    """The first call that starts a workflow with a retry policy, or with what only a run knows to be one."""
    starts = (one for one in calls if one.by in STARTING)
    own = (one for one in starts if one.runs in (None, function) or one.runs == name != "")
    said = (one for one in own if "retry_policy" in one.hidden or (one.options or {}).get("retry_policy") is not None)
    return next(said, None)


def goes_on_otherwise(calls: Sequence[MadeInCall], options: Collection[str]) -> bool:
    """Whether a call that goes on in another run of the same workflow says one of these options, or may say it."""
    return says_any([one for one in calls if one.by == "continue_as_new"], options)


def says_any(calls: Sequence[MadeInCall], options: Collection[str]) -> bool:
    """Whether one of these calls says one of these options, or may say it."""
    return any({*options, UNPACKED} & {*(one.options or {}), *one.hidden} for one in calls)


def is_local(call: MadeInCall) -> bool:
    """Whether a call asks for an activity that the worker runs beside the workflow's code, which no server retries."""
    return "_local_" in call.by


def in_call(by: str) -> str:
    """Where it is said how something is tried."""
    return f"its timeouts and its retry policy are said in `workflow.{by}`, when the workflow runs"
