"""What the tests see of the requests that reached the scripted model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic_ai.messages import ModelMessage
from pydantic_ai.models import Model, ModelRequestParameters

from harness.subjects import models


@dataclass
class Asked:
    """One request that reached the scripted model."""

    model: Model[Any]
    messages: list[ModelMessage]
    settings: Any
    params: ModelRequestParameters
    by: models.Asking
    step: str
