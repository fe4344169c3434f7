"""A model's settings, which pydantic-ai hands to the SDK in place of what its client was told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.audits.asking.google import Google
from harness.audits.asking.huggingface import HuggingFace
from harness.audits.asking.sdks import Sdk, absurd_timeout, in_seconds, read_timeout
from harness.retries.values import RetryLayer
from harness.subjects.origins import explicit


def settled(model: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What counts for a model that is asked with these `settings`: they, else its own; not what it does not support."""
    theirs = {**(getattr(model, "settings", None) or {}), **settings}
    return {name: value for name, value in theirs.items() if name not in getattr(model, "unsupported_settings", ())}


def told(sdk: Sdk, settings: Mapping[str, Any]) -> RetryLayer:
    """The layer of a client, with what these settings say to it."""
    layer = sdk.layer
    if layer.unknown or (absurd := _absurd(settings)):
        return layer if layer.unknown else layer.model_copy(update={"unknown": absurd})
    said, values, each, kept = {}, {}, layer.each, dict(layer.settings)
    if (retries := settings.get("max_retries")) is not None:
        kept.pop(sdk.number, None)
        said["max_retries"], values["max_retries"] = str(retries), retries
    if _is_timed(sdk, settings):
        said["timeout"] = in_seconds(each := read_timeout(settings["timeout"]))
        values["timeout"] = each
    if not said:
        return layer
    usual = {name: whose for name, whose in layer.usual.items() if name in kept and name not in said}
    changed = {"settings": {**kept, **said}, "usual": usual, "origin": explicit(**values), "each": each}
    return layer.model_copy(update=changed)


def _is_timed(sdk: Sdk, settings: Mapping[str, Any]) -> bool:
    """Whether the settings say a timeout. `None` is one that has no end, but for SDKs of another make."""
    is_none = settings.get("timeout") is None
    return "timeout" in settings and not (is_none and isinstance(sdk, Google | HuggingFace))


def _absurd(settings: Mapping[str, Any]) -> str:
    """Why the settings cannot be meant."""
    retries = settings.get("max_retries")
    if isinstance(retries, int) and retries < 0:
        return f"max_retries={retries} makes no sense"
    return absurd_timeout(settings.get("timeout"))
