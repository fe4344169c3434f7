"""A workflow or flow of the person's own: whose it is, what it is called with, and what it gives back.

A scenario has two things to call it with. The prompt is for a first parameter that takes a text. `deps` is for the
others: by their names where it is a mapping of these (`--deps '{"order": 7}'`), else as the one that comes next.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError, PydanticUndefinedAnnotation
from pydantic_ai.usage import RunUsage

from harness.errors import SubjectError

_MARKS: dict[str, tuple[str, str]] = {
    "dbos_function_name": ("a DBOS workflow", "dbos"),
    "__temporal_workflow_definition": ("a Temporal workflow", "temporal"),
}
"""Attributes that engines leave on a person's own functions and classes: what has it, and whose it is."""

_BY_POSITION = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def kind_of(value: Any) -> tuple[str, str] | None:
    """What workflow or flow of the person's own this is, in words, and the engine that it was written for."""
    kind = type(value)
    if kind.__name__ == "Flow" and kind.__module__.split(".")[0] == "prefect":
        return "a Prefect flow", "prefect"
    return next((said for mark, said in _MARKS.items() if hasattr(value, mark)), None)


def refusal(value: Any, name: str, engine: str) -> str:
    """Why `engine` cannot run this workflow, called `name`; empty if it can, or if it is none."""
    kind = kind_of(value)
    if kind is None or kind[1] == engine:
        return ""
    return f"{name!r} is {kind[0]}; run it under --engine {kind[1]}"


@dataclass(frozen=True)
class Owned:
    """What it returned, as an agent's result looks. Its messages are its own, and no agent's that we know of."""

    output: Any
    usage: RunUsage

    def all_messages(self) -> list[Any]:
        """None."""
        return []


def as_result(returned: Any) -> Any:
    """What a workflow returned, unless that is the result of an agent already."""
    return returned if hasattr(returned, "all_messages") else Owned(returned, RunUsage())


async def call(function: Any, prompt: str, deps: Any) -> Any:
    """Call a workflow or flow as its author would. One that is no coroutine function runs in a thread.

    Raises `SubjectError` if it needs more than there is, or if a value does not fit what it is declared to take.
    """
    body = body_of(function)
    given = arguments(body, prompt, deps, fitted=True)
    if inspect.iscoroutinefunction(body):
        return await function(*given)
    return await asyncio.to_thread(function, *given)


def body_of(function: Any) -> Callable[..., Any]:
    """The person's own function below what an engine made of it."""
    body: Callable[..., Any] = inspect.unwrap(getattr(function, "fn", function))
    return body


def arguments(body: Callable[..., Any], prompt: str, deps: Any, *, fitted: bool = False) -> list[Any]:
    """What to call it with, by position. With `fitted`, values of `deps` become what it is declared to take.

    Raises `SubjectError` if it needs more than there is.
    """
    parameters = [one for one in inspect.signature(body).parameters.values() if one.kind in _BY_POSITION]
    parameters = [one for one in parameters if one.name != "self"]
    hints = _hints(body)
    given = _said(parameters, hints, prompt, deps)
    missing = [one.name for one in parameters if one.name not in given and one.default is one.empty]
    if missing:
        example = ", ".join(f'"{name}": …' for name in missing)
        raise SubjectError(
            f"`{body.__name__}` needs {', '.join(missing)}; give it as `--deps`, in JSON: --deps '{{{example}}}'"
        )
    last = max((index for index, one in enumerate(parameters) if one.name in given), default=-1)
    values = [given.get(one.name, one.default) for one in parameters[: last + 1]]
    if not fitted:
        return values
    return [_fit(one.name, hints.get(one.name, Any), value) for one, value in zip(parameters, values, strict=False)]


def _said(parameters: list[inspect.Parameter], hints: dict[str, Any], prompt: str, deps: Any) -> dict[str, Any]:
    """Which parameters something is said for."""
    names = [one.name for one in parameters]
    if isinstance(deps, dict) and deps and deps.keys() <= set(names):
        given, left = dict(deps), []
    else:
        given, left = {}, [] if deps is None else [deps]
    if parameters and names[0] not in given and _is_for_a_prompt(parameters[0], hints, prompt):
        given[names[0]] = prompt
    free = [name for name in names if name not in given]
    return {**given, **dict(zip(free, left, strict=False))}


def _is_for_a_prompt(parameter: inspect.Parameter, hints: dict[str, Any], prompt: str) -> bool:
    """Whether it takes a text, and has no default of its own or somebody said a prompt."""
    from harness.scenario import DEFAULT_PROMPT  # here, because an audit has no need of scenarios

    takes_text = hints.get(parameter.name, str) in (str, Any, "str")
    return takes_text and (parameter.default is parameter.empty or prompt != DEFAULT_PROMPT)


def _hints(body: Callable[..., Any]) -> dict[str, Any]:
    """What its parameters are declared to be; as it is written where that needs a name that only a type checker has."""
    try:
        return inspect.get_annotations(body, eval_str=True)
    except Exception:  # noqa: BLE001  whatever evaluating somebody's annotations raises
        return inspect.get_annotations(body)


def _fit(name: str, hint: Any, value: Any) -> Any:
    """A value as the type that it is declared to have, where pydantic knows how to make one."""
    try:
        return TypeAdapter(hint).validate_python(value)
    except ValidationError as error:
        problem = error.errors()[0]
        raise SubjectError(f"the deps do not fit `{name}`: {problem['msg']} (it is {value!r})") from None
    except (PydanticSchemaGenerationError, PydanticUndefinedAnnotation, TypeError, NameError):
        return value
