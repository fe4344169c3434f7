"""The scripted model, put where the provider's answer would come from: on pydantic-ai's model classes.

The subject keeps its own model object, id, profile and settings, so what crosses a durable boundary is what crosses it
in production, and neither model strings nor run-time models get past it. Only the methods that would ask a provider are
replaced; models that pass a request on to other models keep theirs. Which agent is asking is known from a private
context variable of pydantic-ai, held in this file only.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import partial, wraps
from importlib.metadata import version
from typing import Any

from pydantic_ai import models
from pydantic_ai.messages import CompactionPart, ModelMessage, ModelResponse
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RequestUsage

from harness.errors import UsageError
from harness.subjects import standins
from harness.subjects.answers import WHEN
from harness.subjects.mentions import models_mentioned_with
from harness.subjects.rehearsal import lines, rehearse
from harness.subjects.streams import replayed

try:
    from pydantic_ai._run_context import get_current_run_context
except ImportError as error:  # pragma: no cover
    raise UsageError(
        f"pydantic-ai {version('pydantic-ai-slim')} no longer tells who asks its models"
        " (`pydantic_ai._run_context.get_current_run_context` is gone); versions known to work: 2.59.0"
        " (run `pip install pydantic-ai-slim==2.59.0`)"
    ) from error

Answer = Callable[[Model, list[ModelMessage], ModelSettings | None, ModelRequestParameters], Awaitable[ModelResponse]]
"""Answers a request. Settings and parameters are as `Model.prepare_request` resolved them for that model."""


Asked = Callable[[Model, list[ModelMessage], Callable[[], Awaitable[Any]]], Awaitable[Any]]
"""Is handed a model, its messages and what asks the provider; returns what that returns."""


@dataclass(frozen=True)
class Asking:
    """Which agent run asks the model, as far as pydantic-ai tells: under `TemporalAgent` it does not."""

    agent_name: str | None = None
    run_step: int | None = None
    run_id: str | None = None
    agent: object | None = None
    deps: Any = None
    tools: Any = None
    """The run's own objects for its tools, by name."""


_streaming: ContextVar[Any] = ContextVar("harness_streaming", default=None)
"""Who asks for a stream: pydantic-ai says so in an argument, and its own variable still shows the run's beginning."""

_answer: Answer | None = None
_is_real: Callable[[], bool] = lambda: False  # noqa: E731  replaced as a whole, as the answer is
_real: Asked | None = None
_undo: list[Callable[[], None]] = []


def install(answer: Answer) -> None:
    """Let `answer` answer every model request of this process, also of model classes that are defined later.

    Call it before the subject is imported. Called again, it only changes who answers.
    """
    global _answer
    _answer = answer
    if _undo:
        return
    for kind in _below(Model):  # type: ignore[type-abstract]
        _script(kind)
    _replace_in_later_ones(_script)
    _keep_call_ids()
    _undo.append(standins.install())


def watch(asked: Asked) -> None:
    """Let every model ask its provider itself, through `asked`. Call it instead of `install`.

    A method that asks its base does so through `asked`, too, and then the base's own: what it does around it counts.
    """
    replacements = {"request": _watched_request(asked), "request_stream": _watched_stream(asked)}
    every = partial(_replace, replacements=replacements, but=WrapperModel, around_bases=True)
    for kind in _below(Model):  # type: ignore[type-abstract]
        every(kind)
    _replace_in_later_ones(every)


def let_through(is_real: Callable[[], bool], asked: Asked | None = None) -> None:
    """Let models ask their provider themselves, through `asked`, where `is_real` says so; others are answered for."""
    global _is_real, _real
    _is_real, _real = is_real, asked


def uninstall() -> None:
    """Give every model its own methods back, for tests that share a process."""
    global _answer
    _answer = None
    while _undo:
        _undo.pop()()


def asking() -> Asking:
    """Who is asking, for use inside `answer`. All None outside an agent run."""
    context = _streaming.get() or get_current_run_context()
    if context is None:
        return Asking()
    agent = context.agent
    tools = getattr(getattr(context, "tool_manager", None), "tools", None)
    return Asking(agent.name if agent else None, context.run_step, context.run_id, agent, context.deps, tools)


def warm(agent: Any) -> None:
    """Do once, before forking, what each child would otherwise do for itself, such as building a model string's client.

    Leaves no thread and no event loop. Call it after `install`.
    """
    model = getattr(agent, "model", None)
    for name in [*([model] if isinstance(model, str) else []), *models_mentioned_with(agent)]:
        with suppress(Exception):  # an alias that only the agent resolves, or the subject's own error in its own time
            models.infer_model(name)
    rehearsed(getattr(agent, "name", None) or "rehearsal")


def rehearsed(name: str, *capabilities: Any) -> None:
    """Have the rehearsal's own agent run here once, with an engine's capability if that, too, is lazy."""
    global _answer
    if _answer is None:
        return  # nothing is scripted here, so a rehearsal would ask a provider
    answer, _answer = _answer, lines
    try:
        rehearse(name, capabilities)
    finally:
        _answer = answer


# Which classes, and which of their methods.


def _below(kind: type[Model[Any]]) -> list[type[Model[Any]]]:
    return [leaf for child in kind.__subclasses__() for leaf in (child, *_below(child))]


def _replace_in_later_ones(replace: Callable[[type[Model[Any]]], None]) -> None:
    original = Model.__dict__.get("__init_subclass__")  # older releases have none

    def defined(cls: type[Any], /, **keywords: Any) -> None:
        if original is None:
            super(Model, cls).__init_subclass__(**keywords)
        else:
            original.__get__(None, cls)(**keywords)
        replace(cls)

    _set(Model, "__init_subclass__", classmethod(defined))


def _keep_call_ids() -> None:
    """Leave tool-call ids alone that a provider wants shorter: no provider sees them, and the script reads them."""
    if (original := vars(models).get("_fit_tool_call_ids")) is not None:
        setattr(models, "_fit_tool_call_ids", lambda messages, _length: messages)  # noqa: B010  private, and newer
        _undo.append(lambda: setattr(models, "_fit_tool_call_ids", original))


def _script(kind: type[Model[Any]]) -> None:
    """Let one class be answered for, unless it passes requests on to models that are."""
    _replace(kind, _REPLACEMENTS, but=WrapperModel | FallbackModel)


def _replace(
    kind: type[Model[Any]], replacements: Mapping[str, Callable[[Any], Any]], *, but: Any, around_bases: bool = False
) -> None:
    """Replace the methods of one class that ask a provider, where it or a mixin of its own defines them.

    Those that ask their base are left as they are, unless what is `around_bases` is to be replaced as well.
    """
    if issubclass(kind, but):
        return
    for name, replacement in replacements.items():
        owner = next((base for base in kind.__mro__ if name in vars(base)), Model)
        original = vars(owner).get(name)
        own = owner is kind or not issubclass(owner, Model)
        if own and callable(original) and (around_bases or not _asks_its_base(original)):
            _set(kind, name, replacement(original))


def _set(kind: type[Any], name: str, value: Any) -> None:
    original = kind.__dict__.get(name)
    _undo.append(lambda: delattr(kind, name) if original is None else setattr(kind, name, original))
    setattr(kind, name, value)


def _asks_its_base(method: Callable[..., Any]) -> bool:
    """Whether a method calls `super()`: what it adds is the subject's own, and it ends in a scripted method."""
    function = getattr(method, "__wrapped__", method)
    code = getattr(function, "__code__", None)
    return code is not None and "super" in code.co_names and "__class__" in code.co_freevars


def _passes_on(model: Model[Any]) -> bool:
    """Whether a model holds other models, and so is a router or wrapper of somebody's own: those it holds answer."""
    return any(isinstance(item, Model) for value in vars(model).values() for item in _items(value))


def _items(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list | tuple) else (value,)


# What they are replaced by.


def _request(original: Any) -> Any:
    watched = _watched_request(_let)(original)

    @wraps(original)
    async def request(
        self: Model[Any],
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        if (is_real := _is_real()) or _passes_on(self):
            ask = watched if is_real else original
            response: ModelResponse = await ask(self, messages, model_settings, model_request_parameters)
            return response
        return (await _ask(self, messages, model_settings, model_request_parameters))[0]

    return request


def _request_stream(original: Any) -> Any:
    watched = _watched_stream(_let)(original)

    @asynccontextmanager
    async def request_stream(
        self: Model[Any],
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: Any = None,
    ) -> AsyncIterator[Any]:
        if (is_real := _is_real()) or _passes_on(self):
            ask = watched if is_real else original
            async with ask(self, messages, model_settings, model_request_parameters, run_context) as stream:
                yield stream
            return
        token = _streaming.set(run_context)
        try:
            response, params = await _ask(self, messages, model_settings, model_request_parameters)
        finally:
            _streaming.reset(token)
        yield replayed(response, params)

    return wraps(original)(request_stream)


async def _let(model: Model[Any], messages: list[ModelMessage], ask: Callable[[], Awaitable[Any]]) -> Any:
    """A request that is let through."""
    return await (ask() if _real is None else _real(model, messages, ask))


async def _ask(
    model: Model[Any], messages: list[ModelMessage], settings: ModelSettings | None, params: ModelRequestParameters
) -> tuple[ModelResponse, ModelRequestParameters]:
    """The scripted answer, dressed as this provider's. Parameters are prepared first, as every real model does."""
    assert _answer is not None
    settings, params = model.prepare_request(settings, params)
    response = await _answer(model, messages, settings, params)
    if response.provider_name is None:
        response = replace(response, provider_name=model.system, provider_url=model.base_url)
    return response, params


def _count_tokens(original: Any) -> Any:
    @wraps(original)
    async def count_tokens(self: Model[Any], messages: list[ModelMessage], *args: Any, **kwargs: Any) -> RequestUsage:
        if _passes_on(self):
            counted: RequestUsage = await original(self, messages, *args, **kwargs)
            return counted
        return RequestUsage(input_tokens=10 * len(messages))

    return count_tokens


def _compact_messages(original: Any) -> Any:
    @wraps(original)
    async def compact_messages(self: Model[Any], request_context: Any, **kwargs: Any) -> ModelResponse:
        if _passes_on(self):
            compacted: ModelResponse = await original(self, request_context, **kwargs)
            return compacted
        summary = f"{len(request_context.messages)} messages, compacted"
        part = CompactionPart(
            summary, provider_name=self.system, provider_details={"type": "compaction", "encrypted_content": summary}
        )
        return ModelResponse(
            [part],
            model_name=self.model_name,
            timestamp=WHEN,
            provider_name=self.system,
            provider_details={"compaction": True},
        )

    return compact_messages


def _cancel_suspended_response(original: Any) -> Any:
    @wraps(original)
    async def cancel_suspended_response(self: Model[Any], response: ModelResponse) -> None:
        if _passes_on(self):
            await original(self, response)

    return cancel_suspended_response


def _watched_request(asked: Asked) -> Callable[[Any], Any]:
    def replacement(original: Any) -> Any:
        @wraps(original)
        async def request(self: Model[Any], messages: list[ModelMessage], *args: Any, **kwargs: Any) -> Any:
            return await asked(self, messages, lambda: original(self, messages, *args, **kwargs))

        return request

    return replacement


def _watched_stream(asked: Asked) -> Callable[[Any], Any]:
    """Of a stream, the request is what opens it."""

    def replacement(original: Any) -> Any:
        @asynccontextmanager
        async def request_stream(self: Model[Any], messages: list[ModelMessage], *args: Any, **kwargs: Any) -> Any:
            async with AsyncExitStack() as stack:
                stream = original(self, messages, *args, **kwargs)
                yield await asked(self, messages, lambda: stack.enter_async_context(stream))

        return wraps(original)(request_stream)

    return replacement


_REPLACEMENTS: dict[str, Callable[[Any], Any]] = {
    "request": _request,
    "request_stream": _request_stream,
    "count_tokens": _count_tokens,
    "compact_messages": _compact_messages,
    "cancel_suspended_response": _cancel_suspended_response,
}
