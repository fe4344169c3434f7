"""What a report is printed on: how wide it is, and whether it takes colour.

Kept apart from the renderers so that they stay pure: the same report on the same paper is the same text.
"""

from __future__ import annotations

import io
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO

from rich.console import Console, RenderableType
from rich.text import Text

WIDEST = 100
"""Reports are read in issues and logs too, where longer lines are folded or cut."""
NARROWEST = 60


@dataclass(frozen=True)
class Paper:
    """Width in columns, and whether colour may be used. The default is what a log file gets: plain ASCII lines."""

    width: int = WIDEST
    colour: bool = False

    @classmethod
    def of(cls, stream: IO[str], environment: Mapping[str, str] = os.environ) -> Paper:
        """The paper that a stream is: in colour on a terminal, unless `CI`, `NO_COLOR` or `TERM` says otherwise."""
        if not is_terminal(stream, environment):
            return cls()
        columns = shutil.get_terminal_size((WIDEST, 24)).columns
        plain = "NO_COLOR" in environment or environment.get("TERM") == "dumb"
        return cls(max(NARROWEST, min(WIDEST, columns)), not plain)

    def write(self, *parts: RenderableType) -> str:
        """Render to text. Lines carry no trailing blanks; a `Text` that says `no_wrap` may be wider than the paper."""
        console = Console(
            file=io.StringIO(),
            width=self.width,
            color_system="standard" if self.colour else None,
            force_terminal=self.colour,
            no_color=not self.colour,
            legacy_windows=False,
            highlight=False,
            markup=False,
            emoji=False,
            _environ={},
        )
        with console.capture() as capture:
            for part in parts:
                unfolded = isinstance(part, Text) and bool(part.no_wrap)
                console.print(part, soft_wrap=unfolded)
        return re.sub(r"[ ]+((?:\x1b\[0m)?)$", r"\1", capture.get(), flags=re.MULTILINE)


def is_terminal(stream: IO[str], environment: Mapping[str, str] = os.environ) -> bool:
    """Whether a person watches this stream: a terminal, and not one that `CI` merely pretends."""
    in_ci = environment.get("CI", "").lower() not in ("", "0", "false", "no")
    return not in_ci and stream.isatty()
