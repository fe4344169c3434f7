"""What two fault-free runs had otherwise: it is left out of every comparison, so nothing else would tell of it.

Often it is an order: of a set, of files, of parallel answers. A recovery, under another hash seed, changes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from harness.checks import Baseline
from harness.checks.words import titled

_PATH = re.compile(r"(?:(?P<step>.+?)\.)?(?P<what>arguments|result|effect|output|messages|usage|error)(?=[.\[]|$).*")


def varying(baseline: Baseline) -> Iterator[str]:
    """A note that names what varies, if anything does."""
    named = [_named(path) for path in sorted(baseline.volatile)]
    kept = [name for name in dict.fromkeys(named) if name]
    if kept:
        yield f"two fault-free runs differ in {', '.join(kept)}: what a crash changes there is not seen"


def _named(path: str) -> str:
    """What a path is part of, for people. Messages repeat what the steps have said."""
    match = _PATH.fullmatch(path)
    if match is None or match["what"] in ("messages", "usage"):
        return ""
    step = match["step"]
    if step is None:
        return "an effect outside every step"
    if step.startswith("outcome#"):
        return f"the {match['what']} of the run"
    what = {"arguments": "the arguments", "result": "the result", "effect": "an effect"}[match["what"]]
    return f"{what} of {titled(step)}"
