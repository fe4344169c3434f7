"""Stand-ins for models whose provider cannot be built here: its package is not installed, or it wants a real login.

An agent that names such a model by a string can still be tested, because a scripted model never asks its provider. The
stand-in has the model's own id and, as far as pydantic-ai knows the family, its profile: that decides how outputs are
asked for. A name that pydantic-ai does not know stays pydantic-ai's own error.
"""

from __future__ import annotations

import copy
import importlib
import pkgutil
import re
import sys
from collections.abc import Callable
from contextlib import nullcontext, suppress
from typing import Any

from pydantic_ai import models, profiles, providers
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import Model, ModelRequestParameters, parse_model_id
from pydantic_ai.profiles import DEFAULT_PROFILE, ModelProfile
from pydantic_ai.settings import ModelSettings

_WRITTEN = "_harness_written"
"""Where a model keeps the string that it was inferred from: an agent forgets it, and engines would have seen it."""


class StandIn(Model[Any]):
    """A model of a known provider that cannot be reached from here. It answers only as a scripted model."""

    def __init__(self, provider: str, model_name: str) -> None:
        super().__init__(profile=family_profile(provider, model_name))
        self._system, self._model_name = provider, model_name

    @property
    def system(self) -> str:
        return self._system

    @property
    def model_name(self) -> str:
        return self._model_name

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        raise NotImplementedError(f"{self.model_id} is a stand-in, and only a scripted model can answer for it")

    async def request_stream(self, *_args: Any, **_kwargs: Any) -> Any:  # type: ignore[override]
        raise NotImplementedError(f"{self.model_id} is a stand-in, and only a scripted model can answer for it")


def install() -> Callable[[], None]:
    """Let `infer_model` and `infer_model_profile` know stand-ins. Returns what takes them off again."""
    swaps = {
        "infer_model": (models.infer_model, _inferring(models.infer_model)),
        "infer_model_profile": (models.infer_model_profile, _profiling(models.infer_model_profile)),
    }
    for name, (old, new) in swaps.items():
        _swap(name, old, new)

    def undo() -> None:
        for name, (old, new) in swaps.items():
            _swap(name, new, old)

    return undo


def written_model(model: Any) -> Any:
    """The string that a model was inferred from, as its author wrote it, or the model itself."""
    return getattr(model, "__dict__", {}).get(_WRITTEN, model)


def family_profile(provider: str, model_name: str) -> ModelProfile:
    """The profile of the model's family: that of the provider itself, or of a family that the model's name mentions.

    Providers of many families put them before the model: `us.anthropic.claude-…`, `meta-llama/Llama-…`.
    """
    model_name = model_name.lower()
    families = [module.name for module in pkgutil.iter_modules(profiles.__path__)]
    mentioned = sorted((family for family in families if family in model_name), key=len, reverse=True)
    for family in [provider, *mentioned]:
        if family not in families:
            continue
        function = getattr(importlib.import_module(f"{profiles.__name__}.{family}"), f"{family}_model_profile", None)
        if function is not None:
            return function(re.sub(rf"^.*{family}[\w-]*[./]", "", model_name)) or DEFAULT_PROFILE
    return DEFAULT_PROFILE


def _swap(name: str, old: Any, new: Any) -> None:
    """Replace a function of `pydantic_ai.models` wherever pydantic-ai has imported it by name."""
    for module in [module for key, module in sys.modules.items() if key.split(".")[0] == "pydantic_ai"]:
        if vars(module).get(name) is old:
            setattr(module, name, new)


def _inferring(original: Callable[..., Model[Any]]) -> Callable[..., Model[Any]]:
    """Infer each string once per process: agents that carry an engine infer theirs anew for every request.

    Building a client costs more than everything else that a scripted request does, and nobody will use it.
    """
    known: dict[str, Model[Any]] = {}

    def infer_model(model: Any, provider_factory: Any = providers.infer_provider) -> Model[Any]:
        if not isinstance(model, str) or provider_factory is not providers.infer_provider:
            return original(model, provider_factory)
        if model not in known:
            known[model] = _inferred(original, model)
            setattr(known[model], _WRITTEN, model)
            _unlock(known[model])
            with suppress(Exception):
                _ = known[model].profile  # kept by the model, and so by its copies
        return copy.copy(known[model])

    return infer_model


def _unlock(model: Model[Any]) -> None:
    """Let several event loops enter a model at once, as Temporal's workflows do: pydantic-ai's lock is for one of them.

    A task would wait for ever for a lock that another loop has released. A client that nobody uses needs no guarding.
    """
    if (provider := getattr(model, "provider", None)) is not None:
        vars(provider)["_enter_lock"] = nullcontext()


def _inferred(original: Callable[..., Model[Any]], model: str) -> Model[Any]:
    try:
        return original(model)
    except Exception as error:
        provider, name = parse_model_id(model)
        if provider is not None and (isinstance(error, ImportError) or not _can_be_built(provider)):
            return StandIn(provider, name)
        raise


def _profiling(original: Callable[[str], ModelProfile]) -> Callable[[str], ModelProfile]:
    def infer_model_profile(model: str) -> ModelProfile:
        try:
            return original(model)
        except ImportError:
            provider, name = parse_model_id(model)
            return family_profile(provider or "", name)

    return infer_model_profile


def _can_be_built(provider: str) -> bool:
    """Whether the provider can be built, or is one that pydantic-ai itself will complain about."""
    try:
        providers.infer_provider(provider)
    except ValueError:
        return True
    except Exception:  # noqa: BLE001  a missing package, a login, whatever the provider's own code raises
        return False
    return True
