"""What is inside a model: what wraps it, and the client that it asks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic_ai.models.concurrency import ConcurrencyLimitedModel
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.wrapper import WrapperModel

from harness.audits.asking.google import Google, is_google
from harness.audits.asking.huggingface import HuggingFace, is_huggingface
from harness.audits.asking.limits import concurrency
from harness.audits.asking.sdks import Sdk
from harness.audits.asking.streaming import passes_streams
from harness.retries.values import RetryLayer
from harness.subjects.origins import explicit


def to_ask(model: Any, *, streamed: bool = False) -> Any:
    """The model without pydantic-ai's own wrappers, which pass requests on: one of the person's own may not.

    In a run that is `streamed` those pass on, too, that make no stream themselves.
    """
    while isinstance(model, WrapperModel) and (is_of_library(model) or (streamed and passes_streams(model))):
        model = model.wrapped
    return model


def is_of_library(model: Any) -> bool:
    """Whether this is a model of pydantic-ai's own."""
    return type(model).__module__.startswith("pydantic_ai.")


def wrapping(model: Any, *, streamed: bool = False) -> Iterator[RetryLayer]:
    """The layers that wrap a model, the innermost first."""
    if not isinstance(model, WrapperModel):
        return
    yield from wrapping(model.wrapped, streamed=streamed)
    if isinstance(model, ConcurrencyLimitedModel):
        limit = concurrency(model._limiter, "model")  # noqa: SLF001  it is told nowhere else
        yield from () if limit is None else (limit,)
    elif to_ask(model, streamed=streamed) is model:
        name = type(model).__name__
        hidden = "what it does around a fallback is only known in a run"
        unknown = hidden if isinstance(unwrapped(model), FallbackModel) else ""
        yield RetryLayer(name=name, kind="model", origin=explicit(f"{name}()"), unknown=unknown)


def unwrapped(model: Any) -> Any:
    """The model inside wrappers that pass requests on."""
    while isinstance(model, WrapperModel):
        model = model.wrapped
    return model


def sdk_of(client: Any) -> Sdk:
    """Whatever asks this client."""
    if is_huggingface(client):
        return HuggingFace(client)
    return Google(client) if is_google(client) else Sdk(client)


def sdk_below(model: Any) -> Sdk:
    """Whatever asks the client of a model; unknown if each request has another one."""
    client = client_of(model)
    sdk = sdk_of(client)
    if client_of(model) is not client:
        sdk.hide("its client is made anew for each request, and what that one is told is only known in a run")
    return sdk


def client_of(model: Any) -> Any:
    """The provider's client of a model, None if it has none before it is asked."""
    try:
        return getattr(model, "client", None)
    except Exception:  # noqa: BLE001  a client that is built lazily may fail to be
        return None
