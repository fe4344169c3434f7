"""What our workflow returns: the parts of pydantic-ai's run result that a caller needs, in a form that crosses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic_ai.messages import ModelMessage
from pydantic_ai.usage import RunUsage

from harness.journal import plain


@dataclass
class Ended:
    """A run result, rebuilt by the client."""

    output: Any
    messages: list[ModelMessage]
    usage: RunUsage

    @classmethod
    def of(cls, result: Any) -> Ended:
        """Take from a run result what crosses."""
        usage = result.usage
        return cls(plain(result.output), result.all_messages(), usage() if callable(usage) else usage)

    def all_messages(self) -> list[ModelMessage]:
        """As pydantic-ai's own."""
        return self.messages
