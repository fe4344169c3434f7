"""Loops of a person's own code around a request, which no setting tells of: in a model, a client, an HTTP client.

Whose a loop is shows when each of them is asked alone, the innermost first, while the SDK tries once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from types import MethodType
from typing import Any
from unittest.mock import patch

from pydantic_ai.models.wrapper import WrapperModel

from harness.audits.asking.clients import SOMEWHERE
from harness.audits.asking.sdks import Sdk
from harness.audits.reach import is_own, own_function
from harness.retries.values import Kind, RetryLayer
from harness.subjects.loops import awaited
from harness.subjects.origins import decorated, explicit

_METHODS = ("request", "_request", "send", "post", "async_auth_flow", "sync_auth_flow", "auth_flow", "request_stream")
"""Where such a loop may be, in whatever class."""


@dataclass(frozen=True)
class Owner:
    """Someone who may send more than once. `send` asks it for one request; `inside` is what the SDK is around."""

    layer: RetryLayer
    send: Callable[[], None]
    inside: bool = False


def owners(sdk: Sdk, model: Any, send: Callable[[Any], None]) -> Iterator[Owner]:
    """Everyone through whose code a request goes, the innermost first. `send` asks a model; there may be none."""
    yield Owner(looping(_of_http(sdk.wire), "transport"), partial(_post, sdk.wire), inside=True)
    yield Owner(looping(sdk.client, "transport"), sdk.post)
    for one in reversed([*nested(model)]):
        yield Owner(looping(one, "model"), partial(send, one))


def post_alone(sdk: Sdk) -> None:
    """Send one request as the SDK does by itself, without what the client's own class has in place of its methods."""
    bare = next(kind for kind in type(sdk.client).__mro__ if not is_own(kind))
    with ExitStack() as meanwhile:
        for name in (name for name in _METHODS if hasattr(bare, name)):
            own = MethodType(getattr(bare, name), sdk.client)
            meanwhile.enter_context(patch.object(sdk.client, name, own))
        sdk.post()


def looping(value: Any, kind: Kind) -> RetryLayer:
    """The layer that the loop of an object is: in a method of the person's own, else where the object is made."""
    name = type(value).__name__
    own = (own_function(getattr(type(value), method, None)) for method in _METHODS)
    found = next(filter(None, own), None)
    return RetryLayer(name=name, kind=kind, origin=decorated(found) if found else explicit(f"{name}()"))


def _of_http(http: Any) -> Any:
    """Whose code an HTTP client runs besides its library's: its authentication's, unless its own class is theirs."""
    auth = getattr(http, "auth", None)
    return auth if is_own(type(auth)) and not is_own(type(http)) else http


def nested(model: Any) -> Iterator[Any]:
    """A model and those that it wraps, the outermost first."""
    while model is not None:
        yield model
        model = model.wrapped if isinstance(model, WrapperModel) else None


def _post(http: Any) -> None:
    """Send one request as an SDK does."""
    awaited(http.send(http.build_request("POST", SOMEWHERE, json={})))
